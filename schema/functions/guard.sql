-- Who still uses these assets? Asked of every attached table before every send.
--
-- `mediasweep.uses(candidates)` is generated from the tables' two expressions (refs, live): for each candidate, one row
-- that uses it. An error in it is an answer too: the claim leaves the rows where they are. A table that is gone, a column
-- that was renamed, or row-level security that would hide rows (row_security = off raises) must never read as "not in use".

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
CREATE OR REPLACE FUNCTION mediasweep.use_conditions(a mediasweep.attached) RETURNS SETOF text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT $q$ref.public_id = c.cloudinary_public_id
            AND (ref.resource_type = c.resource_type OR ref.resource_type IS NULL OR c.resource_type IS NULL)
            AND (ref.delivery_type = c.delivery_type OR ref.delivery_type IS NULL OR c.delivery_type IS NULL)$q$
  UNION ALL
  -- the asset id goes with the asset when it is renamed, and it is by asset id that it would be deleted
  SELECT 'ref.asset_id = c.asset_id' WHERE a.options ? 'asset_id'
$$;

-- The guard of one table: first which candidates it uses, by whatever plan is best, then one row that uses each.
CREATE OR REPLACE FUNCTION mediasweep.uses_of(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = a.relation) THEN
    format($q$
  RAISE EXCEPTION 'an attached table (number %s) is gone: detach it';$q$, a.id)
  ELSE format($q$
  IF to_regclass(%1$L) IS DISTINCT FROM %2$s::regclass THEN
    RAISE EXCEPTION 'the attached table %% was renamed or replaced: run mediasweep migrate', %1$L;
  END IF;$q$, a.relation::text, a.relation::oid)
    || (SELECT string_agg(format($q$
  RETURN QUERY
    WITH used AS MATERIALIZED (
      SELECT c.* FROM unnest(candidates) c
       WHERE EXISTS (SELECT FROM %1$s AS r CROSS JOIN LATERAL (%2$s) AS ref
                       (public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder)
                      WHERE %3$s AND (%4$s)))
    SELECT c.id, named.name FROM used c
     CROSS JOIN LATERAL (
       SELECT %5$s AS name FROM %1$s AS r CROSS JOIN LATERAL (%2$s) AS ref
              (public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder)
        WHERE %3$s AND (%4$s) LIMIT 1) named;$q$,
      a.relation::text, a.refs, condition, a.live, mediasweep.row_name(a.relation)), '')
      FROM mediasweep.use_conditions(a) condition)
  END
$$;

-- The body of `uses`: it knows which tables it asks, and refuses to answer when these are no longer the attached ones.
CREATE OR REPLACE FUNCTION mediasweep.uses_source() RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$BEGIN
  IF ARRAY(SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL ORDER BY a.id) <> %L::integer[] THEN
    RAISE EXCEPTION 'the guard is out of date: run mediasweep migrate';
  END IF;$q$, coalesce(array_agg(a.id ORDER BY a.id), '{}'))
    || coalesce(string_agg(mediasweep.uses_of(a), '' ORDER BY a.id), '') || '
END'
    FROM mediasweep.attached a WHERE a.detached_at IS NULL
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
