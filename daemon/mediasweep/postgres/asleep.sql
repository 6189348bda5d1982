-- The key's own connection.

-- name: patient
SELECT set_config('statement_timeout', '0', false), set_config('idle_session_timeout', '0', false)

-- name: arm
SELECT mediasweep.arm()

-- name: disarm
SELECT mediasweep.disarm()

-- name: wait_for_sibling
SELECT mediasweep.wait_for_sibling($1)

-- name: wait_for_enqueuers
SELECT mediasweep.wait_for_enqueuers($1)
