-- What was done lately, by whom: the journal from its end.

-- name: page
-- $1 the last entry of the page before, or NULL; $2 at most so many, the newest first
SELECT j.id, j.at, j.event, j.queue_id, j.public_id, j.resource_type, j.status, j.outcome, j.detail, j.actor, j.app,
       mediasweep.source_name(j.source_id) AS source
  FROM mediasweep.journal j
 WHERE $1::bigint IS NULL OR j.id < $1
 ORDER BY j.id DESC
 LIMIT $2
