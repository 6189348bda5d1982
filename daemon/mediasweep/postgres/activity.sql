-- What was done lately, by whom: the journal from its end.

-- name: page
-- $1 event, $2 actor, $3 mediasweep's own, each or NULL; $4 the last entry of the page before, $5 not beyond this one, each or NULL; $6 at most so
-- many, the newest first. The bounds are never NULL, or a generic plan would not go along the key
SELECT j.id, j.at, j.event, j.queue_id, j.public_id, j.resource_type, j.status, j.outcome, j.detail, j.actor, j.app,
       mediasweep.source_name(j.source_id) AS source
  FROM mediasweep.journal j
 WHERE j.id < coalesce($4::bigint, 9223372036854775807) AND j.id >= coalesce($5::bigint, 0)
   AND ($1::text IS NULL OR j.event = $1)
   AND ($2::text IS NULL OR j.actor = $2)
   AND ($3::boolean IS NULL OR mediasweep.is_own(j.reason, j.public_id) = $3)
 ORDER BY j.id DESC
 LIMIT $6

-- name: reach
-- $1 the last entry of the page before, or NULL; $2 so many entries are looked at. Returns the last of them, NULL: that is all there is
SELECT j.id FROM mediasweep.journal j
 WHERE j.id < coalesce($1::bigint, 9223372036854775807)
 ORDER BY j.id DESC
OFFSET $2 - 1 LIMIT 1

-- name: done
-- $1 since, $2 until; what became of rows, in each five minutes that had any.
SELECT date_bin('5 minutes', j.at, '2000-01-01Z') AS at,
       count(*) FILTER (WHERE j.outcome = 'deleted') AS deleted,
       count(*) FILTER (WHERE j.outcome = 'absent') AS absent,
       count(*) FILTER (WHERE j.event = 'failed') AS failed
  FROM mediasweep.journal j
 WHERE j.at >= $1 AND j.at < $2 AND j.event IN ('completed', 'failed')
 GROUP BY 1
