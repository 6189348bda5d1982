-- What the brake weighs: which rows count, how many of them a window has, and how a check is kept in a claim's memory.

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_finished IS
  'brake: how much of a source was queued within its window; prune: the oldest finished rows of a source';
COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_queued IS 'brake: the unfinished rows of a source, by when they were queued';

-- Was this row queued by an upload, for the case that it is abandoned?
CREATE OR REPLACE FUNCTION mediasweep.of_upload(q mediasweep.cloudinary_cleanup_queue) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$ SELECT q.deletion_reason = 'upload_pending' AND q.trigger_source = 'upload' $$;

-- The rows of a source that count (`uploads`: only those of uploads, or only the others; NULL: all): not acknowledged, not
-- kept, queued within bounds, and not seen by the snapshot `since`, if one is given. At most `most` of the unfinished, and
-- as many of the finished, the first ones.
CREATE OR REPLACE FUNCTION mediasweep.let_go(
  source integer, uploads boolean, covered pg_snapshot, confirmed xid8[], queued_from timestamptz, queued_to timestamptz,
  since pg_snapshot, most bigint)
RETURNS TABLE (queued_at timestamptz, xact xid8)
LANGUAGE sql STABLE
AS $$
  (SELECT q.queued_at, q.xact FROM mediasweep.cloudinary_cleanup_queue q
    WHERE q.source_id = source AND q.processed_at IS NULL
      AND q.queued_at >= queued_from AND q.queued_at <= queued_to
      AND (q.claim_no > 0 OR NOT mediasweep.of_upload(q)) AND (uploads IS NULL OR mediasweep.of_upload(q) = uploads)
      AND pg_visible_in_snapshot(q.xact, covered) IS NOT TRUE AND q.xact <> ALL (confirmed)
      AND pg_visible_in_snapshot(q.xact, since) IS NOT TRUE
    ORDER BY q.queued_at LIMIT most)
  UNION ALL
  (SELECT q.queued_at, q.xact FROM mediasweep.cloudinary_cleanup_queue q
    WHERE q.source_id = source AND q.processed_at IS NOT NULL AND q.status <> 'skipped'
      AND q.queued_at >= queued_from AND q.queued_at <= queued_to
      AND (uploads IS NULL OR mediasweep.of_upload(q) = uploads)
      AND q.processed_at >= coalesce((SELECT i.adopted_at FROM mediasweep.installation i), '-infinity')
      AND pg_visible_in_snapshot(q.xact, covered) IS NOT TRUE AND q.xact <> ALL (confirmed)
      AND pg_visible_in_snapshot(q.xact, since) IS NOT TRUE
    ORDER BY q.queued_at LIMIT most)
$$;

-- How many rows has the fullest window around a row? Looked at are all from a window (and a little) before it to two windows
-- after it, so that every window is whole that has a row which was queued less than a window later. Four limits of rows
-- are enough to look at: within not quite four windows, one of them has more than the limit then. Windows are told apart to
-- a thousandth, and are longer by that rather than shorter: a frame over all rows would not stay in memory.
CREATE OR REPLACE FUNCTION mediasweep.weigh(
  source integer, uploads boolean, around timestamptz, rule record, known record, OUT fullest bigint)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  queued_from  timestamptz := around - 1.1 * rule.span;
BEGIN
  IF known.newest < around THEN
    queued_from := greatest(queued_from, known.newest);
  END IF;
  SELECT coalesce(max(w.n), 0) INTO fullest
    FROM (SELECT sum(slot.n) OVER (ORDER BY slot.no RANGE BETWEEN CURRENT ROW AND 1000 FOLLOWING) AS n
            FROM (SELECT floor(extract(epoch FROM gone.at - queued_from) * 1000 / extract(epoch FROM rule.span))::integer AS no,
                         sum(gone.n) AS n
                    FROM (SELECT max(r.queued_at) AS at, count(*) AS n
                            FROM mediasweep.let_go(source, uploads, known.covered, known.confirmed, queued_from,
                                                   around + 2 * rule.span, NULL, 4 * rule.most + 1) r
                           GROUP BY r.xact) gone
                   GROUP BY 1) slot) w;
END $$;

-- Was a row queued less than a window after the one that was looked at? A little before it does as well: who comes first is
-- not told by the order in which they commit.
CREATE OR REPLACE FUNCTION mediasweep.reaches(queued timestamptz, span interval, q mediasweep.cloudinary_cleanup_queue)
RETURNS boolean
LANGUAGE sql STABLE
AS $$ SELECT q.queued_at BETWEEN queued - 0.1 * span AND queued + span $$;

-- The checks without the one around this row.
CREATE OR REPLACE FUNCTION mediasweep.dropped(passed jsonb, queued timestamptz) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
  SELECT coalesce(jsonb_agg(p.value ORDER BY p.n), '[]')
    FROM jsonb_array_elements(passed) WITH ORDINALITY AS p (value, n)
   WHERE (p.value ->> 'queued')::timestamptz IS DISTINCT FROM queued
$$;

-- The checks with one more in front; the oldest of too many is forgotten.
CREATE OR REPLACE FUNCTION mediasweep.pushed(
  passed jsonb, queued timestamptz, span interval, fullest bigint, free jsonb) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
  SELECT jsonb_path_query_array(
    jsonb_build_array(jsonb_build_object('span', span, 'queued', queued, 'fullest', fullest, 'seen', free ->> 's',
                                         'since', free ->> 'at')) || passed, '$[0 to 3]')
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
