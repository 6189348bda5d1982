-- The self-test, as an application and an operator would do it: with the rights of whoever runs it.

-- name: now
SELECT clock_timestamp()

-- name: delete_softly
-- $1 row of the library
UPDATE public.media_assets SET deleted_at = clock_timestamp() WHERE id = $1

-- name: delete
-- $1 row of the library
DELETE FROM public.media_assets WHERE id = $1

-- name: captured
-- $1 asset id; the row of the queue by which it was let go of, beside that of its upload
SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
 WHERE q.asset_id = $1 AND q.trigger_source <> 'upload' ORDER BY q.queued_at DESC LIMIT 1

-- name: queue
-- $1 public id, $2 resource type, $3 delivery type, $4 asset id
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, resource_type, delivery_type, asset_id, deletion_reason, trigger_source)
VALUES ($1, $2, $3, $4, 'selftest', 'manual')
RETURNING id

-- name: wake
SELECT mediasweep.wake()

-- name: finished
-- $1 row of the queue
SELECT q.status, coalesce(q.error_message, q.status) AS why, extract(epoch FROM q.processed_at - q.queued_at)::float8 AS seconds
  FROM mediasweep.cloudinary_cleanup_queue q WHERE q.id = $1 AND q.processed_at IS NOT NULL

-- name: heard
-- $1 asset id, $2 since when; whether its upload was told
SELECT EXISTS (SELECT FROM mediasweep.inbox i
                WHERE i.notification_type = 'upload' AND i.received_at >= $2 AND position(convert_to($1, 'UTF8') IN i.body) > 0)

-- name: row
-- $1 row of the library
SELECT r.cloudinary_public_id AS public_id, r.cloudinary_asset_id AS asset_id, r.file_size
  FROM public.media_assets r WHERE r.id = $1 AND r.deleted_at IS NULL

-- name: unindexed
-- What the guard asks of the library by public id, and has no index for.
SELECT u.statement FROM mediasweep.unindexed(0) u
 WHERE to_regclass(u.relation) = 'public.media_assets'::regclass AND u.statement LIKE '%(cloudinary_public_id)%'

-- name: delete_all
-- $1 folder of this run, $2 folder of all runs. What a run left behind that was killed goes an hour later.
DELETE FROM public.media_assets r
 WHERE starts_with(r.cloudinary_public_id, $1)
    OR starts_with(r.cloudinary_public_id, $2) AND r.created_at < clock_timestamp() - interval '1 hour'
RETURNING r.cloudinary_public_id, r.resource_type, r.delivery_type, r.cloudinary_asset_id

-- name: queue_all
-- $1 public ids, $2 resource types, $3 delivery types, $4 asset ids; those that no trigger has queued
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, resource_type, delivery_type, asset_id, deletion_reason, trigger_source)
SELECT DISTINCT g.*, 'selftest', 'manual' FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) g (public_id, resource_type, delivery_type, asset_id)
 WHERE NOT EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue q
                    WHERE q.cloudinary_public_id = g.public_id AND (q.asset_id = g.asset_id) IS NOT FALSE
                      AND q.trigger_source <> 'upload' AND q.status <> 'skipped')

-- name: left
-- $1 folder of this run
SELECT (SELECT count(*) FROM public.media_assets r WHERE starts_with(r.cloudinary_public_id, $1) AND r.deleted_at IS NULL) AS listed,
       count(*) FILTER (WHERE q.processed_at IS NULL) AS unfinished,
       count(*) FILTER (WHERE q.status = 'failed') AS failed,
       count(DISTINCT q.asset_id) FILTER (WHERE q.status = 'completed') AS gone
  FROM mediasweep.cloudinary_cleanup_queue q WHERE starts_with(q.cloudinary_public_id, $1)
