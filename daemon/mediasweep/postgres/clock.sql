-- The database's clock, which rules.

-- name: now
SELECT clock_timestamp()
