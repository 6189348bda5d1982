-- The listener's own connection.

-- name: arm
SELECT mediasweep.arm()

-- name: disarm
SELECT mediasweep.disarm()

-- name: notify
-- $1 channel, $2 payload
SELECT pg_notify($1, $2)
