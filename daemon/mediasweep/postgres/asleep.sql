-- The key's own connection.

-- name: patient
-- for the statements that wait in the queue, and the session that is idle all night; the third is of PostgreSQL 17
SELECT set_config(s.name, '0', false) FROM pg_settings s
 WHERE s.name IN ('statement_timeout', 'idle_session_timeout', 'transaction_timeout')

-- name: arm
SELECT mediasweep.arm()

-- name: disarm
SELECT mediasweep.disarm()

-- name: wait_for_sibling
SELECT mediasweep.wait_for_sibling($1)

-- name: wait_for_enqueuers
SELECT mediasweep.wait_for_enqueuers($1)
