-- The rows that a filter leaves: the one WHERE of list, retry and cancel. NULL: any.
-- `public_id` is a pattern of LIKE; `since` belongs to the window, `until` does not.

-- What people call a source, wherever it is named: its table; `manual` for what no table put into the queue; its number, if
-- the table is gone or never was one.
CREATE OR REPLACE FUNCTION mediasweep.source_name(source integer) RETURNS text
LANGUAGE sql STABLE STRICT
AS $$
  SELECT CASE WHEN source = 0 THEN 'manual'
              ELSE coalesce((SELECT mediasweep.name_of(a.relation) FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation
                              WHERE a.id = source), source::text) END
$$;

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
