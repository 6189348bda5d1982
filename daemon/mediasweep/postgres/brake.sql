-- The brake, as a person sees and opens it. What it holds is listed and counted by schema/functions/acknowledge.sql.

-- name: closed
-- $1 a digest: what it names, as it is now; NULL: every closed brake and what it holds, all in one snapshot.
-- `slow`: closed by the chore, over a day (schema/functions/brake.sql)
SELECT g.source_id, g.reason, g.closed_at, h.name AS source, h.queue_rows, h.bytes,
       h.first_at, h.last_at, h.by_whom, h.sample, h.digest, coalesce((g.detail ->> 'slow')::boolean, false) AS slow
  FROM mediasweep.named_by($1) named
  JOIN mediasweep.gate g ON g.name = 'brake' AND g.source_id = CASE WHEN $1 IS NULL THEN g.source_id ELSE named.source END
 CROSS JOIN LATERAL mediasweep.held(g.source_id, coalesce(named.listing, pg_current_snapshot())) h
 ORDER BY g.closed_at

-- name: first_held
-- $1 digest, $2 at most so many; the ids of what it names, as it is now, the first to be due first
SELECT q.id
  FROM mediasweep.named_by($1) named
  JOIN mediasweep.cloudinary_cleanup_queue q ON q.source_id = named.source
 CROSS JOIN LATERAL mediasweep.acknowledged(named.source) known
 WHERE q.processed_at IS NULL
   AND (pg_visible_in_snapshot(q.xact, named.listing) OR q.xact >= pg_snapshot_xmax(pg_current_snapshot()))
   AND pg_visible_in_snapshot(q.xact, known.covered) IS NOT TRUE AND q.xact <> ALL (known.confirmed)
 ORDER BY q.due_at, q.id
 LIMIT $2

-- name: acknowledge
-- $1 digest, $2 who, $3 false: only say whether it would be refused
SELECT a.queue_rows, a.refused FROM mediasweep.acknowledge($1, $2, $3) a
