-- What is left of an earlier system in this database.

-- name: found
SELECT w.what
  FROM (VALUES
    ('the table public.cloudinary_cleanup_queue', to_regclass('public.cloudinary_cleanup_queue') IS NOT NULL),
    ('its trigger on public.media_assets', EXISTS (
      SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
       WHERE t.tgrelid = to_regclass('public.media_assets') AND p.proname = 'trigger_cloudinary_cleanup'
         AND p.pronamespace = to_regnamespace('public'))),
    ('its table public.media_assets', EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('public.media_assets') AND a.attname = 'cloudinary_public_id')
      AND NOT EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('public.media_assets') AND a.attname = 'delivery_type')
      -- attached as it is: it is somebody's own
      AND NOT EXISTS (
      SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
       WHERE t.tgrelid = to_regclass('public.media_assets') AND p.pronamespace = to_regnamespace('mediasweep')))
  ) w (what, here)
 WHERE w.here
