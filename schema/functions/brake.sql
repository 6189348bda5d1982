-- The brake: a source from which too much was let go of at once is stopped before the first of it is sent.
--
-- Asked by each claim right after it has locked its candidates: the statements here are younger than the locks, so they
-- see every row of every transaction of which a row is locked. Of the rows of the source that nobody has acknowledged, more
-- than the limit within one window is too much: counted by when they were queued, whenever they fall due. The rows of a
-- transaction that took longer than a window, but not longer than two, were let go of together. What was kept (skipped)
-- does not count; what waits, rests, failed or was deleted does, unless it was finished in the database of which this is a copy.
--
-- An upload queues a row in advance, and nearly all of these are kept. So they are weighed by themselves, and such a row
-- counts only once a claim has found its asset unused.
--
-- Counting is not for free, so a claim leaves in its memory what it has counted (`brake`: source → the last few checks).
-- A check looks at the rows around a first one, and tells the most that any window there has. It holds for all rows that its
-- snapshot sees and that were queued within a window from there; those that came later within that reach are counted and
-- added, as if all fell into the fullest window, until there is room no more. Then the check is made anew.

-- The release before had these with other parameters; only its brake called them, which ends with this file.
DROP FUNCTION IF EXISTS mediasweep.let_go(
  integer, pg_snapshot, xid8[], timestamptz, timestamptz, timestamptz, timestamptz, pg_snapshot, bigint);
DROP FUNCTION IF EXISTS mediasweep.weigh(integer, mediasweep.cloudinary_cleanup_queue, record, record);
DROP FUNCTION IF EXISTS mediasweep.reaches(timestamptz, timestamptz, interval, mediasweep.cloudinary_cleanup_queue);
DROP FUNCTION IF EXISTS mediasweep.pushed(jsonb, jsonb);
DROP FUNCTION IF EXISTS mediasweep.may_go(integer, mediasweep.cloudinary_cleanup_queue[], record, record, jsonb, jsonb);
DROP FUNCTION IF EXISTS mediasweep.close_brake(integer, record, record, text);

-- May these candidates of one source go? `passed`: the checks that held so far, the newest first; NULL: they may not.
-- `free` is a barrier of the horizon: whoever had written when it was taken has ended, so that a later check misses nobody's
-- rows by counting those that were queued since, and that its snapshot did not see.
CREATE OR REPLACE FUNCTION mediasweep.may_go(
  source integer, uploads boolean, candidates mediasweep.cloudinary_cleanup_queue[], rule record, known record, free jsonb,
  INOUT passed jsonb)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  rest     mediasweep.cloudinary_cleanup_queue[];
  last     record;
  since    timestamptz;
  came     bigint;
  fullest  bigint;
BEGIN
  rest := ARRAY(SELECT c FROM unnest(candidates) c
                 WHERE c.source_id = source AND mediasweep.of_upload(c) = uploads
                   AND pg_visible_in_snapshot(c.xact, known.covered) IS NOT TRUE AND c.xact <> ALL (known.confirmed)
                 ORDER BY c.queued_at, c.id);
  WHILE cardinality(rest) > 0 LOOP
    SELECT p.* INTO last
      FROM jsonb_to_recordset(passed) AS p (span interval, queued timestamptz, fullest bigint, seen pg_snapshot, since timestamptz)
     WHERE p.span = rule.span AND mediasweep.reaches(p.queued, p.span, rest[1])
       AND p.fullest IS NOT NULL AND p.since IS NOT NULL   -- the release before said it otherwise
     LIMIT 1;
    fullest := last.fullest;
    since := NULL;
    IF last.queued IS NOT NULL THEN
      SELECT least(min(c.queued_at), last.since) INTO since
        FROM unnest(rest) c
       WHERE mediasweep.reaches(last.queued, last.span, c) AND pg_visible_in_snapshot(c.xact, last.seen) IS NOT TRUE
      HAVING count(*) > 0;
      IF FOUND THEN
        SELECT count(*) INTO came
          FROM mediasweep.let_go(source, uploads, known.covered, known.confirmed, since, last.queued + 2 * last.span, last.seen,
                                 rule.most + 1);
        -- counted, they need not be counted again; those that the barrier does not see yet are, with those that come later
        fullest := fullest + came;
      END IF;
    END IF;
    IF last.queued IS NULL OR fullest > rule.most THEN
      passed := mediasweep.dropped(passed, last.queued);
      fullest := mediasweep.weigh(source, uploads, (rest[1]).queued_at, rule, known);
      IF fullest > rule.most THEN
        passed := NULL;
        RETURN;
      END IF;
      SELECT rule.span, (rest[1]).queued_at AS queued INTO last;
      passed := mediasweep.pushed(passed, last.queued, last.span, fullest, free);
    ELSIF since IS NOT NULL THEN
      passed := mediasweep.pushed(mediasweep.dropped(passed, last.queued), last.queued, last.span, fullest, free);
    END IF;
    rest := ARRAY(SELECT c FROM unnest(rest) c WHERE NOT mediasweep.reaches(last.queued, last.span, c));
  END LOOP;
END $$;

-- Close the brake of a source (`slow`: by the chore, over a day); returns what there is to tell, NULL if it was closed already.
CREATE OR REPLACE FUNCTION mediasweep.close_brake(source integer, rule record, known record, too_much text, slow boolean) RETURNS jsonb
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
  why := format('%s; %s%s waited when it closed', too_much, CASE WHEN waiting = 100000 THEN 'at least ' ELSE '' END, mediasweep.number(waiting));
  INSERT INTO mediasweep.gate (name, source_id, reason, closed_by, detail)
  VALUES ('brake', source, why, 'mediasweep', jsonb_build_object(
            'rows', waiting, 'limit', rule.most, 'window', rule.span, 'slow', slow, 'closed_under', pg_current_snapshot()::text))
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
  uploads  boolean;
  rule     record;
  known    record;
  before   jsonb;
  passed   jsonb;
  stopped  jsonb;
BEGIN
  FOR source, uploads IN
    SELECT DISTINCT c.source_id, mediasweep.of_upload(c) FROM unnest(candidates) c ORDER BY 1, 2
  LOOP
    rule := mediasweep.brake_rule(source, terms);
    known := mediasweep.acknowledged(source);
    -- rows of uploads begin to count when any daemon claims them, which no memory knows of: these are weighed each time
    before := CASE WHEN uploads THEN '[]' ELSE coalesce(memory -> 'brake' -> source::text, '[]') END;
    passed := mediasweep.may_go(source, uploads, candidates, rule, known, memory -> 'free', before);
    IF passed IS NULL THEN
      stopped := mediasweep.close_brake(source, rule, known, format(
        'more than %s of %s were let go of within %s min (the limit is %s)', mediasweep.counted(rule.most, 'row'),
        CASE WHEN uploads THEN 'uploads that nothing uses' ELSE rule.name END,
        trim_scale(extract(epoch FROM rule.span) / 60), rule.said), false);
      news := news || jsonb_build_object('braked_now', true, 'braked', coalesce(news -> 'braked', '[]')
                                         || CASE WHEN stopped IS NULL THEN '[]' ELSE jsonb_build_array(stopped) END);
      memory := mediasweep.step_back(memory #- ARRAY['brake', source::text] #- ARRAY['cursor', source::text], candidates);
    ELSIF passed <> before AND NOT uploads THEN
      -- of many sources, those that were asked for long ago are asked anew
      IF before = '[]' AND (SELECT count(*) FROM jsonb_object_keys(memory -> 'brake')) > 20 THEN
        memory := memory - 'brake';
      END IF;
      memory := memory || jsonb_build_object('brake', coalesce(memory -> 'brake', '{}') || jsonb_build_object(source, passed));
    END IF;
  END LOOP;
END $$;

-- Does a closed brake hold anything back? What an upload may still keep is not what it was closed for.
CREATE OR REPLACE FUNCTION mediasweep.holds_back(source integer, known record) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.source_id = source AND q.processed_at IS NULL AND (q.claim_no > 0 OR NOT mediasweep.of_upload(q))
       AND pg_visible_in_snapshot(q.xact, known.covered) IS NOT TRUE AND q.xact <> ALL (known.confirmed)
     ORDER BY q.queued_at DESC);
END $$;

-- A chore. A slow loss, each window below the limit: more than five times the limit within 144 windows (a day) closes the
-- same gate. And a brake opens by itself when nothing that it was closed for is left: all of it was cancelled or finished,
-- and it is no slow loss. Had it let too much through before it closed, the next row closes it again.
CREATE OR REPLACE FUNCTION mediasweep.brake_dribble(terms jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  source  integer;
  shut    boolean;
  rule    record;
  known   record;
  since   timestamptz;
  told    jsonb := '[]';
  lost    bigint;
BEGIN
  FOR source, shut IN
    SELECT s.id, EXISTS (SELECT FROM mediasweep.gate g WHERE g.name = 'brake' AND g.source_id = s.id)
      FROM (SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL UNION ALL SELECT 0) s ORDER BY s.id
  LOOP
    SELECT k.* INTO known FROM mediasweep.acknowledged(source) k;
    CONTINUE WHEN shut AND mediasweep.holds_back(source, known);
    SELECT r.* INTO rule FROM mediasweep.brake_rule(source, terms) r;
    since := greatest(clock_timestamp() - 144 * rule.span, known.newest);
    SELECT count(*) INTO lost
      FROM mediasweep.let_go(source, NULL, known.covered, known.confirmed, since, 'infinity', NULL, 5 * rule.most + 1);
    IF shut AND lost <= 5 * rule.most THEN
      PERFORM mediasweep.open_brake(source);
    ELSIF lost > 5 * rule.most AND NOT shut THEN
      told := told || coalesce(mediasweep.close_brake(source, rule, known, format(
        'more than %s of %s were let go of within %s h (the limit is five times %s)', mediasweep.counted(5 * rule.most, 'row'), rule.name,
        trim_scale(round(144 * extract(epoch FROM rule.span) / 3600, 1)), rule.said), true), '[]');
    END IF;
  END LOOP;
  RETURN told;
END $$;

-- Open the brake of a source that holds nothing back any more; journalled as every other gate.
CREATE OR REPLACE FUNCTION mediasweep.open_brake(source integer) RETURNS void
LANGUAGE sql VOLATILE
AS $$
  WITH opened AS (
    DELETE FROM mediasweep.gate g WHERE g.name = 'brake' AND g.source_id = source RETURNING g.source_id),
  logged AS (
    INSERT INTO mediasweep.journal (event, outcome, detail, source_id, actor)
    SELECT 'gate_opened', 'brake', 'nothing that it held is left', opened.source_id, 'mediasweep' FROM opened)
  SELECT pg_notify('mediasweep', '') FROM opened
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
