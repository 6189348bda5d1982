-- What keeps capture from queueing, looked for before somebody misses a deletion. It must be able to answer when tables of
-- ours are gone, and runs as the owner, as the captures do: what he may not do, they cannot.

CREATE OR REPLACE FUNCTION mediasweep.capture_trouble() RETURNS TABLE (source integer, says text)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  name_  text;
BEGIN
  FOREACH name_ IN ARRAY '{cloudinary_cleanup_queue,fallback}'::text[] LOOP
    IF to_regclass('mediasweep.' || name_) IS NULL THEN
      RETURN QUERY SELECT NULL::integer, format('there is no table mediasweep.%s', name_);
    ELSIF NOT has_table_privilege('mediasweep.' || name_, 'INSERT') THEN
      RETURN QUERY SELECT NULL::integer, format('%s, the owner of the schema, may not INSERT into mediasweep.%s', current_user, name_);
    END IF;
  END LOOP;
  BEGIN
    RETURN QUERY
      SELECT u.source, format('statements on %s are not all captured: %s', u.part, u.missing)
        FROM mediasweep.uncovered() u ORDER BY u.source, u.part::text;
    IF has_table_privilege(to_regclass('mediasweep.fallback'), 'SELECT') THEN
      RETURN QUERY
        SELECT f.source_id, format('%s of %s fell back and are not queued yet, the last with: %s', count(*),
                                   coalesce(mediasweep.source_name(f.source_id), 'no table'),
                                   (array_agg(f.error ORDER BY f.id DESC))[1])
          FROM mediasweep.fallback f WHERE f.refused IS NULL GROUP BY f.source_id ORDER BY f.source_id;
    END IF;
  EXCEPTION WHEN OTHERS THEN
    RETURN QUERY SELECT NULL::integer, SQLERRM;
  END;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
