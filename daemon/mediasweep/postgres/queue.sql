-- The queue, as a daemon uses it. The moves themselves are functions: schema/functions/.

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

-- name: brake_dribble
-- $1 terms
SELECT mediasweep.brake_dribble($1::jsonb)

-- name: forget_acknowledgements
-- $1 terms
SELECT mediasweep.forget_acknowledgements($1::jsonb)

-- name: prune
-- $1 retention, $2 at most so many rows of each
SELECT mediasweep.prune_queue($1, $2) AS queue_rows, mediasweep.prune_journal($1, $2) AS journal_rows
