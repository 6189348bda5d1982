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

-- Lock these rows; returns those that nobody else holds.
CREATE OR REPLACE FUNCTION mediasweep.hold(ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN ARRAY(SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
                WHERE q.id = ANY (ids) ORDER BY q.id FOR UPDATE SKIP LOCKED);
END $$;

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
           -- who retries a row that a newer file has kept was told of that one, and means it
           version = CASE WHEN move <> 'retry' OR q.status <> 'skipped' OR mediasweep.newer_version(q) IS NULL THEN q.version END,
           updated_at = clock_timestamp()
      FROM locked
     WHERE q.id = locked.id AND locked.refused IS NULL
    RETURNING q.*),
  not_failed AS (
    DELETE FROM mediasweep.failed f USING moved m WHERE f.id = m.id),
  logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, status, outcome, detail, public_id, resource_type, delivery_type, asset_id, version,
       bytes, source_id, reason, actor)
    SELECT CASE move WHEN 'retry' THEN 'retried' ELSE 'cancelled' END, m.id, m.claim_no, m.status,
           CASE WHEN move <> 'retry' THEN 'cancelled' END, why, m.cloudinary_public_id, m.resource_type, m.delivery_type,
           m.asset_id, m.version, m.file_size, m.source_id, m.deletion_reason, who
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
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT m.* FROM mediasweep.move_by_hand('retry', ids, who, NULL) m;
  PERFORM mediasweep.wake();
END $$;

-- The unfinished rows of these rows' assets, themselves included: all that would delete one of them. Types count as they do
-- for the guard; and so on from those that are found, because a row without types may be of two assets.
CREATE OR REPLACE FUNCTION mediasweep.same_assets(ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  found_  uuid[] := ARRAY(SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
                           WHERE q.id = ANY (ids) AND q.processed_at IS NULL);
  more    uuid[];
BEGIN
  LOOP
    more := ARRAY(
      WITH row_ AS MATERIALIZED (SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q WHERE q.id = ANY (found_))
      -- each asset is asked for once, however many rows there are of it
      SELECT s.id
        FROM (SELECT DISTINCT r.cloudinary_public_id, r.resource_type, r.delivery_type FROM row_ r) a
        JOIN mediasweep.cloudinary_cleanup_queue s
          ON hashtextextended(s.cloudinary_public_id, 0) = hashtextextended(a.cloudinary_public_id, 0)
         AND s.cloudinary_public_id = a.cloudinary_public_id AND s.processed_at IS NULL
         AND (s.resource_type = a.resource_type OR s.resource_type IS NULL OR a.resource_type IS NULL)
         AND (s.delivery_type = a.delivery_type OR s.delivery_type IS NULL OR a.delivery_type IS NULL)
       UNION
      SELECT s.id
        FROM (SELECT DISTINCT r.asset_id FROM row_ r) a
        JOIN mediasweep.cloudinary_cleanup_queue s
          ON hashtextextended(s.asset_id, 0) = hashtextextended(a.asset_id, 0) AND s.asset_id = a.asset_id
         AND s.processed_at IS NULL);
    EXIT WHEN cardinality(more) <= cardinality(found_);
    found_ := more;
  END LOOP;
  RETURN found_;
END $$;

-- What a cancel of these rows comes to, if `held` is what can be locked: each of them, and each row that goes with them, and
-- why it stays where it is. A row that stays keeps all others of its asset.
CREATE OR REPLACE FUNCTION mediasweep.plan_cancel(ids uuid[], held uuid[], OUT id uuid, OUT refused text, OUT busy boolean)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  asked  uuid[] := ids || mediasweep.same_assets(ids);
  stuck  uuid[] := mediasweep.same_assets(ARRAY(
    SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.id = ANY (asked) AND q.processed_at IS NULL
       AND (q.id <> ALL (held) OR mediasweep.refusal('cancel', q.status, q.in_doubt) IS NOT NULL)));
BEGIN
  RETURN QUERY
    WITH reason AS MATERIALIZED (
      SELECT DISTINCT q.cloudinary_public_id, q.asset_id, mediasweep.refusal('cancel', q.status, q.in_doubt) AS said
        FROM mediasweep.cloudinary_cleanup_queue q
       WHERE q.id = ANY (stuck) AND mediasweep.refusal('cancel', q.status, q.in_doubt) IS NOT NULL)
    SELECT a.id,
           CASE WHEN q.id IS NULL THEN 'there is no such row'
                WHEN own.said IS NOT NULL THEN own.said
                WHEN q.id <> ALL (stuck) THEN NULL
                WHEN q.id <> ALL (held) THEN 'somebody else is holding it'
                ELSE coalesce('another row of its asset: ' || (
                       SELECT min(r.said) FROM reason r
                        WHERE r.cloudinary_public_id = q.cloudinary_public_id OR r.asset_id = q.asset_id),
                     'somebody else is holding another row of its asset') END,
           own.said IS NULL AND q.id = ANY (stuck)
             AND NOT EXISTS (SELECT FROM reason r
                              WHERE r.cloudinary_public_id = q.cloudinary_public_id OR r.asset_id = q.asset_id)
      FROM (SELECT DISTINCT u.id FROM unnest(asked) u (id)) a
      LEFT JOIN mediasweep.cloudinary_cleanup_queue q ON q.id = a.id
      LEFT JOIN LATERAL mediasweep.refusal('cancel', q.status, q.in_doubt) own (said) ON true;
END $$;

-- Do not delete after all. Only what was never sent: not what a daemon has, and never what is in doubt. A row is cancelled
-- together with the others of its asset, or not at all: one that is left would delete what was to be kept, and earlier than
-- the cancelled one would have let it. The answer also has what was cancelled along.
CREATE OR REPLACE FUNCTION mediasweep.cancel(
  ids uuid[], who text, why text, OUT id uuid, OUT refused text, OUT busy boolean)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  held     uuid[] := mediasweep.hold(mediasweep.same_assets(ids));
  moving   uuid[];
  staying  jsonb;
BEGIN
  SELECT coalesce(array_agg(p.id) FILTER (WHERE p.refused IS NULL), '{}'),
         coalesce(jsonb_object_agg(p.id, jsonb_build_object('refused', p.refused, 'busy', p.busy))
                    FILTER (WHERE p.refused IS NOT NULL AND p.id = ANY (ids)), '{}')
    INTO moving, staying
    FROM mediasweep.plan_cancel(ids, held) p;
  PERFORM mediasweep.move_by_hand('cancel', moving, who, why);
  RETURN QUERY
    SELECT m.id, NULL, false FROM unnest(moving) m (id)
     UNION ALL
    SELECT s.key::uuid, s.value ->> 'refused', (s.value ->> 'busy')::boolean FROM jsonb_each(staying) s;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
