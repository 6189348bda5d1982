-- Prune: what is finished and old goes, in small steps. What failed stays, because somebody has to look at it. What is younger
-- than a day stays whatever is asked for: nobody who may prune can hide what he has just done.

-- Delete up to `most` completed and skipped rows that were finished longer ago than `retention`; returns how many.
CREATE OR REPLACE FUNCTION mediasweep.prune_queue(retention interval, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  before  timestamptz := clock_timestamp() - greatest(retention, interval '1 day');
  gone    integer;
BEGIN
  DELETE FROM mediasweep.cloudinary_cleanup_queue q
   WHERE q.id = ANY (ARRAY(
     SELECT due.id
       FROM (SELECT a.id FROM mediasweep.attached a UNION ALL SELECT 0) source
      CROSS JOIN LATERAL (
        SELECT d.id FROM mediasweep.cloudinary_cleanup_queue d
         WHERE d.source_id = source.id
           AND d.queued_at < before
           AND d.processed_at < before
           AND d.status IN ('completed', 'skipped')
         ORDER BY d.queued_at
         LIMIT most
           FOR UPDATE SKIP LOCKED) due
      LIMIT most));
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;

-- Delete up to `most` journal rows older than `retention`, the oldest first.
CREATE OR REPLACE FUNCTION mediasweep.prune_journal(retention interval, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  gone  integer;
BEGIN
  DELETE FROM mediasweep.journal j
   WHERE j.id = ANY (ARRAY(
     -- the oldest first, then their age: asked for the other way round, it would read the whole journal every time
     SELECT old.id FROM (SELECT o.id, o.at FROM mediasweep.journal o ORDER BY o.id LIMIT most FOR UPDATE SKIP LOCKED) old
      WHERE old.at < clock_timestamp() - greatest(retention, interval '1 day')));
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
