-- The queue, as the daemon and its operators use it. The moves themselves are functions: schema/functions/.

-- name: claim
-- $1 daemon, $2 batch, $3 terms, $4 memory
SELECT * FROM mediasweep.claim($1, $2, $3::jsonb, $4::jsonb)

-- name: bytes_of
-- $1 ids
SELECT coalesce(sum(q.file_size), 0)::bigint FROM mediasweep.cloudinary_cleanup_queue q WHERE q.id = ANY ($1)

-- name: record
-- $1 daemon, $2 results
SELECT recorded, lost FROM mediasweep.record($1, $2)

-- name: refill
-- $1 at most so many rows
SELECT mediasweep.refill($1)

-- name: prune
-- $1 retention, $2 at most so many rows of each
SELECT mediasweep.prune_queue($1, $2) AS queue_rows, mediasweep.prune_journal($1, $2) AS journal_rows

-- name: retry
-- $1 ids, $2 who
SELECT mediasweep.retry($1, $2) AS id

-- name: list
-- $1 statuses or NULL, $2 at most so many rows; newest first
SELECT q.id, q.status, q.cloudinary_public_id, q.resource_type, q.delivery_type, q.deletion_reason, q.queued_at,
       q.processed_at, q.due_at, q.processing_attempts, q.max_attempts, q.in_doubt, q.error_message,
       coalesce(a.relation::text, q.trigger_source) AS source
  FROM mediasweep.cloudinary_cleanup_queue q
  LEFT JOIN mediasweep.attached a ON a.id = q.source_id
 WHERE $1::text[] IS NULL OR q.status = ANY ($1)
 ORDER BY q.queued_at DESC, q.id
 LIMIT $2

-- name: show
-- $1 id
SELECT q.*, coalesce(a.relation::text, q.trigger_source) AS source, a.detached_at IS NOT NULL AS detached
  FROM mediasweep.cloudinary_cleanup_queue q
  LEFT JOIN mediasweep.attached a ON a.id = q.source_id
 WHERE q.id = $1

-- name: timeline
-- $1 id
SELECT j.at, j.event, j.claim_no, j.status, j.outcome, j.detail, j.actor, j.request_id
  FROM mediasweep.journal j
 WHERE j.queue_id = $1
 ORDER BY j.id

-- name: matching
-- $1 statuses, $2 at most so many rows
SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
 WHERE q.status = ANY ($1)
 ORDER BY q.queued_at
 LIMIT $2
