-- Acknowledgement: a person has looked at what the brake holds, and lets exactly that go.
--
-- What was looked at is named by a digest: source, number of rows, a hash over them, and the snapshot in which they were
-- listed. The same function lists them for a person and counts them again when they are acknowledged, so that both mean the
-- same rows. What was queued after that snapshot is not covered, and counts anew.

-- What people have acknowledged of a source: the rows that `covered` sees and those of the transactions `confirmed`; the
-- others were queued after `newest`, unless their transaction was open when the list was made. An acknowledgement from
-- another server, in a restored database, counts for nothing.
CREATE OR REPLACE FUNCTION mediasweep.acknowledged(
  source integer, OUT covered pg_snapshot, OUT confirmed xid8[], OUT newest timestamptz)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  SELECT (array_agg(k.snapshot ORDER BY k.id DESC) FILTER (WHERE k.snapshot IS NOT NULL))[1],
         coalesce(array_agg(k.xact) FILTER (WHERE k.xact IS NOT NULL), '{}'), max(k.newest)
    INTO covered, confirmed, newest
    FROM mediasweep.acknowledgement k
   WHERE k.source_id = source
     AND coalesce(pg_snapshot_xmax(k.snapshot), k.xact) <= pg_snapshot_xmax(pg_current_snapshot());
END $$;

-- What the brake holds of a source: the unfinished rows that `listing` sees and nobody has acknowledged, by whom, why and
-- which. The hash is a sum over the rows, for which no order and no memory is needed. A sum can be made to come out right
-- only by taking rows away from those that were listed: none comes in, because `listing` does not see it.
-- `restored`: rows with a transaction id that this server has not reached. No snapshot of its sees them, they are listed too.
CREATE OR REPLACE FUNCTION mediasweep.held(
  source integer, listing pg_snapshot, OUT name text, OUT queue_rows bigint, OUT bytes bigint, OUT first_at timestamptz,
  OUT last_at timestamptz, OUT by_whom jsonb, OUT sample text[], OUT restored bigint, OUT digest text)
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  known  record;
  next_  xid8 := pg_snapshot_xmax(pg_current_snapshot());
BEGIN
  SELECT k.* INTO known FROM mediasweep.acknowledged(source) k;
  WITH held AS (
    SELECT q.actor, q.app, q.deletion_reason, q.file_size, q.queued_at, q.xact >= next_ AS foreign_,
           sha256(convert_to(ROW (q.id, q.cloudinary_public_id, q.resource_type, q.delivery_type, q.asset_id)::text, 'UTF8')) AS hash
      FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.source_id = source AND q.processed_at IS NULL
       AND (pg_visible_in_snapshot(q.xact, listing) OR q.xact >= next_)
       AND pg_visible_in_snapshot(q.xact, known.covered) IS NOT TRUE AND q.xact <> ALL (known.confirmed)),
  grouped AS (
    SELECT h.actor, h.app, h.deletion_reason AS reason, count(*) AS queue_rows, coalesce(sum(h.file_size), 0) AS bytes,
           min(h.queued_at) AS first_at, max(h.queued_at) AS last_at, count(*) FILTER (WHERE h.foreign_) AS restored,
           sum(('x' || encode(substr(h.hash, 1, 8), 'hex'))::bit(64)::bigint) AS one,
           sum(('x' || encode(substr(h.hash, 9, 8), 'hex'))::bit(64)::bigint) AS two
      FROM held h GROUP BY h.actor, h.app, h.deletion_reason)
  SELECT coalesce(sum(g.queue_rows), 0), coalesce(sum(g.bytes), 0), min(g.first_at), max(g.last_at), coalesce(sum(g.restored), 0),
         coalesce(jsonb_agg(jsonb_build_object('actor', g.actor, 'app', g.app, 'reason', g.reason, 'rows', g.queue_rows)
                            ORDER BY g.queue_rows DESC, g.actor, g.app, g.reason), '[]'),
         encode(sha256(format('%s %s', sum(g.one), sum(g.two))::bytea), 'hex')
    INTO queue_rows, bytes, first_at, last_at, restored, by_whom, digest
    FROM grouped g;
  sample := ARRAY(
    SELECT q.cloudinary_public_id FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.source_id = source AND q.processed_at IS NULL
       AND (pg_visible_in_snapshot(q.xact, listing) OR q.xact >= next_)
       AND pg_visible_in_snapshot(q.xact, known.covered) IS NOT TRUE AND q.xact <> ALL (known.confirmed)
     ORDER BY q.due_at, q.id LIMIT 10);
  name := mediasweep.source_name(source);
  -- digits, letters, `-` and `.` alone, and ending in a digit: a double click takes all of it, and no shell or URL minds
  digest := format('%s-%s-%s-%s', source, queue_rows, left(digest, 32), translate(rtrim(listing::text, ':'), ':,', '-.'));
END $$;

-- What a digest names; NULLs: it is none.
CREATE OR REPLACE FUNCTION mediasweep.named_by(
  digest text, OUT source integer, OUT queue_rows bigint, OUT listing pg_snapshot)
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
  part  text[] := regexp_match(digest, '^(\d{1,9})-(\d{1,18})-[0-9a-f]{32}-(\d{1,19})-(\d{1,19})(?:-([\d.]+))?$');
BEGIN
  listing := format('%s:%s:%s', part[3], part[4], translate(part[5], '.', ','));
  source := part[1];
  queue_rows := part[2];
EXCEPTION WHEN data_exception THEN
  listing := NULL;
END $$;

-- Let go what this digest names, and open the brake. Refused, with nothing done, unless it is to the row what is held now.
-- `really` false: only say whether it would be refused.
CREATE OR REPLACE FUNCTION mediasweep.acknowledge(
  digest text, who text, really boolean, OUT source integer, OUT queue_rows bigint, OUT refused text)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  named    record := mediasweep.named_by(digest);
  listing  pg_snapshot := named.listing;
  gate_    mediasweep.gate;
  held     record;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'mediasweep.acknowledge needs READ COMMITTED';   -- to see what became of the rows since
  END IF;
  source := named.source;
  SELECT g.* INTO gate_ FROM mediasweep.gate g WHERE g.name = 'brake' AND g.source_id = source FOR UPDATE;
  IF listing IS NULL THEN
    refused := 'this is no digest: copy the one that is shown';
  ELSIF gate_.name IS NULL THEN
    refused := 'this brake is not closed';
  ELSIF pg_snapshot_xmax(listing) > pg_snapshot_xmax(pg_current_snapshot()) THEN
    refused := 'this digest is of another server';
  ELSIF pg_snapshot_xmax(listing) < pg_snapshot_xmax((gate_.detail ->> 'closed_under')::pg_snapshot)
        AND pg_snapshot_xmax((gate_.detail ->> 'closed_under')::pg_snapshot) <= pg_snapshot_xmax(pg_current_snapshot()) THEN
    refused := 'this digest is older than the brake, which has closed again since';
  END IF;
  IF refused IS NOT NULL THEN
    RETURN;
  END IF;
  SELECT h.* INTO held FROM mediasweep.held(source, listing) h;
  queue_rows := held.queue_rows;
  IF held.digest <> digest THEN
    refused := format('the list has changed: it had %s, %s', mediasweep.counted(named.queue_rows, 'row'),
      CASE WHEN queue_rows = named.queue_rows THEN 'some are others now' ELSE format('there are %s now', mediasweep.number(queue_rows)) END);
  END IF;
  IF refused IS NOT NULL OR NOT really THEN
    RETURN;
  END IF;
  PERFORM mediasweep.release(source, listing, held, greatest(held.last_at, gate_.closed_at), digest, who);
  DELETE FROM mediasweep.gate g WHERE g.name = 'brake' AND g.source_id = source;
  INSERT INTO mediasweep.journal (event, outcome, detail, source_id, actor)
  VALUES ('brake_acknowledged', 'brake', format('%s, digest %s', mediasweep.counted(queue_rows, 'row'), digest), source, who);
  PERFORM pg_notify('mediasweep', '');
END $$;

-- Write the acknowledgement of a list. What the new one sees, older ones need not say any more; lists follow each other, so
-- the newest sees what all before it saw. Restored rows get a transaction id of this server, which is confirmed.
CREATE OR REPLACE FUNCTION mediasweep.release(
  source integer, listing pg_snapshot, held record, newest timestamptz, digest text, who text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  DELETE FROM mediasweep.acknowledgement k
   WHERE k.source_id = source AND (k.snapshot IS NOT NULL OR pg_visible_in_snapshot(k.xact, listing));
  INSERT INTO mediasweep.acknowledgement (source_id, snapshot, digest, queue_rows, newest, acknowledged_by)
  VALUES (source, listing, digest, held.queue_rows, newest, who);
  IF held.restored > 0 THEN
    UPDATE mediasweep.cloudinary_cleanup_queue q
       SET xact = pg_current_xact_id(), updated_at = clock_timestamp()
     WHERE q.source_id = source AND q.processed_at IS NULL AND q.xact >= pg_snapshot_xmax(pg_current_snapshot());
    INSERT INTO mediasweep.acknowledgement (source_id, xact, digest, queue_rows, acknowledged_by)
    VALUES (source, pg_current_xact_id(), digest, held.restored, who);
  END IF;
END $$;

-- A bulk deletion that a person has confirmed carries its acknowledgement: call this after it, in the same transaction.
-- Returns how many assets of the table the transaction has let go of so far; raises if these are more than `most`, the
-- number that the person has seen.
CREATE OR REPLACE FUNCTION mediasweep.confirm(relation regclass, who text, most bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  source  integer;
  gone    bigint;
BEGIN
  SELECT a.id INTO source FROM mediasweep.attached a WHERE a.relation = confirm.relation AND a.detached_at IS NULL;
  IF source IS NULL THEN
    RAISE EXCEPTION 'mediasweep.confirm: % is not attached', relation;
  END IF;
  -- a row of this transaction was queued, and falls due, after its start
  SELECT count(*) INTO gone FROM mediasweep.cloudinary_cleanup_queue q
   WHERE q.source_id = source AND q.processed_at IS NULL AND q.due_at >= now() AND q.xact = pg_current_xact_id_if_assigned();
  IF gone > most THEN
    RAISE EXCEPTION 'mediasweep.confirm: % assets of % would go, and only % were confirmed', mediasweep.number(gone), mediasweep.name_of(relation), mediasweep.number(most);
  ELSIF gone > 0 THEN
    INSERT INTO mediasweep.acknowledgement (source_id, xact, queue_rows, acknowledged_by)
    VALUES (source, pg_current_xact_id(), gone, who);
    INSERT INTO mediasweep.journal (event, outcome, detail, source_id, actor)
    VALUES ('brake_confirmed', 'brake', mediasweep.counted(gone, 'row'), source, who);
  END IF;
  RETURN gone;
END $$;

-- Drop acknowledgements of which no row is unfinished, nor as young as the long window looks back; and those of another
-- server, in a restored database. Ten thousand rows are looked at; with more, an acknowledgement stays.
CREATE OR REPLACE FUNCTION mediasweep.forget_acknowledgements(terms jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  forgotten  bigint;
BEGIN
  DELETE FROM mediasweep.acknowledgement k
   WHERE coalesce(pg_snapshot_xmax(k.snapshot), k.xact) > pg_snapshot_xmax(pg_current_snapshot())
      OR k.acknowledged_at < clock_timestamp() - 144 * (SELECT r.span FROM mediasweep.brake_rule(k.source_id, terms) r)
         AND (SELECT count(*) < 10000 AND coalesce(bool_and((first.xact = k.xact OR pg_visible_in_snapshot(first.xact, k.snapshot))
                                                            IS NOT TRUE), true)
                FROM (SELECT q.xact FROM mediasweep.cloudinary_cleanup_queue q
                       WHERE q.source_id = k.source_id AND q.processed_at IS NULL
                       ORDER BY q.due_at LIMIT 10000) first);
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
