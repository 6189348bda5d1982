-- The self-test. What it changes is done by functions: schema/functions/selftest.sql.

-- name: delete
-- $1 row of the library, $2 softly
SELECT mediasweep.selftest_delete($1, $2)

-- name: captured
-- $1 asset id; the row of the queue by which it was let go of, beside that of its upload
SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
 WHERE q.asset_id = $1 AND q.trigger_source <> 'upload' ORDER BY q.queued_at DESC LIMIT 1

-- name: queue
-- $1 public id, $2 resource type, $3 delivery type, $4 asset id
SELECT mediasweep.selftest_queue($1, $2, $3, $4)

-- name: finished
-- $1 row of the queue
SELECT q.status, coalesce(q.error_message, q.status) AS why, extract(epoch FROM q.processed_at - q.queued_at)::float8 AS seconds
  FROM mediasweep.cloudinary_cleanup_queue q WHERE q.id = $1 AND q.processed_at IS NOT NULL

-- name: told_as
-- $1 asset id, $2 since when; the types of the notifications that name it
SELECT DISTINCT i.notification_type FROM mediasweep.inbox i
 WHERE i.received_at >= $2 AND position(convert_to($1, 'UTF8') IN i.body) > 0
 ORDER BY 1

-- name: row
-- $1 row of the library
SELECT r.public_id, r.asset_id, r.file_size FROM mediasweep.selftest_row($1) r

-- name: unindexed
-- What the guard asks of the library by public id, and has no index for.
SELECT u.statement FROM mediasweep.unindexed(0) u
 WHERE to_regclass(u.relation) = to_regclass('public.media_assets') AND u.statement LIKE '%(cloudinary_public_id)%'

-- name: clean
-- $1 folder of the run, $2 what it has made
SELECT mediasweep.selftest_clean($1, $2::jsonb)

-- name: left
-- $1 folder of the run
SELECT l.listed, l.unfinished, l.failed FROM mediasweep.selftest_left($1) l
