-- Attach a table: say once where its rows name assets, and capture and guard both follow from it.
-- Detach leaves the table as it was. Every name is quoted; nothing of the user's is altered but three triggers added.

-- options, each naming a column of the table, {"column": "c"}, or a constant, {"value": "v"}; a bare string is a column:
--   public_id (required), resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
--   deleted_at (soft delete: set means gone)
CREATE OR REPLACE FUNCTION mediasweep.term(options jsonb, name text, type text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE jsonb_typeof(options -> name)
    WHEN 'string' THEN format('r.%I::%s', options ->> name, type)
    WHEN 'object' THEN CASE WHEN options -> name ? 'column' THEN format('r.%I::%s', options -> name ->> 'column', type)
                            ELSE format('%L::%s', options -> name ->> 'value', type) END
    ELSE format('NULL::%s', type) END
$$;

CREATE OR REPLACE FUNCTION mediasweep.refs_expression(options jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT format('SELECT %s, mediasweep.resource_type(%s), lower(%s), %s, %s, %s, %s, %s',
    mediasweep.term(options, 'public_id', 'text'), mediasweep.term(options, 'resource_type', 'text'),
    mediasweep.term(options, 'delivery_type', 'text'), mediasweep.term(options, 'asset_id', 'text'),
    mediasweep.term(options, 'version', 'bigint'), mediasweep.term(options, 'original_filename', 'text'),
    mediasweep.term(options, 'file_size', 'bigint'), mediasweep.term(options, 'folder', 'text'))
$$;

CREATE OR REPLACE FUNCTION mediasweep.live_expression(options jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN options ? 'deleted_at' THEN format('r.%I IS NULL', options ->> 'deleted_at') ELSE 'true' END
$$;

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

-- The guard of one table: for each candidate, one row that uses it.
CREATE OR REPLACE FUNCTION mediasweep.uses_source(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
BEGIN
  RETURN QUERY
    SELECT c.id, u.name
      FROM unnest(ids, public_ids, resource_types, delivery_types) AS c (id, public_id, resource_type, delivery_type)
     CROSS JOIN LATERAL (
       SELECT %s AS name
         FROM %s AS r
        CROSS JOIN LATERAL (%s) AS ref
              (public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder)
        WHERE ref.public_id = c.public_id
          AND (ref.resource_type = c.resource_type OR ref.resource_type IS NULL OR c.resource_type IS NULL)
          AND (ref.delivery_type = c.delivery_type OR ref.delivery_type IS NULL OR c.delivery_type IS NULL)
          AND (%s)
        LIMIT 1) u;
END$q$, mediasweep.row_name(a.relation), a.relation::text, a.refs, a.live)
$$;

-- (Re)build the two functions of an attached table from its expressions.
CREATE OR REPLACE FUNCTION mediasweep.build(attached_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  a  mediasweep.attached;
BEGIN
  SELECT * INTO STRICT a FROM mediasweep.attached WHERE id = attached_id;
  EXECUTE format('CREATE OR REPLACE FUNCTION mediasweep.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER'
                 ' SET search_path = pg_catalog, pg_temp AS %L',
                 mediasweep.capture_name(a.id), mediasweep.capture_source(a));
  EXECUTE format('CREATE OR REPLACE FUNCTION mediasweep.%I(ids uuid[], public_ids text[], resource_types text[],'
                 ' delivery_types text[]) RETURNS TABLE (id uuid, used_by text) LANGUAGE plpgsql STABLE SECURITY DEFINER'
                 ' SET search_path = pg_catalog, pg_temp SET row_security = off AS %L',
                 'uses_' || a.id, mediasweep.uses_source(a));
  -- a column that does not exist must be refused now, not found out by a capture that falls back
  EXECUTE format('SELECT FROM mediasweep.%I(''{}'', ''{}'', ''{}'', ''{}'')', 'uses_' || a.id);
  EXECUTE format('REVOKE ALL ON FUNCTION mediasweep.%I() FROM PUBLIC', mediasweep.capture_name(a.id));
  EXECUTE format('REVOKE ALL ON FUNCTION mediasweep.%I(uuid[], text[], text[], text[]) FROM PUBLIC', 'uses_' || a.id);
END $$;

CREATE OR REPLACE FUNCTION mediasweep.trigger_name(relation regclass, operation text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT left(c.relname, 36) || '_cleanup_trigger_' || lower(operation) FROM pg_class c WHERE c.oid = relation
$$;

CREATE OR REPLACE FUNCTION mediasweep.attach(relation regclass, options jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  attached_id  integer;
  trigger_     text;
BEGIN
  IF coalesce(options ->> 'public_id', '') = '' THEN
    RAISE EXCEPTION 'mediasweep.attach: say which column of % holds the public id, as in {"public_id": "cover_id"}', relation;
  END IF;
  INSERT INTO mediasweep.attached (relation, refs, live, options, grace, strict, notify)
  VALUES (relation, mediasweep.refs_expression(options), mediasweep.live_expression(options), options,
          coalesce((options ->> 'grace')::interval, '0'), coalesce((options ->> 'strict')::boolean, false),
          coalesce((options ->> 'notify')::boolean, true))
  RETURNING id INTO attached_id;
  PERFORM mediasweep.build(attached_id);
  FOREACH trigger_ IN ARRAY ARRAY[
    'delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows',
    'update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows',
    'truncate BEFORE TRUNCATE ON %s']
  LOOP
    EXECUTE format('CREATE TRIGGER %I ' || substring(trigger_ FROM ' (.*)$') || ' FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.%I()',
                   mediasweep.trigger_name(relation, split_part(trigger_, ' ', 1)), relation,
                   mediasweep.capture_name(attached_id));
  END LOOP;
  RETURN attached_id;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.detach(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  attached_id  integer;
  operation    text;
BEGIN
  SELECT a.id INTO attached_id FROM mediasweep.attached a
   WHERE a.relation = detach.relation AND a.detached_at IS NULL;
  IF attached_id IS NULL THEN
    RAISE EXCEPTION 'mediasweep.detach: % is not attached', relation;
  END IF;
  FOREACH operation IN ARRAY ARRAY['delete', 'update', 'truncate'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', mediasweep.trigger_name(relation, operation), relation);
  END LOOP;
  EXECUTE format('DROP FUNCTION mediasweep.%I()', mediasweep.capture_name(attached_id));
  EXECUTE format('DROP FUNCTION mediasweep.%I(uuid[], text[], text[], text[])', 'uses_' || attached_id);
  UPDATE mediasweep.attached a SET detached_at = clock_timestamp() WHERE a.id = attached_id;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
