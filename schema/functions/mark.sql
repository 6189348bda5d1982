-- The moves of a queue row that the claim makes, each with its journal row in the same statement.
-- Every later move, by the owner of a claim or by an operator, stands in record.sql and retry.sql.

-- A commit that the application made asynchronously is flushed by ours: nothing is sent for a delete that a crash undoes.
CREATE OR REPLACE FUNCTION mediasweep.be_durable() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END $$;

-- The guard could not answer: the rows keep their state and wait.
CREATE OR REPLACE FUNCTION mediasweep.put_off(candidates mediasweep.cloudinary_cleanup_queue[], why text) RETURNS void
LANGUAGE sql VOLATILE
AS $$
  UPDATE mediasweep.cloudinary_cleanup_queue q
     SET due_at = clock_timestamp() + interval '30 s',
         error_message = 'the guard could not answer: ' || why,
         updated_at = clock_timestamp()
    FROM unnest(candidates) c
   WHERE q.id = c.id
$$;

-- What becomes of a locked row, given who uses its asset. A row that may have been sent is never "skipped":
-- in use while in doubt is a failure that a person has to look at.
CREATE OR REPLACE FUNCTION mediasweep.verdict(
  c mediasweep.cloudinary_cleanup_queue, used_by text, max_attempts integer,
  OUT status text, OUT outcome text, OUT detail text)
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN used_by IS NOT NULL AND NOT c.in_doubt AND c.status = 'pending' THEN 'skipped'
              WHEN used_by IS NOT NULL OR spent OR poison THEN 'failed'
              ELSE 'processing' END,
         CASE WHEN used_by IS NOT NULL AND NOT c.in_doubt AND c.status = 'pending' THEN 'in_use'
              WHEN used_by IS NOT NULL THEN 'reused_in_doubt'
              WHEN spent THEN 'attempts_spent'
              WHEN poison THEN 'poison' END,
         CASE WHEN used_by IS NOT NULL AND NOT c.in_doubt AND c.status = 'pending' THEN 'in use by ' || used_by
              WHEN used_by IS NOT NULL THEN 'reused in doubt: in use by ' || used_by
              WHEN spent THEN format('gave up after %s attempts; last: %s', c.processing_attempts, c.error_message)
              WHEN poison THEN format('handed over %s times without an outcome', c.handovers) END
    FROM (SELECT c.lease_until IS NULL AND c.processing_attempts >= coalesce(c.max_attempts, max_attempts) AS spent,
                 c.lease_until IS NOT NULL AND c.handovers >= 20 AS poison) limits
$$;

-- An attempt is charged when a row is claimed afresh. Taking over a claim whose owner never said how it ended
-- (lease_until still stands) goes on with that attempt; twenty of those in a row are poison.
CREATE OR REPLACE FUNCTION mediasweep.mark(
  daemon uuid, candidates mediasweep.cloudinary_cleanup_queue[], uses jsonb, lease interval, max_attempts integer,
  OUT jobs mediasweep.job[], OUT skipped integer, OUT failed integer)
LANGUAGE sql VOLATILE
AS $$
  WITH verdict AS (
    SELECT c.id, v.*, c.status = 'processing' AS takeover, c.lease_until IS NOT NULL AS silent
      FROM unnest(candidates) c
     CROSS JOIN LATERAL mediasweep.verdict(c, uses ->> c.id::text, mark.max_attempts) v),
  marked AS (
    UPDATE mediasweep.cloudinary_cleanup_queue q
       SET status = v.status,
           claim_no = q.claim_no + (v.status = 'processing')::integer,
           in_doubt = q.in_doubt OR v.takeover,
           handovers = q.handovers + v.silent::integer,
           processing_attempts = q.processing_attempts + (v.status = 'processing' AND NOT v.silent)::integer,
           max_attempts = coalesce(q.max_attempts, mark.max_attempts),
           lease_until = CASE WHEN v.status = 'processing' THEN clock_timestamp() + mark.lease END,
           processed_at = CASE WHEN v.status <> 'processing' THEN clock_timestamp() END,
           error_message = coalesce(v.detail, q.error_message),
           updated_at = clock_timestamp()
      FROM verdict v
     WHERE q.id = v.id
    RETURNING q.*, v.outcome, v.detail,
              CASE WHEN v.status <> 'processing' THEN v.status WHEN v.takeover THEN 'handed_over' ELSE 'claimed' END AS event),
  logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, status, outcome, detail, public_id, resource_type, delivery_type, asset_id, version,
       bytes, source_id, actor, app, daemon)
    SELECT m.event, m.id, m.claim_no, m.status, m.outcome, m.detail, m.cloudinary_public_id, m.resource_type,
           m.delivery_type, m.asset_id, m.version, m.file_size, m.source_id, m.actor, m.app, mark.daemon
      FROM marked m)
  SELECT coalesce(array_agg(ROW(m.id, m.claim_no, m.cloudinary_public_id, m.resource_type, m.delivery_type, m.asset_id,
                                m.processing_attempts, m.max_attempts, m.in_doubt,
                                clock_timestamp() - m.queued_at)::mediasweep.job
                            ORDER BY m.due_at) FILTER (WHERE m.status = 'processing'), '{}'),
         (count(*) FILTER (WHERE m.status = 'skipped'))::integer,
         (count(*) FILTER (WHERE m.status = 'failed'))::integer
    FROM marked m
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
