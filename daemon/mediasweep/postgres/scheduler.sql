-- The scheduler: what an operator sets for all daemons, and the sweep that is asked for during a pause.
-- Each change is journalled in its own statement and wakes the fleet.

-- name: configure
-- $1 what is set, as JSON; null takes a value back. $2 who
WITH configured AS (
  UPDATE mediasweep.scheduler s
     SET interval_minutes = CASE WHEN $1::jsonb ? 'interval_minutes' THEN ($1::jsonb ->> 'interval_minutes')::float8 ELSE s.interval_minutes END,
         batch_size = CASE WHEN $1::jsonb ? 'batch_size' THEN ($1::jsonb ->> 'batch_size')::integer ELSE s.batch_size END,
         max_retries = CASE WHEN $1::jsonb ? 'max_retries' THEN ($1::jsonb ->> 'max_retries')::integer ELSE s.max_retries END,
         health_check_interval = CASE WHEN $1::jsonb ? 'health_check_interval'
                                      THEN ($1::jsonb ->> 'health_check_interval')::float8 ELSE s.health_check_interval END,
         concurrency = CASE WHEN $1::jsonb ? 'concurrency' THEN ($1::jsonb ->> 'concurrency')::integer ELSE s.concurrency END,
         auto_start = CASE WHEN $1::jsonb ? 'auto_start' THEN ($1::jsonb ->> 'auto_start')::boolean ELSE s.auto_start END,
         configured_by = $2, configured_at = clock_timestamp()
  RETURNING s.one),
logged AS (
  INSERT INTO mediasweep.journal (event, detail, actor) SELECT 'configured', $1::jsonb::text, $2 FROM configured)
SELECT pg_notify('mediasweep', '') FROM configured

-- name: config
SELECT s.interval_minutes, s.batch_size, s.max_retries, s.health_check_interval, s.concurrency, s.auto_start,
       s.configured_by, s.configured_at, s.forced, mediasweep.fleet_limit(20) AS limit_now
  FROM mediasweep.scheduler s

-- name: force
-- $1 at most so many rows or NULL, $2 who. Lets through a pause what no other gate holds; without a pause there is nothing
-- to let through. Returns whether there is one, how many due rows may go, and for each set of other gates how many these hold
WITH closed AS MATERIALIZED (
  SELECT g.name, g.source_id, g.closed_at FROM mediasweep.gate g WHERE g.until IS NULL OR g.until > clock_timestamp()),
pause AS (
  SELECT EXISTS (SELECT FROM closed c WHERE c.name = 'pause' AND c.source_id IS NULL) AS paused),
due AS (
  SELECT q.source_id, count(*)::integer AS rows
    FROM mediasweep.cloudinary_cleanup_queue q CROSS JOIN mediasweep.fleet_at_work() fleet
   WHERE q.processed_at IS NULL
     AND q.due_at + CASE WHEN q.claim_no = 0 THEN fleet.grace ELSE interval '0' END <= clock_timestamp()
     AND (q.lease_until IS NULL OR q.lease_until <= clock_timestamp())
     AND (q.source_id = 0 OR q.source_id IN (SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL))
   GROUP BY q.source_id),
held AS MATERIALIZED (
  SELECT due.rows, (SELECT string_agg(c.name || coalesce(' (' || mediasweep.source_name(c.source_id) || ')', ''), ' and ' ORDER BY c.source_id NULLS FIRST, c.name)
                      FROM closed c
                     WHERE (c.source_id IS NULL AND c.name <> 'pause') OR c.source_id = due.source_id) AS gates
    FROM due),
free AS (
  SELECT least(coalesce(sum(h.rows), 0), CASE WHEN pause.paused THEN $1::integer END)::integer AS rows, pause.paused
    FROM pause LEFT JOIN held h ON h.gates IS NULL GROUP BY pause.paused),
forced AS (
  UPDATE mediasweep.scheduler s SET forced = CASE WHEN free.paused THEN free.rows ELSE 0 END FROM free
  RETURNING free.rows, free.paused),
logged AS (
  INSERT INTO mediasweep.journal (event, detail, actor)
  SELECT 'cleanup_forced', mediasweep.counted(forced.rows, 'row'), $2 FROM forced)
SELECT forced.paused, forced.rows, coalesce(h.behind, '{}') AS behind, pg_notify('mediasweep', '')
  FROM forced
 CROSS JOIN (SELECT jsonb_object_agg(g.gates, g.rows) AS behind
               FROM (SELECT h.gates, sum(h.rows) AS rows FROM held h WHERE h.gates IS NOT NULL GROUP BY h.gates) g) h

-- name: test_now
-- $1 who; gates that test themselves do so at once
WITH hurried AS (
  UPDATE mediasweep.gate g SET until = clock_timestamp()
   WHERE g.probe IS NOT NULL AND g.source_id IS NULL AND g.until > clock_timestamp()
  RETURNING g.name),
logged AS (
  INSERT INTO mediasweep.journal (event, outcome, detail, actor)
  SELECT 'gate_hurried', hurried.name, 'restart', $1 FROM hurried)
SELECT hurried.name, pg_notify('mediasweep', '') FROM hurried
