-- The listener's own connection.

-- name: arm
SELECT mediasweep.arm()

-- name: disarm
SELECT mediasweep.disarm()
