-- The brake: a source from which too much was let go of at once is stopped before the first of it is sent.
--
-- Asked by each claim right after it has locked its candidates: the statements here are younger than the locks, so they
-- see every row of every transaction of which a row is locked. Of the rows of the source that nobody has acknowledged, more
-- than the limit within one window, counted by when they were queued, is too much. The rows of a transaction that took
-- longer than a window, but not longer than three, were let go of together. What was kept (skipped) does not count; what
-- waits, rests, failed or was deleted does.
--
-- Counting is not for free, so a claim leaves in its memory what it has counted (`brake`: source → the last few checks).
-- A check looks at the rows around a first one, and holds for all rows that its snapshot sees and that are due and queued
-- within a window from there. For rows that came later within that reach, only these are counted and added.

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_finished IS
  'brake: how much of a source was queued within its window; prune: the oldest finished rows of a source';

-- The rows of a source that count: not acknowledged, not kept, due (while unfinished) and queued within bounds, and not
-- seen by the snapshot `since`, if one is given. At most `most` of the unfinished, and as many of the finished.
CREATE OR REPLACE FUNCTION mediasweep.let_go(
  source integer, covered pg_snapshot, confirmed xid8[], due_from timestamptz, due_to timestamptz,
  queued_from timestamptz, queued_to timestamptz, since pg_snapshot, most bigint)
RETURNS TABLE (queued_at timestamptz, xact xid8)
LANGUAGE sql STABLE
AS $$
  (SELECT q.queued_at, q.xact FROM mediasweep.cloudinary_cleanup_queue q
    WHERE q.source_id = source AND q.processed_at IS NULL
      AND q.due_at >= due_from AND q.due_at <= due_to
      AND q.queued_at >= queued_from AND q.queued_at <= queued_to
      AND pg_visible_in_snapshot(q.xact, covered) IS NOT TRUE AND q.xact <> ALL (confirmed)
      AND pg_visible_in_snapshot(q.xact, since) IS NOT TRUE
    ORDER BY q.due_at LIMIT most)
  UNION ALL
  (SELECT q.queued_at, q.xact FROM mediasweep.cloudinary_cleanup_queue q
    WHERE q.source_id = source AND q.processed_at IS NOT NULL AND q.status <> 'skipped'
      AND q.queued_at >= queued_from AND q.queued_at <= queued_to
      AND pg_visible_in_snapshot(q.xact, covered) IS NOT TRUE AND q.xact <> ALL (confirmed)
      AND pg_visible_in_snapshot(q.xact, since) IS NOT TRUE
    ORDER BY q.queued_at LIMIT most)
$$;

-- Look at all rows around one: from a window (and a little) before it to two windows after it, so that every window is
-- whole that has a row which is due and queued less than a window later. `counted`: all of them, not only the nearest.
CREATE OR REPLACE FUNCTION mediasweep.weigh(
  source integer, around mediasweep.cloudinary_cleanup_queue, rule record, known record,
  OUT counted bigint, OUT too_much boolean)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  due_from     timestamptz := around.due_at - 1.1 * rule.span;
  queued_from  timestamptz := around.queued_at - 1.1 * rule.span;
BEGIN
  IF known.newest < around.queued_at THEN   -- nothing falls due before it is queued
    due_from := greatest(due_from, known.newest);
    queued_from := greatest(queued_from, known.newest);
  END IF;
  SELECT count(*) INTO counted
    FROM mediasweep.let_go(source, known.covered, known.confirmed, due_from, around.due_at + 2 * rule.span, queued_from,
                           around.queued_at + 2 * rule.span, NULL, 4 * rule.most + 1);
  too_much := counted > 4 * rule.most;   -- within not quite four windows: one of them has more than the limit
  IF counted > rule.most AND NOT too_much THEN
    SELECT coalesce(bool_or(pair.last - pair.first <= rule.span), false) INTO too_much
      FROM (SELECT gone.at AS first, lead(gone.at, rule.most::integer) OVER (ORDER BY gone.at) AS last
              FROM (SELECT max(r.queued_at) OVER (PARTITION BY r.xact) AS at
                      FROM mediasweep.let_go(source, known.covered, known.confirmed, due_from, around.due_at + 2 * rule.span,
                                             queued_from, around.queued_at + 2 * rule.span, NULL, 4 * rule.most + 1) r) gone) pair;
  END IF;
END $$;

-- May these candidates of one source go? `passed`: the checks that held so far, the newest first; NULL: they may not.
-- `free` is a barrier of the horizon: whoever had written when it was taken has ended, so that a later check misses nobody's
-- rows by counting those that are due and queued since, and that its snapshot did not see.
CREATE OR REPLACE FUNCTION mediasweep.may_go(
  source integer, candidates mediasweep.cloudinary_cleanup_queue[], rule record, known record, free jsonb,
  INOUT passed jsonb)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  rest    mediasweep.cloudinary_cleanup_queue[];
  last    record;
  since   record;
  came    bigint;
  weight  record;
BEGIN
  rest := ARRAY(SELECT c FROM unnest(candidates) c
                 WHERE c.source_id = source AND pg_visible_in_snapshot(c.xact, known.covered) IS NOT TRUE
                   AND c.xact <> ALL (known.confirmed)
                 ORDER BY c.due_at, c.id);
  WHILE cardinality(rest) > 0 LOOP
    SELECT p.* INTO last
      FROM jsonb_to_recordset(passed) AS p (
             span interval, due timestamptz, queued timestamptz, counted bigint, seen pg_snapshot,
             due_from timestamptz, queued_from timestamptz)
     WHERE p.span = rule.span AND mediasweep.reaches(p.due, p.queued, p.span, rest[1]) LIMIT 1;
    came := 0;
    IF last.due IS NOT NULL THEN
      SELECT least(min(c.due_at), last.due_from) AS due_from, least(min(c.queued_at), last.queued_from) AS queued_from,
             count(*) AS candidates INTO since
        FROM unnest(rest) c
       WHERE mediasweep.reaches(last.due, last.queued, last.span, c) AND pg_visible_in_snapshot(c.xact, last.seen) IS NOT TRUE;
      IF since.candidates > 0 THEN
        SELECT count(*) INTO came
          FROM mediasweep.let_go(source, known.covered, known.confirmed, since.due_from, last.due + 2 * last.span,
                                 since.queued_from, last.queued + 2 * last.span, last.seen, rule.most + 1);
        -- counted, they need not be counted again; those that the barrier does not see yet are, with those that come later
        passed := mediasweep.pushed(passed, to_jsonb(last) || CASE WHEN last.counted + came <= rule.most THEN jsonb_build_object(
          'counted', last.counted + came, 'seen', free ->> 's', 'due_from', free ->> 'at', 'queued_from', free ->> 'at')
          ELSE jsonb_build_object('due_from', since.due_from, 'queued_from', since.queued_from) END);
      END IF;
    END IF;
    IF last.due IS NULL OR (came > 0 AND last.counted + came > rule.most) THEN
      SELECT w.* INTO weight FROM mediasweep.weigh(source, rest[1], rule, known) w;
      IF weight.too_much THEN
        passed := NULL;
        RETURN;
      END IF;
      SELECT rule.span, (rest[1]).due_at AS due, (rest[1]).queued_at AS queued, weight.counted, free ->> 's' AS seen,
             free ->> 'at' AS due_from, free ->> 'at' AS queued_from INTO last;
      passed := mediasweep.pushed(passed, to_jsonb(last));
    END IF;
    rest := ARRAY(SELECT c FROM unnest(rest) c WHERE NOT mediasweep.reaches(last.due, last.queued, last.span, c));
  END LOOP;
END $$;

-- Is a row due and queued less than a window after the one that was looked at? A little before it does as well: who comes
-- first is not told by the order in which they commit.
CREATE OR REPLACE FUNCTION mediasweep.reaches(
  due timestamptz, queued timestamptz, span interval, q mediasweep.cloudinary_cleanup_queue) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
  SELECT q.due_at BETWEEN due - 0.1 * span AND due + span AND q.queued_at BETWEEN queued - 0.1 * span AND queued + span
$$;

-- The checks with this one in front, in place of the one around the same row; the oldest of too many is forgotten.
CREATE OR REPLACE FUNCTION mediasweep.pushed(passed jsonb, new jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
  SELECT jsonb_agg(kept.p ORDER BY kept.n)
    FROM (SELECT new AS p, 0 AS n
          UNION ALL
          SELECT p.value, p.n FROM jsonb_array_elements(passed) WITH ORDINALITY AS p (value, n)
           WHERE (p.value -> 'due', p.value -> 'queued') <> (new -> 'due', new -> 'queued')
           LIMIT 4) kept
$$;

-- Close the brake of a source; returns what there is to tell, NULL if it was closed already.
CREATE OR REPLACE FUNCTION mediasweep.close_brake(source integer, rule record, known record, too_much text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  waiting  bigint;
  why      text;
BEGIN
  SELECT count(*) INTO waiting
    FROM (SELECT FROM mediasweep.cloudinary_cleanup_queue q
           WHERE q.source_id = source AND q.processed_at IS NULL AND q.due_at >= coalesce(known.newest, '-infinity')
             AND pg_visible_in_snapshot(q.xact, known.covered) IS NOT TRUE AND q.xact <> ALL (known.confirmed)
           LIMIT 100000) q;
  why := format('%s; %s%s wait', too_much, CASE WHEN waiting = 100000 THEN 'at least ' ELSE '' END, waiting);
  INSERT INTO mediasweep.gate (name, source_id, reason, closed_by, detail)
  VALUES ('brake', source, why, 'mediasweep', jsonb_build_object(
            'rows', waiting, 'limit', rule.most, 'window', rule.span, 'closed_under', pg_current_snapshot()::text))
  ON CONFLICT ON CONSTRAINT gate_is_closed_once DO NOTHING;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO mediasweep.journal (event, outcome, detail, source_id, actor)
  VALUES ('gate_closed', 'brake', why, source, 'mediasweep');
  RETURN jsonb_build_object('source_id', source, 'source', rule.name, 'rows', waiting, 'limit', rule.most, 'reason', why);
END $$;

-- Where the claim goes on that begins again: before the rows that it had locked, and does not take this time.
CREATE OR REPLACE FUNCTION mediasweep.step_back(memory jsonb, candidates mediasweep.cloudinary_cleanup_queue[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
  SELECT memory || jsonb_build_object('cursor', coalesce(memory -> 'cursor', '{}') || coalesce(jsonb_object_agg(
           first.source_id, jsonb_build_object('due_at', first.due_at, 'id', '00000000-0000-0000-0000-000000000000')), '{}'))
    FROM (SELECT c.source_id, min(c.due_at) AS due_at FROM unnest(candidates) c GROUP BY c.source_id) first
   WHERE first.due_at <= (memory -> 'cursor' -> first.source_id::text ->> 'due_at')::timestamptz
$$;

-- Part of a claim. What it stops is told in `news`: `braked`, and `braked_now`, at which the claim begins again without it.
CREATE OR REPLACE FUNCTION mediasweep.brake(
  candidates mediasweep.cloudinary_cleanup_queue[], terms jsonb, INOUT memory jsonb, INOUT news jsonb)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  source   integer;
  rule     record;
  known    record;
  before   jsonb;
  passed   jsonb;
  stopped  jsonb;
BEGIN
  FOR source IN SELECT DISTINCT c.source_id FROM unnest(candidates) c ORDER BY c.source_id LOOP
    rule := mediasweep.brake_rule(source, terms);
    known := mediasweep.acknowledged(source);
    before := coalesce(memory -> 'brake' -> source::text, '[]');
    passed := mediasweep.may_go(source, candidates, rule, known, memory -> 'free', before);
    IF passed IS NULL THEN
      stopped := mediasweep.close_brake(source, rule, known, format(
        'more than %s rows of %s were let go of within %s min (the limit is %s)', rule.most, rule.name,
        trim_scale(extract(epoch FROM rule.span) / 60), rule.said));
      news := news || jsonb_build_object('braked_now', true, 'braked', coalesce(news -> 'braked', '[]')
                                         || CASE WHEN stopped IS NULL THEN '[]' ELSE jsonb_build_array(stopped) END);
      memory := mediasweep.step_back(memory #- ARRAY['brake', source::text] #- ARRAY['cursor', source::text], candidates);
    ELSIF passed <> before THEN
      -- of many sources, those that were asked for long ago are asked anew
      IF before = '[]' AND (SELECT count(*) FROM jsonb_object_keys(memory -> 'brake')) > 20 THEN
        memory := memory - 'brake';
      END IF;
      memory := memory || jsonb_build_object('brake', coalesce(memory -> 'brake', '{}') || jsonb_build_object(source, passed));
    END IF;
  END LOOP;
END $$;

-- A slow loss, each window below the limit: more than five times the limit within 144 windows (a day). Closes the same gate.
CREATE OR REPLACE FUNCTION mediasweep.brake_dribble(terms jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  source  integer;
  rule    record;
  known   record;
  since   timestamptz;
  told    jsonb := '[]';
  lost    bigint;
BEGIN
  FOR source IN
    SELECT s.id FROM (SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL UNION ALL SELECT 0) s
     WHERE NOT EXISTS (SELECT FROM mediasweep.gate g WHERE g.name = 'brake' AND g.source_id = s.id) ORDER BY s.id
  LOOP
    SELECT r.* INTO rule FROM mediasweep.brake_rule(source, terms) r;
    SELECT k.* INTO known FROM mediasweep.acknowledged(source) k;
    since := greatest(clock_timestamp() - 144 * rule.span, known.newest);
    SELECT count(*) INTO lost
      FROM mediasweep.let_go(source, known.covered, known.confirmed, since, 'infinity', since, 'infinity', NULL, 5 * rule.most + 1);
    IF lost > 5 * rule.most THEN
      told := told || coalesce(mediasweep.close_brake(source, rule, known, format(
        'more than %s rows of %s were let go of within %s h (the limit is five times %s)', 5 * rule.most, rule.name,
        trim_scale(round(144 * extract(epoch FROM rule.span) / 3600, 1)), rule.said)), '[]');
    END IF;
  END LOOP;
  RETURN told;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
