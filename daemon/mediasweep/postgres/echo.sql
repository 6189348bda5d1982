-- The proof that LISTEN works.

-- name: notify
-- $1 channel, $2 payload
SELECT pg_notify($1, $2)
