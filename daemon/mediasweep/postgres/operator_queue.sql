-- The queue, as its operators see it and move its rows. The moves themselves are in schema/functions/operator.sql.

-- name: sources
-- The tables that are attached or were, with the names by which a person may call them; those that are gone have none.
-- $1 a number that was given or NULL: also that one, if it is of no table, but of a row of the queue or the journal
SELECT a.id, c.relname AS name, n.nspname || '.' || c.relname AS qualified, CASE WHEN c.oid IS NOT NULL THEN a.relation::text END AS shown
  FROM mediasweep.attached a
  LEFT JOIN pg_class c ON c.oid = a.relation
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
 UNION ALL
SELECT $1, NULL, NULL, NULL
 WHERE $1::integer IS NOT NULL
   AND NOT EXISTS (SELECT FROM mediasweep.attached a WHERE a.id = $1)
   AND (EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue q WHERE q.source_id = $1 AND q.processed_at IS NULL)
        OR EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue q WHERE q.source_id = $1 AND q.processed_at IS NOT NULL)
        OR EXISTS (SELECT FROM mediasweep.journal j WHERE j.source_id = $1))
 ORDER BY 1

-- name: reasons
-- Why assets were let go of, in all words that there are; asked for one that is none of ours only, for it reads everything.
SELECT DISTINCT q.deletion_reason AS reason FROM mediasweep.cloudinary_cleanup_queue q
 UNION
SELECT DISTINCT j.reason FROM mediasweep.journal j WHERE j.reason IS NOT NULL

-- name: list
-- $1 statuses, $2 source, $3 pattern of LIKE, $4 reason, $5 app, $6 actor, $7 since, $8 until, $9 in doubt,
-- $10 pattern of the file name, $11 mediasweep's own, each or NULL; $12 at most so many rows, the newest first
SELECT q.id, q.status, q.cloudinary_public_id, q.original_filename, q.resource_type, q.delivery_type, q.deletion_reason, q.queued_at,
       q.processed_at, q.due_at, q.processing_attempts, q.max_attempts, q.in_doubt, q.error_message, q.actor, q.app,
       mediasweep.source_name(q.source_id) AS source
  FROM mediasweep.matching($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) q
 ORDER BY q.queued_at DESC, q.id
 LIMIT $12

-- name: page
-- $1 to $11 as above; $12 time and $13 id of the last row of the page before, or NULL; $14 at most so many rows, the newest
-- first; $15 not beyond this time, or NULL. Source by source, finished and unfinished: along the indexes that the brake has, so that no page
-- costs the whole queue (the bounds of the time are never NULL, or a generic plan would not use them); what has failed, which is looked for
-- among a million others, by its list
WITH source AS (SELECT s.id, s.finished FROM mediasweep.sources_of($1) s WHERE $2::integer IS NULL OR s.id = $2)
SELECT q.id, q.status, q.cloudinary_public_id, q.original_filename, q.resource_type, q.delivery_type, q.deletion_reason, q.queued_at,
       q.processed_at, q.due_at, q.processing_attempts, q.max_attempts, q.in_doubt, q.error_message, q.actor, q.app,
       mediasweep.source_name(q.source_id) AS source
  FROM (SELECT page.* FROM source s CROSS JOIN LATERAL (
          SELECT m.* FROM mediasweep.matching($1, NULL, $3, $4, $5, $6, $7, $8, $9, $10, $11) m
           WHERE m.source_id = s.id AND m.processed_at IS NULL
             AND m.queued_at BETWEEN coalesce(greatest($7, $15), '-infinity') AND least($8, $12, 'infinity')
             AND ($12::timestamptz IS NULL OR m.queued_at < $12 OR m.id < $13::uuid)
           ORDER BY m.queued_at DESC, m.id DESC LIMIT $14) page
         WHERE NOT s.finished
         UNION ALL
        SELECT page.* FROM source s CROSS JOIN LATERAL (
          SELECT m.* FROM mediasweep.matching($1, NULL, $3, $4, $5, $6, $7, $8, $9, $10, $11) m
           WHERE m.source_id = s.id AND m.processed_at IS NOT NULL
             AND m.queued_at BETWEEN coalesce(greatest($7, $15), '-infinity') AND least($8, $12, 'infinity')
             AND ($12::timestamptz IS NULL OR m.queued_at < $12 OR m.id < $13::uuid)
           ORDER BY m.queued_at DESC, m.id DESC LIMIT $14) page
         WHERE s.finished
         UNION ALL
        SELECT m.* FROM mediasweep.matching($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) m
         WHERE $1::text[] = '{failed}' AND m.id IN (SELECT f.id FROM mediasweep.failed f)
           AND ($12::timestamptz IS NULL OR m.queued_at <= $12 AND (m.queued_at < $12 OR m.id < $13::uuid))) q
 ORDER BY q.queued_at DESC, q.id DESC
 LIMIT $14

-- name: reach
-- $1 statuses, $2 source, $3 since, $4 until, $5 time of the last row of the page before, each or NULL; $6 at most so many rows of a source are looked
-- at. Returns how far back that is, NULL: all there is. It goes along the same indexes, and reads no row.
WITH source AS (SELECT s.id, s.finished FROM mediasweep.sources_of($1) s WHERE $2::integer IS NULL OR s.id = $2)
SELECT max(far.queued_at)
  FROM (SELECT (SELECT q.queued_at FROM mediasweep.cloudinary_cleanup_queue q
                 WHERE q.source_id = s.id AND q.processed_at IS NULL
                   AND q.queued_at BETWEEN coalesce($3::timestamptz, '-infinity') AND least($4, $5, 'infinity'::timestamptz)
                 ORDER BY q.queued_at DESC OFFSET $6 LIMIT 1) AS queued_at
          FROM source s WHERE NOT s.finished
         UNION ALL
        SELECT (SELECT q.queued_at FROM mediasweep.cloudinary_cleanup_queue q
                 WHERE q.source_id = s.id AND q.processed_at IS NOT NULL
                   AND q.queued_at BETWEEN coalesce($3::timestamptz, '-infinity') AND least($4, $5, 'infinity'::timestamptz)
                 ORDER BY q.queued_at DESC OFFSET $6 LIMIT 1)
          FROM source s WHERE s.finished) far

-- name: count
-- $1 to $11 as above
SELECT count(*) FROM mediasweep.matching($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) q

-- name: oldest
-- $1 to $11 as above; $12 at most so many ids, the oldest first
SELECT q.id FROM mediasweep.matching($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) q
 ORDER BY q.queued_at, q.id
 LIMIT $12

-- name: would_retry
-- $1 ids; each row with the reason for which it would be refused, or NULL; the oldest first. `cancelled`: by whom and
-- why, of those that a person skipped
SELECT q.id, q.status, q.cloudinary_public_id, q.queued_at, mediasweep.source_name(q.source_id) AS source,
       mediasweep.refusal('retry', q.status, q.in_doubt) AS refused,
       CASE WHEN q.status = 'skipped'
             AND (SELECT j.event FROM mediasweep.journal j WHERE j.queue_id = q.id AND j.status = 'skipped'
                   ORDER BY j.id DESC LIMIT 1) = 'cancelled' THEN q.error_message END AS cancelled
  FROM mediasweep.cloudinary_cleanup_queue q
 WHERE q.id = ANY ($1)
 ORDER BY q.queued_at, q.id

-- name: would_cancel
-- $1 ids; the same, and the rows that would be cancelled along
SELECT q.id, q.status, q.cloudinary_public_id, q.queued_at, mediasweep.source_name(q.source_id) AS source, p.refused,
       NULL AS cancelled
  FROM mediasweep.plan_cancel($1, mediasweep.same_assets($1)) p
  JOIN mediasweep.cloudinary_cleanup_queue q ON q.id = p.id
 WHERE p.refused IS NULL OR q.id = ANY ($1)
 ORDER BY q.queued_at, q.id

-- name: kept
-- $1 ids; those that a claim would keep if it came now, and why
SELECT k.id, min(k.why) AS why
  FROM (SELECT u.id, 'in use by ' || coalesce(u.used_by, 'a row') AS why
          FROM mediasweep.uses(ARRAY(SELECT q FROM mediasweep.cloudinary_cleanup_queue q WHERE q.id = ANY ($1))) u
         UNION ALL
        SELECT q.id, 'protected by the prefix ' || p.prefix
          FROM mediasweep.cloudinary_cleanup_queue q
          JOIN mediasweep.protected p ON starts_with(q.cloudinary_public_id, p.prefix)
         WHERE q.id = ANY ($1)) k
 GROUP BY k.id

-- name: retry
-- $1 ids, $2 who
SELECT m.id, m.refused, m.busy FROM mediasweep.retry($1, $2) m

-- name: cancel
-- $1 ids, $2 who, $3 why
SELECT m.id, m.refused, m.busy FROM mediasweep.cancel($1, $2, $3) m

-- name: show
-- $1 id
SELECT q.*, mediasweep.source_name(q.source_id) AS source, a.detached_at IS NOT NULL AS detached
  FROM mediasweep.cloudinary_cleanup_queue q
  LEFT JOIN mediasweep.attached a ON a.id = q.source_id
 WHERE q.id = $1

-- name: why
-- $1 id of an unfinished row
SELECT w.reason, w.about, w.rows, w.detail, clock_timestamp() - w.since AS lasts, w.until - clock_timestamp() AS ends_in
  FROM mediasweep.why($1) w
 ORDER BY w.rank, w.about

-- name: timeline
-- $1 id
SELECT j.at, j.event, j.claim_no, j.status, j.outcome, j.detail, j.actor, j.request_id
  FROM mediasweep.journal j
 WHERE j.queue_id = $1
 ORDER BY j.id
