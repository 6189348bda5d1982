-- What was done lately, by whom: the journal from its end.

-- name: page
-- $1 the last entry of the page before, or NULL; $2 at most so many, the newest first
SELECT j.id, j.at, j.event, j.queue_id, j.public_id, j.resource_type, j.status, j.outcome, j.detail, j.actor, j.app,
       mediasweep.source_name(j.source_id) AS source
  FROM mediasweep.journal j
 WHERE $1::bigint IS NULL OR j.id < $1
 ORDER BY j.id DESC
 LIMIT $2

-- name: now
SELECT clock_timestamp()

-- name: done
-- $1 since, $2 until; what became of rows, in each five minutes that had any.
SELECT date_bin('5 minutes', j.at, '2000-01-01Z') AS at,
       count(*) FILTER (WHERE j.outcome = 'deleted') AS deleted,
       count(*) FILTER (WHERE j.outcome = 'absent') AS absent,
       count(*) FILTER (WHERE j.event = 'failed') AS failed
  FROM mediasweep.journal j
 WHERE j.at >= $1 AND j.at < $2 AND j.event IN ('completed', 'failed')
 GROUP BY 1
