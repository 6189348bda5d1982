-- Who still uses these assets? Asked of every attached table before every send.
--
-- `mediasweep.uses(candidates)` is generated from the shapes of the tables' references, read as everything that may be
-- meant: for each candidate, one row that uses it. An error in it is an answer too: the claim leaves the rows where they are. A table that is gone, a column
-- that was renamed, or row-level security that would hide rows (row_security = off raises) must never read as "not in use".

-- The release before had it with one parameter.
DROP FUNCTION IF EXISTS mediasweep.uses_of(mediasweep.attached), mediasweep.uses_by_item(mediasweep.attached, jsonb, text);

-- How a row of the table is called when it keeps an asset: its name and primary key.
CREATE OR REPLACE FUNCTION mediasweep.row_name(relation regclass) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format('%L || %s', relation::text || ' ',
    coalesce((SELECT string_agg(format('%L || r.%I::text', a.attname || '=', a.attname), ' || '', '' || ' ORDER BY k.n)
                FROM pg_index i
               CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, n)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
               WHERE i.indrelid = relation AND i.indisprimary),
             '''ctid='' || r.ctid::text'))
$$;

-- Which reference is a use of which candidate. An unknown type, on either side, matches every type.
-- `asset_id`: by asset id, which goes with the asset when it is renamed, and by which it would be deleted.
CREATE OR REPLACE FUNCTION mediasweep.use_condition(by text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE by WHEN 'asset_id' THEN 'ref.asset_id = c.asset_id' ELSE $q$ref.public_id = c.cloudinary_public_id
            AND (ref.resource_type = c.resource_type OR ref.resource_type IS NULL OR c.resource_type IS NULL)
            AND (ref.delivery_type = c.delivery_type OR ref.delivery_type IS NULL OR c.delivery_type IS NULL)$q$ END
$$;

-- For rows of which one names many assets: a condition that all rows hold which use any of the candidates, and that an
-- index can answer; `true` where there is none. `index`: that index, as CREATE INDEX writes it.
CREATE OR REPLACE FUNCTION mediasweep.prefilter(relation regclass, ref jsonb, by text, OUT condition text, OUT index text)
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN mediasweep.is_url(ref) AND said.kind <> 'array' AND by = 'public_id'
                THEN CASE said.kind WHEN 'column' THEN format('NOT mediasweep.is_a_file(r.%I::text) AND ', said.name) ELSE '' END
                     || format('%s && "mediasweep tokens"', mediasweep.tokens_expression(format('r.%I::text', said.name)))
              WHEN mediasweep.is_url(ref) AND by = 'public_id' THEN NULL
              WHEN said.kind = 'column' OR by = 'asset_id' AND mediasweep.column_of(ref -> by) IS NOT NULL
                THEN format('r.%I::text = ANY (%s)', said.name, said.wanted)
              WHEN said.kind = 'array' THEN format('r.%I && %s::%s', said.name, said.wanted, said.type)
              WHEN said.type = 'jsonb' AND (said.found ? 'key' OR by = 'public_id')
                THEN format('r.%I @? mediasweep.any_of(%L, %s)', said.name,
                            mediasweep.items_path(ref) || coalesce('.' || to_jsonb(said.found ->> 'key')::text, ''), said.wanted) END,
         CASE WHEN mediasweep.is_url(ref) AND said.kind <> 'array' AND by = 'public_id'
                THEN format('USING gin (%s)', mediasweep.tokens_expression(format('(%I)::text', said.name)))
              WHEN mediasweep.is_url(ref) AND by = 'public_id' THEN NULL
              WHEN said.kind = 'column' OR by = 'asset_id' AND mediasweep.column_of(ref -> by) IS NOT NULL
                THEN CASE WHEN said.type IN ('text', 'character varying') THEN format('(%I)', said.name) ELSE format('((%I::text))', said.name) END
              WHEN said.kind = 'array' THEN format('USING gin (%I)', said.name)
              WHEN said.type = 'jsonb' AND (said.found ? 'key' OR by = 'public_id') THEN format('USING gin (%I jsonb_path_ops)', said.name) END
    FROM (SELECT mediasweep.held_in(relation, ref), column_.name, mediasweep.column_type(relation, column_.name),
                 CASE jsonb_typeof(ref -> by) WHEN 'object' THEN ref -> by ELSE '{}' END,
                 CASE by WHEN 'asset_id' THEN '"mediasweep asset ids"' ELSE '"mediasweep ids"' END
            FROM (SELECT coalesce(mediasweep.column_of(ref -> by), mediasweep.column_of(ref -> 'public_id'))) column_ (name))
         said (kind, name, type, found, wanted)
$$;

-- A path to any of these values, for an index on jsonb. Ids that are numbers in the JSON are found as well.
CREATE OR REPLACE FUNCTION mediasweep.any_of(path text, wanted text[]) RETURNS jsonpath
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT format('%s ? (%s)', path, coalesce(string_agg(
    format('@ == %s', to_jsonb(w.id)) || CASE WHEN w.id ~ '^(0|[1-9][0-9]{0,17})$' THEN format(' || @ == %s', w.id) ELSE '' END,
    ' || '), '1 == 0'))::jsonpath
    FROM unnest(wanted) w (id)
$$;

-- One table, one ref that stands in a column: first which candidates it uses, by whatever plan is best, then one row that
-- uses each. A single asset may have a million users.
CREATE OR REPLACE FUNCTION mediasweep.uses_by_column(a mediasweep.attached, ref jsonb, by text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
    WITH used AS MATERIALIZED (
      SELECT c.* FROM unnest(candidates) c WHERE EXISTS (SELECT FROM (%1$s) ref WHERE %2$s))
    SELECT c.id, named.name FROM used c
     CROSS JOIN LATERAL (SELECT ref.name FROM (%3$s) ref WHERE %2$s LIMIT 1) named$q$,
    mediasweep.ref_query(a.relation, ref, a.relation::text, live, false), mediasweep.use_condition(by),
    mediasweep.ref_query(a.relation, ref, a.relation::text, live, false, '', format(', %s AS name', mediasweep.row_name(a.relation))))
    FROM mediasweep.live_expression(a.relation, a.options, 'use') live
$$;

-- One table, one ref of which a row may hold many: all candidates at once, in one pass over the table or over an index, of
-- which `pre` is the condition.
CREATE OR REPLACE FUNCTION mediasweep.uses_by_item(a mediasweep.attached, ref jsonb, by text, pre text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
    SELECT DISTINCT ON (c.id) c.id, ref.name
      FROM (%s) ref
      JOIN unnest(candidates) c ON %s
     ORDER BY c.id$q$,
    mediasweep.ref_query(a.relation, ref, a.relation::text, concat_ws(' AND ', pre, '(' || live || ')'), false,
                         format(', %s AS "mediasweep name"', mediasweep.row_name(a.relation)), ', r."mediasweep name" AS name'),
    mediasweep.use_condition(by))
    FROM mediasweep.live_expression(a.relation, a.options, 'use') live
$$;

-- What is asked of one table: by public id, and by asset id where it is known. `instead`: where the candidates have no tokens.
CREATE OR REPLACE FUNCTION mediasweep.questions(a mediasweep.attached) RETURNS TABLE (query text, instead text)
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN plain THEN mediasweep.uses_by_column(a, ref, by) ELSE mediasweep.uses_by_item(a, ref, by, pre.condition) END,
         CASE WHEN NOT plain AND pre.condition LIKE '%"mediasweep tokens"%' THEN mediasweep.uses_by_item(a, ref, by, NULL) END
    FROM mediasweep.refs_of(a.options) ref
   CROSS JOIN unnest('{public_id,asset_id}'::text[]) by
   CROSS JOIN LATERAL (SELECT mediasweep.held_in(a.relation, ref) = 'column' AND NOT mediasweep.is_url(ref)) held (plain)
   CROSS JOIN mediasweep.prefilter(a.relation, ref, by) pre
   WHERE by = 'public_id' OR ref ? 'asset_id'
   ORDER BY ref::text, by DESC
$$;

-- Of which kinds the columns are that decide about a use, as a query that one can put a condition to: text that becomes an array
-- is read in another way, and so is a date that becomes a boolean. What is still read in the old way is not found.
CREATE OR REPLACE FUNCTION mediasweep.kinds_query(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format('SELECT k.kind FROM (SELECT format(''%%s %%s'', c.attname, t.typcategory) FROM pg_attribute c JOIN pg_type t ON t.oid = c.atttypid'
                ' WHERE c.attrelid = %s::regclass AND NOT c.attisdropped AND c.attname = ANY (%L)) k (kind)',
    a.relation::oid, ARRAY(SELECT mediasweep.column_of(ref -> option_) FROM mediasweep.refs_of(a.options) ref,
                                  unnest('{public_id,resource_type,delivery_type,asset_id}'::text[]) option_
                            UNION SELECT mediasweep.column_of(coalesce(a.options -> 'deleted', a.options -> 'deleted_at'))
                            ORDER BY 1))
$$;

-- What they are now; raises where attach would, for what cannot be read must not read as "not in use".
CREATE OR REPLACE FUNCTION mediasweep.kinds(a mediasweep.attached) RETURNS text[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  known  text[];
BEGIN
  PERFORM mediasweep.check_deleted(a.relation, a.options);
  PERFORM mediasweep.check_public_id(a.relation, ref) FROM mediasweep.refs_of(a.options) ref;
  EXECUTE format('SELECT ARRAY(%s ORDER BY 1)', mediasweep.kinds_query(a)) INTO known;
  RETURN known;
END $$;

-- The guard of one table as it is now, or an error in its place: that it is not where it was, or what attach would say of it.
CREATE OR REPLACE FUNCTION mediasweep.uses_or_error(a mediasweep.attached) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN coalesce(E'\n  RAISE EXCEPTION USING MESSAGE = ' || quote_literal(mediasweep.misplaced(a)) || ';', mediasweep.uses_of(a, mediasweep.kinds(a)));
EXCEPTION WHEN raise_exception THEN
  RETURN format(E'\n  RAISE EXCEPTION USING MESSAGE = %L;', SQLERRM);
END $$;

-- The guard of one table: by public id, and by asset id where it is known.
CREATE OR REPLACE FUNCTION mediasweep.uses_of(a mediasweep.attached, kinds text[]) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
  "mediasweep asked" := %1$L;
  IF to_regclass(%1$L) IS DISTINCT FROM %2$s::regclass THEN
    RAISE EXCEPTION '%%', (SELECT coalesce(mediasweep.misplaced(a), concat('the attached table ', %1$L, ' was renamed or restored: run mediasweep migrate'))
                             FROM mediasweep.attached a WHERE a.id = %3$s);
  ELSIF EXISTS (%4$s WHERE k.kind <> ALL (%5$L)) THEN
    RAISE EXCEPTION 'a column of the attached table %% is of another kind now: run mediasweep migrate', %1$L;
  END IF;$q$, a.relation::text, a.relation::oid, a.id, mediasweep.kinds_query(a), kinds)
    || (SELECT string_agg(CASE WHEN q.instead IS NULL THEN format(E'\n  RETURN QUERY%s;', q.query)
                               ELSE format(E'\n  IF "mediasweep tokens" IS NOT NULL THEN\n  RETURN QUERY%s;\n  ELSE\n  RETURN QUERY%s;\n  END IF;',
                                           q.query, q.instead) END, '')
          FROM mediasweep.questions(a) q)
$$;

-- The body of `uses`: it knows which tables it asks, and refuses to answer when these are no longer the attached ones.
CREATE OR REPLACE FUNCTION mediasweep.uses_source() RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$#variable_conflict use_column
DECLARE
  "mediasweep ids"        text[] := ARRAY(SELECT DISTINCT c.cloudinary_public_id FROM unnest(candidates) c);
  "mediasweep asset ids"  text[] := ARRAY(SELECT DISTINCT c.asset_id FROM unnest(candidates) c WHERE c.asset_id IS NOT NULL);%s
  "mediasweep asked"      text;
BEGIN
  IF ARRAY(SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL ORDER BY a.id) <> %L::integer[] THEN
    RAISE EXCEPTION 'the guard is out of date: run mediasweep migrate';
  END IF;
  -- before and after: a table may become a part, or cease to be one, while the others are asked
  RETURN QUERY SELECT s.id, s.used_by FROM mediasweep.uses_by_strays(candidates) s;%s
  "mediasweep asked" := NULL;
  RETURN QUERY SELECT s.id, s.used_by FROM mediasweep.uses_by_strays(candidates) s;
EXCEPTION
  WHEN raise_exception THEN
    RAISE;
  WHEN OTHERS THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = concat("mediasweep asked" || ' cannot be asked: ', SQLERRM);
END$q$,
    CASE WHEN asked.body LIKE '%"mediasweep tokens"%'
         THEN E'\n  "mediasweep tokens"     text[] := mediasweep.tokens("mediasweep ids");' ELSE '' END,
    asked.ids, asked.body)
    FROM (SELECT coalesce(array_agg(a.id ORDER BY a.id), '{}'), coalesce(string_agg(mediasweep.uses_or_error(a), '' ORDER BY a.id), '')
            FROM mediasweep.attached a WHERE a.detached_at IS NULL) asked (ids, body)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
