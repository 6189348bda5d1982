-- The brake, as a person sees and opens it. What it holds is listed and counted by schema/functions/acknowledge.sql.

-- name: closed
-- Every closed brake and what it holds, all in one snapshot.
SELECT g.source_id, g.reason, g.closed_at, h.name AS source, h.queue_rows, h.bytes,
       h.first_at, h.last_at, h.by_whom, h.sample, h.digest
  FROM mediasweep.gate g
 CROSS JOIN LATERAL mediasweep.held(g.source_id, pg_current_snapshot()) h
 WHERE g.name = 'brake' AND g.source_id IS NOT NULL
 ORDER BY g.closed_at

-- name: held
-- $1 source, $2 snapshot; what a digest names, as it is now
SELECT g.source_id, g.reason, g.closed_at, h.name AS source, h.queue_rows, h.bytes,
       h.first_at, h.last_at, h.by_whom, h.sample, h.digest
  FROM mediasweep.gate g
 CROSS JOIN LATERAL mediasweep.held(g.source_id, $2::text::pg_snapshot) h
 WHERE g.name = 'brake' AND g.source_id = $1

-- name: first_held
-- $1 source, $2 snapshot, $3 at most so many; the ids of what a digest names, as it is now, the first to be due first
SELECT q.id
  FROM mediasweep.cloudinary_cleanup_queue q
 CROSS JOIN mediasweep.acknowledged($1) known
 WHERE q.source_id = $1 AND q.processed_at IS NULL
   AND (pg_visible_in_snapshot(q.xact, $2::text::pg_snapshot) OR q.xact >= pg_snapshot_xmax(pg_current_snapshot()))
   AND pg_visible_in_snapshot(q.xact, known.covered) IS NOT TRUE AND q.xact <> ALL (known.confirmed)
 ORDER BY q.due_at, q.id
 LIMIT $3

-- name: acknowledge
-- $1 digest, $2 who, $3 false: only say whether it would be refused
SELECT a.queue_rows, a.refused FROM mediasweep.acknowledge($1, $2, $3) a
