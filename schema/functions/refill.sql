-- Captures that fell back are queued as soon as the queue takes them; what it refuses stays, with the reason.

-- The assets that a kept capture names: as they were read then or, where only the row was kept, read from it now.
CREATE OR REPLACE FUNCTION mediasweep.kept_refs(kept jsonb, source integer) RETURNS SETOF mediasweep.ref
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  a  mediasweep.attached;
BEGIN
  IF NOT kept ? 'row' THEN
    RETURN NEXT jsonb_populate_record(NULL::mediasweep.ref, kept);
    RETURN;
  END IF;
  SELECT * INTO a FROM mediasweep.attached t WHERE t.id = source;
  IF a.id IS NULL THEN
    RAISE data_exception USING MESSAGE = 'only the row was kept, and its table is not attached any more';
  ELSIF NOT kept -> 'row' ?& ARRAY(SELECT mediasweep.column_of(ref -> 'public_id') FROM mediasweep.refs_of(a.options) ref) THEN
    RAISE data_exception USING MESSAGE = 'a column has another name now than it has in the row that was kept';   -- it would name nothing
  END IF;
  RETURN QUERY EXECUTE mediasweep.refs_query(a, format('jsonb_populate_record(NULL::%s, $1)', a.relation), 'capture')
    USING kept -> 'row';
END $$;

CREATE OR REPLACE FUNCTION mediasweep.refill(most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  kept    record;
  queued  integer := 0;
  rows_   integer;
BEGIN
  FOR kept IN
    SELECT f.ctid AS place, f.*, coalesce(a.grace, '0') AS grace
      FROM mediasweep.fallback f LEFT JOIN mediasweep.attached a ON a.id = f.source_id
     WHERE f.refused IS NULL ORDER BY f.id LIMIT most FOR UPDATE OF f SKIP LOCKED
  LOOP
    BEGIN
      INSERT INTO mediasweep.cloudinary_cleanup_queue
        (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
         deletion_reason, trigger_source, source_id, actor, app, queued_at, due_at)
      SELECT ref.*, coalesce(kept.reason, 'unknown'), 'fallback', coalesce(kept.source_id, 0), coalesce(kept.actor, ''),
             coalesce(kept.app, ''), kept.at, kept.at + kept.grace
        FROM mediasweep.kept_refs(kept.ref, kept.source_id) ref;
      GET DIAGNOSTICS rows_ = ROW_COUNT;
      DELETE FROM mediasweep.fallback f WHERE f.ctid = kept.place;
      queued := queued + rows_;
    -- about this capture, and not about the moment: whatever else goes wrong is tried again
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR integrity_constraint_violation OR undefined_column OR datatype_mismatch THEN
      UPDATE mediasweep.fallback f SET refused = SQLERRM WHERE f.ctid = kept.place;
    END;
  END LOOP;
  IF queued > 0 THEN
    PERFORM mediasweep.wake();
  END IF;
  RETURN queued;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
