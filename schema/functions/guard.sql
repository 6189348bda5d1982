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

-- The body of `uses`: one statement a table. An unknown type, on either side, matches every type.
CREATE OR REPLACE FUNCTION mediasweep.uses_source() RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT 'BEGIN' || coalesce(string_agg(format($q$
  RETURN QUERY
    SELECT c.id, used.name
      FROM unnest(candidates) c
     CROSS JOIN LATERAL (
       SELECT %s AS name
         FROM %s AS r
        CROSS JOIN LATERAL (%s) AS ref
              (public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder)
        WHERE ref.public_id = c.cloudinary_public_id
          AND (ref.resource_type = c.resource_type OR ref.resource_type IS NULL OR c.resource_type IS NULL)
          AND (ref.delivery_type = c.delivery_type OR ref.delivery_type IS NULL OR c.delivery_type IS NULL)
          AND (%s)
        LIMIT 1) used;$q$, mediasweep.row_name(a.relation), a.relation::text, a.refs, a.live), '' ORDER BY a.id), '') || '
END'
    FROM mediasweep.attached a WHERE a.detached_at IS NULL
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
