-- The environment: is this still the place that this database was installed in?
--
-- A copy of a database has the queue of its original, and with the same account it would destroy what the original uses. So
-- the first daemon writes down where it is: cloud, server, database, place, timeline. Every daemon compares before its first
-- claim, after every failure and whenever the server process is another. What differs closes a gate for all of them.
--
-- A dump restored elsewhere has another system identifier, another account another cloud. A physical copy differs in its
-- place alone, and so does a server that was moved, or whose container was given another address. The server is the same if
--   its process is (a copy is another process), by whatever address it is reached;
--   or it is reached by an address under which it was known before it restarted;
--   or a running daemon that was at home before finds it: the daemon has not moved, so it is the server that did.

-- The timeline of this server; right from the moment of a promotion on, which the last checkpoint's is not.
CREATE OR REPLACE FUNCTION mediasweep.timeline() RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer;
EXCEPTION WHEN feature_not_supported OR insufficient_privilege THEN   -- some hosting services keep the log for themselves
  RETURN (SELECT c.timeline_id FROM pg_control_checkpoint() c);
END $$;

-- Where this call is. `localhost` means another machine everywhere, so it is told which one, if the terms say it.
CREATE OR REPLACE FUNCTION mediasweep.here(
  terms jsonb, OUT cloud text, OUT system_identifier text, OUT database text, OUT place text,
  OUT server_started_at timestamptz, OUT timeline integer)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  address  inet := inet_server_addr();   -- NULL over a unix socket
BEGIN
  IF pg_is_in_recovery() THEN
    RAISE read_only_sql_transaction USING MESSAGE = 'this server is a standby: mediasweep works on its primary';
  END IF;
  cloud := terms ->> 'cloud';
  system_identifier := (SELECT c.system_identifier FROM pg_control_system() c);
  database := current_database();
  place := CASE WHEN address IS NULL OR address <<= '127.0.0.0/8' OR address = '::1'
                THEN format('localhost:%s', current_setting('port')) || coalesce(' of ' || (terms ->> 'host'), '')
                ELSE format(CASE family(address) WHEN 6 THEN '[%s]:%s' ELSE '%s:%s' END, host(address), current_setting('port'))
           END;
  server_started_at := pg_postmaster_start_time();
  timeline := mediasweep.timeline();
END $$;

-- The version of the installation: what a claim's memory calls home.
CREATE OR REPLACE FUNCTION mediasweep.home() RETURNS integer
LANGUAGE plpgsql STABLE   -- plpgsql keeps its plan, and what a claim asks is asked often
AS $$
BEGIN
  RETURN (SELECT i.version FROM mediasweep.installation i);
END $$;

-- Whether the server that is reached `here` is the one of the installation. Daemons of the release before do not say their host.
CREATE OR REPLACE FUNCTION mediasweep.is_place(
  i mediasweep.installation, place text, server_started_at timestamptz, daemon uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$
  SELECT coalesce(i.server_started_at = is_place.server_started_at, true)
         OR place = ANY (i.places)
         OR EXISTS (SELECT FROM unnest(i.places) p WHERE starts_with(p, place || ' of '))
         OR EXISTS (SELECT FROM mediasweep.daemon d WHERE d.id = is_place.daemon AND d.home = i.version)
$$;

-- What differs, in words. A cloud that is not told is not compared.
CREATE OR REPLACE FUNCTION mediasweep.differences(daemon uuid, terms jsonb)
RETURNS TABLE (what text, was text, "is" text)
LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT compared.*
    FROM mediasweep.installation i
   CROSS JOIN mediasweep.here(terms) h
   CROSS JOIN LATERAL (VALUES
     ('cloud', i.cloud_name, coalesce(h.cloud, i.cloud_name)),
     ('server', i.system_identifier, h.system_identifier),
     ('database', i.database, h.database),
     ('place', i.place, CASE WHEN mediasweep.is_place(i, h.place, h.server_started_at, daemon) THEN i.place ELSE h.place END),
     ('timeline', i.timeline::text, h.timeline::text)) compared (what, was, "is")
   WHERE compared.was <> compared."is"
$$;

-- Close a gate of the safeguard, unless it is closed already; journalled as every other one.
CREATE OR REPLACE FUNCTION mediasweep.close_gate(name text, reason text, detail jsonb) RETURNS void
LANGUAGE sql VOLATILE
AS $$
  WITH closed AS (
    INSERT INTO mediasweep.gate (name, reason, closed_by, detail) VALUES (name, reason, 'mediasweep', detail)
    ON CONFLICT ON CONSTRAINT gate_is_closed_once DO NOTHING
    RETURNING gate.name),
  logged AS (
    INSERT INTO mediasweep.journal (event, outcome, detail, actor)
    SELECT 'gate_closed', closed.name, reason, 'mediasweep' FROM closed)
  SELECT pg_notify('mediasweep', '') FROM closed
$$;

-- Open a gate of the safeguard, or that of one place alone; returns how many were closed.
CREATE OR REPLACE FUNCTION mediasweep.open_gates(name text, detail text, who text, place text DEFAULT NULL) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$
  WITH opened AS (
    DELETE FROM mediasweep.gate g
     WHERE g.name = open_gates.name AND g.source_id IS NULL
       AND (open_gates.place IS NULL OR g.detail ->> 'place' = open_gates.place)
    RETURNING g.name),
  logged AS (
    INSERT INTO mediasweep.journal (event, outcome, detail, actor)
    SELECT 'gate_opened', opened.name, open_gates.detail, who FROM opened)
  SELECT count(pg_notify('mediasweep', '')) FROM opened
$$;

-- Keep in mind under which address this server is reached. One that moved is not expected at its old address any more.
CREATE OR REPLACE FUNCTION mediasweep.learn_place(place text, server_started_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  i      mediasweep.installation := (SELECT i FROM mediasweep.installation i);
  moved  boolean := i.server_started_at <> learn_place.server_started_at AND learn_place.place <> ALL (i.places);
BEGIN
  UPDATE mediasweep.installation
     SET place = learn_place.place, server_started_at = learn_place.server_started_at,
         places = CASE WHEN moved THEN ARRAY[learn_place.place]
                       ELSE (learn_place.place || array_remove(i.places, learn_place.place))[1:20] END;
  IF moved THEN
    INSERT INTO mediasweep.journal (event, detail, actor)
    VALUES ('moved', format('place was %s, is %s', i.place, learn_place.place), 'mediasweep');
    -- a daemon that is new here may have been faster, and could not know
    PERFORM mediasweep.open_gates('environment', 'a daemon that was here before knows it again', 'mediasweep', learn_place.place);
  ELSIF i.server_started_at <> learn_place.server_started_at THEN
    -- it restarted, and one that came by an address that was not known yet was faster
    PERFORM mediasweep.open_gates('environment', 'a daemon that was here before knows it again', 'mediasweep', g.detail ->> 'place')
      FROM mediasweep.gate g
     WHERE g.name = 'environment' AND (g.detail ->> 'server_started_at')::timestamptz = learn_place.server_started_at;
  END IF;
END $$;

-- Compare, and close a gate where something differs. Returns the installation's version if the daemon is at home, else NULL;
-- then nothing may be sent, and every claim compares again, whatever the gates say by then.
CREATE OR REPLACE FUNCTION mediasweep.recognise(daemon uuid, terms jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  h         record := mediasweep.here(terms);
  i         mediasweep.installation;
  differs   text;
  alone     text;
BEGIN
  SELECT * INTO i FROM mediasweep.installation;
  IF i.server_started_at = h.server_started_at AND h.place = ANY (i.places) AND i.timeline = h.timeline
     AND NOT EXISTS (SELECT FROM mediasweep.differences(daemon, terms))
     AND EXISTS (SELECT FROM mediasweep.daemon d WHERE d.id = daemon AND d.home = i.version) THEN
    RETURN i.version;   -- nothing to write, so nobody is made to wait
  END IF;
  INSERT INTO mediasweep.installation (cloud_name, system_identifier, database, place, places, server_started_at, timeline)
  SELECT h.cloud, h.system_identifier, h.database, h.place, ARRAY[h.place], h.server_started_at, h.timeline
   WHERE h.cloud IS NOT NULL
  ON CONFLICT (one) DO NOTHING;
  SELECT * INTO i FROM mediasweep.installation FOR UPDATE;   -- an adoption that is under way comes first
  IF NOT FOUND THEN
    RETURN 0;   -- only a daemon of the release before is here, and it has not said where
  END IF;
  SELECT string_agg(format('%s was %s, is %s', d.what, d.was, d."is"), '; '), CASE WHEN min(d.what) = 'place' AND count(*) = 1 THEN h.place END
    INTO differs, alone
    FROM mediasweep.differences(daemon, terms) d WHERE d.what <> 'timeline';
  IF differs IS NOT NULL THEN
    PERFORM mediasweep.close_gate('environment', format(
      '%s (as the daemon on %s sees it). ' || CASE WHEN differs LIKE 'cloud was %' AND differs NOT LIKE '%; %'
        THEN 'Is its account wrong? Correct its settings and restart it, then `mediasweep adopt` with the right ones'
        ELSE 'Is this a copy? Give it an account of its own, or none; `mediasweep adopt` if it is to delete here' END,
      differs, coalesce(terms ->> 'host', 'a host of the release before')),
      jsonb_build_object('place', alone, 'server_started_at', CASE WHEN alone IS NOT NULL THEN h.server_started_at END));
    RETURN NULL;
  END IF;
  IF i.server_started_at IS DISTINCT FROM h.server_started_at OR h.place <> ALL (i.places) THEN
    PERFORM mediasweep.learn_place(h.place, h.server_started_at);
  END IF;
  IF i.timeline <> h.timeline THEN
    PERFORM mediasweep.note_failover(i.timeline, h.timeline);
    RETURN NULL;
  END IF;
  UPDATE mediasweep.daemon d SET home = i.version WHERE d.id = daemon AND d.home IS DISTINCT FROM i.version;
  RETURN i.version;
END $$;

-- A person has looked: here is home from now on. Returns what was different, even if that is nothing: the gates open all the
-- same. What was known of the old place is forgotten: acknowledgements, and whether the account deletes by asset id.
CREATE OR REPLACE FUNCTION mediasweep.adopt(terms jsonb, who text) RETURNS TABLE (what text, was text, "is" text)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  h        record := mediasweep.here(terms);
  changed  jsonb;
BEGIN
  PERFORM FROM mediasweep.installation FOR UPDATE;   -- whoever compares meanwhile waits
  changed := coalesce((SELECT jsonb_agg(d) FROM mediasweep.differences(NULL, terms) d), '[]');
  IF jsonb_path_exists(changed, '$[*] ? (@.what == "server" || @.what == "place")') THEN
    UPDATE mediasweep.installation
       SET place = h.place, places = ARRAY[h.place], server_started_at = h.server_started_at;
  END IF;
  UPDATE mediasweep.installation i
     SET asset_id_proven_at = CASE WHEN i.cloud_name = h.cloud THEN i.asset_id_proven_at END,
         cloud_name = h.cloud, system_identifier = h.system_identifier, database = h.database, timeline = h.timeline,
         version = i.version + 1;
  IF changed <> '[]' THEN
    DELETE FROM mediasweep.acknowledgement;
  END IF;
  IF jsonb_path_exists(changed, '$[*] ? (@.what != "timeline")') THEN
    UPDATE mediasweep.installation SET adopted_at = clock_timestamp();   -- what was finished before, the original did
  END IF;
  INSERT INTO mediasweep.journal (event, detail, actor)
  VALUES ('adopted', (SELECT string_agg(format('%s was %s, is %s', c ->> 'what', c ->> 'was', c ->> 'is'), '; ')
                        FROM jsonb_array_elements(changed) c), who);
  PERFORM mediasweep.open_gates('environment', 'adopted', who), mediasweep.open_gates('failover', 'adopted', who);
  RETURN QUERY SELECT c ->> 'what', c ->> 'was', c ->> 'is' FROM jsonb_array_elements(changed) c;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
