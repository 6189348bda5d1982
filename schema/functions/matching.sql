-- The rows that a filter leaves: the one WHERE of list, retry and cancel. NULL: any.
-- `public_id` and `filename` are patterns of LIKE; `since` belongs to the window, `until` does not.

-- What people call a source, wherever it is named: its table; `manual` for what no table put into the queue; its number, if
-- the table is gone or never was one.
CREATE OR REPLACE FUNCTION mediasweep.source_name(source integer) RETURNS text
LANGUAGE sql STABLE STRICT
AS $$
  SELECT CASE WHEN source = 0 THEN 'manual'
              ELSE coalesce((SELECT mediasweep.name_of(a.relation) FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation
                              WHERE a.id = source), source::text) END
$$;

-- Did mediasweep let go of this itself: a name that an upload holds for the case that it is broken off, or an asset of a self-test?
-- Of a row of the queue or an entry of the journal.
CREATE OR REPLACE FUNCTION mediasweep.is_own(reason text, public_id text) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$ SELECT coalesce(reason = 'upload_pending' OR starts_with(public_id, mediasweep.selftest_folder()), false) $$;

-- The release before knew neither file names nor what is its own.
DROP FUNCTION IF EXISTS mediasweep.matching(text[], integer, text, text, text, text, timestamptz, timestamptz, boolean);
CREATE OR REPLACE FUNCTION mediasweep.matching(
  statuses   text[],
  source     integer,
  public_id  text,
  reason     text,
  app        text,
  actor      text,
  since      timestamptz,
  until      timestamptz,
  doubtful   boolean,
  filename   text DEFAULT NULL,
  own        boolean DEFAULT NULL)
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
     AND (filename IS NULL OR q.original_filename LIKE filename)
     AND (own IS NULL OR mediasweep.is_own(q.deletion_reason, q.cloudinary_public_id) = own)
$$;

-- The sources that have rows in these states, unfinished and finished ones: a step along an index for each source, however many
-- rows it has. What has failed alone is looked for by its list.
CREATE OR REPLACE FUNCTION mediasweep.sources_of(statuses text[]) RETURNS TABLE (id integer, finished boolean)
LANGUAGE sql STABLE ROWS 8
AS $$
  WITH RECURSIVE unfinished (source) AS (
    SELECT min(q.source_id) FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.processed_at IS NULL AND (statuses IS NULL OR statuses && '{pending,processing}')
     UNION ALL
    SELECT (SELECT min(q.source_id) FROM mediasweep.cloudinary_cleanup_queue q WHERE q.processed_at IS NULL AND q.source_id > u.source)
      FROM unfinished u WHERE u.source IS NOT NULL),
  finished (source) AS (
    SELECT min(q.source_id) FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.processed_at IS NOT NULL AND (statuses IS NULL OR statuses && '{completed,failed,skipped}' AND statuses <> '{failed}')
     UNION ALL
    SELECT (SELECT min(q.source_id) FROM mediasweep.cloudinary_cleanup_queue q WHERE q.processed_at IS NOT NULL AND q.source_id > f.source)
      FROM finished f WHERE f.source IS NOT NULL)
  SELECT u.source, false FROM unfinished u WHERE u.source IS NOT NULL
   UNION ALL
  SELECT f.source, true FROM finished f WHERE f.source IS NOT NULL
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
