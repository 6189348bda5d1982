-- The moves of a queue row that an operator makes: retry and cancel, each a compare-and-set with its journal row in the
-- same statement.
--
-- The rows are locked in the order of their ids, passing by what others hold just now: this never waits for a claim, and
-- there is nothing that could wait in a circle. What was passed by is `busy`, and may be asked for again.

-- Why a row in this state cannot be moved like this; NULL: it can.
CREATE OR REPLACE FUNCTION mediasweep.refusal(move text, status text, in_doubt boolean) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN status = 'completed' THEN 'it has completed'
    WHEN move = 'retry' AND status NOT IN ('failed', 'skipped') THEN 'it is on its way already'
    WHEN move = 'retry' THEN NULL
    WHEN status = 'failed' THEN 'it has failed already'
    WHEN status = 'skipped' THEN 'it was skipped already'
    WHEN in_doubt THEN 'it is in doubt: its asset may be gone already, so what happened has to be found out'
    WHEN status = 'processing' THEN 'a daemon is deleting it'
  END
$$;

-- Move these rows; for each id whether it was refused, and why, or was held by somebody else.
CREATE OR REPLACE FUNCTION mediasweep.move_by_hand(
  move text, ids uuid[], who text, why text, OUT id uuid, OUT refused text, OUT busy boolean)
RETURNS SETOF record
LANGUAGE sql VOLATILE
AS $$
  WITH locked AS MATERIALIZED (
    SELECT q.id, mediasweep.refusal(move, q.status, q.in_doubt) AS refused
      FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.id = ANY (ids)
     ORDER BY q.id
       FOR UPDATE SKIP LOCKED),
  moved AS (
    UPDATE mediasweep.cloudinary_cleanup_queue q
       SET status = CASE move WHEN 'retry' THEN 'pending' ELSE 'skipped' END,
           processed_at = CASE WHEN move <> 'retry' THEN clock_timestamp() END,
           processing_attempts = CASE move WHEN 'retry' THEN 0 ELSE q.processing_attempts END,
           handovers = CASE move WHEN 'retry' THEN 0 ELSE q.handovers END,
           due_at = CASE move WHEN 'retry' THEN clock_timestamp() ELSE q.due_at END,
           -- queued anew: the brake counts it now, and no acknowledgement of before covers it
           queued_at = CASE move WHEN 'retry' THEN clock_timestamp() ELSE q.queued_at END,
           xact = CASE move WHEN 'retry' THEN pg_current_xact_id() ELSE q.xact END,
           error_message = CASE WHEN move <> 'retry' THEN 'cancelled by ' || who || coalesce(': ' || why, '') END,
           updated_at = clock_timestamp()
      FROM locked
     WHERE q.id = locked.id AND locked.refused IS NULL
    RETURNING q.*),
  logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, status, outcome, detail, public_id, resource_type, delivery_type, asset_id, version,
       bytes, source_id, actor)
    SELECT CASE move WHEN 'retry' THEN 'retried' ELSE 'cancelled' END, m.id, m.claim_no, m.status,
           CASE WHEN move <> 'retry' THEN 'cancelled' END, why, m.cloudinary_public_id, m.resource_type, m.delivery_type,
           m.asset_id, m.version, m.file_size, m.source_id, who
      FROM moved m)
  SELECT given.id,
         CASE WHEN moved.id IS NOT NULL THEN NULL
              WHEN locked.id IS NOT NULL THEN locked.refused
              WHEN known.id IS NULL THEN 'there is no such row'
              ELSE 'somebody else is holding it' END,
         moved.id IS NULL AND locked.id IS NULL AND known.id IS NOT NULL
    FROM (SELECT DISTINCT g.id FROM unnest(ids) g (id)) given
    LEFT JOIN moved ON moved.id = given.id
    LEFT JOIN locked ON locked.id = given.id
    LEFT JOIN mediasweep.cloudinary_cleanup_queue known ON known.id = given.id
$$;

-- Back through guard, gates and brake, with the fence and the doubt that the row had.
-- Its answer was another one in the release before, and a function cannot change that.
DROP FUNCTION IF EXISTS mediasweep.retry(uuid[], text);
CREATE FUNCTION mediasweep.retry(ids uuid[], who text, OUT id uuid, OUT refused text, OUT busy boolean)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN QUERY SELECT m.* FROM mediasweep.move_by_hand('retry', ids, who, NULL) m;
  PERFORM mediasweep.wake();
END $$;

-- For each of these rows, the unfinished rows of its asset, itself included: all that would delete it. Types count as they
-- do for the guard.
CREATE OR REPLACE FUNCTION mediasweep.family(ids uuid[], OUT id uuid, OUT member uuid) RETURNS SETOF record
LANGUAGE sql STABLE
AS $$
  SELECT q.id, s.id
    FROM mediasweep.cloudinary_cleanup_queue q
    JOIN mediasweep.cloudinary_cleanup_queue s
      ON hashtextextended(s.cloudinary_public_id, 0) = hashtextextended(q.cloudinary_public_id, 0)
     AND s.cloudinary_public_id = q.cloudinary_public_id AND s.processed_at IS NULL
     AND (s.resource_type = q.resource_type OR s.resource_type IS NULL OR q.resource_type IS NULL)
     AND (s.delivery_type = q.delivery_type OR s.delivery_type IS NULL OR q.delivery_type IS NULL)
   WHERE q.id = ANY (ids) AND q.processed_at IS NULL
  UNION
  SELECT q.id, s.id
    FROM mediasweep.cloudinary_cleanup_queue q
    JOIN mediasweep.cloudinary_cleanup_queue s
      ON hashtextextended(s.asset_id, 0) = hashtextextended(q.asset_id, 0) AND s.asset_id = q.asset_id AND s.processed_at IS NULL
   WHERE q.id = ANY (ids) AND q.processed_at IS NULL
$$;

-- Do not delete after all. Only what was never sent: not what a daemon has, and never what is in doubt. A row is cancelled
-- together with the others of its asset, or not at all: one that is left would delete what was to be kept, and earlier than
-- the cancelled one would have let it.
CREATE OR REPLACE FUNCTION mediasweep.cancel(
  ids uuid[], who text, why text, OUT id uuid, OUT refused text, OUT busy boolean)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  moving   uuid[];
  staying  jsonb;
BEGIN
  WITH member AS MATERIALIZED (
    SELECT f.* FROM mediasweep.family(ids) f),
  locked AS MATERIALIZED (
    SELECT q.id, mediasweep.refusal('cancel', q.status, q.in_doubt) AS refused
      FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.id = ANY (ARRAY(SELECT m.member FROM member m))
     ORDER BY q.id
       FOR UPDATE SKIP LOCKED),
  verdict AS (
    SELECT m.id, bool_or(l.id IS NULL) AS busy,
           coalesce(min(l.refused) FILTER (WHERE l.id = m.id), 'another row of its asset: ' || min(l.refused),
                    CASE WHEN bool_or(l.id IS NULL AND m.member = m.id) THEN 'somebody else is holding it'
                         WHEN bool_or(l.id IS NULL) THEN 'somebody else is holding another row of its asset' END) AS refused
      FROM member m LEFT JOIN locked l ON l.id = m.member GROUP BY m.id)
  SELECT ARRAY(SELECT m.member FROM member m JOIN verdict v ON v.id = m.id WHERE v.refused IS NULL),
         (SELECT jsonb_object_agg(v.id, jsonb_build_object('refused', v.refused, 'busy', v.busy))
            FROM verdict v WHERE v.refused IS NOT NULL)
    INTO moving, staying;
  PERFORM mediasweep.move_by_hand('cancel', moving, who, why);
  RETURN QUERY
    SELECT given.id, staying -> given.id::text ->> 'refused', coalesce((staying -> given.id::text ->> 'busy')::boolean, false)
      FROM (SELECT DISTINCT g.id FROM unnest(ids) g (id)) given
     WHERE given.id = ANY (moving) OR staying ? given.id::text
    UNION ALL   -- finished, or not there
    SELECT m.* FROM mediasweep.move_by_hand('cancel', ARRAY(
      SELECT g.id FROM unnest(ids) g (id) WHERE g.id <> ALL (moving) AND (staying ? g.id::text) IS NOT TRUE), who, why) m;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
