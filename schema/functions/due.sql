-- Which rows are due, found without walking over what is done: each source from where its last claim ended.
--
-- Rows that were finished leave their entries in the index behind until vacuum takes them, and a long-open snapshot keeps
-- vacuum from it. So a claim goes on after the last row that it took (the cursor, in `memory`). What that passes by, a row
-- that fell due again or was committed late or was locked, is found by a look from the start: when the cursor is at its
-- end, and every two seconds.

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
     WHERE NOT EXISTS (SELECT FROM mediasweep.gate g
                        WHERE g.source_id = source.id AND (g.until IS NULL OR g.until > clock_timestamp())));
END $$;

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_public_id IS 'claim: the other unfinished rows of an asset';
COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_asset_id IS 'claim: the same, where it was renamed';

-- Is there another unfinished row of the same asset that this one has to wait for?
CREATE OR REPLACE FUNCTION mediasweep.waits_for_another(
  q mediasweep.cloudinary_cleanup_queue, memory jsonb, grace interval) RETURNS boolean
LANGUAGE sql STABLE
AS $$
  SELECT EXISTS (
    SELECT FROM (
      SELECT s.* FROM mediasweep.cloudinary_cleanup_queue s
       WHERE s.cloudinary_public_id = q.cloudinary_public_id AND s.processed_at IS NULL
      UNION ALL
      SELECT s.* FROM mediasweep.cloudinary_cleanup_queue s
       WHERE s.asset_id = q.asset_id AND s.processed_at IS NULL) other
     WHERE other.id <> q.id
       AND ((other.claim_no = 0
             AND NOT (other.due_at + grace <= least((memory -> 'free' ->> 'at')::timestamptz, (memory -> 'clear' ->> 'at')::timestamptz)
                      AND (other.xact >= pg_snapshot_xmax(pg_current_snapshot())
                           OR (pg_visible_in_snapshot(other.xact, (memory -> 'free' ->> 's')::pg_snapshot)
                               AND pg_visible_in_snapshot(other.xact, (memory -> 'clear' ->> 's')::pg_snapshot)))))
            OR EXISTS (SELECT FROM mediasweep.gate g
                        WHERE g.source_id = other.source_id AND (g.until IS NULL OR g.until > clock_timestamp()))))
$$;

-- Lock up to `most` claimable rows, the sources taking turns, each oldest first, passing by what others hold.
-- `since`: only what fell due after it.
CREATE OR REPLACE FUNCTION mediasweep.lock_from(
  most integer, memory jsonb, terms jsonb, ripe_at timestamptz, since timestamptz)
RETURNS mediasweep.cloudinary_cleanup_queue[]
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  free     pg_snapshot := memory -> 'free' ->> 's';
  clear    pg_snapshot := memory -> 'clear' ->> 's';
  grace    interval := terms ->> 'grace';
  settle   interval := coalesce(terms ->> 'settle', '1 min');
  now_     timestamptz := clock_timestamp();
  sources  integer[] := mediasweep.open_sources();
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
          AND NOT mediasweep.waits_for_another(q, memory, grace)
        ORDER BY q.due_at, q.id
        LIMIT most
          FOR UPDATE OF q SKIP LOCKED) due
     ORDER BY row_number() OVER (PARTITION BY source.id ORDER BY due.due_at, (due.q).id), due.due_at
     LIMIT most);
END $$;

-- Where the next claim goes on: after the last of these rows, for each of their sources.
CREATE OR REPLACE FUNCTION mediasweep.move_cursor(memory jsonb, taken mediasweep.cloudinary_cleanup_queue[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
  SELECT memory || jsonb_build_object('cursor', coalesce(memory -> 'cursor', '{}') || coalesce(jsonb_object_agg(
           last.source_id, jsonb_build_object('due_at', last.due_at, 'id', last.id)), '{}'))
    FROM (SELECT DISTINCT ON (t.source_id) t.source_id, t.due_at, t.id
            FROM unnest(taken) t ORDER BY t.source_id, t.due_at DESC, t.id DESC) last
$$;

-- The rows to claim now. While a backlog is worked off, half of each claim goes to what fell due since the last one:
-- what one person deletes does not wait behind what another one deleted by the thousand.
CREATE OR REPLACE FUNCTION mediasweep.lock_due(
  allowed integer, INOUT memory jsonb, terms jsonb, OUT candidates mediasweep.cloudinary_cleanup_queue[])
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  ripe_at  timestamptz := least((memory -> 'free' ->> 'at')::timestamptz, (memory -> 'clear' ->> 'at')::timestamptz);
  once     boolean := terms ? 'once';
  oldest   mediasweep.cloudinary_cleanup_queue[];
BEGIN
  candidates := '{}';
  IF ripe_at IS NULL THEN
    RETURN;
  END IF;
  IF (memory ->> 'backlog')::boolean AND allowed > 1 AND NOT once THEN
    candidates := mediasweep.lock_from(allowed / 2, memory, terms, ripe_at, (memory ->> 'looked_at')::timestamptz);
  END IF;
  memory := memory || jsonb_build_object('looked_at', ripe_at);
  IF NOT once AND coalesce((memory ->> 'from_start_at')::timestamptz < clock_timestamp() - interval '2 s', true) THEN
    memory := (memory - 'cursor') || jsonb_build_object('from_start_at', clock_timestamp());
  END IF;
  LOOP
    oldest := mediasweep.lock_from(allowed, memory, terms, ripe_at, NULL);
    IF cardinality(candidates) > 0 THEN
      oldest := ARRAY(SELECT o FROM unnest(oldest) o
                       WHERE o.id <> ALL (ARRAY(SELECT c.id FROM unnest(candidates) c))
                       LIMIT allowed - cardinality(candidates));
    END IF;
    EXIT WHEN cardinality(oldest) > 0 OR once OR NOT memory ? 'cursor';
    memory := (memory - 'cursor') || jsonb_build_object('from_start_at', clock_timestamp());
  END LOOP;
  memory := mediasweep.move_cursor(memory, oldest);
  candidates := candidates || oldest;
  memory := memory || jsonb_build_object('backlog', cardinality(candidates) = allowed);
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
