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
-- The rows that could be claimed by now, and the oldest of them: how late the fleet is.
SELECT count(*) AS rows,
       coalesce(extract(epoch FROM clock_timestamp() - min(q.due_at)), 0)::float8 AS oldest_seconds,
       count(*) FILTER (WHERE q.in_doubt) AS in_doubt,
       (SELECT count(*) FROM mediasweep.fallback) AS fallback
  FROM mediasweep.cloudinary_cleanup_queue q
 WHERE q.processed_at IS NULL
   AND q.due_at <= clock_timestamp()
   AND (q.lease_until IS NULL OR q.lease_until <= clock_timestamp())

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
