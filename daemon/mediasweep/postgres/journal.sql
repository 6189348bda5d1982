-- The journal, as those use it who have to take something back.

-- name: deletions
-- Deletions that were carried out, or may have been, newest first.
-- Of a row that is not finished none: it would be sent again.
-- $1 queue ids, $2 public ids, $3 prefix, $4 number of a source, $5 reason, $6 actor, $7 application, $8 since,
-- $9 until (each NULL: any), $10 those that were taken back since, or those that were not, $11 at most so many,
-- $12 the self-test's folder: what was in it is left out unless it is named
SELECT j.id AS entry, j.at, j.queue_id, j.public_id, j.resource_type, j.delivery_type, j.asset_id, j.format, j.bytes,
       j.outcome IS NOT DISTINCT FROM 'deleted' AS certain, mediasweep.source_name(coalesce(j.source_id, q.source_id)) AS source,
       j.reason, j.actor, j.app
  FROM mediasweep.journal j
  LEFT JOIN mediasweep.cloudinary_cleanup_queue q ON q.id = j.queue_id
 WHERE j.event IN ('completed', 'unknown', 'handed_over', 'recalled')
   AND j.outcome IS DISTINCT FROM 'absent'
   AND (q.id IS NULL OR q.processed_at IS NOT NULL)
   AND ($1::uuid[] IS NULL OR j.queue_id = ANY ($1))
   AND ($2::text[] IS NULL OR j.public_id = ANY ($2))
   AND ($3::text IS NULL OR starts_with(j.public_id, $3))
   AND ($4::integer IS NULL OR coalesce(j.source_id, q.source_id) = $4)
   AND ($5::text IS NULL OR j.reason = $5)
   AND ($6::text IS NULL OR j.actor = $6)
   AND ($7::text IS NULL OR j.app = $7)
   AND ($8::timestamptz IS NULL OR j.at >= $8)
   AND ($9::timestamptz IS NULL OR j.at < $9)
   AND ($1 IS NOT NULL OR $2 IS NOT NULL OR starts_with($3, $12) OR NOT starts_with(j.public_id, $12::text))
   AND $10::boolean = (
     EXISTS (SELECT FROM mediasweep.journal r
              WHERE r.queue_id = j.queue_id AND r.event = 'restored' AND r.id > j.id)
     OR EXISTS (SELECT FROM mediasweep.journal r
                 WHERE r.public_id COLLATE "C" = j.public_id AND r.event = 'restored' AND r.id > j.id
                   AND r.resource_type IS NOT DISTINCT FROM j.resource_type
                   AND r.delivery_type IS NOT DISTINCT FROM j.delivery_type))
 ORDER BY j.id DESC
 LIMIT $11

-- name: note_restores
-- What came of taking deletions back, a row each. Where Cloudinary told format and size, these are known now.
-- $1 their entries, $2 events, $3 details, $4 formats, $5 sizes, $6 asset ids, $7 answers, $8 request ids, $9 who
INSERT INTO mediasweep.journal
  (event, queue_id, claim_no, status, detail, public_id, resource_type, delivery_type, asset_id, version, format,
   bytes, source_id, reason, actor, app, request_id, response)
SELECT said.event, j.queue_id, j.claim_no, coalesce(q.status, j.status), said.detail, j.public_id, j.resource_type,
       j.delivery_type, coalesce(said.asset_id, j.asset_id), j.version, coalesce(said.format, j.format),
       coalesce(said.bytes, j.bytes), j.source_id, j.reason, $9, current_setting('application_name'), said.request_id,
       said.response::jsonb
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[])
       AS said (entry, event, detail, format, bytes, asset_id, response, request_id)
  JOIN mediasweep.journal j ON j.id = said.entry
  LEFT JOIN mediasweep.cloudinary_cleanup_queue q ON q.id = j.queue_id
