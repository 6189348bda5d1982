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

-- name: acknowledge
-- $1 digest, $2 who, $3 false: only say whether it would be refused
SELECT a.queue_rows, a.refused FROM mediasweep.acknowledge($1, $2, $3) a
