-- Who still uses these assets? Asked of every attached table before every send.
--
-- An error here is an answer too: the caller leaves the rows where they are. A table that is gone, a column that was
-- renamed, or row-level security that would hide rows (row_security = off raises) must never read as "not in use".

CREATE OR REPLACE FUNCTION mediasweep.guard(candidates mediasweep.cloudinary_cleanup_queue[])
RETURNS TABLE (id uuid, used_by text)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  source          record;
  ids             uuid[];
  public_ids      text[];
  resource_types  text[];
  delivery_types  text[];
BEGIN
  SELECT array_agg(c.id), array_agg(c.cloudinary_public_id), array_agg(c.resource_type), array_agg(c.delivery_type)
    INTO ids, public_ids, resource_types, delivery_types
    FROM unnest(candidates) c;
  FOR source IN
    SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL ORDER BY a.id
  LOOP
    RETURN QUERY EXECUTE format('SELECT * FROM mediasweep.uses_%s($1, $2, $3, $4)', source.id)
      USING ids, public_ids, resource_types, delivery_types;
  END LOOP;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
