-- The library, as people list it and delete from it; what is done is in schema/functions/media.sql.

-- name: page
-- $1 folder, $2 resource type, $3 pattern of ILIKE, $4 tags, each or NULL; $5 column, $6 descending, $7 skipped, $8 at most
SELECT p.total, p.items::text[] AS items FROM mediasweep.media_found($1, $2, $3, $4, $5, $6, $7, $8) p

-- name: figures
SELECT mediasweep.media_figures()::text

-- name: delete
-- $1 public ids, $2 who
SELECT d.public_id, d.queue_id FROM mediasweep.delete_media($1, $2) d

-- name: delete_again
-- $1 ids of completed rows, $2 who
SELECT d AS id FROM mediasweep.delete_again($1, $2) d
