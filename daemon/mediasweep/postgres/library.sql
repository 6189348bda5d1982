-- What stands in the way of the library.

-- name: lacking
-- The columns of the library (see hear.sql) that a table which has its name has not.
SELECT c.name
  FROM unnest('{id,cloudinary_public_id,resource_type,delivery_type,cloudinary_asset_id,cloudinary_version,cloudinary_signature,cloudinary_etag,
                original_filename,display_name,file_size,mime_type,format,width,height,duration,folder,tags,description,alt_text,secure_url,url,
                access_mode,cloudinary_created_at,last_synced_at,sync_status,sync_error_message,created_at,updated_at,deleted_at}'::text[]) WITH ORDINALITY c (name, n)
 WHERE to_regclass('public.media_assets') IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = to_regclass('public.media_assets') AND a.attname = c.name AND NOT a.attisdropped)
 ORDER BY c.n

-- name: open
SELECT EXISTS (SELECT FROM pg_class c WHERE c.oid = to_regclass('public.media_assets') AND NOT c.relrowsecurity)
