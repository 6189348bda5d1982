-- Record: what the owner of a claim found out. Every move is a compare-and-set on (id, status, claim_no) under a lease:
-- an owner whose claim was taken over, or who records twice, changes nothing, and is told so.

CREATE OR REPLACE FUNCTION mediasweep.record(
  daemon uuid, results mediasweep.result[], OUT recorded uuid[], OUT lost uuid[])
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM mediasweep.be_durable();
  END IF;
  WITH r AS (
    SELECT * FROM unnest(results)),
  locked AS (
    -- passing by what somebody else holds: an operator's open transaction must not stall the others' results
    SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q JOIN r ON q.id = r.id AND q.claim_no = r.claim_no
     WHERE q.status = 'processing' AND q.lease_until IS NOT NULL
       FOR UPDATE OF q SKIP LOCKED),
  moved AS (
    UPDATE mediasweep.cloudinary_cleanup_queue q
       SET status = CASE WHEN r.move IN ('completed', 'failed') THEN r.move
                         WHEN r.move = 'refused' AND NOT q.in_doubt THEN 'pending'
                         ELSE 'processing' END,
           in_doubt = q.in_doubt OR r.move = 'unknown',
           lease_until = NULL,
           handovers = 0,
           processing_attempts = greatest(0, q.processing_attempts - (r.move = 'refused')::integer),
           due_at = CASE WHEN r.move IN ('refused', 'unknown') THEN clock_timestamp() + r.due_in ELSE q.due_at END,
           processed_at = CASE WHEN r.move IN ('completed', 'failed') THEN clock_timestamp() END,
           cloudinary_response = coalesce(r.response, q.cloudinary_response),
           error_message = r.detail,
           updated_at = clock_timestamp()
      FROM locked JOIN r ON r.id = locked.id
     WHERE q.id = locked.id AND q.claim_no = r.claim_no AND q.status = 'processing' AND q.lease_until IS NOT NULL
    RETURNING q.id, q.claim_no, q.status, q.cloudinary_public_id, q.asset_id, q.version, q.file_size, q.source_id,
              q.original_filename, q.deletion_reason, q.triggered_by, q.actor, q.app, r.move, r.outcome, r.detail, r.response, r.request_id,
              coalesce(r.resource_type, q.resource_type) AS resource_type,
              coalesce(r.delivery_type, q.delivery_type) AS delivery_type),
  failed AS (
    INSERT INTO mediasweep.failed (id) SELECT m.id FROM moved m WHERE m.status = 'failed' ON CONFLICT DO NOTHING),
  logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, status, outcome, detail, public_id, resource_type, delivery_type, asset_id, version,
       format, bytes, source_id, reason, triggered_by, actor, app, daemon, request_id, response)
    SELECT m.move, m.id, m.claim_no, m.status, m.outcome, m.detail, m.cloudinary_public_id, m.resource_type,
           m.delivery_type, m.asset_id, m.version, mediasweep.format_of(m.resource_type, m.original_filename), m.file_size, m.source_id,
           m.deletion_reason, m.triggered_by, m.actor, m.app, record.daemon,
           m.request_id, m.response
      FROM moved m)
  SELECT coalesce(array_agg(moved.id), '{}') INTO recorded FROM moved;
  IF EXISTS (SELECT FROM unnest(results) r WHERE r.move = 'refused' AND r.due_in = interval '0') THEN
    PERFORM mediasweep.wake();   -- handed back: another daemon may be asleep
  END IF;
  SELECT coalesce(array_agg(r.id), '{}') INTO lost
    FROM unnest(results) r
   WHERE NOT EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue q
                      WHERE q.id = r.id AND q.claim_no = r.claim_no AND q.status = 'processing'
                        AND q.lease_until IS NOT NULL)
     AND r.id <> ALL (recorded);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
