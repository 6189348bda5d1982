-- The demonstration's own SQL: what an application, or a person at a console, would run.

-- name: setup
-- A second table that uses files, two of the library among them, attached as `mediasweep` attaches any table.
CREATE TABLE public.articles (id integer PRIMARY KEY, title text NOT NULL, cover text);
CREATE INDEX ON public.articles (cover);
SELECT mediasweep.attach('public.articles', '{"public_id": "cover", "delivery_type": {"value": "upload"}}');
INSERT INTO public.articles VALUES (2, 'Along the coast', 'demo/gallery/harbour'), (3, 'Quiet places', 'demo/gallery/lighthouse');

-- name: insert_row
INSERT INTO public.media_assets
  (cloudinary_public_id, cloudinary_version, cloudinary_asset_id, original_filename, file_size, mime_type,
   resource_type, secure_url, url, format, width, height, folder, tags)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12, $13)

-- name: now
SELECT clock_timestamp()

-- name: finished
-- $1 public ids, $2 the time of the commit
SELECT q.cloudinary_public_id, q.status, coalesce(q.error_message, q.deletion_reason) AS why, q.processed_at - $2 AS after
  FROM mediasweep.cloudinary_cleanup_queue q
 WHERE q.cloudinary_public_id = ANY ($1) AND q.processed_at >= $2

-- name: is_shown
-- $1 public id, $2 live, or deleted softly
SELECT EXISTS (SELECT FROM public.media_assets m WHERE m.cloudinary_public_id = $1 AND (m.deleted_at IS NULL) = $2)

-- name: is_queued
-- $1 public ids
SELECT EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue q WHERE q.cloudinary_public_id = ANY ($1))

-- name: picture
DELETE FROM media_assets WHERE cloudinary_public_id = 'demo/picture';

-- name: film
DELETE FROM media_assets WHERE cloudinary_public_id = 'demo/film';

-- name: spreadsheet
DELETE FROM media_assets WHERE cloudinary_public_id = 'demo/table.csv';

-- name: bulk
DELETE FROM media_assets WHERE cloudinary_public_id LIKE 'demo/bulk/%';

-- name: soft
UPDATE media_assets SET deleted_at = now() WHERE cloudinary_public_id = 'demo/soft';

-- name: undeleted
UPDATE media_assets SET deleted_at = now() WHERE cloudinary_public_id = 'demo/undeleted';
UPDATE media_assets SET deleted_at = NULL WHERE cloudinary_public_id = 'demo/undeleted';

-- name: changed
-- Another file, so another asset id: with the same one it would be a rename, and its asset would stay.
UPDATE media_assets SET cloudinary_public_id = 'demo/after', cloudinary_asset_id = NULL, secure_url = replace(secure_url, 'before', 'after')
 WHERE cloudinary_public_id = 'demo/before';

-- name: shared
INSERT INTO articles VALUES (1, 'A title', 'demo/shared');
DELETE FROM media_assets WHERE cloudinary_public_id = 'demo/shared';

-- name: yours
DELETE FROM media_assets WHERE cloudinary_public_id = 'demo/yours/1';
