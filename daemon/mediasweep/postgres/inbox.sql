-- The inbox of notifications. What they change is done by functions: schema/functions/inbox.sql and hear.sql.

-- name: receive
-- $1 digest, $2 notification type, $3 signed at, $4 body, $5 how long it rests
SELECT mediasweep.receive($1, $2, $3, $4, $5)

-- name: take
-- $1 at most so many
SELECT t.digest, t.signed_at, t.body FROM mediasweep.take_inbox($1) t

-- name: apply
-- $1 digest, $2 changes
SELECT mediasweep.apply_notification($1, $2::jsonb)

-- name: put_back
-- $1 digest, $2 error
SELECT mediasweep.put_back($1, $2)

-- name: prune
-- $1 retention, $2 at most so many
SELECT mediasweep.prune_inbox($1, $2)

-- name: state
-- What waits, and what came of the rest.
SELECT coalesce(i.outcome, CASE WHEN i.error IS NULL THEN 'waiting' ELSE 'failing' END) AS outcome, count(*) AS notifications,
       min(i.received_at) AS oldest, max(i.error) AS error
  FROM mediasweep.inbox i
 GROUP BY 1 ORDER BY 1

-- name: has
-- $1 digest
SELECT EXISTS (SELECT FROM mediasweep.inbox i WHERE i.digest = $1)
