-- What was done lately, by whom: the journal from its end.

-- name: page
-- $1 the last entry of the page before, or NULL; $2 at most so many, the newest first
SELECT j.id, j.at, j.event, j.queue_id, j.public_id, j.resource_type, j.status, j.outcome, j.detail, j.actor, j.app,
       mediasweep.source_name(j.source_id) AS source
  FROM mediasweep.journal j
 WHERE $1::bigint IS NULL OR j.id < $1
 ORDER BY j.id DESC
 LIMIT $2

-- name: hours
-- What became of rows in each of the last 24 hours, this one included, the oldest first.
SELECT h.hour,
       count(*) FILTER (WHERE j.event = 'completed' AND j.outcome = 'deleted') AS deleted,
       count(*) FILTER (WHERE j.event = 'completed' AND j.outcome = 'absent') AS absent,
       count(*) FILTER (WHERE j.event = 'failed') AS failed
  FROM generate_series(date_trunc('hour', clock_timestamp()) - interval '23 hours', clock_timestamp(), interval '1 hour') AS h (hour)
  LEFT JOIN (SELECT date_trunc('hour', e.at) AS hour, e.event, e.outcome
               FROM mediasweep.journal e
              WHERE e.at >= date_trunc('hour', clock_timestamp()) - interval '23 hours' AND e.event IN ('completed', 'failed')) j
    ON j.hour = h.hour
 GROUP BY h.hour
 ORDER BY h.hour
