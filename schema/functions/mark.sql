-- The moves of a queue row that the claim makes, each with its journal row in the same statement.
-- Every later move by the owner of a claim stands in record.sql; those of an operator in operator.sql.

-- A commit that the application made asynchronously is flushed by ours: nothing is sent for a delete that a crash undoes.
CREATE OR REPLACE FUNCTION mediasweep.be_durable() RETURNS void
LANGUAGE sql VOLATILE
AS $$ SELECT set_config('synchronous_commit', 'on', true) $$;

-- What Cloudinary calls the format of a file, as far as its name tells; a raw file has none, it is part of its id.
CREATE OR REPLACE FUNCTION mediasweep.format_of(resource_type text, filename text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE WHEN resource_type IS DISTINCT FROM 'raw'
              THEN replace(lower(substring(filename FROM '\.([A-Za-z0-9]{1,10})$')), 'jpeg', 'jpg') END
$$;

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

-- What becomes of the locked rows, given who uses their assets.
-- A row that may have been sent is never "skipped": in use while in doubt is a failure that a person has to look at.
-- An attempt is charged when a row is claimed afresh. Taking over a claim whose owner never said how it ended
-- (`silent`: its lease still stands) goes on with that attempt; twenty of those in a row are poison.
-- A job has an asset id only where deleting by it, whatever the asset is called by now, is safe.
CREATE OR REPLACE FUNCTION mediasweep.mark(
  daemon uuid, candidates mediasweep.cloudinary_cleanup_queue[], uses jsonb, lease interval, max_attempts integer,
  OUT jobs mediasweep.job[], OUT skipped integer, OUT failed integer)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  nameless  boolean := mediasweep.names_tell_nothing();
BEGIN
  WITH seen AS MATERIALIZED (   -- else what keeps a row is asked once for each of its uses below
    SELECT c.id, c.status = 'processing' AS takeover, c.lease_until IS NOT NULL AS silent,
           kept.why AS kept, kept.outcome AS kept_as,
           c.in_doubt OR c.status = 'processing' AS doubtful,
           c.processing_attempts, c.handovers, c.error_message,
           c.lease_until IS NULL AND c.processing_attempts >= coalesce(c.max_attempts, mark.max_attempts) AS spent
      FROM unnest(candidates) c
      LEFT JOIN LATERAL (
        SELECT v.outcome, v.why
          FROM (VALUES (1, 'in_use', CASE WHEN uses ? c.id::text THEN 'in use by ' || coalesce(uses ->> c.id::text, 'a row') END),
                       (2, 'protected', (SELECT min('protected by the prefix ' || p.prefix) FROM mediasweep.protected p
                                          WHERE starts_with(c.cloudinary_public_id, p.prefix))),
                       (3, 'newer', 'a newer version was uploaded: v' || mediasweep.newer_version(c))) v (rank, outcome, why)
         WHERE v.why IS NOT NULL ORDER BY v.rank LIMIT 1) kept ON true),
  verdict AS (
    SELECT s.id, s.takeover, s.silent, v.*
      FROM seen s
     CROSS JOIN LATERAL (VALUES
       (s.kept IS NOT NULL AND NOT s.doubtful, 'skipped', s.kept_as, s.kept),
       (s.kept IS NOT NULL AND s.doubtful, 'failed', CASE s.kept_as WHEN 'in_use' THEN 'reused' ELSE s.kept_as END || '_in_doubt',
        CASE s.kept_as WHEN 'in_use' THEN 'reused in doubt: ' ELSE 'in doubt: ' END || s.kept),
       (s.kept IS NULL AND s.spent, 'failed', 'attempts_spent',
        format('gave up after %s attempts; last: %s', s.processing_attempts, s.error_message)),
       (s.kept IS NULL AND NOT s.spent AND s.silent AND s.handovers >= 20, 'failed', 'poison',
        format('taken over %s times without an outcome', s.handovers)),
       (s.kept IS NULL AND NOT s.spent AND NOT (s.silent AND s.handovers >= 20), 'processing', NULL, NULL)
     ) v (holds, status, outcome, detail)
     WHERE v.holds),
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
              CASE WHEN v.status <> 'processing' THEN v.status WHEN v.silent THEN 'handed_over' ELSE 'claimed' END AS event),
  failed AS (
    INSERT INTO mediasweep.failed (id) SELECT m.id FROM marked m WHERE m.status = 'failed' ON CONFLICT DO NOTHING),
  logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, status, outcome, detail, public_id, resource_type, delivery_type, asset_id, version,
       format, bytes, source_id, reason, triggered_by, actor, app, daemon)
    SELECT m.event, m.id, m.claim_no, m.status, m.outcome, m.detail, m.cloudinary_public_id, m.resource_type,
           m.delivery_type, m.asset_id, m.version, mediasweep.format_of(m.resource_type, m.original_filename), m.file_size, m.source_id,
           m.deletion_reason, m.triggered_by, m.actor, m.app, mark.daemon
      FROM marked m)
  SELECT coalesce(array_agg(ROW(m.id, m.claim_no, m.cloudinary_public_id, m.resource_type, m.delivery_type,
                                CASE WHEN nameless THEN m.asset_id END, m.processing_attempts, m.max_attempts, m.in_doubt,
                                clock_timestamp() - m.queued_at)::mediasweep.job
                            ORDER BY m.due_at) FILTER (WHERE m.status = 'processing'), '{}'),
         count(*) FILTER (WHERE m.status = 'skipped'),
         count(*) FILTER (WHERE m.status = 'failed')
    INTO jobs, skipped, failed
    FROM marked m;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
