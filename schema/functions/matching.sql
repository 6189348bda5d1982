-- The rows that a filter leaves: the one WHERE of list, retry and cancel. NULL: any.
-- `public_id` is a pattern of LIKE; `since` belongs to the window, `until` does not.

CREATE OR REPLACE FUNCTION mediasweep.matching(
  statuses   text[],
  source     integer,
  public_id  text,
  reason     text,
  app        text,
  actor      text,
  since      timestamptz,
  until      timestamptz,
  doubtful   boolean)
RETURNS SETOF mediasweep.cloudinary_cleanup_queue
LANGUAGE sql STABLE   -- and nothing else, so that it is planned as part of the query that asks
AS $$
  SELECT q.*
    FROM mediasweep.cloudinary_cleanup_queue q
   WHERE (statuses IS NULL OR q.status = ANY (statuses))
     AND (matching.source IS NULL OR q.source_id = matching.source)
     AND (matching.public_id IS NULL OR q.cloudinary_public_id LIKE matching.public_id)
     AND (reason IS NULL OR q.deletion_reason = reason)
     AND (matching.app IS NULL OR q.app = matching.app)
     AND (matching.actor IS NULL OR q.actor = matching.actor)
     AND (since IS NULL OR q.queued_at >= since)
     AND (until IS NULL OR q.queued_at < until)
     AND (doubtful IS NULL OR q.in_doubt = doubtful)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
