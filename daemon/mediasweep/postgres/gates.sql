-- The gates: why nothing is being sent. Each change is journalled in its own statement and wakes the fleet.

-- name: close
-- $1 name, $2 reason, $3 who, $4 for how long or NULL, $5 how often to test afterwards or NULL
-- Returns until when it is closed, and what was in force before: reason, who and until when.
WITH before AS (
  SELECT g.reason, g.closed_by, g.until FROM mediasweep.gate g
   WHERE g.name = $1 AND g.source_id IS NULL AND (g.until IS NULL OR g.until > clock_timestamp())),
closed AS (
  INSERT INTO mediasweep.gate (name, reason, closed_by, until, probe)
  VALUES ($1, $2, $3, clock_timestamp() + $4::interval, $5::interval)
  ON CONFLICT ON CONSTRAINT gate_is_closed_once DO UPDATE
     SET until = excluded.until, probe = excluded.probe, reason = excluded.reason, closed_by = excluded.closed_by,
         tested_at = NULL,   -- a test that is under way is not one of this closing
         closed_at = CASE WHEN gate.until <= clock_timestamp() AND gate.probe IS NULL THEN clock_timestamp() ELSE gate.closed_at END
  RETURNING name, gate.until),
logged AS (
  INSERT INTO mediasweep.journal (event, outcome, detail, actor)
  SELECT 'gate_closed', closed.name, $2, $3 FROM closed)
SELECT closed.until, before.reason AS reason_before, before.closed_by AS closed_by_before, before.until AS until_before,
       pg_notify('mediasweep', '')
  FROM closed LEFT JOIN before ON true

-- name: open
-- $1 names, $2 who; returns the names that were closed
WITH opened AS (
  DELETE FROM mediasweep.gate g WHERE g.name = ANY ($1) AND g.source_id IS NULL
  RETURNING g.name),
logged AS (
  INSERT INTO mediasweep.journal (event, outcome, actor)
  SELECT 'gate_opened', opened.name, $2 FROM opened)
SELECT opened.name, pg_notify('mediasweep', '') FROM opened

-- name: open_tested
-- $1 who; opens every gate that let a row through as a test and was not closed again since; returns their names
WITH opened AS (
  DELETE FROM mediasweep.gate g WHERE g.tested_at IS NOT NULL AND g.probe IS NOT NULL AND g.source_id IS NULL
  RETURNING g.name),
logged AS (
  INSERT INTO mediasweep.journal (event, outcome, detail, actor)
  SELECT 'gate_opened', opened.name, 'a test went through', $1 FROM opened)
SELECT opened.name, pg_notify('mediasweep', '') FROM opened

-- name: expire
-- Opens what was closed for a time that has passed, so that the journal says so; returns the names.
WITH opened AS (
  DELETE FROM mediasweep.gate g WHERE g.until <= clock_timestamp() AND g.probe IS NULL
  RETURNING g.name, g.source_id),
logged AS (
  INSERT INTO mediasweep.journal (event, outcome, detail, source_id)
  SELECT 'gate_opened', opened.name, 'its time has passed', opened.source_id FROM opened)
SELECT opened.name FROM opened

-- name: list
SELECT g.name, g.source_id, mediasweep.source_name(g.source_id) AS source, g.reason, g.closed_by, g.closed_at, g.until, g.probe
  FROM mediasweep.gate g
 WHERE g.until IS NULL OR g.until > clock_timestamp() OR g.probe IS NOT NULL
 ORDER BY g.closed_at

-- name: throttle
-- $1 the fleet's limit as this daemon was started; tells whether it was halved
SELECT mediasweep.throttle($1)
