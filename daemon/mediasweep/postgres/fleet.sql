-- The registry of daemons, and the state of everything in one look.

-- name: beat
-- One statement serves three needs: the registry's beat, the canary of the listener (a NOTIFY from another
-- connection that it must hear), and the heartbeat of the working pool.
-- The first beat writes the row, and so does one that finds it gone.
-- $1 id, $2 listening, $3 completed, $4 failed, $5 last sweep was so long ago or NULL, $6 canary channel, $7 token,
-- $8 host, $9 pid, $10 version, $11 concurrency
WITH beat AS (
  INSERT INTO mediasweep.daemon AS d (id, listening, completed, failed, last_sweep, host, pid, version, concurrency)
  VALUES ($1, $2, $3, $4, clock_timestamp() - $5::interval, $8, $9, $10, $11)
  ON CONFLICT (id) DO UPDATE
     SET beat_at = clock_timestamp(), listening = excluded.listening, completed = excluded.completed,
         failed = excluded.failed, last_sweep = coalesce(excluded.last_sweep, d.last_sweep)
  RETURNING id)
SELECT pg_notify($6, $7) FROM beat

-- name: leave
-- $1 id
DELETE FROM mediasweep.daemon WHERE id = $1

-- name: forget_gone
-- Daemons that have not beaten for a day are no longer of interest.
DELETE FROM mediasweep.daemon WHERE beat_at < clock_timestamp() - interval '1 day'

-- name: daemons
SELECT d.id, d.host, d.pid, d.version, d.started_at, d.beat_at, d.listening, d.concurrency, d.completed, d.failed,
       d.last_sweep, d.beat_at > clock_timestamp() - interval '20 s' AS alive
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
-- $1 cloud name; the first daemon that runs here writes down where "here" is
INSERT INTO mediasweep.installation (cloud_name, system_identifier, database, place, timeline)
SELECT $1, s.system_identifier::text, current_database(),
       coalesce(host(inet_server_addr()), 'local') || ':' || coalesce(inet_server_port(), 0), c.timeline_id
  FROM pg_control_system() s, pg_control_checkpoint() c
ON CONFLICT (one) DO NOTHING

-- name: installation
SELECT i.cloud_name, i.system_identifier, i.database, i.place, i.timeline, i.installed_at, i.asset_id_proven_at
  FROM mediasweep.installation i

-- name: prove_asset_id
-- $1 cloud name
UPDATE mediasweep.installation SET asset_id_proven_at = clock_timestamp()
 WHERE asset_id_proven_at IS NULL AND cloud_name = $1
