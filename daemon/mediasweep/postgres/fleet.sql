-- The registry of daemons, and the state of everything in one look.

-- name: beat
-- $1 id, $2 what it says of itself
SELECT calls, fair FROM mediasweep.beat($1, $2::jsonb)

-- name: leave
-- $1 id
DELETE FROM mediasweep.daemon WHERE id = $1

-- name: forget_gone
-- Daemons that have not beaten for a day are no longer of interest.
DELETE FROM mediasweep.daemon WHERE beat_at < clock_timestamp() - interval '1 day'

-- name: daemons
SELECT d.id, d.host, d.pid, d.version, d.started_at, d.beat_at, d.listening, d.concurrency, d.completed, d.failed,
       d.last_sweep, mediasweep.is_alive(d) AS alive, coalesce((d.config ->> 'works')::boolean, true) AS works,
       d.config
  FROM mediasweep.daemon d
 ORDER BY d.started_at

-- name: figures
-- Rows by status, whatever has come to an end being estimated in a long queue.
SELECT u.pending, u.processing, d.completed, mediasweep.failed_rows() AS failed, d.skipped
  FROM mediasweep.unfinished() u CROSS JOIN mediasweep.done_rows() d

-- name: due
-- The rows that a claim could take if every gate were open, and how long the oldest has been so: how late the fleet is.
SELECT u.due AS rows, u.oldest_due_s AS oldest_seconds, u.in_doubt,
       (SELECT count(*) FROM mediasweep.fallback) AS fallback, mediasweep.failed_rows() AS failed
  FROM mediasweep.unfinished() u

-- name: standing
-- What a person has to know first: what is due, what failed, what is in doubt, and about how much of what the last
-- reconciliation found nothing was done.
SELECT u.due, u.oldest_due_s, u.in_doubt, mediasweep.failed_rows() AS failed, r.finished_at AS reconciled_at,
       (SELECT count(*) FROM mediasweep.reconcile_finding f WHERE f.run_id = r.id AND f.action IS NULL) AS drift
  FROM mediasweep.unfinished() u
  LEFT JOIN mediasweep.reconcile_run r ON r.id = (SELECT max(d.id) FROM mediasweep.reconcile_run d WHERE d.state = 'done')

-- name: state
SELECT s.state, s.age_s FROM mediasweep.fleet_state() s

-- name: waiting
-- The unfinished rows, each counted once, by what it waits for first; and the captures that are not in the queue yet.
SELECT w.reason, w.about, sum(w.rows)::bigint AS rows, min(w.until) - clock_timestamp() AS ends_in,
       clock_timestamp() - min(w.since) AS lasts
  FROM (SELECT DISTINCT ON (w.number) w.* FROM mediasweep.why(NULL) w ORDER BY w.number, w.rank, w.about) w
 GROUP BY w.reason, w.about
 UNION ALL
SELECT CASE WHEN f.refused IS NULL THEN 'fallback' ELSE 'refused' END, NULL, count(*), NULL, clock_timestamp() - min(f.at)
  FROM mediasweep.fallback f
 GROUP BY f.refused IS NULL
 ORDER BY rows DESC

-- name: capture_trouble
SELECT t.says FROM mediasweep.capture_trouble() t

-- name: newer
-- $1 the files of this release; the last numbered one that a later release has brought
SELECT max(m.name) FROM mediasweep.migration m WHERE starts_with(m.name, 'migrations/') AND m.name <> ALL ($1::text[])

-- name: strays
-- What carries our triggers and is no part of an attached table any more: itself, and what it was a part of.
SELECT s.relation::text AS "table", s.was_part_of::text AS "of" FROM mediasweep.strays() s ORDER BY 1

-- name: protected
SELECT p.prefix, p.protected_by, p.protected_at FROM mediasweep.protected p ORDER BY p.prefix

-- name: install
-- $1 daemon, $2 terms
SELECT mediasweep.recognise($1, $2::jsonb)

-- name: installation
SELECT i.cloud_name, i.system_identifier, i.database, i.place, i.timeline, i.installed_at, i.asset_id_proven_at
  FROM mediasweep.installation i

-- name: prove_asset_id
-- $1 cloud name
UPDATE mediasweep.installation SET asset_id_proven_at = clock_timestamp()
 WHERE asset_id_proven_at IS NULL AND cloud_name = $1
