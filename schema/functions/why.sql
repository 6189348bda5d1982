-- Why is it still here? For an unfinished row, or for all of them, everything that keeps it, as a claim of this fleet would
-- find it.
--
-- Rows that are kept by the same are counted together, so that a long backlog is a few groups. `reason` is one of a closed
-- set, for which rules/reason.py has the words; `about` names what it is about; `detail` says more, of one of the rows.
-- `rank` is their order: what a row waits for first; from 100 on, what was with it, and what will become of it. A row that
-- waits for nothing has `next`.

-- What the daemons that are alive tell of themselves: how many there are, how many delete, the longest of their graces.
CREATE OR REPLACE FUNCTION mediasweep.fleet_at_work(
  OUT alive bigint, OUT working bigint, OUT grace interval, OUT last_beat timestamptz)
LANGUAGE sql STABLE
AS $$
  SELECT count(*) FILTER (WHERE d.alive), count(*) FILTER (WHERE d.alive AND d.works),
         coalesce(max(d.grace_s) FILTER (WHERE d.alive AND d.works), 0) * interval '1 s', max(d.beat_at)
    FROM (SELECT d.beat_at, mediasweep.is_alive(d) AS alive,
                 coalesce((d.config ->> 'works')::boolean, true) AS works, (d.config ->> 'grace_s')::float8 AS grace_s
            FROM mediasweep.daemon d) d
$$;

-- The barriers that daemons have passed (horizon.sql), as their last beat told: no open transaction holds a row that was
-- due and visible at one of them.
CREATE OR REPLACE FUNCTION mediasweep.barriers(OUT at timestamptz, OUT free pg_snapshot, OUT clear pg_snapshot)
RETURNS SETOF record
LANGUAGE sql STABLE
AS $$
  SELECT least((h.free ->> 'at')::timestamptz, (h.clear ->> 'at')::timestamptz), (h.free ->> 's')::pg_snapshot,
         (h.clear ->> 's')::pg_snapshot
    FROM (SELECT d.config -> 'horizon' -> 'free' AS free, d.config -> 'horizon' -> 'clear' AS clear
            FROM mediasweep.daemon d
           WHERE mediasweep.is_alive(d)
             AND (d.config -> 'horizon' ->> 'server')::timestamptz = pg_postmaster_start_time()) h
   WHERE h.free IS NOT NULL AND h.clear IS NOT NULL
$$;

-- The transactions of this database that a claim waits for, the oldest first, writers before readers; not those of ours
-- that have only begun. Every role may see that they are there and what they call themselves; since when, only some.
CREATE OR REPLACE FUNCTION mediasweep.open_transactions(
  OUT place bigint, OUT writes boolean, OUT xact xid, OUT about text, OUT since timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE
AS $$
  SELECT row_number() OVER (ORDER BY open.xact IS NULL, age.xacts DESC), open.xact IS NOT NULL, open.xact, open.about, open.since
    FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xact, d.oid AS database
            FROM pg_database d WHERE d.datname = current_database()) next
   CROSS JOIN LATERAL (
     SELECT a.backend_xid AS xact, a.backend_xmin AS sees, a.xact_start AS since,
            mediasweep.is_our_session(a.application_name) AS ours,
            format('pid %s (%s)', a.pid, coalesce(nullif(a.application_name, ''), 'unnamed')) AS about
       FROM pg_stat_get_activity(NULL) a
      WHERE a.datid = next.database AND a.usesysid IS NOT NULL AND a.pid <> pg_backend_pid()
      UNION ALL
     SELECT p.transaction, NULL, p.prepared, false, format('prepared %L', p.gid)
       FROM pg_prepared_xact() p WHERE p.dbid = next.database) open
   CROSS JOIN LATERAL (SELECT next.xact - mediasweep.full_xid(coalesce(open.xact, open.sees), next.xact) AS xacts) age
   WHERE NOT (open.ours AND (open.xact IS NULL OR open.since > statement_timestamp() - interval '1 s'))
     AND (open.xact IS NOT NULL OR age.xacts > 0)   -- else it sees whatever has begun
$$;

-- The closed gates, of all sources (source_id NULL) or of one; not a pause that a sweep which was asked for goes through.
CREATE OR REPLACE FUNCTION mediasweep.closed_gates(
  OUT source_id integer, OUT testing boolean, OUT about text, OUT detail text, OUT since timestamptz, OUT until timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE
AS $$
  SELECT g.source_id, coalesce(g.until <= statement_timestamp(), false),
         g.name || coalesce(' (' || mediasweep.source_name(g.source_id) || ')', ''),
         g.reason || ', by ' || g.closed_by, g.closed_at, g.until
    FROM mediasweep.gate g
   WHERE (g.until IS NULL OR g.until > statement_timestamp() OR (g.probe IS NOT NULL AND g.source_id IS NULL))
     AND NOT (g.name = 'pause' AND g.source_id IS NULL AND (SELECT s.forced > 0 FROM mediasweep.scheduler s))
$$;

-- The daemon that has this claim, or had it.
CREATE OR REPLACE FUNCTION mediasweep.claimant(queue_row uuid, claim integer) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN d.id IS NOT NULL THEN format('daemon %s pid %s', d.host, d.pid)
              ELSE format('daemon %s, which is gone', j.daemon) END
    FROM mediasweep.journal j
    LEFT JOIN mediasweep.daemon d ON d.id = j.daemon
   WHERE j.queue_id = queue_row AND j.claim_no = claim AND j.daemon IS NOT NULL
   ORDER BY j.id DESC
   LIMIT 1
$$;

-- One unfinished row, or all of them (NULL), in groups that the next claim would find in the same state.
-- `seen`: a barrier that was passed sees them; `let_go`: their lease has ended without an outcome.
-- The release before did not tell `newer`.
DROP FUNCTION IF EXISTS mediasweep.standing(uuid);
CREATE OR REPLACE FUNCTION mediasweep.standing(
  one uuid,
  OUT number bigint, OUT rows bigint, OUT source_id integer, OUT table_ text, OUT detached_at timestamptz,
  OUT sourceless boolean, OUT leased boolean, OUT let_go boolean, OUT claimant text, OUT resting boolean, OUT fresh boolean,
  OUT in_doubt boolean, OUT seen boolean, OUT locked_by text, OUT locked_since timestamptz, OUT protected_by text, OUT newer bigint,
  OUT unguarded boolean, OUT spent boolean, OUT sibling boolean,
  OUT lease_until timestamptz, OUT ripe_at timestamptz, OUT graces text, OUT tried text, OUT error text)
RETURNS SETOF record
LANGUAGE sql STABLE
AS $$
  WITH barrier AS MATERIALIZED (SELECT b.* FROM mediasweep.barriers() b),
  fleet AS MATERIALIZED (SELECT f.* FROM mediasweep.fleet_at_work() f),
  busy AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM mediasweep.open_transactions()) AS open, mediasweep.stopped_sources() AS stopped),
  -- the assets of which a row has the others wait, as the claim has it (holds_others in due.sql), by the barriers that are known
  holder AS MATERIALIZED (
    SELECT DISTINCT s.cloudinary_public_id AS name, s.asset_id
      FROM mediasweep.cloudinary_cleanup_queue s CROSS JOIN fleet CROSS JOIN busy
     WHERE s.processed_at IS NULL AND s.id IS DISTINCT FROM one
       AND ((s.claim_no = 0 AND (s.due_at + fleet.grace > statement_timestamp() OR (busy.open AND NOT EXISTS (
               SELECT FROM barrier b WHERE b.at >= s.due_at + fleet.grace AND pg_visible_in_snapshot(s.xact, b.free)
                                       AND pg_visible_in_snapshot(s.xact, b.clear)))))
            OR s.source_id = ANY (busy.stopped))),
  row_ AS (
    SELECT q.source_id, a.relation::oid AS table_, a.detached_at,
           q.source_id <> 0 AND (a.id IS NULL OR a.detached_at IS NOT NULL) AS sourceless,
           coalesce(q.lease_until > statement_timestamp(), false) AS leased,
           coalesce(q.lease_until <= statement_timestamp(), false) AS let_go,
           CASE WHEN q.lease_until IS NOT NULL THEN mediasweep.claimant(q.id, q.claim_no) END AS claimant,
           q.lease_until IS NULL AND ripe.at > statement_timestamp() AS resting, q.claim_no = 0 AS fresh, q.in_doubt,
           -- as the claim has it (due.sql): a row of another server's is seen by everybody
           q.xact >= pg_snapshot_xmax(pg_current_snapshot()) OR EXISTS (
             SELECT FROM barrier b
              WHERE b.at >= ripe.at AND pg_visible_in_snapshot(q.xact, b.free) AND pg_visible_in_snapshot(q.xact, b.clear)) AS seen,
           locker.about AS locked_by, locker.since AS locked_since,
           (SELECT min(p.prefix) FROM mediasweep.protected p WHERE starts_with(q.cloudinary_public_id, p.prefix)) AS protected_by,
           CASE WHEN one IS NOT NULL THEN mediasweep.newer_version(q) END AS newer,   -- of a whole backlog, that takes too long
           coalesce(starts_with(q.error_message, 'the guard could not answer: '), false) AS unguarded,
           CASE WHEN q.lease_until IS NOT NULL THEN q.handovers >= 20
                ELSE coalesce(q.processing_attempts >= q.max_attempts, false) END AS spent,
           q.cloudinary_public_id IN (SELECT h.name FROM holder h)
           OR coalesce(q.asset_id IN (SELECT h.asset_id FROM holder h WHERE h.asset_id IS NOT NULL), false) AS sibling,
           q.lease_until, ripe.at AS ripe_at, a.grace AS of_table, fleet.grace AS of_fleet,
           q.processing_attempts, q.max_attempts, q.error_message
      FROM mediasweep.cloudinary_cleanup_queue q
      LEFT JOIN mediasweep.attached a ON a.id = q.source_id
      LEFT JOIN mediasweep.open_transactions() locker ON locker.xact = q.xmax
     CROSS JOIN fleet
     CROSS JOIN busy
     CROSS JOIN LATERAL (SELECT q.due_at + CASE WHEN q.claim_no = 0 THEN fleet.grace ELSE interval '0' END AS at) ripe
     WHERE q.processed_at IS NULL AND (one IS NULL OR q.id = one))
  SELECT row_number() OVER (), count(*), r.source_id, mediasweep.name_of(r.table_), r.detached_at, r.sourceless, r.leased, r.let_go,
         r.claimant, r.resting, r.fresh, r.in_doubt, r.seen, r.locked_by, r.locked_since, r.protected_by, r.newer, r.unguarded, r.spent,
         r.sibling, min(r.lease_until), min(r.ripe_at),
         concat_ws(', ', 'grace of its table ' || nullif(min(r.of_table), '0'), 'MEDIASWEEP_GRACE ' || nullif(min(r.of_fleet), '0')),
         format('attempt %s of %s', min(r.processing_attempts), min(r.max_attempts)),
         min(CASE WHEN r.unguarded THEN substr(r.error_message, 29) ELSE r.error_message END)
    FROM row_ r
   GROUP BY r.source_id, r.table_, r.detached_at, r.sourceless, r.leased, r.let_go, r.claimant, r.resting, r.fresh, r.in_doubt,
            r.seen, r.locked_by, r.locked_since, r.protected_by, r.newer, r.unguarded, r.spent, r.sibling
$$;

-- All reasons of one unfinished row, or of every one (NULL), group by group.
CREATE OR REPLACE FUNCTION mediasweep.why(
  one uuid,
  OUT number bigint, OUT rows bigint, OUT rank integer, OUT reason text, OUT about text, OUT detail text, OUT since timestamptz,
  OUT until timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  WITH closed AS MATERIALIZED (SELECT g.* FROM mediasweep.closed_gates() g),
  group_ AS MATERIALIZED (
    SELECT s.*, concat_ws(': ', s.tried, s.error) AS trials, fleet.alive, fleet.working, fleet.last_beat,
           oldest.writes, oldest.about AS holder, oldest.since AS holding_since
      FROM mediasweep.standing(one) s
     CROSS JOIN mediasweep.fleet_at_work() fleet
      LEFT JOIN mediasweep.open_transactions() oldest ON oldest.place = 1),
  found AS MATERIALIZED (
    SELECT s.number, s.rows, v.*
      FROM group_ s
     CROSS JOIN LATERAL (VALUES
       (10, s.leased, 'leased', s.claimant, NULL, NULL, s.lease_until),
       (20, s.sourceless AND s.table_ IS NOT NULL, 'detached', s.table_, NULL, s.detached_at, NULL),
       (21, s.sourceless AND s.table_ IS NULL, 'unknown_source', s.source_id::text, NULL, NULL, NULL),
       (30, s.resting AND s.unguarded, 'guard', NULL, s.error, NULL, s.ripe_at),
       (31, s.resting AND NOT s.unguarded AND s.in_doubt, 'in_doubt', NULL, s.trials, NULL, s.ripe_at),
       (32, s.resting AND NOT (s.unguarded OR s.in_doubt OR s.fresh), 'retry', NULL, s.error, NULL, s.ripe_at),
       (33, s.resting AND NOT (s.unguarded OR s.in_doubt) AND s.fresh, 'grace', NULL, s.graces, NULL, s.ripe_at),
       (40, s.working = 0 AND NOT s.leased, 'no_daemon', CASE s.alive WHEN 0 THEN 'alive' ELSE 'deleting' END, NULL,
            s.last_beat, NULL),
       (60, s.locked_by IS NOT NULL, 'locked', s.locked_by, NULL, s.locked_since, NULL),
       (70, s.holder IS NOT NULL AND NOT (s.seen OR s.leased OR s.resting), CASE WHEN s.writes THEN 'writer' ELSE 'reader' END,
            s.holder, NULL, s.holding_since, NULL),
       (80, s.sibling AND NOT (s.leased OR s.resting) AND (s.seen OR NOT s.fresh OR one IS NOT NULL), 'sibling', NULL, NULL, NULL, NULL),
       (110, s.let_go, 'let_go', s.claimant, NULL, s.lease_until, NULL),
       (111, s.in_doubt AND NOT (s.resting OR s.leased OR s.let_go), 'in_doubt', NULL, s.trials, NULL, s.ripe_at),
       (112, s.unguarded AND NOT (s.resting OR s.leased), 'guard', NULL, s.error, NULL, s.ripe_at),
       (113, s.spent AND NOT s.leased, 'spent', NULL, s.trials, NULL, NULL),
       (114, s.protected_by IS NOT NULL AND NOT s.leased, 'protected', s.protected_by, NULL, NULL, NULL),
       (115, s.newer IS NOT NULL AND NOT s.leased, 'newer', 'v' || s.newer, NULL, NULL, NULL)
     ) v (rank, holds, reason, about, detail, since, until)
     WHERE v.holds
     UNION ALL
    SELECT s.number, s.rows, 50 + (g.source_id IS NOT NULL)::integer, true, CASE WHEN g.testing THEN 'tested' ELSE 'gate' END,
           g.about, g.detail, g.since, CASE WHEN NOT g.testing THEN g.until END
      FROM group_ s JOIN closed g ON g.source_id IS NULL OR g.source_id = s.source_id
     WHERE NOT s.leased)
  SELECT f.number, f.rows, f.rank, f.reason, f.about, f.detail, f.since, f.until FROM found f
   UNION ALL
  SELECT s.number, s.rows, 120, 'next', NULL, NULL, NULL, s.ripe_at FROM group_ s
   WHERE NOT EXISTS (SELECT FROM found f WHERE f.number = s.number AND f.rank < 100)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
