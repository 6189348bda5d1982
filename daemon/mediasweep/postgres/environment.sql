-- The safeguard against copies and failovers, as the daemon and its operators use it.

-- name: server
-- Which server process this is.
SELECT pg_postmaster_start_time()::text

-- name: recall
-- $1 daemon, $2 what it remembers to have deleted
SELECT mediasweep.recall($1, $2::jsonb)

-- name: look_again
-- $1 how long nothing is looked at after a failover, $2 so many deletions in one step
SELECT state, looked, in_use, error FROM mediasweep.look_again($1, $2)

-- name: differences
-- $1 terms
SELECT what, was, "is" FROM mediasweep.differences(NULL, $1::jsonb)

-- name: guard
-- It raises what keeps the guard from answering at all
SELECT mediasweep.ask_guard()

-- name: gates
SELECT g.name AS gate, g.reason, g.closed_at
  FROM mediasweep.gate g
 WHERE g.name IN ('environment', 'failover') AND g.source_id IS NULL
 ORDER BY g.closed_at

-- name: adopt
-- $1 terms, $2 who
SELECT what, was, "is" FROM mediasweep.adopt($1::jsonb, $2)
