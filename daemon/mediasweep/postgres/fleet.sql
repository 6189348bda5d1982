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

-- name: counts
-- Rows by status.
SELECT q.status, count(*) AS rows FROM mediasweep.cloudinary_cleanup_queue q GROUP BY q.status

-- name: due
-- The rows that a claim could take if every gate were open, and how long the oldest has been so: how late the fleet is.
-- Not those that still rest, nor those of a table that was detached or never attached: no claim takes them.
SELECT count(*) AS rows,
       coalesce(extract(epoch FROM clock_timestamp() - min(greatest(ripe.at, q.lease_until))), 0)::float8 AS oldest_seconds,
       count(*) FILTER (WHERE q.in_doubt) AS in_doubt,
       (SELECT count(*) FROM mediasweep.fallback) AS fallback
  FROM mediasweep.cloudinary_cleanup_queue q
 CROSS JOIN mediasweep.fleet_at_work() fleet
 CROSS JOIN LATERAL (SELECT q.due_at + CASE WHEN q.claim_no = 0 THEN fleet.grace ELSE interval '0' END AS at) ripe
 WHERE q.processed_at IS NULL
   AND q.due_at <= clock_timestamp()
   AND ripe.at <= clock_timestamp()
   AND (q.lease_until IS NULL OR q.lease_until <= clock_timestamp())
   AND (q.source_id = 0 OR q.source_id IN (SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL))

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
