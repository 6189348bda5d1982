-- Claim: lock → guard → mark, in one call and one durable commit, before anything is sent.
-- Three statements in READ COMMITTED: the guard's snapshot is younger than the locks, the mark is younger than the guard.
-- A crash before the commit leaves the rows as they were; after it, their lease runs out and the next claim takes over.

-- How many rows may go now, by the gates: none, one (a probe of a gate whose time has come), or all that were asked for.
CREATE OR REPLACE FUNCTION mediasweep.allowance(batch integer, force boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  closed   integer;
  waiting  integer;
  held     text[];
BEGIN
  SELECT count(*) FILTER (WHERE g.until IS NULL OR g.until > clock_timestamp()),
         count(*) FILTER (WHERE g.until <= clock_timestamp() AND g.probe IS NOT NULL)
    INTO closed, waiting
    FROM mediasweep.gate g
   WHERE g.source_id IS NULL AND NOT (force AND g.name = 'pause');
  IF closed > 0 THEN
    RETURN 0;
  ELSIF waiting = 0 THEN
    RETURN batch;
  END IF;
  -- one prober in the fleet: whoever gets all the locks moves the time on
  WITH locked AS (
    SELECT g.name, g.probe FROM mediasweep.gate g
     WHERE g.source_id IS NULL AND g.until <= clock_timestamp() AND g.probe IS NOT NULL
       FOR UPDATE SKIP LOCKED),
  moved AS (
    UPDATE mediasweep.gate g SET until = clock_timestamp() + g.probe
      FROM locked WHERE g.source_id IS NULL AND g.name = locked.name
    RETURNING g.name)
  SELECT array_agg(moved.name) INTO held FROM moved;
  RETURN CASE WHEN cardinality(held) = waiting THEN 1 ELSE 0 END;
END $$;

-- The sources that have unfinished rows and no closed gate of their own.
CREATE OR REPLACE FUNCTION mediasweep.open_sources() RETURNS integer[]
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN ARRAY(
    WITH RECURSIVE source AS (
      (SELECT q.source_id FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.processed_at IS NULL ORDER BY q.source_id LIMIT 1)
      UNION ALL
      SELECT (SELECT q.source_id FROM mediasweep.cloudinary_cleanup_queue q
               WHERE q.processed_at IS NULL AND q.source_id > source.source_id ORDER BY q.source_id LIMIT 1)
        FROM source WHERE source.source_id IS NOT NULL)
    SELECT source.source_id FROM source
     WHERE source.source_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM mediasweep.gate g
                        WHERE g.source_id = source.source_id AND (g.until IS NULL OR g.until > clock_timestamp())));
END $$;

-- Lock up to `allowed` claimable rows, oldest first, passing by what others hold.
CREATE OR REPLACE FUNCTION mediasweep.lock_due(allowed integer, horizon jsonb, grace interval)
RETURNS mediasweep.cloudinary_cleanup_queue[]
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  free      pg_snapshot := (horizon -> 'free' ->> 's')::pg_snapshot;
  free_at   timestamptz := (horizon -> 'free' ->> 'at')::timestamptz;
  clear     pg_snapshot := (horizon -> 'clear' ->> 's')::pg_snapshot;
  clear_at  timestamptz := (horizon -> 'clear' ->> 'at')::timestamptz;
  now_      timestamptz := clock_timestamp();
  sources   integer[] := mediasweep.open_sources();
BEGIN
  RETURN ARRAY(
    SELECT due.q
      FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT q, q.due_at FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id
          AND q.processed_at IS NULL
          AND q.due_at <= free_at
          AND q.due_at + CASE WHEN q.claim_no = 0 THEN grace ELSE interval '0' END <= free_at
          AND (q.lease_until IS NULL OR q.lease_until <= now_)
          AND pg_visible_in_snapshot(q.xact, free)
          AND (q.queued_at < now_ - interval '10 s'
               OR (q.due_at <= clear_at AND pg_visible_in_snapshot(q.xact, clear)))
        ORDER BY q.due_at, q.id
        LIMIT allowed
          FOR UPDATE OF q SKIP LOCKED) due
     ORDER BY due.due_at
     LIMIT allowed);
END $$;

-- When the next row falls due that no NOTIFY will announce: a retry, a grace that ends, a lease that runs out.
-- `held`: rows are due but the horizon holds them back, so look again soon.
CREATE OR REPLACE FUNCTION mediasweep.next_due(grace interval, OUT at timestamptz, OUT held boolean)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  sources  integer[] := mediasweep.open_sources();
  now_     timestamptz := clock_timestamp();
BEGIN
  WITH near AS (
    SELECT due.* FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT q.lease_until, q.due_at + CASE WHEN q.claim_no = 0 THEN grace ELSE interval '0' END AS ripe
         FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id AND q.processed_at IS NULL AND q.due_at <= now_
        ORDER BY q.due_at, q.id LIMIT 500) due
    UNION ALL
    SELECT due.* FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT q.lease_until, q.due_at
         FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id AND q.processed_at IS NULL AND q.due_at > now_
        ORDER BY q.due_at, q.id LIMIT 1) due)
  SELECT min(greatest(near.ripe, near.lease_until)) FILTER (WHERE greatest(near.ripe, near.lease_until) > now_),
         coalesce(bool_or(greatest(near.ripe, near.lease_until) <= now_), false)
    INTO at, held
    FROM near;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.claim(
  daemon        uuid,
  batch         integer,
  lease         interval,
  grace         interval,
  max_attempts  integer,
  force         boolean,
  INOUT horizon jsonb,
  OUT jobs         mediasweep.job[],
  OUT skipped      integer,
  OUT failed       integer,
  OUT guard_error  text,
  OUT probing      boolean,
  OUT held         boolean,
  OUT next_in      interval)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  allowed     integer;
  candidates  mediasweep.cloudinary_cleanup_queue[];
  uses        jsonb;
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM mediasweep.be_durable();
  END IF;
  jobs := '{}'; skipped := 0; failed := 0; probing := false; held := false;
  horizon := mediasweep.advance(horizon);
  allowed := mediasweep.allowance(batch, force);
  IF allowed = 0 THEN
    SELECT min(g.until) - clock_timestamp() INTO next_in FROM mediasweep.gate g WHERE g.source_id IS NULL;
    RETURN;
  END IF;
  probing := allowed < batch;
  -- lock
  candidates := mediasweep.lock_due(allowed, horizon, grace);
  IF cardinality(candidates) = 0 THEN
    SELECT d.at - clock_timestamp(), d.held INTO next_in, held FROM mediasweep.next_due(grace) d;
    RETURN;
  END IF;
  -- guard
  BEGIN
    SELECT jsonb_object_agg(u.id, u.used_by) INTO uses FROM mediasweep.uses(candidates) u;
  EXCEPTION WHEN OTHERS THEN
    guard_error := SQLERRM;
    PERFORM mediasweep.put_off(candidates, guard_error);
    RETURN;
  END;
  -- mark
  SELECT m.jobs, m.skipped, m.failed INTO jobs, skipped, failed
    FROM mediasweep.mark(daemon, candidates, uses, lease, max_attempts) m;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
