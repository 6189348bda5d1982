-- The inbox: a notification is written down before it is answered, and applied after it.
--
-- Whoever takes one has it for a while (`due_at`), and no transaction stays open meanwhile: a crash leaves it to the next one, later.
-- Applied twice, a notification changes nothing the second time, and so do two at once.

-- Write one down, once, to be applied after `rest`; tells whether it is new. Once this has committed, it cannot be lost.
CREATE OR REPLACE FUNCTION mediasweep.receive(
  digest bytea, notification_type text, signed_at timestamptz, body bytea, rest interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  told  record := mediasweep.told(body);
BEGIN
  PERFORM mediasweep.be_durable();
  INSERT INTO mediasweep.inbox (digest, notification_type, signed_at, body, due_at, asset_id, public_id, resource_type, delivery_type, version)
  VALUES (receive.digest, receive.notification_type, receive.signed_at, receive.body, clock_timestamp() + rest,
          told.asset_id, told.public_id, told.resource_type, told.delivery_type, told.version)
      ON CONFLICT DO NOTHING;
  RETURN FOUND;
END $$;

-- Take what is due, oldest first. Each further attempt comes four times as late as the one before, an hour later at the most.
CREATE OR REPLACE FUNCTION mediasweep.take_inbox(most integer) RETURNS TABLE (digest bytea, signed_at timestamptz, body bytea)
LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  WITH taken AS (
    UPDATE mediasweep.inbox i
       SET attempts = i.attempts + 1,
           due_at = clock_timestamp() + least(interval '10 s' * 4 ^ least(i.attempts, 9), interval '1 hour')
      FROM (SELECT d.digest, d.due_at FROM mediasweep.inbox d
             WHERE d.done_at IS NULL AND d.due_at <= clock_timestamp()
             ORDER BY d.due_at LIMIT most
               FOR UPDATE SKIP LOCKED) due
     WHERE i.digest = due.digest
    RETURNING i.digest, i.signed_at, i.body, due.due_at AS since)
  SELECT t.digest, t.signed_at, t.body FROM taken t ORDER BY t.since
$$;

-- Apply one, given what it says of each asset (`changes`, see hear.sql); returns the outcome, NULL if somebody else has applied it.
-- It waits for nobody long: a transaction of yours that waits for this one must not be the one that a deadlock ends.
CREATE OR REPLACE FUNCTION mediasweep.apply_notification(digest bytea, changes jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '300ms'
AS $$
DECLARE
  began    timestamptz := clock_timestamp();
  came_to  text := CASE WHEN changes = '[]' THEN 'ignored' WHEN mediasweep.has_library() THEN 'applied' ELSE 'no_library' END;
BEGIN
  PERFORM FROM mediasweep.inbox i WHERE i.digest = apply_notification.digest AND i.done_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF came_to = 'applied' THEN
    PERFORM mediasweep.hear(c.change) FROM jsonb_array_elements(changes) c (change) ORDER BY c.change ->> 'asset_id';
    PERFORM mediasweep.queue_nothing(began);
  END IF;
  UPDATE mediasweep.inbox i SET done_at = clock_timestamp(), outcome = came_to, error = NULL WHERE i.digest = apply_notification.digest;
  RETURN came_to;
END $$;

-- What a webhook changes in the library lets go of assets like any other change. Take back what this transaction has queued, before anybody
-- can see it: no notification may destroy anything, whatever triggers of yours made of it. Deferred ones have to come first.
CREATE OR REPLACE FUNCTION mediasweep.queue_nothing(began timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  SET CONSTRAINTS ALL IMMEDIATE;
  DELETE FROM mediasweep.cloudinary_cleanup_queue q
   USING (SELECT a.id FROM mediasweep.attached a UNION ALL SELECT 0) source
   WHERE q.source_id = source.id AND q.processed_at IS NULL
     AND q.queued_at > began - interval '1 minute'   -- by its index; a clock may be set back
     AND q.xact = pg_current_xact_id() AND mediasweep.is_mine(q.xmin);
  IF EXISTS (SELECT FROM mediasweep.fallback f WHERE mediasweep.is_mine(f.xmin)) THEN
    RAISE EXCEPTION 'capture is broken, and what falls back is queued later: nothing is applied until it is mended';
  END IF;
END $$;

-- Whether a row that can be seen was made by this transaction: by itself an id would not do, a dump brings those of another server along.
CREATE OR REPLACE FUNCTION mediasweep.is_mine(made_by xid) RETURNS boolean
LANGUAGE sql VOLATILE
AS $$
  SELECT pg_xact_status(mediasweep.full_xid(made_by, pg_snapshot_xmax(pg_current_snapshot())::text::bigint)::text::xid8) = 'in progress'
$$;

-- What went wrong with one. It stays, and is tried again when it falls due.
CREATE OR REPLACE FUNCTION mediasweep.put_back(digest bytea, error text) RETURNS void
LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE mediasweep.inbox i SET error = put_back.error WHERE i.digest = put_back.digest AND i.done_at IS NULL
$$;

-- Drop up to `most` notifications that were applied longer ago than `retention`, and as many assets and names of which nothing was heard for as
-- long; returns how many notifications. A replay comes within a day, or its signature is too old.
CREATE OR REPLACE FUNCTION mediasweep.prune_inbox(retention interval, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  before  timestamptz := clock_timestamp() - greatest(retention, interval '2 days');
  gone    integer;
BEGIN
  DELETE FROM mediasweep.asset a WHERE a.asset_id = ANY (ARRAY(
    SELECT o.asset_id FROM mediasweep.asset o WHERE o.heard_at < before ORDER BY o.heard_at LIMIT most FOR UPDATE SKIP LOCKED));
  DELETE FROM mediasweep.asset_name n WHERE n.ctid = ANY (ARRAY(
    SELECT o.ctid FROM mediasweep.asset_name o WHERE o.heard_at < before ORDER BY o.heard_at LIMIT most FOR UPDATE SKIP LOCKED));
  DELETE FROM mediasweep.inbox i WHERE i.digest = ANY (ARRAY(
    SELECT o.digest FROM mediasweep.inbox o WHERE o.done_at < before ORDER BY o.done_at LIMIT most FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
