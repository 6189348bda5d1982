-- What the pages are measured over.

-- name: library
INSERT INTO public.media_assets (cloudinary_public_id, original_filename, display_name, file_size, mime_type, format,
  width, height, folder, tags, description, alt_text, secure_url, url, resource_type, created_at, updated_at)
SELECT 'f' || n % 200 || '/asset ' || n, 'IMG_' || n || '.jpg', md5(n::text), 1000 + n % 100000, 'image/jpeg', 'jpg', 800, 600,
       'f' || n % 200, ARRAY['t' || n % 50, 'all'], repeat('word ', 20) || md5(n::text), 'a picture of ' || n,
       'https://res.cloudinary.com/demo/f' || n % 200 || '/' || n, 'http://res.cloudinary.com/demo/' || n,
       (ARRAY['image', 'image', 'image', 'video', 'raw'])[1 + n % 5], now() - n * interval '7 s', now() - n * interval '5 s'
  FROM generate_series(1, $1::integer) n

-- name: queue
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, resource_type, delivery_type, source_id, status, queued_at, due_at, processed_at, claim_no,
   cloudinary_response, deletion_reason, trigger_source)
SELECT 'gone/' || n, 'image', 'upload', 1, CASE WHEN n % 50 = 0 THEN 'skipped' ELSE 'completed' END,
       now() - n * interval '2 s', now() - n * interval '2 s', now() - n * interval '2 s', 1, '{"result": "ok"}', 'row_deleted', 'trigger'
  FROM generate_series(1, $1::integer) n

-- name: failed
WITH failed AS (
  UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'failed', error_message = 'gave up'
   WHERE cloudinary_public_id IN (SELECT 'gone/' || n * 1999 FROM generate_series(1, 100) n) RETURNING id)
INSERT INTO mediasweep.failed (id) SELECT f.id FROM failed f

-- name: journal
INSERT INTO mediasweep.journal (at, event, queue_id, source_id, public_id, resource_type, status, outcome, claim_no, actor)
SELECT q.processed_at, 'recorded', q.id, q.source_id, q.cloudinary_public_id, q.resource_type, q.status, 'deleted', 1, 'daemon'
  FROM mediasweep.cloudinary_cleanup_queue q

-- name: waiting
INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, resource_type, delivery_type, source_id)
SELECT 'waits/' || n, 'image', 'upload', 1 FROM generate_series(1, $1::integer) n

-- name: pause
INSERT INTO mediasweep.gate (name, reason, closed_by) VALUES ('pause', 'to measure', 'bench')

-- name: newest
SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q ORDER BY q.due_at DESC LIMIT 1
