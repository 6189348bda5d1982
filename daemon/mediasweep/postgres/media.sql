-- The library, as people list it and delete from it; what is done is in
-- schema/functions/media.sql and plan.sql.

-- name: page
-- $1 folder, $2 resource type, $3 pattern of LIKE in any case, $4 tags, each or NULL; $5 column, $6 descending, $7 skipped, $8 at most
SELECT p.total, p.items::text[] AS items FROM mediasweep.media_found($1, $2, $3, $4, $5, $6, $7, $8) p

-- name: row
-- $1 id
SELECT mediasweep.media_row($1)::text

-- name: is_there
SELECT mediasweep.has_library()

-- name: figures
SELECT mediasweep.media_figures()::text

-- name: named
-- $1 ids, $2 public ids, $3 resource type and $4 delivery type of these, each or NULL
SELECT n.* FROM mediasweep.media_named($1, $2, $3, $4) n

-- name: delete
-- $1 ids of rows, $2 who, $3 the public id of each
SELECT d.id, d.public_id, d.queue_id FROM mediasweep.delete_media($1, $2, $3) d

-- name: delete_again
-- $1 ids of completed rows, $2 who
SELECT d AS id FROM mediasweep.delete_again($1, $2) d

-- name: plan
-- $1 ids of rows, $2 whether the guard is asked
SELECT p.* FROM mediasweep.media_plan($1, $2) p

-- name: deleted
-- $1 public ids, $2 pattern of ILIKE, $3 time and $4 id of the last row of the page before, each or NULL; $5 at most
SELECT d.* FROM mediasweep.media_deleted($1, $2, $3, $4, $5) d

-- name: completed
-- $1 public ids
SELECT q.id, q.cloudinary_public_id AS public_id
  FROM (SELECT DISTINCT n.id FROM unnest($1::text[]) n (id)) named
  JOIN mediasweep.cloudinary_cleanup_queue q
    ON hashtextextended(q.cloudinary_public_id, 0) = hashtextextended(named.id, 0) AND q.cloudinary_public_id = named.id
   AND q.processed_at IS NOT NULL
 WHERE q.status = 'completed'

-- name: undelete
-- $1 ids of rows, $2 who, $3 the completed rows of the queue
SELECT u.id, u.refused FROM mediasweep.undelete_media($1, $2, $3) u
