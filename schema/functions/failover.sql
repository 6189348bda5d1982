-- Failover: a standby that was promoted may have lost the last commits of its primary. Then a row is live again whose asset
-- is gone, and no queue row tells of it. So nothing is sent for a while, and what was deleted before is looked at again.
--
-- The timeline tells of a promotion. What it cannot tell, a snapshot that was put back under the same name, shows in what
-- the daemons remember: each knows its last deletions, and the journal of a server that went back does not.

-- Hold everything after a change of timeline; one more of it during the hold begins the hold anew.
CREATE OR REPLACE FUNCTION mediasweep.note_failover(was integer, now_ integer) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF EXISTS (SELECT FROM mediasweep.gate g WHERE g.name = 'failover' AND (g.detail ->> 'timeline')::integer = now_) THEN
    RETURN;   -- known; looked at without a lock, which the second look may hold for long
  END IF;
  PERFORM mediasweep.close_gate('failover', format(
    'the timeline was %s, is %s: a standby was promoted; what was deleted before is looked at again first', was, now_), '{}');
  UPDATE mediasweep.gate g
     SET detail = jsonb_build_object('timeline', now_), closed_at = clock_timestamp(),
         reason = format('the timeline was %s, is %s: a standby was promoted; what was deleted before is looked at again first',
                         was, now_)
   WHERE g.name = 'failover' AND g.source_id IS NULL;
END $$;

-- What a daemon remembers to have deleted. What the journal knows nothing of is written down again, and everything is held
-- until it was looked at. Returns how many that were. An element: queue_id, claim_no, outcome, public_id, resource_type,
-- delivery_type, asset_id, request_id, s_ago.
CREATE OR REPLACE FUNCTION mediasweep.recall(daemon uuid, deletions jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  lost   integer;
  first  bigint;
BEGIN
  WITH logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, outcome, detail, public_id, resource_type, delivery_type, asset_id, daemon, request_id)
    SELECT 'recalled', d.queue_id, d.claim_no, d.outcome,
           format('done at %s, and lost by the database since', date_trunc('second', clock_timestamp() - d.s_ago * interval '1 s')),
           d.public_id, d.resource_type, d.delivery_type, d.asset_id, recall.daemon, d.request_id
      FROM jsonb_to_recordset(deletions) AS d (queue_id uuid, claim_no integer, outcome text, public_id text,
             resource_type text, delivery_type text, asset_id text, request_id text, s_ago float8)
     -- the claim is committed before anything is sent: where it is known, so is all that was committed before it
     WHERE NOT EXISTS (SELECT FROM mediasweep.journal j WHERE j.queue_id = d.queue_id AND j.claim_no = d.claim_no)
    RETURNING id)
  SELECT count(*), min(logged.id) INTO lost, first FROM logged;
  IF lost > 0 THEN
    PERFORM mediasweep.close_gate('failover', format(
      'the database has lost %s deletions that it had confirmed; what was deleted before is looked at again first', lost),
      jsonb_build_object('timeline', mediasweep.timeline()));
    UPDATE mediasweep.gate g   -- a look that is further on has missed these
       SET detail = g.detail || jsonb_build_object('looked_to', least((g.detail ->> 'looked_to')::bigint, first - 1))
     WHERE g.name = 'failover' AND g.source_id IS NULL AND g.detail ? 'looked_to';
  END IF;
  RETURN lost;
END $$;

-- The journal entry after which the second look begins: an hour before the last deletion that came before the gate.
CREATE OR REPLACE FUNCTION mediasweep.look_from(closed_at timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
  SELECT coalesce(min(recent.id) - 1, 0)
    FROM (SELECT j.id FROM mediasweep.journal j
           WHERE j.at >= (SELECT l.at FROM mediasweep.journal l WHERE l.event = 'completed' AND l.at <= closed_at
                           ORDER BY l.id DESC LIMIT 1) - interval '1 hour'
          OFFSET 0) recent   -- by time; the planner would rather walk all ids from the first
$$;

-- Ask the guard about these deletions and write down which of them are in use again, each once.
CREATE OR REPLACE FUNCTION mediasweep.look_at(deletions mediasweep.journal[]) RETURNS text[]
LANGUAGE sql VOLATILE
AS $$
  WITH asked AS (
    SELECT d.*, lpad(to_hex(d.id), 32, '0')::uuid AS key FROM unnest(deletions) d),
  used AS (
    SELECT DISTINCT ON (u.id) u.id, u.used_by
      FROM mediasweep.uses(ARRAY(
        SELECT jsonb_populate_record(NULL::mediasweep.cloudinary_cleanup_queue, jsonb_build_object(
                 'id', a.key, 'cloudinary_public_id', a.public_id, 'resource_type', a.resource_type,
                 'delivery_type', a.delivery_type, 'asset_id', a.asset_id))
          FROM asked a)) u),
  logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, outcome, detail, public_id, resource_type, delivery_type, asset_id, version, bytes, source_id)
    SELECT 'used_after_deletion', a.queue_id, a.claim_no, a.outcome, 'in use by ' || coalesce(u.used_by, 'a row'), a.public_id,
           a.resource_type, a.delivery_type, a.asset_id, a.version, a.bytes, a.source_id
      FROM asked a JOIN used u ON u.id = a.key
     WHERE NOT EXISTS (SELECT FROM mediasweep.journal j
                        WHERE j.queue_id = a.queue_id AND j.claim_no = a.claim_no AND j.event = 'used_after_deletion')
    RETURNING public_id)
  SELECT coalesce(array_agg(DISTINCT logged.public_id), '{}') FROM logged
$$;

-- One step of the second look, by whichever daemon comes; how many were `looked` at by all steps, what this one found `in_use`,
-- and what comes next:
-- open (there is no such gate), busy (somebody else looks), holding (too early), failed (the guard could not answer),
-- looking (there is more), found (a person has to look), clean (nothing was in use; the gate is open).
CREATE OR REPLACE FUNCTION mediasweep.look_again(
  hold interval, most integer, OUT state text, OUT looked integer, OUT in_use text[], OUT error text)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  gate   mediasweep.gate;
  batch  mediasweep.journal[];
  upto   bigint;
BEGIN
  looked := 0; in_use := '{}';
  IF NOT EXISTS (SELECT FROM mediasweep.gate g WHERE g.name = 'failover' AND g.source_id IS NULL) THEN
    state := 'open';
    RETURN;
  END IF;
  SELECT * INTO gate FROM mediasweep.gate g WHERE g.name = 'failover' AND g.source_id IS NULL FOR UPDATE SKIP LOCKED;
  IF gate.name IS NULL THEN
    state := 'busy';
    RETURN;
  ELSIF gate.closed_at > clock_timestamp() - hold OR (gate.detail ->> 'timeline')::integer <> mediasweep.timeline() THEN
    state := 'holding';   -- or promoted once more, which the next claim will say
    RETURN;
  END IF;
  upto := coalesce((gate.detail ->> 'looked_to')::bigint, mediasweep.look_from(gate.closed_at));
  batch := ARRAY(SELECT j FROM mediasweep.journal j
                  WHERE j.id > upto AND j.event IN ('completed', 'recalled') ORDER BY j.id LIMIT most);
  BEGIN
    in_use := mediasweep.look_at(batch);
  EXCEPTION WHEN query_canceled OR OTHERS THEN
    state := 'failed'; error := SQLERRM;
    RETURN;
  END;
  gate.detail := gate.detail || jsonb_build_object(
    'looked_to', coalesce((SELECT max(j.id) FROM unnest(batch) j), upto),
    'looked', coalesce((gate.detail ->> 'looked')::integer, 0) + cardinality(batch),
    'found', coalesce((gate.detail ->> 'found')::integer, 0) + cardinality(in_use),
    'assets', (SELECT coalesce(jsonb_agg(f), '[]') FROM (
                 SELECT jsonb_array_elements(gate.detail -> 'assets') AS f UNION ALL SELECT to_jsonb(unnest(in_use)) LIMIT 5) five));
  looked := gate.detail -> 'looked';
  IF cardinality(batch) = most OR (gate.detail ->> 'found')::integer > 0 THEN
    state := CASE WHEN cardinality(batch) = most THEN 'looking' ELSE 'found' END;
    IF batch <> '{}' THEN
      PERFORM mediasweep.note_look(gate);
    END IF;
  -- nobody waits here: who compares holds the installation and may want the gate
  ELSIF EXISTS (SELECT FROM (SELECT FROM mediasweep.installation FOR UPDATE SKIP LOCKED) i) THEN
    state := 'clean';
    UPDATE mediasweep.installation SET timeline = mediasweep.timeline();
    PERFORM mediasweep.open_gates('failover', format('of %s deletions that were looked at again none is in use',
                                                     gate.detail ->> 'looked'), 'mediasweep');
  ELSE
    state := 'busy';
  END IF;
END $$;

-- How far the look has come; whoever reads the gate's reason learns what was found.
CREATE OR REPLACE FUNCTION mediasweep.note_look(seen mediasweep.gate) RETURNS void
LANGUAGE sql VOLATILE
AS $$
  UPDATE mediasweep.gate g
     SET detail = seen.detail,
         reason = CASE seen.detail ->> 'found' WHEN '0' THEN g.reason ELSE format(
           'after a failover, deleted assets are in use again: %s, among them %s. See to them (`mediasweep restore`), then `mediasweep adopt`',
           seen.detail ->> 'found', (SELECT string_agg(a, ', ') FROM jsonb_array_elements_text(seen.detail -> 'assets') a)) END
   WHERE g.name = seen.name AND g.source_id IS NULL
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
