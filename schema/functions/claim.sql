-- Claim: lock → guard → mark, in one call and one durable commit, before anything is sent.
-- Three statements in READ COMMITTED: the guard's snapshot is younger than the locks, the mark is younger than the guard.
-- A crash before the commit leaves the rows as they were; after it, their lease runs out and the next claim takes over.

-- How many rows may go now, by the gates: none, one (`probing`: the test of gates whose time has come), or all.
CREATE OR REPLACE FUNCTION mediasweep.allowance(batch integer, force boolean, OUT allowed integer, OUT probing boolean)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  closed   integer;
  waiting  integer;
BEGIN
  SELECT count(*) FILTER (WHERE g.until IS NULL OR g.until > clock_timestamp()),
         count(*) FILTER (WHERE g.until <= clock_timestamp() AND g.probe IS NOT NULL)
    INTO closed, waiting
    FROM mediasweep.gate g
   WHERE g.source_id IS NULL AND NOT (force AND g.name = 'pause');
  allowed := CASE WHEN closed > 0 THEN 0 WHEN waiting > 0 THEN 1 ELSE batch END;
  probing := closed = 0 AND waiting > 0;
  IF probing THEN
    -- one prober in the fleet: who does not get all these locks at once leaves it to the one who has them
    PERFORM FROM mediasweep.gate g
      WHERE g.source_id IS NULL AND g.until <= clock_timestamp() AND g.probe IS NOT NULL FOR UPDATE SKIP LOCKED;
    GET DIAGNOSTICS closed = ROW_COUNT;
    allowed := (closed = waiting)::integer;
  END IF;
END $$;

-- A test is under way: nobody else tests before its time has passed again.
CREATE OR REPLACE FUNCTION mediasweep.put_probe_off() RETURNS void
LANGUAGE sql VOLATILE
AS $$
  UPDATE mediasweep.gate g SET until = clock_timestamp() + g.probe
   WHERE g.source_id IS NULL AND g.until <= clock_timestamp() AND g.probe IS NOT NULL
$$;

-- The sources that have unfinished rows, no closed gate of their own, and a table that is still attached.
CREATE OR REPLACE FUNCTION mediasweep.open_sources() RETURNS integer[]
LANGUAGE plpgsql VOLATILE
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
                        WHERE g.source_id = source.source_id AND (g.until IS NULL OR g.until > clock_timestamp()))
       -- a table that was detached is not asked by the guard any more, so nothing of it may be sent
       AND NOT EXISTS (SELECT FROM mediasweep.attached a
                        WHERE a.id = source.source_id AND a.detached_at IS NOT NULL));
END $$;

-- Lock up to `allowed` claimable rows, oldest first, passing by what others hold.
CREATE OR REPLACE FUNCTION mediasweep.lock_due(allowed integer, horizon jsonb, grace interval)
RETURNS mediasweep.cloudinary_cleanup_queue[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  free      pg_snapshot := horizon -> 'free' ->> 's';
  clear     pg_snapshot := horizon -> 'clear' ->> 's';
  ripe_at   timestamptz := least((horizon -> 'free' ->> 'at')::timestamptz, (horizon -> 'clear' ->> 'at')::timestamptz);
  now_      timestamptz := clock_timestamp();
  sources   integer[] := mediasweep.open_sources();
BEGIN
  IF free IS NULL OR clear IS NULL THEN
    RETURN '{}';
  END IF;
  RETURN ARRAY(
    SELECT due.q
      FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT q, q.due_at FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id
          AND q.processed_at IS NULL
          AND q.due_at <= ripe_at
          AND q.due_at + CASE WHEN q.claim_no = 0 THEN grace ELSE interval '0' END <= ripe_at
          AND (q.lease_until IS NULL OR q.lease_until <= now_)
          -- an id that this very statement's snapshot does not know yet is of another server: a restored row
          AND (q.xact >= pg_snapshot_xmax(pg_current_snapshot())
               OR (pg_visible_in_snapshot(q.xact, free) AND pg_visible_in_snapshot(q.xact, clear)))
        ORDER BY q.due_at, q.id
        LIMIT allowed
          FOR UPDATE OF q SKIP LOCKED) due
     ORDER BY due.due_at
     LIMIT allowed);
END $$;

-- When to look again for what no NOTIFY will announce: a retry, a grace that ends, a lease that runs out, a source's gate.
-- `held`: rows are due but the horizon holds them back, so look again soon.
CREATE OR REPLACE FUNCTION mediasweep.next_due(grace interval, OUT at timestamptz, OUT held boolean)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  sources  integer[] := mediasweep.open_sources();
  now_     timestamptz := clock_timestamp();
BEGIN
  WITH near AS (
    -- due, and held by nobody
    SELECT due.* FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT q.due_at + CASE WHEN q.claim_no = 0 THEN grace ELSE interval '0' END AS ripe
         FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id AND q.processed_at IS NULL AND q.due_at <= now_
          AND (q.lease_until IS NULL OR q.lease_until <= now_)
        ORDER BY q.due_at, q.id LIMIT 500) due
    UNION ALL
    -- due and leased: when the first lease ends
    SELECT due.* FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT min(leased.lease_until) FROM (
         SELECT q.lease_until FROM mediasweep.cloudinary_cleanup_queue q
          WHERE q.source_id = source.id AND q.processed_at IS NULL AND q.due_at <= now_ AND q.lease_until > now_
          ORDER BY q.due_at, q.id LIMIT 500) leased) due
    UNION ALL
    -- not due yet: the first
    SELECT due.* FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT q.due_at FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id AND q.processed_at IS NULL AND q.due_at > now_
        ORDER BY q.due_at, q.id LIMIT 1) due
    UNION ALL
    SELECT g.until FROM mediasweep.gate g WHERE g.source_id IS NOT NULL AND g.until > now_)
  SELECT min(near.ripe) FILTER (WHERE near.ripe > now_), coalesce(bool_or(near.ripe <= now_), false)
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
SET plan_cache_mode = force_generic_plan   -- for all that it calls: planning anew costs more than the claim
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
  SELECT a.allowed, a.probing INTO allowed, probing FROM mediasweep.allowance(batch, force) a;
  IF allowed = 0 THEN
    SELECT CASE WHEN probing THEN interval '1 s' ELSE min(g.until) - clock_timestamp() END INTO next_in
      FROM mediasweep.gate g WHERE g.source_id IS NULL AND g.until > clock_timestamp();
    RETURN;
  END IF;
  -- lock
  candidates := mediasweep.lock_due(allowed, horizon, grace);
  IF cardinality(candidates) = 0 THEN
    SELECT d.at - clock_timestamp(), d.held INTO next_in, held FROM mediasweep.next_due(grace) d;
    RETURN;
  END IF;
  -- guard
  BEGIN
    SELECT jsonb_object_agg(u.id, u.used_by) INTO uses FROM mediasweep.uses(candidates) u;
  EXCEPTION WHEN query_canceled OR OTHERS THEN
    guard_error := SQLERRM;
    PERFORM mediasweep.put_off(candidates, guard_error);
    next_in := interval '1 s';
    RETURN;
  END;
  -- mark
  SELECT m.jobs, m.skipped, m.failed INTO jobs, skipped, failed
    FROM mediasweep.mark(daemon, candidates, uses, lease, max_attempts) m;
  IF probing AND cardinality(jobs) > 0 THEN
    PERFORM mediasweep.put_probe_off();
  END IF;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
