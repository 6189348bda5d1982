-- Which rows are due, found without walking over what is done: each source from where its last claim ended.
--
-- Rows that were finished leave their entries in the index behind until vacuum takes them, and a long-open snapshot keeps
-- vacuum from it. So a claim goes on after the last row that it took (the cursor, in `memory`). What that passes by, a row
-- that fell due again or was committed late or was locked, is found by a look from the start: when the cursor is at its
-- end, and for a twentieth of the time, at least every two seconds; but while rows that have to wait are in front (`midway`),
-- what is behind them comes first, for ten seconds.
--
-- An asset that several rows let go of is deleted for the last of them: while one still rests, or may have been copied by a
-- transaction that is open (it is not due, or not visible, at the barrier), or is held by a gate of its source, the others
-- wait for it. The claim asks this again after its guard, because what was let go of in between is not in use any more.

-- The attached tables, and 0 for rows that no table of yours put there, unless a gate of their own is closed.
CREATE OR REPLACE FUNCTION mediasweep.open_sources() RETURNS integer[]
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN ARRAY(
    -- a table that was detached is not asked by the guard any more, so nothing of it may be sent
    SELECT source.id FROM (SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL UNION ALL SELECT 0) source
     WHERE source.id <> ALL (ARRAY(SELECT g.source_id FROM mediasweep.gate g
                                    WHERE g.source_id IS NOT NULL AND (g.until IS NULL OR g.until > clock_timestamp()))));
END $$;

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_public_id IS 'claim: the other unfinished rows of an asset';
COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_asset_id IS 'claim: the same, where it was renamed';

-- Is this row one that others of its asset have to wait for? A barrier is `at` and the snapshots `free` and `clear`.
CREATE OR REPLACE FUNCTION mediasweep.holds_others(
  s mediasweep.cloudinary_cleanup_queue, grace interval, ripe_at timestamptz, free pg_snapshot, clear pg_snapshot,
  stopped integer[]) RETURNS boolean
LANGUAGE sql STABLE
AS $$
  SELECT (s.claim_no = 0
          AND NOT (s.due_at + grace <= ripe_at
                   AND (s.xact >= pg_snapshot_xmax(pg_current_snapshot())
                        OR (pg_visible_in_snapshot(s.xact, free) AND pg_visible_in_snapshot(s.xact, clear)))))
         OR s.source_id = ANY (stopped)
$$;

-- The attached tables that have a closed gate of their own.
CREATE OR REPLACE FUNCTION mediasweep.stopped_sources() RETURNS integer[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN ARRAY(SELECT g.source_id FROM mediasweep.gate g LEFT JOIN mediasweep.attached a ON a.id = g.source_id
                WHERE g.source_id IS NOT NULL AND (g.until IS NULL OR g.until > clock_timestamp()) AND a.detached_at IS NULL);
END $$;

-- Of the assets of these rows, those that have to wait for another row of theirs: public ids and asset ids. Each is asked once,
-- by the index (OFFSET 0: a plan that was made while the queue was short must not join with all that is in it).
CREATE OR REPLACE FUNCTION mediasweep.waiting_assets(
  candidates mediasweep.cloudinary_cleanup_queue[], memory jsonb, grace interval) RETURNS text[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  free     pg_snapshot := memory -> 'free' ->> 's';
  clear    pg_snapshot := memory -> 'clear' ->> 's';
  ripe_at  timestamptz := least((memory -> 'free' ->> 'at')::timestamptz, (memory -> 'clear' ->> 'at')::timestamptz);
  stopped  integer[];
BEGIN
  IF cardinality(candidates) = 0 THEN
    RETURN '{}';
  END IF;
  stopped := mediasweep.stopped_sources();
  RETURN ARRAY(
    SELECT c.name FROM (SELECT DISTINCT c.cloudinary_public_id AS name FROM unnest(candidates) c) c
     WHERE EXISTS (
       SELECT FROM mediasweep.cloudinary_cleanup_queue s
        WHERE hashtextextended(s.cloudinary_public_id, 0) = hashtextextended(c.name, 0) AND s.cloudinary_public_id = c.name
          AND s.processed_at IS NULL AND mediasweep.holds_others(s, grace, ripe_at, free, clear, stopped) OFFSET 0)
    UNION ALL
    SELECT c.id FROM (SELECT DISTINCT c.asset_id AS id FROM unnest(candidates) c WHERE c.asset_id IS NOT NULL) c
     WHERE EXISTS (
       SELECT FROM mediasweep.cloudinary_cleanup_queue s
        WHERE hashtextextended(s.asset_id, 0) = hashtextextended(c.id, 0) AND s.asset_id = c.id
          AND s.processed_at IS NULL AND mediasweep.holds_others(s, grace, ripe_at, free, clear, stopped) OFFSET 0));
END $$;

-- These rows without those assets.
CREATE OR REPLACE FUNCTION mediasweep.without(candidates mediasweep.cloudinary_cleanup_queue[], assets text[])
RETURNS mediasweep.cloudinary_cleanup_queue[]
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
  IF cardinality(assets) = 0 THEN
    RETURN candidates;
  END IF;
  RETURN ARRAY(SELECT c FROM unnest(candidates) c
                WHERE c.cloudinary_public_id <> ALL (assets) AND (c.asset_id = ANY (assets)) IS NOT TRUE);
END $$;

-- Lock up to `most` claimable rows of each source, the sources taking turns, each oldest first, passing by what others hold.
-- `since`: only what fell due after it. `avoid`: public ids and asset ids that have to wait for another row of theirs.
CREATE OR REPLACE FUNCTION mediasweep.lock_from(
  most integer, memory jsonb, terms jsonb, ripe_at timestamptz, since timestamptz, sources integer[],
  avoid text[])
RETURNS mediasweep.cloudinary_cleanup_queue[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  free     pg_snapshot := memory -> 'free' ->> 's';
  clear    pg_snapshot := memory -> 'clear' ->> 's';
  grace    interval := terms ->> 'grace';
  settle   interval := coalesce(terms ->> 'settle', '1 min');
  now_     timestamptz := clock_timestamp();
BEGIN
  RETURN ARRAY(
    SELECT due.q
      FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT coalesce(since, (memory -> 'cursor' -> source.id::text ->> 'due_at')::timestamptz, '-infinity') AS due_at,
              coalesce(CASE WHEN since IS NULL THEN (memory -> 'cursor' -> source.id::text ->> 'id')::uuid END,
                       '00000000-0000-0000-0000-000000000000') AS id) done
     CROSS JOIN LATERAL (
       SELECT q, q.due_at FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id
          AND q.processed_at IS NULL
          AND (q.due_at, q.id) > (done.due_at, done.id)
          AND q.due_at <= ripe_at
          AND q.due_at + CASE WHEN q.claim_no = 0 THEN grace ELSE interval '0' END <= ripe_at
          -- the next claim may give it up: only when its last request can no longer take effect
          AND (q.lease_until IS NULL OR q.lease_until + CASE WHEN q.handovers >= 20 THEN settle ELSE interval '0' END <= now_)
          -- an id that this very statement's snapshot does not know yet is of another server: a restored row
          AND (q.xact >= pg_snapshot_xmax(pg_current_snapshot())
               OR (pg_visible_in_snapshot(q.xact, free) AND pg_visible_in_snapshot(q.xact, clear)))
          AND q.cloudinary_public_id <> ALL (avoid) AND (q.asset_id = ANY (avoid)) IS NOT TRUE
        ORDER BY q.due_at, q.id
        LIMIT most
          FOR UPDATE OF q SKIP LOCKED) due
     ORDER BY row_number() OVER (PARTITION BY source.id ORDER BY due.due_at, (due.q).id), due.due_at);
END $$;

-- Where the next claim goes on: after the last of these rows, for each of their sources.
CREATE OR REPLACE FUNCTION mediasweep.move_cursor(memory jsonb, taken mediasweep.cloudinary_cleanup_queue[]) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF cardinality(taken) = 0 THEN
    RETURN memory;
  ELSIF cardinality(taken) = 1 THEN   -- the most frequent case, and a third of the time
    RETURN memory || jsonb_build_object('cursor', coalesce(memory -> 'cursor', '{}') || jsonb_build_object(
      taken[1].source_id, jsonb_build_object('due_at', taken[1].due_at, 'id', taken[1].id)));
  END IF;
  RETURN memory || jsonb_build_object('cursor', coalesce(memory -> 'cursor', '{}') || (
    SELECT jsonb_object_agg(last.source_id, jsonb_build_object('due_at', last.due_at, 'id', last.id))
      FROM (SELECT DISTINCT ON (t.source_id) t.source_id, t.due_at, t.id
              FROM unnest(taken) t ORDER BY t.source_id, t.due_at DESC, t.id DESC) last));
END $$;

-- The rows to claim now. While a backlog is worked off, half of each claim goes to what fell due since the last one:
-- what one person deletes does not wait behind what another one deleted by the thousand.
CREATE OR REPLACE FUNCTION mediasweep.lock_due(
  allowed integer, INOUT memory jsonb, terms jsonb, OUT candidates mediasweep.cloudinary_cleanup_queue[])
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  ripe_at  timestamptz := least((memory -> 'free' ->> 'at')::timestamptz, (memory -> 'clear' ->> 'at')::timestamptz);
  once     boolean := terms ? 'once';
  now_     timestamptz := clock_timestamp();
  since    timestamptz := memory ->> 'from_start_at';
  midway   boolean := memory ? 'midway';
  good_for interval := CASE WHEN midway THEN '10 s' ELSE least('2 s', greatest('20 ms', 20 * (memory ->> 'from_start_took')::interval)) END;
  sources  integer[] := mediasweep.open_sources();
  more     record;
  avoid    text[] := '{}';
  waiting  text[];
  found_   boolean;
BEGIN
  candidates := '{}';
  IF ripe_at IS NULL THEN
    RETURN;
  END IF;
  IF (memory ->> 'backlog')::boolean AND allowed > 1 AND NOT once THEN
    candidates := (mediasweep.lock_from(
      allowed / 2, memory, terms, ripe_at, (memory ->> 'looked_at')::timestamptz, sources, avoid))[1:allowed / 2];
  END IF;
  IF NOT once AND (since BETWEEN now_ - good_for AND now_) IS NOT TRUE THEN
    midway := false;
    memory := (memory - '{cursor,midway}'::text[]) || jsonb_build_object('from_start_at', now_);
  END IF;
  FOR round IN 1..20 LOOP
    more := mediasweep.lock_oldest(allowed, memory, terms, ripe_at, sources, candidates, avoid);
    memory := more.memory;
    found_ := cardinality(more.oldest) > 0;
    candidates := candidates || more.oldest;
    waiting := mediasweep.waiting_assets(candidates, memory, (terms ->> 'grace')::interval);
    candidates := mediasweep.without(candidates, waiting);
    avoid := avoid || waiting;
    EXIT WHEN cardinality(candidates) > 0 OR (NOT found_ AND (once OR midway OR NOT memory ? 'cursor'));
    IF NOT found_ THEN
      memory := (memory - 'cursor') || jsonb_build_object('from_start_at', now_);
    END IF;
  END LOOP;
  IF NOT found_ THEN
    memory := memory - 'midway';
  ELSIF cardinality(candidates) = 0 AND NOT once THEN   -- all that was looked at waits: the next claim goes on from here
    memory := memory || '{"midway": true}';
  END IF;
  IF (memory ->> 'from_start_at')::timestamptz = now_ THEN
    memory := memory || jsonb_build_object('from_start_took', clock_timestamp() - now_);
  END IF;
  memory := memory || jsonb_build_object('looked_at', ripe_at, 'backlog', cardinality(candidates) >= allowed);
END $$;

-- The oldest rows beside those that are `taken`, first an equal part of each source, then more of those that have more: to lock
-- as many of each as might be wanted of all would keep rows from the other daemons that nobody takes.
CREATE OR REPLACE FUNCTION mediasweep.lock_oldest(
  allowed integer, INOUT memory jsonb, terms jsonb, ripe_at timestamptz, sources integer[],
  taken mediasweep.cloudinary_cleanup_queue[], avoid text[], OUT oldest mediasweep.cloudinary_cleanup_queue[])
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  room    integer := allowed - cardinality(taken);
  part    integer := ceil(allowed::numeric / greatest(1, cardinality(sources)));
  locked  mediasweep.cloudinary_cleanup_queue[] := mediasweep.lock_from(part, memory, terms, ripe_at, NULL, sources, avoid);
  more    mediasweep.cloudinary_cleanup_queue[];
BEGIN
  IF cardinality(locked) < part AND cardinality(taken) = 0 THEN   -- that is all that there is of every source
    oldest := locked;
    memory := mediasweep.move_cursor(memory, oldest);
    RETURN;
  END IF;
  oldest := ARRAY(SELECT l FROM unnest(locked) l WHERE l.id <> ALL (ARRAY(SELECT t.id FROM unnest(taken) t)) LIMIT room);
  memory := mediasweep.move_cursor(memory, oldest);
  sources := ARRAY(SELECT l.source_id FROM unnest(locked) l GROUP BY l.source_id HAVING count(*) = part);
  IF cardinality(oldest) < room AND cardinality(sources) > 0 THEN
    more := ARRAY(SELECT m FROM unnest(mediasweep.lock_from(room, memory, terms, ripe_at, NULL, sources, avoid)) m
                   WHERE m.id <> ALL (ARRAY(SELECT t.id FROM unnest(taken || oldest) t)) LIMIT room - cardinality(oldest));
    memory := mediasweep.move_cursor(memory, more);
    oldest := oldest || more;
  END IF;
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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
