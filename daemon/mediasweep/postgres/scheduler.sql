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
         configured_by = $2, configured_at = clock_timestamp()
  RETURNING s.one),
logged AS (
  INSERT INTO mediasweep.journal (event, detail, actor) SELECT 'configured', $1::jsonb::text, $2 FROM configured)
SELECT pg_notify('mediasweep', '') FROM configured

-- name: config
SELECT s.interval_minutes, s.batch_size, s.max_retries, s.health_check_interval, s.concurrency, s.configured_by,
       s.configured_at, s.forced, mediasweep.fleet_limit(20) AS limit_now
  FROM mediasweep.scheduler s

-- name: force
-- $1 at most so many rows or NULL, $2 who; returns how many rows are let through a pause
WITH due AS (
  SELECT count(*)::integer AS rows FROM (
    SELECT FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.processed_at IS NULL AND q.due_at <= clock_timestamp()
       AND (q.lease_until IS NULL OR q.lease_until <= clock_timestamp())
     LIMIT $1) q),
forced AS (
  UPDATE mediasweep.scheduler s SET forced = due.rows FROM due RETURNING s.forced),
logged AS (
  INSERT INTO mediasweep.journal (event, detail, actor)
  SELECT 'cleanup_forced', forced.forced || ' rows', $2 FROM forced)
SELECT forced.forced, pg_notify('mediasweep', '') FROM forced

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
