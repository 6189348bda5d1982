-- A cleanup that somebody asked for: the rows that it is about, and what became of them.

-- name: due
-- $1 at most so many ids of due rows, the first to be due first; source by source, along the claim's index
SELECT due.id
  FROM mediasweep.sources_of('{pending}') s
 CROSS JOIN LATERAL (
   SELECT q.id, q.due_at FROM mediasweep.cloudinary_cleanup_queue q
    WHERE q.processed_at IS NULL AND q.source_id = s.id AND q.due_at <= clock_timestamp()
    ORDER BY q.due_at, q.id LIMIT $1) due
 ORDER BY due.due_at, due.id LIMIT $1

-- name: became
-- $1 ids; these rows as they are now
SELECT q.id, q.cloudinary_public_id AS public_id, q.status, q.error_message AS error, q.cloudinary_response::text,
       mediasweep.source_name(q.source_id) AS source
  FROM mediasweep.cloudinary_cleanup_queue q
 WHERE q.id = ANY ($1)
 ORDER BY q.due_at, q.id
