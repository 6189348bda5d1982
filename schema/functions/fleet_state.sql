-- The state of the fleet in figures, for metrics. Counted once for all replicas and kept for some seconds; only when somebody
-- asks, and for a twentieth of the time at the most, however long the queue is.

-- The unfinished rows, in one pass over their index. `due`: what a claim could take if every gate were open, so not what still
-- rests, nor what is of a table that was detached or never attached. `held`: due, but a transaction that was writing when it
-- was captured is still open, as far as the last beats tell. In doubt: may have been deleted already.
CREATE OR REPLACE FUNCTION mediasweep.unfinished(
  OUT pending bigint, OUT processing bigint, OUT in_doubt bigint,
  OUT due bigint, OUT oldest_due_s float8, OUT due_in_doubt bigint, OUT held_s float8)
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off   -- what is done may be a hundred times as much, and statistics may not know it yet
SET jit = off
AS $$
  WITH fleet AS MATERIALIZED (SELECT f.* FROM mediasweep.fleet_at_work() f),
  horizon AS MATERIALIZED (   -- the newest barrier sees all that older ones do; none: that is waited for
    SELECT (SELECT b.free FROM mediasweep.barriers() b ORDER BY b.at DESC LIMIT 1) AS free,
           fleet.working > 0 AND EXISTS (SELECT FROM mediasweep.open_transactions() t WHERE t.writes) AS holds
      FROM fleet),
  row_ AS (
    SELECT q.status, q.in_doubt, ripe.at, greatest(ripe.at, q.lease_until) AS since,
           -- an id from ahead is of another server: a restored row
           horizon.holds AND q.xact < pg_snapshot_xmax(pg_current_snapshot())
             AND NOT coalesce(pg_visible_in_snapshot(q.xact, horizon.free), false) AS held,
           ripe.at <= statement_timestamp() AND (q.lease_until IS NULL OR q.lease_until <= statement_timestamp())
             AND q.source_id = ANY (ARRAY(SELECT 0 UNION ALL SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL)) AS due
      FROM mediasweep.cloudinary_cleanup_queue q
     CROSS JOIN fleet
     CROSS JOIN horizon
     CROSS JOIN LATERAL (SELECT q.due_at + CASE WHEN q.claim_no = 0 THEN fleet.grace ELSE interval '0' END AS at) ripe
     WHERE q.processed_at IS NULL
    OFFSET 0)   -- so that each is worked out once a row
  SELECT count(*) FILTER (WHERE r.status = 'pending'), count(*) FILTER (WHERE r.status = 'processing'),
         count(*) FILTER (WHERE r.in_doubt), count(*) FILTER (WHERE r.due),
         coalesce(extract(epoch FROM statement_timestamp() - min(r.since) FILTER (WHERE r.due)), 0)::float8,
         count(*) FILTER (WHERE r.due AND r.in_doubt),
         coalesce(extract(epoch FROM statement_timestamp() - min(r.at) FILTER (WHERE r.due AND r.held)), 0)::float8
    FROM row_ r
$$;

-- How many rows have failed, now.
CREATE OR REPLACE FUNCTION mediasweep.failed_rows() RETURNS bigint
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
  -- not what was deleted by hand
  SELECT count(*) FROM mediasweep.failed f JOIN mediasweep.cloudinary_cleanup_queue q ON q.id = f.id WHERE q.status = 'failed'
$$;

-- How many rows a query has, as the planner estimates it (which only a VOLATILE function may ask).
CREATE OR REPLACE FUNCTION mediasweep.estimated(query text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  plan  json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;

-- Rows that are done with and ask for nothing: counted while the queue has less than 32 MB, some hundred thousand rows.
CREATE OR REPLACE FUNCTION mediasweep.done_rows(OUT completed bigint, OUT skipped bigint)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF pg_relation_size('mediasweep.cloudinary_cleanup_queue') < 32 * 1024 * 1024 THEN
    SELECT count(*) FILTER (WHERE q.status = 'completed'), count(*) FILTER (WHERE q.status = 'skipped')
      INTO completed, skipped
      FROM mediasweep.cloudinary_cleanup_queue q;
  ELSE
    completed := mediasweep.estimated($q$SELECT FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'completed'$q$);
    skipped := mediasweep.estimated($q$SELECT FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'skipped'$q$);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.count_fleet() RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  rows  record := mediasweep.unfinished();
  done  record := mediasweep.done_rows();
BEGIN
  RETURN to_jsonb(rows) || to_jsonb(done) || jsonb_build_object(
    'failed', mediasweep.failed_rows(),
    'fallback', (SELECT count(*) FROM mediasweep.fallback),
    'journal', mediasweep.estimated('SELECT FROM mediasweep.journal'),
    'gates', ARRAY(SELECT DISTINCT g.name FROM mediasweep.gate g
                    WHERE g.until IS NULL OR g.until > clock_timestamp() OR g.probe IS NOT NULL),
    'alive', (SELECT f.alive FROM mediasweep.fleet_at_work() f))
    || (SELECT jsonb_strip_nulls(jsonb_build_object(
                 'reconciled_s', extract(epoch FROM clock_timestamp() - coalesce(max(r.finished_at), (SELECT min(n.started_at) FROM mediasweep.reconcile_run n))),
                 'orphans', coalesce(sum((r.counts ->> 'orphans')::bigint), 0),
                 'ghosts', coalesce(sum((r.counts ->> 'ghosts')::bigint), 0), 'mismatches', coalesce(sum((r.counts ->> 'mismatches')::bigint), 0)))
          FROM mediasweep.reconcile_run r WHERE r.id = (SELECT max(d.id) FROM mediasweep.reconcile_run d WHERE d.state = 'done'))
    || (SELECT jsonb_build_object('inbox', count(*), 'inbox_failing', count(i.error),
                                  'inbox_s', coalesce(greatest(extract(epoch FROM clock_timestamp() - min(i.received_at)), 0), 0))
          FROM mediasweep.inbox i WHERE i.done_at IS NULL);
END $$;

-- The state, and its age. Who finds it too old counts, unless somebody is counting just now, or the count could not be kept, as on
-- a standby; nobody waits for another. The transaction writes only at its end: until then no row waits for it as for a writer (horizon.sql).
CREATE OR REPLACE FUNCTION mediasweep.fleet_state(OUT state jsonb, OUT age_s float8)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  began  timestamptz := clock_timestamp();
  known  record;
BEGIN
  SELECT f.at, f.took, f.state INTO known FROM mediasweep.fleet_state f;
  IF (known.at BETWEEN began - greatest('5 s', 20 * known.took) AND began) IS NOT TRUE
     AND NOT current_setting('transaction_read_only')::boolean
     AND pg_try_advisory_xact_lock(7882817126551222120) THEN
    known.state := mediasweep.count_fleet();
    known.at := began;
    INSERT INTO mediasweep.fleet_state AS f (at, took, state)
    VALUES (began, clock_timestamp() - began, known.state)
    ON CONFLICT (one) DO UPDATE SET at = excluded.at, took = excluded.took, state = excluded.state;
  END IF;
  state := known.state;
  age_s := extract(epoch FROM clock_timestamp() - known.at);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
