-- name: backend_pid
SELECT pg_backend_pid()

-- name: be_patient
-- $1 milliseconds that the statements of this transaction may take
SELECT set_config('statement_timeout', $1, true)
