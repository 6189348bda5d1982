-- Every object after `mediasweep migrate --with-library`. Generated: python -m tests.postgres.dump > schema/schema.sql

CREATE SCHEMA mediasweep;

CREATE TYPE mediasweep.job AS (
	id uuid,
	claim_no integer,
	public_id text,
	resource_type text,
	delivery_type text,
	asset_id text,
	attempt integer,
	max_attempts integer,
	in_doubt boolean,
	waited interval
);

CREATE TYPE mediasweep.ref AS (
	public_id text,
	resource_type text,
	delivery_type text,
	asset_id text,
	version bigint,
	original_filename text,
	file_size bigint,
	folder text
);

CREATE TYPE mediasweep.result AS (
	id uuid,
	claim_no integer,
	move text,
	outcome text,
	detail text,
	response jsonb,
	request_id text,
	resource_type text,
	delivery_type text,
	due_in interval
);

CREATE TYPE public.media_sync_status AS ENUM (
    'synced',
    'pending',
    'error'
);

CREATE FUNCTION mediasweep.acknowledge(digest text, who text, really boolean, OUT source integer, OUT queue_rows bigint, OUT refused text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.acknowledged(source integer, OUT covered pg_snapshot, OUT confirmed xid8[], OUT newest timestamp with time zone) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  SELECT (array_agg(k.snapshot ORDER BY k.id DESC) FILTER (WHERE k.snapshot IS NOT NULL))[1],
         coalesce(array_agg(k.xact) FILTER (WHERE k.xact IS NOT NULL), '{}'), max(k.newest)
    INTO covered, confirmed, newest
    FROM mediasweep.acknowledgement k
   WHERE k.source_id = source
     AND coalesce(pg_snapshot_xmax(k.snapshot), k.xact) <= pg_snapshot_xmax(pg_current_snapshot());
END $$;

CREATE FUNCTION mediasweep.acting_user() RETURNS uuid
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;

CREATE FUNCTION mediasweep.adopt(terms jsonb, who text) RETURNS TABLE(what text, was text, "is" text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
END $_$;

CREATE FUNCTION mediasweep.adopt_findings(run bigint, ids bigint[], changes jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET lock_timeout TO '300ms'
    AS $$
DECLARE
  began    timestamptz := clock_timestamp();
  adopted  integer;
BEGIN
  PERFORM mediasweep.hear(c.change) FROM jsonb_array_elements(changes) c (change) ORDER BY c.change ->> 'asset_id';
  PERFORM mediasweep.queue_nothing(began);
  UPDATE mediasweep.reconcile_finding f
     SET acted_at = clock_timestamp(),
         action = CASE WHEN EXISTS (SELECT FROM public.media_assets m WHERE m.cloudinary_asset_id = f.asset_id AND m.deleted_at IS NULL)
                       THEN 'adopted' ELSE 'let go' END
   WHERE f.run_id = run AND f.id = ANY (ids) AND f.kind <> 'ghost' AND f.action IS NULL;
  SELECT count(*) INTO adopted FROM mediasweep.reconcile_finding f WHERE f.run_id = run AND f.id = ANY (ids) AND f.action = 'adopted';
  RETURN adopted;
END $$;

CREATE FUNCTION mediasweep.advance(horizon jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  server    text := pg_postmaster_start_time()::text;
  at        timestamptz;
  snapshot  pg_snapshot;
  new       jsonb;
  oldest    record;
BEGIN
  -- with one snapshot for all its statements the guard would be blind to what was committed since, and inside a
  -- transaction that has an id B would be that id
  IF current_setting('transaction_isolation') <> 'read committed' OR pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.claim must be a READ COMMITTED transaction of its own'
      USING HINT = 'ALTER ROLE … SET default_transaction_isolation = ''read committed'' for the role of the daemon';
  END IF;
  IF horizon ->> 'server' IS DISTINCT FROM server THEN
    horizon := jsonb_build_object('server', server);
  END IF;
  at := clock_timestamp();            -- before S: what is due at `at` was due at S
  snapshot := pg_current_snapshot();  -- before B: who begins between the two is waited for as well
  new := jsonb_build_object('at', at, 's', snapshot::text, 'b', mediasweep.full_xid(
    (((age('3'::xid)::bigint + 3) & 4294967295)::text)::xid, pg_snapshot_xmax(snapshot)::text::bigint));
  oldest := mediasweep.oldest();
  IF coalesce(least(oldest.writer, oldest.reader) >= (new ->> 'b')::bigint, true) THEN
    RETURN (horizon || jsonb_build_object('free', new, 'clear', new)) - '{wall,glass}'::text[];   -- nobody is there: the common case
  END IF;
  horizon := mediasweep.pass(horizon, 'wall', 'free', new, oldest.writer, NULL);
  RETURN mediasweep.pass(horizon, 'glass', 'clear', new, oldest.reader, '5 s');
END $$;

CREATE TABLE mediasweep.attached (
    id integer NOT NULL,
    relation regclass NOT NULL,
    capture text NOT NULL,
    refs text NOT NULL,
    live text DEFAULT 'true'::text NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    grace interval DEFAULT '00:00:00'::interval NOT NULL,
    strict boolean DEFAULT false NOT NULL,
    notify boolean DEFAULT true NOT NULL,
    brake jsonb DEFAULT '{}'::jsonb NOT NULL,
    attached_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    detached_at timestamp with time zone,
    granted boolean DEFAULT false NOT NULL,
    granted_usage boolean DEFAULT false NOT NULL
);

CREATE FUNCTION mediasweep.advise(a mediasweep.attached) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  found_  record;
  index_  text;
BEGIN
  SELECT * INTO found_ FROM mediasweep.holdings(a);
  RAISE NOTICE 'mediasweep: % is attached as source %: % name % assets', a.relation, a.id,
    CASE WHEN found_.whole THEN mediasweep.counted(found_.looked, 'row')
         ELSE format('of about %s, the first %s', mediasweep.counted(found_.about::numeric, 'row'), mediasweep.number(found_.looked)) END,
    mediasweep.number(found_.named);
  IF found_.unread > 0 THEN
    RAISE NOTICE 'mediasweep: in % of them nobody can tell which asset is meant, for example in "%": they keep assets, and queue none',
      found_.unread, found_.example;
  END IF;
  IF found_.unread = 0 AND found_.named = 0 AND found_.looked > 0 THEN
    RAISE WARNING 'mediasweep: no row of % names an asset: is this the right column, and the right way to read it? %', a.relation,
      coalesce(format('It holds, for example, "%s"', found_.example), 'It is empty in all of them');
  END IF;
  FOR index_ IN SELECT i.statement FROM mediasweep.missing_indexes(a) i LOOP
    RAISE NOTICE 'mediasweep: the guard looks through all of %, for want of an index: %', a.relation, index_;
  END LOOP;
END $$;

CREATE FUNCTION mediasweep.alike(said text) RETURNS TABLE(name text, whole boolean)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT n.name, n.whole
    FROM (VALUES (mediasweep.folded(said), true), (mediasweep.folded(substring(said FROM '^(.*[^/])[.][A-Za-z0-9]{1,5}\s*$')), false)) n (name, whole)
   WHERE n.name <> ''
$_$;

CREATE FUNCTION mediasweep.all_refs() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(string_agg(format(
           'SELECT %s AS source_id, left(ref.public_id, 1000) COLLATE "C" AS public_id, ref.resource_type COLLATE "C" AS resource_type,'
           ' ref.delivery_type COLLATE "C" AS delivery_type, ref.asset_id COLLATE "C" AS asset_id, ref.version, ref.file_size, ref.folder, ref.sure'
           ' FROM (%s) ref', a.id, mediasweep.ref_query(
             a.relation, one.ref, a.relation::text, mediasweep.live_expression(a.relation, a.options, 'use'), false, '',
             format(', coalesce((%s) AND %s, false) AS sure', mediasweep.live_expression(a.relation, a.options, 'capture'),
                    mediasweep.surely_named(a.relation, one.ref)))), E'\n UNION ALL ' ORDER BY a.id),
         'SELECT NULL::integer AS source_id, NULL::text AS public_id, NULL::text AS resource_type, NULL::text AS delivery_type,'
         ' NULL::text AS asset_id, NULL::bigint AS version, NULL::bigint AS file_size, NULL::text AS folder, false AS sure WHERE false')
    FROM (SELECT (at.row_).* FROM mediasweep.attached o
           CROSS JOIN LATERAL (SELECT o UNION ALL
                               SELECT jsonb_populate_record(o, jsonb_build_object('relation', s.relation)) FROM mediasweep.strays() s WHERE s.source = o.id)
                      at (row_)
           WHERE o.detached_at IS NULL) a
   CROSS JOIN LATERAL mediasweep.refs_of(a.options) one (ref)
$$;

CREATE FUNCTION mediasweep.allowance(batch integer, OUT allowed integer, OUT probing boolean, OUT forcing boolean, OUT news jsonb) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  gates   record;
  forced  integer;
  locked  integer;
BEGIN
  SELECT s.forced, CASE WHEN s.configured_at IS NULL THEN '{}' ELSE jsonb_build_object('config', to_jsonb(s)) END AS news, closed.*
    INTO gates
    FROM mediasweep.scheduler s
   CROSS JOIN (
     SELECT count(*) FILTER (WHERE (g.until IS NULL OR g.until > clock_timestamp()) AND g.name <> 'pause') AS closed,
            count(*) FILTER (WHERE (g.until IS NULL OR g.until > clock_timestamp()) AND g.name = 'pause') AS paused,
            count(*) FILTER (WHERE g.until <= clock_timestamp() AND g.probe IS NOT NULL) AS waiting,
            string_agg(g.name || ': ' || g.reason, '; ' ORDER BY g.closed_at)
              FILTER (WHERE g.until IS NULL OR g.until > clock_timestamp()) AS said
       FROM mediasweep.gate g WHERE g.source_id IS NULL) closed;
  forced := gates.forced; news := gates.news;
  IF forced > 0 AND gates.paused = 0 THEN   -- what it was to pass is open: the next pause is another one
    PERFORM mediasweep.spend_forced(NULL);
    forced := 0;
  END IF;
  forcing := gates.paused > 0 AND gates.closed = 0 AND forced > 0;
  IF forcing THEN   -- what is left of it is shared by all daemons: one claim at a time
    SELECT s.forced INTO forced FROM mediasweep.scheduler s FOR UPDATE;
    batch := least(batch, forced);
    news := news || '{"forced": true}';
  ELSIF gates.closed + gates.paused > 0 THEN
    news := news || jsonb_build_object('closed', gates.said, 'paused', gates.closed = 0);
    allowed := 0; probing := false;
    RETURN;
  END IF;
  probing := gates.waiting > 0;
  allowed := batch;
  IF probing AND batch > 0 THEN
    -- one prober in the fleet: who does not get all these locks at once leaves it to the one who has them
    PERFORM FROM mediasweep.gate g
      WHERE g.source_id IS NULL AND g.until <= clock_timestamp() AND g.probe IS NOT NULL FOR UPDATE SKIP LOCKED;
    GET DIAGNOSTICS locked = ROW_COUNT;
    allowed := (locked = gates.waiting)::integer;
  END IF;
END $$;

CREATE FUNCTION mediasweep.any_of(path text, wanted text[]) RETURNS jsonpath
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format('%s ? (%s)', path, coalesce(string_agg(
    format('@ == %s', to_jsonb(w.id)) || CASE WHEN w.id ~ '^(0|[1-9][0-9]{0,17})$' THEN format(' || @ == %s', w.id) ELSE '' END,
    ' || '), '1 == 0'))::jsonpath
    FROM unnest(wanted) w (id)
$_$;

CREATE FUNCTION mediasweep.apply_notification(digest bytea, changes jsonb) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET lock_timeout TO '300ms'
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

CREATE FUNCTION mediasweep.arm() RETURNS text
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN pg_try_advisory_lock(mediasweep.asleep_key()) THEN 'armed'
              WHEN pg_try_advisory_xact_lock_shared(mediasweep.asleep_key()) THEN 'enqueuer'
              ELSE 'sibling' END
$$;

CREATE FUNCTION mediasweep.as_in_an_address(public_id text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT string_agg(CASE WHEN c.one ~ '[A-Za-z0-9_.~/:-]' THEN c.one
                         ELSE upper(regexp_replace(encode(convert_to(c.one, 'UTF8'), 'hex'), '(..)', '%\1', 'g')) END, '' ORDER BY c.n)
    FROM regexp_split_to_table(public_id, '') WITH ORDINALITY c (one, n)
$$;

CREATE FUNCTION mediasweep.ask_guard() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM FROM mediasweep.uses('{}');
END $$;

CREATE FUNCTION mediasweep.asked_for(said text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT DISTINCT id.name
    FROM regexp_matches(said, '(?:[?&;[]|%3f|%26|%5b|u0026)public_?ids?(?:\]|%5d)?(?:\[[0-9]*\]|%5b[0-9]*%5d)?(?:=|%3d)([^][:space:]&#"''<>\\`]+)', 'gi') m (value)
   CROSS JOIN LATERAL (VALUES (m.value[1]), (regexp_replace(m.value[1], '%26.*$', '')), (regexp_replace(m.value[1], '[]).,;:!?}]+$', ''))) cut (value)
   CROSS JOIN LATERAL (VALUES (cut.value), (replace(cut.value, '+', ' '))) plus (value)
   CROSS JOIN LATERAL mediasweep.decodings(plus.value) whole (id)
   CROSS JOIN LATERAL (VALUES (whole.id), (substring(whole.id FROM '^(.*[^/])[.][^./]*$'))) id (name)
   WHERE id.name <> ''
$_$;

CREATE FUNCTION mediasweep.asleep_key() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT 7882817126551222117 $$;

CREATE FUNCTION mediasweep.attach(relation regclass, options jsonb) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '3s'
    AS $$
DECLARE
  a  mediasweep.attached;
BEGIN
  PERFORM mediasweep.only_one_builder();
  a := mediasweep.planned(relation, options, (SELECT coalesce(max(t.id), 0) + 1 FROM mediasweep.attached t));
  DELETE FROM mediasweep.attached t WHERE t.id = a.id;
  INSERT INTO mediasweep.attached OVERRIDING SYSTEM VALUE SELECT (a).*;
  PERFORM mediasweep.let_owner_read(a.id);
  PERFORM mediasweep.build_capture(a);
  PERFORM mediasweep.build_guard();
  -- what cannot be read must be refused now, not found out by a capture that falls back
  EXECUTE format('SELECT FROM (%s) ref LIMIT 0', a.refs);
  PERFORM mediasweep.advise(a);
  PERFORM mediasweep.drop_triggers(mediasweep.foreign_triggers(relation, a.id));
  PERFORM mediasweep.run_each(ARRAY(SELECT m.statement FROM mediasweep.missing_triggers(a) m ORDER BY m.part <> relation, m.part::oid));
  RETURN a.id;
END $$;

CREATE FUNCTION mediasweep.attach_sql(relation regclass, options jsonb) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  a  mediasweep.attached := mediasweep.planned(relation, options, (SELECT coalesce(max(t.id), 0) + 1 FROM mediasweep.attached t));
BEGIN
  RETURN format(E'SELECT mediasweep.attach(%L, %L);\n\n-- It makes:\n', relation, jsonb_pretty(options))
    || regexp_replace(concat_ws(E';\n\n', mediasweep.capture_statement(a), mediasweep.reference_statement(a),
         (SELECT string_agg(m.statement, E';\n') FROM mediasweep.missing_triggers(a) m)) || ';', '^', '-- ', 'gn')
    || coalesce(E'\n\n-- The guard is faster with:\n' || (SELECT string_agg('-- ' || i.statement, E'\n') FROM mediasweep.missing_indexes(a) i), '')
    || E'\n';
END $$;

CREATE FUNCTION mediasweep.barriers(OUT at timestamp with time zone, OUT free pg_snapshot, OUT clear pg_snapshot) RETURNS SETOF record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT least((h.free ->> 'at')::timestamptz, (h.clear ->> 'at')::timestamptz), (h.free ->> 's')::pg_snapshot,
         (h.clear ->> 's')::pg_snapshot
    FROM (SELECT d.config -> 'horizon' -> 'free' AS free, d.config -> 'horizon' -> 'clear' AS clear
            FROM mediasweep.daemon d
           WHERE mediasweep.is_alive(d)
             AND (d.config -> 'horizon' ->> 'server')::timestamptz = pg_postmaster_start_time()) h
   WHERE h.free IS NOT NULL AND h.clear IS NOT NULL
$$;

CREATE FUNCTION mediasweep.be_durable() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT set_config('synchronous_commit', 'on', true) $$;

CREATE FUNCTION mediasweep.beat(daemon uuid, said jsonb, OUT calls integer, OUT fair integer) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7882817126551222119);   -- shares are given out one at a time
  INSERT INTO mediasweep.daemon AS d
    (id, listening, completed, failed, last_sweep, host, pid, version, concurrency, config)
  VALUES (daemon, (said ->> 'listening')::boolean, (said ->> 'completed')::bigint, (said ->> 'failed')::bigint,
          clock_timestamp() - (said ->> 'swept_s_ago')::float8 * interval '1 s', said ->> 'host', (said ->> 'pid')::integer,
          said ->> 'version', 0, said -> 'config')
  ON CONFLICT (id) DO UPDATE
     SET beat_at = clock_timestamp(), listening = excluded.listening, completed = excluded.completed,
         failed = excluded.failed, last_sweep = coalesce(excluded.last_sweep, d.last_sweep), config = excluded.config;
  calls := 0; fair := 0;
  IF (said -> 'config' ->> 'works')::boolean THEN
    SELECT s.calls, s.fair INTO calls, fair
      FROM mediasweep.share(daemon, (said ->> 'limit')::integer, (said ->> 'held')::integer) s;
  END IF;
  PERFORM pg_notify(said ->> 'channel', said ->> 'token');
END $$;

CREATE FUNCTION mediasweep.begin_upload(public_id text, resource_type text, delivery_type text, overwrite boolean, filename text, later interval, who text, OUT id uuid, OUT refused text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM mediasweep.be_durable();
  refused := (mediasweep.look_for_upload(public_id, resource_type, delivery_type, overwrite)).refused;
  IF refused IS NULL THEN
    INSERT INTO mediasweep.cloudinary_cleanup_queue AS q
      (cloudinary_public_id, resource_type, delivery_type, original_filename, folder, deletion_reason, trigger_source, due_at, actor)
    VALUES (begin_upload.public_id, begin_upload.resource_type, begin_upload.delivery_type, filename,
            nullif(substring(begin_upload.public_id FROM '^(.*)/'), ''), 'upload_pending', 'upload', clock_timestamp() + later, who)
    RETURNING q.id INTO begin_upload.id;
  END IF;
END $$;

CREATE FUNCTION mediasweep.begin_use(begun mediasweep.ref[], relation regclass, waits boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'on'
    SET lock_timeout TO '10s'
    AS $$
DECLARE
  stop     record;
  settled  timestamptz;
BEGIN
  IF to_regclass('mediasweep.cloudinary_cleanup_queue') IS NULL THEN
    RAISE undefined_table USING
      MESSAGE = format('mediasweep: nobody can tell whether %s may use the asset "%s": the queue is gone', relation, begun[1].public_id),
      HINT = 'Put it back; or detach the table, which asks for this by its option "references".';
  END IF;
  IF NOT EXISTS (SELECT FROM mediasweep.in_the_way(begun)) THEN
    RETURN;
  END IF;
  waits := waits AND current_setting('transaction_isolation') = 'read committed';   -- else it would never see the outcome
  LOOP
    BEGIN
      PERFORM mediasweep.keep_pending(begun);
      SELECT w.public_id, w.stops, w.until INTO stop
        FROM mediasweep.in_the_way(begun) w WHERE w.stops IS NOT NULL ORDER BY w.until NULLS FIRST LIMIT 1;
      IF NOT FOUND THEN
        RETURN;
      END IF;
      RAISE SQLSTATE 'MS002';
    EXCEPTION
      WHEN SQLSTATE 'MS002' THEN
        NULL;   -- what was locked is free again, so that the daemon can record what it waits for
      WHEN lock_not_available THEN
        SELECT begun[1].public_id, 'a claim has had it for ten seconds' AS stops, NULL::timestamptz AS until INTO stop;
    END;
    settled := coalesce(settled, stop.until);
    IF NOT waits OR stop.until IS NULL OR clock_timestamp() >= settled THEN
      RAISE EXCEPTION USING ERRCODE = 'MS001',
        MESSAGE = format('mediasweep: %s cannot use the asset "%s": %s', relation, stop.public_id, stop.stops),
        HINT = 'Upload the file again, under a new public id. What is only being deleted may be settled in a minute.';
    END IF;
    PERFORM pg_sleep(0.05);
  END LOOP;
END $$;

CREATE FUNCTION mediasweep.below(folder text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT regexp_replace(folder, '([\\%_])', '\\\1', 'g') || '/%' $$;

CREATE TABLE mediasweep.cloudinary_cleanup_queue (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    cloudinary_public_id text NOT NULL,
    resource_type text,
    original_filename text,
    file_size bigint,
    folder text,
    deletion_reason text DEFAULT 'manual'::text NOT NULL,
    trigger_source text DEFAULT 'database'::text NOT NULL,
    triggered_by uuid,
    queued_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    processed_at timestamp with time zone,
    processing_attempts integer DEFAULT 0 NOT NULL,
    max_attempts integer,
    status text DEFAULT 'pending'::text NOT NULL,
    cloudinary_response jsonb,
    error_message text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    source_id integer DEFAULT 0 NOT NULL,
    delivery_type text,
    asset_id text,
    version bigint,
    due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    lease_until timestamp with time zone,
    claim_no integer DEFAULT 0 NOT NULL,
    handovers integer DEFAULT 0 NOT NULL,
    in_doubt boolean DEFAULT false NOT NULL,
    actor text DEFAULT SESSION_USER NOT NULL,
    app text DEFAULT COALESCE(current_setting('application_name'::text, true), ''::text) NOT NULL,
    xact xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT attempts_are_not_negative CHECK ((processing_attempts >= 0)),
    CONSTRAINT finished_has_processed_at CHECK (((processed_at IS NOT NULL) = (status = ANY (ARRAY['completed'::text, 'failed'::text, 'skipped'::text])))),
    CONSTRAINT leased_is_processing CHECK (((lease_until IS NULL) OR (status = 'processing'::text))),
    CONSTRAINT processing_was_claimed CHECK (((status <> 'processing'::text) OR (claim_no > 0))),
    CONSTRAINT public_id_is_not_empty CHECK ((cloudinary_public_id <> ''::text)),
    CONSTRAINT resource_type_is_known CHECK ((resource_type = ANY (ARRAY['image'::text, 'video'::text, 'raw'::text]))),
    CONSTRAINT status_is_known CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'completed'::text, 'failed'::text, 'skipped'::text]))),
    CONSTRAINT trigger_source_is_known CHECK ((trigger_source = ANY (ARRAY['database'::text, 'trigger'::text, 'api'::text, 'manual'::text, 'upload'::text, 'reconcile'::text, 'fallback'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');

CREATE FUNCTION mediasweep.brake(candidates mediasweep.cloudinary_cleanup_queue[], terms jsonb, INOUT memory jsonb, INOUT news jsonb) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.brake_dribble(terms jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.brake_options(given jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  span  interval;
BEGIN
  IF given IS NULL THEN
    RETURN '{}';
  ELSIF jsonb_typeof(given) <> 'object' OR given - '{floor,share,window}'::text[] <> '{}' THEN
    RAISE EXCEPTION 'mediasweep.attach: "brake" is an object with floor, share or window, as in {"floor": 100000}, not %', given
      USING HINT = 'Nothing switches the brake off.';
  END IF;
  BEGIN
    span := given ->> 'window';
    IF (given ? 'floor' AND (jsonb_typeof(given -> 'floor') = 'number' AND (given ->> 'floor')::bigint BETWEEN 1 AND 10000000) IS NOT TRUE)
       OR (given ? 'share' AND (jsonb_typeof(given -> 'share') = 'number' AND (given ->> 'share')::float8 BETWEEN 0 AND 1) IS NOT TRUE)
       OR (given ? 'window' AND (span BETWEEN interval '1 minute' AND interval '30 days') IS NOT TRUE)
    THEN
      RAISE data_exception;
    END IF;
  EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'mediasweep.attach: "brake" cannot be %', given
      USING HINT = 'floor: 1 to 10000000 rows; share: 0 to 1; window: an interval of 1 minute to 30 days.';
  END;
  RETURN given;
END $$;

CREATE FUNCTION mediasweep.brake_rule(source integer, terms jsonb, OUT name text, OUT most bigint, OUT span interval, OUT said text) RETURNS record
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  a       record;
  floor_  bigint;
  share   float8;
  assets  float8;
BEGIN
  SELECT t.relation, t.brake, c.reltuples AS assets INTO a
    FROM mediasweep.attached t LEFT JOIN pg_class c ON c.oid = t.relation AND c.relkind = 'r' WHERE t.id = source;
  name := mediasweep.source_name(source);
  floor_ := coalesce(a.brake ->> 'floor', terms ->> 'brake_floor', '1000');
  share := coalesce(a.brake ->> 'share', terms ->> 'brake_share', '0.05');
  span := coalesce(a.brake ->> 'window', terms ->> 'brake_window', '10 min');
  assets := a.assets;
  IF assets IS NULL THEN   -- no table, or one of many parts
    SELECT coalesce(sum(greatest(c.reltuples, 0)), 0) INTO assets
      FROM (SELECT a.relation::oid AS id UNION SELECT t.relid FROM pg_partition_tree(a.relation) t) part
      JOIN pg_class c ON c.oid = part.id AND c.relkind <> 'p';
  END IF;
  most := least(greatest(floor_, share * assets), 1e9);   -- below zero: nothing is known of it yet
  said := CASE WHEN most > floor_ THEN format('%s %% of about %s rows', trim_scale((100 * share)::numeric), mediasweep.number(assets::numeric))
               ELSE format('the floor of %s', mediasweep.counted(floor_, 'row')) END;
END $$;

CREATE FUNCTION mediasweep.build() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  a  mediasweep.attached;
BEGIN
  PERFORM mediasweep.only_one_builder();
  FOR a IN
    SELECT t.* FROM mediasweep.attached t JOIN pg_class c ON c.oid = t.relation WHERE t.detached_at IS NULL ORDER BY t.id
  LOOP
    PERFORM mediasweep.build_capture(a);
  END LOOP;
  PERFORM mediasweep.build_guard();
END $$;

CREATE FUNCTION mediasweep.build_capture(a mediasweep.attached) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  EXECUTE mediasweep.capture_statement(a);
  EXECUTE format('REVOKE ALL ON FUNCTION mediasweep.%I() FROM PUBLIC', a.capture);
  IF a.options ? 'references' THEN
    EXECUTE mediasweep.reference_statement(a);
    EXECUTE format('REVOKE ALL ON FUNCTION mediasweep.%I() FROM PUBLIC', mediasweep.reference_name(a));
  END IF;
  -- whole rows that could not be read by what it was before may be now
  UPDATE mediasweep.fallback f SET refused = NULL WHERE f.source_id = a.id AND f.ref ? 'row' AND f.refused IS NOT NULL;
END $$;

CREATE FUNCTION mediasweep.build_guard() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE mediasweep.attached t
     SET refs = mediasweep.refs_query(t, t.relation::text, 'capture'), live = mediasweep.live_expression(t.relation, t.options, 'use')
   WHERE t.detached_at IS NULL AND mediasweep.misplaced(t) IS NULL;
  EXECUTE format('CREATE OR REPLACE FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[])'
                 ' RETURNS TABLE (id uuid, used_by text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER'
                 ' SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = ''500ms'' AS %L', mediasweep.uses_source());
  REVOKE ALL ON FUNCTION mediasweep.uses(mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;
END $$;

CREATE FUNCTION mediasweep.by_every_name(candidates mediasweep.cloudinary_cleanup_queue[]) RETURNS mediasweep.cloudinary_cleanup_queue[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN candidates || ARRAY(
    SELECT jsonb_populate_record(c, jsonb_build_object('cloudinary_public_id', now_.name, 'delivery_type', NULL))
      FROM unnest(candidates) c
     CROSS JOIN LATERAL (
       SELECT i.public_id FROM mediasweep.inbox i
        WHERE hashtextextended(i.asset_id, 0) = hashtextextended(c.asset_id, 0) AND i.asset_id = c.asset_id AND i.public_id IS NOT NULL
        ORDER BY i.signed_at DESC FETCH FIRST 1 ROWS WITH TIES) now_ (name)
     WHERE c.asset_id IS NOT NULL AND now_.name <> c.cloudinary_public_id);
END $$;

CREATE FUNCTION mediasweep.by_operation(on_delete text, on_update text, on_truncate text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$IF TG_OP = 'DELETE' THEN %s
    ELSIF TG_OP = 'UPDATE' THEN %s
    ELSE %s
    END IF;$q$, on_delete, on_update, on_truncate)
$_$;

CREATE FUNCTION mediasweep.cancel(ids uuid[], who text, why text, OUT id uuid, OUT refused text, OUT busy boolean) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  held     uuid[] := mediasweep.hold(mediasweep.same_assets(ids));
  moving   uuid[];
  staying  jsonb;
BEGIN
  SELECT coalesce(array_agg(p.id) FILTER (WHERE p.refused IS NULL), '{}'),
         coalesce(jsonb_object_agg(p.id, jsonb_build_object('refused', p.refused, 'busy', p.busy))
                    FILTER (WHERE p.refused IS NOT NULL AND p.id = ANY (ids)), '{}')
    INTO moving, staying
    FROM mediasweep.plan_cancel(ids, held) p;
  PERFORM mediasweep.move_by_hand('cancel', moving, who, why);
  RETURN QUERY
    SELECT m.id, NULL, false FROM unnest(moving) m (id)
     UNION ALL
    SELECT s.key::uuid, s.value ->> 'refused', (s.value ->> 'busy')::boolean FROM jsonb_each(staying) s;
END $$;

CREATE FUNCTION mediasweep.capture_source(a mediasweep.attached) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  WITH part AS (
    SELECT mediasweep.unchanged_statement(a)
           || mediasweep.by_operation(mediasweep.queue_statement(a, 'DELETE'), mediasweep.queue_statement(a, 'UPDATE'),
                                      mediasweep.truncated_statement(a, mediasweep.queue_statement(a, 'TRUNCATE')))
           || woken.sql
           || mediasweep.by_operation(mediasweep.unread_statement(a, 'DELETE'), mediasweep.unread_statement(a, 'UPDATE'), 'NULL;') AS queue,
           mediasweep.by_operation(mediasweep.fallback_statement(a, 'DELETE'), mediasweep.fallback_statement(a, 'UPDATE'),
                                   mediasweep.truncated_statement(a, mediasweep.fallback_statement(a, 'TRUNCATE')))
           || woken.sql AS fall_back,
           mediasweep.by_operation(kept.from_old, kept.from_old,
                                   mediasweep.truncated_statement(a, mediasweep.keep_rows_statement(a, '"mediasweep truncated"'))) AS keep
      FROM mediasweep.keep_rows_statement(a, 'old_rows') kept (from_old)
     CROSS JOIN (SELECT E'\n    GET DIAGNOSTICS "mediasweep queued" = ROW_COUNT;'
                        || CASE WHEN a.notify THEN ' IF "mediasweep queued" > 0 THEN PERFORM mediasweep.wake(); END IF;' ELSE '' END
                        || E'\n    ') woken (sql))
  SELECT E'#variable_conflict use_column\n' || CASE WHEN a.strict THEN format($q$DECLARE
  "mediasweep queued"  bigint;
BEGIN
  %s
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE,
    MESSAGE = format('mediasweep: could not queue the assets of %%s: %%s', TG_RELID::regclass, SQLERRM),
    HINT = 'The table is attached as strict, so nothing of it goes. Mend the cause, or attach it without "strict".';
END$q$, part.queue)
         ELSE format($q$DECLARE
  "mediasweep queued"   bigint;
  "mediasweep failure"  text;
BEGIN
  BEGIN
    %s
    RETURN NULL;
  EXCEPTION WHEN OTHERS THEN
    "mediasweep failure" := SQLSTATE || ' ' || SQLERRM;
  END;
  BEGIN
    %s
    RAISE WARNING 'mediasweep: could not queue the assets of %%, kept them in mediasweep.fallback: %%', TG_RELID::regclass, "mediasweep failure";
    RETURN NULL;
  EXCEPTION WHEN OTHERS THEN
    "mediasweep failure" := "mediasweep failure" || '; ' || SQLERRM;
  END;
  BEGIN
    %s
    RAISE WARNING 'mediasweep: could not read the assets of %%, kept the rows in mediasweep.fallback: %%', TG_RELID::regclass, "mediasweep failure";
  EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'mediasweep: could not queue the assets of %%, and not keep them either: %%; %%', TG_RELID::regclass, "mediasweep failure", SQLERRM;
  END;
  RETURN NULL;
END$q$, part.queue, part.fall_back, part.keep) END
    FROM part
$_$;

CREATE FUNCTION mediasweep.capture_statement(a mediasweep.attached) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT format('CREATE OR REPLACE FUNCTION mediasweep.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER'
                ' SET search_path = pg_catalog, pg_temp SET row_security = off SET enable_nestloop = off SET jit = off AS %L',
                a.capture, mediasweep.capture_source(a))
$$;

CREATE FUNCTION mediasweep.capture_trouble() RETURNS TABLE(source integer, says text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  name_  text;
BEGIN
  FOREACH name_ IN ARRAY '{cloudinary_cleanup_queue,fallback}'::text[] LOOP
    IF to_regclass('mediasweep.' || name_) IS NULL THEN
      RETURN QUERY SELECT NULL::integer, format('there is no table mediasweep.%s', name_);
    ELSIF NOT has_table_privilege('mediasweep.' || name_, 'INSERT') THEN
      RETURN QUERY SELECT NULL::integer, format('%s, the owner of the schema, may not INSERT into mediasweep.%s', current_user, name_);
    END IF;
  END LOOP;
  BEGIN
    RETURN QUERY
      SELECT u.source, format('statements on %s are not all captured: %s', u.part, u.missing)
        FROM mediasweep.uncovered() u ORDER BY u.source, u.part::text;
    IF has_table_privilege(to_regclass('mediasweep.fallback'), 'SELECT') THEN
      RETURN QUERY
        SELECT f.source_id, format('%s of %s fell back and are not queued yet, the last with: %s', count(*),
                                   coalesce(mediasweep.source_name(f.source_id), 'no table'),
                                   (array_agg(f.error ORDER BY f.id DESC))[1])
          FROM mediasweep.fallback f WHERE f.refused IS NULL GROUP BY f.source_id ORDER BY f.source_id;
    END IF;
  EXCEPTION WHEN OTHERS THEN
    RETURN QUERY SELECT NULL::integer, SQLERRM;
  END;
END $$;

CREATE FUNCTION mediasweep.captured_columns(relation regclass) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
$$;

CREATE FUNCTION mediasweep.check_captured(relation regclass, options jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  wrong  text;
BEGIN
  SELECT string_agg(DISTINCT quote_ident(a.attname), ', ') INTO wrong
    FROM mediasweep.refs_of(options) ref
   CROSS JOIN LATERAL jsonb_each(ref || jsonb_build_object('deleted', coalesce(options -> 'deleted', options -> 'deleted_at'))) o
    JOIN pg_attribute a ON a.attrelid = relation AND a.attname = mediasweep.column_of(o.value) AND a.attgenerated = 'v'
   WHERE o.key NOT IN ('host', 'cloud');
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: % of % is computed when it is read, and a trigger does not see it: make it STORED', wrong, relation;
  END IF;
  SELECT string_agg(f.inhrelid::regclass::text, ', ') INTO wrong
    FROM mediasweep.parts(relation) p JOIN pg_inherits f ON f.inhparent = p.part JOIN pg_class c ON c.oid = f.inhrelid AND c.relkind = 'f';
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: % has foreign tables among its parts (%), and PostgreSQL refuses to delete from them where there are triggers like ours',
      relation, wrong USING HINT = 'Attach the other parts, each by itself, and the foreign ones where they are.';
  END IF;
END $$;

CREATE FUNCTION mediasweep.check_deleted(relation regclass, options jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  rule      jsonb := coalesce(options -> 'deleted', options -> 'deleted_at');
  name      text := CASE WHEN options ? 'deleted' THEN 'deleted' ELSE 'deleted_at' END;
  called    text := mediasweep.column_of(rule);
  category  "char";
BEGIN
  IF rule IS NULL THEN
    RETURN;
  ELSIF options ? 'deleted' AND options ? 'deleted_at' THEN
    RAISE EXCEPTION 'mediasweep.attach: "deleted_at" is an older name of "deleted": give one of them';
  ELSIF called IS NULL OR jsonb_typeof(rule) = 'object' AND (rule - '{column,in}'::text[] <> '{}'
        OR rule ? 'in' AND (jsonb_typeof(rule -> 'in') <> 'array' OR rule -> 'in' = '[]')) THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is a column, or {"column": "status", "in": ["deleted"]}, not %', name, rule;
  ELSIF mediasweep.column_type(relation, called) IS NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: % has no column "%" (%)', relation, called, name USING COLUMN = called;
  END IF;
  SELECT t.typcategory INTO category FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
   WHERE a.attrelid = relation AND a.attname = called;
  IF category NOT IN ('B', 'D', 'U') AND NOT (jsonb_typeof(rule) = 'object' AND rule ? 'in') THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is %: say which of its values mean that the row is gone, as in {"column": "%", "in": ["deleted"]}',
      called, mediasweep.column_type(relation, called), called
      USING HINT = 'For any other rule there is "filter": an expression over columns that holds for the rows which count.';
  END IF;
  IF jsonb_typeof(rule) = 'object' AND rule ? 'in' THEN
    EXECUTE format('SELECT %L::text[]::%s[]', ARRAY(SELECT jsonb_array_elements_text(rule -> 'in')), mediasweep.column_type(relation, called));
  END IF;
EXCEPTION WHEN data_exception THEN
  RAISE EXCEPTION 'mediasweep.attach: "%" is %, which has no such value: %', called, mediasweep.column_type(relation, called), SQLERRM;
END $$;

CREATE FUNCTION mediasweep.check_filter(relation regclass, options jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
BEGIN
  IF options ? 'filter' THEN
    EXECUTE format(E'SELECT FROM (SELECT %1$s FROM %2$s) AS r WHERE (%3$s\n) IS TRUE AND CASE WHEN %3$s\n THEN true END LIMIT 0',
                   mediasweep.captured_columns(relation), relation, options ->> 'filter');
    EXECUTE format('CREATE TABLE mediasweep."filter" (LIKE %s)', relation);
    EXECUTE format(E'CREATE INDEX ON mediasweep."filter" ((1)) WHERE %s', options ->> 'filter');
    RAISE SQLSTATE 'MS003';   -- neither of them stays
  END IF;
EXCEPTION
  WHEN SQLSTATE 'MS003' OR read_only_sql_transaction THEN
    NULL;
  WHEN syntax_error_or_access_rule_violation OR feature_not_supported OR object_not_in_prerequisite_state THEN
    RAISE EXCEPTION 'mediasweep.attach: "filter" must be a boolean expression over the columns of %: %', relation,
      replace(SQLERRM, 'index predicate', 'filter')
      USING HINT = 'As in "filter": "provider = ''cloudinary''". Name functions and types with their schema, unless they are PostgreSQL''s own.';
END $_$;

CREATE FUNCTION mediasweep.check_options(relation regclass, options jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  unknown  text;
  ref      jsonb;
BEGIN
  IF jsonb_typeof(options) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'mediasweep.attach: the options are an object, as in {"public_id": "cover_id"}';
  END IF;
  IF options ? 'refs' AND (jsonb_typeof(options -> 'refs') <> 'array' OR options -> 'refs' = '[]'
                           OR EXISTS (SELECT FROM jsonb_array_elements(options -> 'refs') e WHERE jsonb_typeof(e) <> 'object'))
  THEN
    RAISE EXCEPTION 'mediasweep.attach: "refs" is an array of objects, as in [{"public_id": "avatar_id"}, {"public_id": "cover_id"}]';
  END IF;
  SELECT string_agg(given, ', ') INTO unknown
    FROM (SELECT jsonb_object_keys(options) EXCEPT SELECT unnest(mediasweep.table_options() || mediasweep.ref_options())) o (given);
  IF unknown IS NULL AND options ? 'refs' THEN
    SELECT string_agg(given, ', ') INTO unknown
      FROM (SELECT jsonb_object_keys(e) FROM jsonb_array_elements(options -> 'refs') e EXCEPT SELECT unnest(mediasweep.ref_options())) o (given);
  END IF;
  IF unknown IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: there is no option %', unknown;
  END IF;
  PERFORM mediasweep.check_table(relation, options);
  IF options ? 'references' AND options -> 'references' NOT IN ('"refuse"', '"wait"') THEN
    RAISE EXCEPTION 'mediasweep.attach: "references" is "refuse" or "wait", not %', options -> 'references';
  END IF;
  PERFORM mediasweep.check_deleted(relation, options);
  FOR ref IN SELECT mediasweep.refs_of(options) LOOP
    IF coalesce(mediasweep.column_of(ref -> 'public_id'), '') = '' THEN
      RAISE EXCEPTION 'mediasweep.attach: say which column of % holds the public id, as in {"public_id": "cover_id"}', relation;
    END IF;
    PERFORM mediasweep.check_terms(relation, ref);
    PERFORM mediasweep.check_public_id(relation, ref);
  END LOOP;
  PERFORM mediasweep.check_filter(relation, options);
END $$;

CREATE FUNCTION mediasweep.check_public_id(relation regclass, ref jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  said    jsonb := CASE jsonb_typeof(ref -> 'public_id') WHEN 'object' THEN ref -> 'public_id' ELSE '{}' END;
  called  text := mediasweep.column_of(ref -> 'public_id');
  type    text := mediasweep.column_type(relation, called);
BEGIN
  IF said ? 'url' AND jsonb_typeof(said -> 'url') <> 'boolean' THEN
    RAISE EXCEPTION 'mediasweep.attach: "url" says whether the column holds URLs, as in {"column": "%", "url": true}', called;
  ELSIF type IN ('json', 'jsonb') AND NOT said ? 'path' THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is %: say where in it the public id stands, as in {"column": "%", "path": "$.images[*].publicId"}',
      called, type, called;
  ELSIF said ? 'path' AND type NOT IN ('json', 'jsonb') THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is %, and only json and jsonb have a path', called, type;
  ELSIF said ? 'key' AND NOT said ? 'path' THEN
    RAISE EXCEPTION 'mediasweep.attach: "key" needs a "path" that finds the objects which have it';
  ELSIF type LIKE '%[]' AND type NOT IN ('text[]', 'character varying[]') OR type ~ '^(bytea|date|time|interval|bool|numeric|real|double)' THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is %, and public ids are text', called, type;
  END IF;
  IF mediasweep.is_url(ref) AND EXISTS (SELECT FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
                                         WHERE a.attrelid = relation AND a.attname = called AND NOT c.collisdeterministic)
  THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" has a collation that is not deterministic, under which no URL can be read', called;
  END IF;
  IF said ? 'path' THEN
    BEGIN
      PERFORM mediasweep.items_path(ref)::jsonpath, mediasweep.any_of(mediasweep.items_path(ref), '{a}');
    EXCEPTION WHEN syntax_error OR data_exception THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" is no SQL/JSON path: %', said ->> 'path', SQLERRM;
    END;
  END IF;
  IF mediasweep.is_url(ref) AND NOT ref ? 'cloud' AND NOT EXISTS (SELECT FROM mediasweep.installation) THEN
    RAISE EXCEPTION 'mediasweep.attach: no daemon has run on this database yet, so it is not known which cloud''s URLs are yours'
      USING HINT = 'Start the daemon once, or name the cloud: "cloud": "my-cloud".';
  END IF;
END $_$;

CREATE FUNCTION mediasweep.check_rights(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  part     record;
  missing  text[] := '{}';
BEGIN
  FOR part IN SELECT p.part, c.relowner::regrole AS owner, n.oid AS schema_ FROM mediasweep.parts(relation) p
                JOIN pg_class c ON c.oid = p.part JOIN pg_namespace n ON n.oid = c.relnamespace
  LOOP
    IF NOT has_schema_privilege(part.schema_, 'USAGE') THEN
      missing := missing || format('GRANT USAGE ON SCHEMA %s TO %I;', part.schema_::regnamespace, current_user);
    END IF;
    IF NOT has_table_privilege(part.part, 'SELECT') OR NOT has_table_privilege(part.part, 'TRIGGER') THEN
      missing := missing || format('GRANT SELECT, TRIGGER ON %s TO %I;', part.part, current_user);
    END IF;
    IF row_security_active(part.part) THEN
      missing := missing || format('%s;  -- row-level security hides rows from the guard', mediasweep.show_rows(part.part, current_user));
    END IF;
  END LOOP;
  IF missing <> '{}' THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('mediasweep.attach: %s may not attach %s, which %s owns', current_user, relation,
                       (SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = relation)),
      HINT = E'As the owner, or as a superuser:\n' || array_to_string(missing, E'\n');
  END IF;
END $$;

CREATE FUNCTION mediasweep.check_table(relation regclass, options jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  kind   text := (SELECT CASE c.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view' WHEN 'f' THEN 'a foreign table'
                                        WHEN 'r' THEN NULL WHEN 'p' THEN NULL ELSE 'no table' END
                    FROM pg_class c WHERE c.oid = relation);
  passes boolean := (SELECT c.relpersistence = 't' FROM pg_class c WHERE c.oid = relation);
  grace  interval;
  name   text;
BEGIN
  IF kind IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: % is %, of which nothing can be captured: attach the tables that hold its rows', relation, kind;
  ELSIF passes THEN
    RAISE EXCEPTION 'mediasweep.attach: % is temporary, and no other session could ask it: attach a table that stays', relation;
  END IF;
  BEGIN
    grace := options ->> 'grace';
  EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
    grace := '-1 s';
  END;
  IF jsonb_typeof(options -> 'grace') IN ('object', 'array', 'boolean') OR grace < interval '0' OR grace > interval '100 years' THEN
    RAISE EXCEPTION 'mediasweep.attach: "grace" is how long the rows of a table rest, as in "1 hour", and not %', options -> 'grace';
  END IF;
  FOREACH name IN ARRAY '{strict,notify}'::text[] LOOP
    IF jsonb_typeof(options -> name) <> 'boolean' THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" is true or false, and not %', name, options -> name;
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION mediasweep.check_terms(relation regclass, ref jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  option_   record;
  allowed   text[];
BEGIN
  IF EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(ref -> 'host') WHEN 'array' THEN ref -> 'host'
                                              ELSE jsonb_build_array(ref -> 'host') END) h
              WHERE ref ? 'host' AND (jsonb_typeof(h) <> 'string' OR h #>> '{}' !~ '^[^][:space:]:/?#@,;"''[]+$')) THEN
    RAISE EXCEPTION 'mediasweep.attach: "host" is a name or an array of names, without scheme, port and path, as in "images.shop.example", and not %',
      ref -> 'host';
  END IF;
  FOR option_ IN
    SELECT o.key, o.value, mediasweep.column_of(o.value) AS called, o.value ->> 'value' AS constant
      FROM jsonb_each(ref) o WHERE o.key NOT IN ('host', 'cloud') ORDER BY o.key <> 'public_id', o.key
  LOOP
    allowed := CASE option_.key WHEN 'public_id' THEN '{column,path,key,url}' WHEN 'resource_type' THEN '{column,value,url,key}'
                 WHEN 'delivery_type' THEN '{column,value,url,key}' WHEN 'version' THEN '{column,value,url,key}'
                 ELSE '{column,value,key}' END;
    IF jsonb_typeof(option_.value) NOT IN ('string', 'object')
       OR jsonb_typeof(option_.value) = 'object' AND option_.value - allowed <> '{}'
       OR jsonb_typeof(option_.value) = 'object' AND option_.key <> 'public_id' AND (SELECT count(*) FROM jsonb_object_keys(option_.value)) <> 1
    THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" cannot be %; it is a column, or an object with one of %', option_.key, option_.value,
        array_to_string(allowed, ', ');
    ELSIF option_.called IS NOT NULL AND mediasweep.column_type(relation, option_.called) IS NULL THEN
      RAISE EXCEPTION 'mediasweep.attach: % has no column "%" (%); for the same value in all rows write {"value": "%"}%',
        relation, option_.called, option_.key, coalesce(split_part(mediasweep.constants(option_.key), ', ', 1), option_.called),
        coalesce(', of ' || mediasweep.constants(option_.key), '')
        USING COLUMN = option_.called;  -- by which a program can tell it
    ELSIF option_.key = 'resource_type' AND option_.constant IS NOT NULL AND mediasweep.resource_type(option_.constant) IS NULL
       OR option_.key = 'delivery_type' AND option_.constant IS NOT NULL AND mediasweep.delivery_type(option_.constant) IS NULL
    THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" is no % of Cloudinary, which are %', option_.constant, option_.key,
        mediasweep.constants(option_.key);
    ELSIF option_.key = 'version' AND mediasweep.column_type(relation, option_.called) ~ '^(json|bytea|boolean|date|time|uuid)|\[\]$'
       AND NOT (jsonb_typeof(option_.value) = 'object' AND option_.value ? 'url') THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" is %, and a version is a number', option_.called,
        mediasweep.column_type(relation, option_.called);
    ELSIF jsonb_typeof(option_.value) = 'object' AND option_.value ? 'key'
       AND NOT (jsonb_typeof(ref -> 'public_id') = 'object' AND ref -> 'public_id' ? 'key')
    THEN
      RAISE EXCEPTION 'mediasweep.attach: {"key": …} (%) reads the object that the path of "public_id" finds, whose id is a "key" of it too',
        option_.key
        USING HINT = 'As in {"public_id": {"column": "data", "path": "$.images[*]", "key": "publicId"}, "resource_type": {"key": "type"}}.';
    END IF;
  END LOOP;
END $_$;

CREATE TABLE mediasweep.reconcile_finding (
    id bigint NOT NULL,
    run_id bigint NOT NULL,
    kind text NOT NULL,
    source_id integer,
    row_name text,
    public_id text NOT NULL COLLATE pg_catalog."C",
    resource_type text COLLATE pg_catalog."C",
    delivery_type text COLLATE pg_catalog."C",
    asset_id text COLLATE pg_catalog."C",
    version bigint,
    bytes bigint,
    made_at timestamp with time zone,
    detail jsonb,
    sighted_at timestamp with time zone,
    looked_at timestamp with time zone,
    action text,
    acted_at timestamp with time zone,
    CONSTRAINT acted_has_action CHECK (((acted_at IS NOT NULL) = (action IS NOT NULL))),
    CONSTRAINT kind_is_known CHECK ((kind = ANY (ARRAY['orphan'::text, 'ghost'::text, 'mismatch'::text])))
);

CREATE FUNCTION mediasweep.chosen_findings(run bigint, owned text[], sighted boolean) RETURNS SETOF mediasweep.reconcile_finding
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT f.* FROM mediasweep.reconcile_finding f
   WHERE f.run_id = run AND f.action IS NULL
     AND (owned IS NULL OR EXISTS (SELECT FROM unnest(owned) o (prefix) WHERE starts_with(f.public_id, o.prefix)))
     AND (f.kind = 'orphan' AND (f.sighted_at IS NOT NULL AND f.detail IS NULL OR NOT sighted)
          OR f.kind = 'mismatch' AND NOT sighted AND NOT f.detail ?| '{resource_type,delivery_type}'
             AND f.source_id = (SELECT a.id FROM mediasweep.attached a
                                 WHERE a.relation = to_regclass('public.media_assets') AND a.detached_at IS NULL))
$$;

CREATE FUNCTION mediasweep.claim(daemon uuid, batch integer, terms jsonb, INOUT memory jsonb, OUT jobs mediasweep.job[], OUT skipped integer, OUT failed integer, OUT guard_error text, OUT probing boolean, OUT held boolean, OUT next_in interval, OUT news jsonb) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
  grace       interval := terms ->> 'grace';
  go          record;
  due         record;
  checked     record;
  marked      record;
  candidates  mediasweep.cloudinary_cleanup_queue[];
  sent        mediasweep.cloudinary_cleanup_queue[];
  uses        jsonb;
  handed_over integer;
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM mediasweep.be_durable();
  END IF;
  jobs := '{}'; skipped := 0; failed := 0; held := false;
  memory := mediasweep.advance(memory);
  IF coalesce(memory ->> 'home' <> mediasweep.home()::text, true) THEN   -- closes a gate where this is not the place that it was
    memory := memory || jsonb_build_object('home', mediasweep.recognise(daemon, terms));
  END IF;
  go := mediasweep.allowance(CASE WHEN memory ->> 'home' IS NULL THEN 0 ELSE batch END);
  probing := go.probing; news := go.news;
  IF go.allowed = 0 THEN
    next_in := mediasweep.next_opening(probing);
    RETURN;
  END IF;
  -- lock
  LOOP
    due := mediasweep.lock_due(go.allowed, memory, terms);
    candidates := due.candidates; memory := due.memory;
    EXIT WHEN cardinality(candidates) = 0;
    checked := mediasweep.brake(candidates, terms, memory, news);
    memory := checked.memory; news := checked.news;
    EXIT WHEN NOT news ? 'braked_now';   -- otherwise once more, without the sources that were stopped
    news := news - 'braked_now';
  END LOOP;
  IF cardinality(candidates) = 0 THEN
    due := mediasweep.next_due(grace);
    next_in := due.at - clock_timestamp(); held := due.held;
    IF memory ? 'midway' THEN   -- only a part was looked at
      next_in := least(next_in, '0.1 s');
    END IF;
    IF go.forcing AND NOT held THEN   -- what only an open transaction holds belongs to it
      PERFORM mediasweep.spend_forced(NULL);
    END IF;
    RETURN;
  END IF;
  -- guard
  BEGIN
    SELECT jsonb_object_agg(u.id, u.used_by) INTO uses FROM mediasweep.uses(mediasweep.by_every_name(candidates)) u;
  EXCEPTION WHEN query_canceled OR OTHERS THEN
    guard_error := SQLERRM;
    PERFORM mediasweep.put_off(candidates, guard_error);
    next_in := interval '1 s';
    RETURN;
  END;
  -- a later statement than the guard's: it knows each row that the guard's snapshot has let go of
  sent := mediasweep.without(candidates, mediasweep.waiting_assets(candidates, memory, grace));
  held := cardinality(sent) < cardinality(candidates);
  -- mark
  marked := mediasweep.mark(daemon, sent, uses, (terms ->> 'lease')::interval,
                            coalesce((news -> 'config' ->> 'max_retries')::integer, (terms ->> 'max_attempts')::integer));
  jobs := marked.jobs; skipped := marked.skipped; failed := marked.failed;
  IF skipped > 0 THEN   -- why, this transaction has just written down; the result of `mark` is that of the release before
    news := news || jsonb_build_object('kept', (
      SELECT jsonb_object_agg(k.outcome, k.rows)
        FROM (SELECT j.outcome, count(*) AS rows FROM mediasweep.journal j
               WHERE j.queue_id = ANY (ARRAY(SELECT s.id FROM unnest(sent) s)) AND j.event = 'skipped' AND mediasweep.is_mine(j.xmin)
               GROUP BY j.outcome) k));
  END IF;
  handed_over := (SELECT count(*) FROM unnest(sent) s WHERE s.lease_until IS NOT NULL);
  IF handed_over > 0 THEN
    news := news || jsonb_build_object('handed_over', handed_over);
  END IF;
  IF probing AND cardinality(jobs) > 0 THEN
    PERFORM mediasweep.put_probe_off();
  END IF;
  IF go.forcing THEN
    PERFORM mediasweep.spend_forced(cardinality(sent));
  END IF;
END $$;

CREATE FUNCTION mediasweep.claim(daemon uuid, batch integer, lease interval, grace interval, max_attempts integer, force boolean, INOUT horizon jsonb, OUT jobs mediasweep.job[], OUT skipped integer, OUT failed integer, OUT guard_error text, OUT probing boolean, OUT held boolean, OUT next_in interval) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  SELECT c.memory, c.jobs, c.skipped, c.failed, c.guard_error, c.probing, c.held, c.next_in
    INTO horizon, jobs, skipped, failed, guard_error, probing, held, next_in
    FROM mediasweep.claim(daemon, batch, jsonb_build_object('lease', lease, 'grace', grace, 'max_attempts', max_attempts),
                          horizon) c;
END $$;

CREATE FUNCTION mediasweep.claimant(queue_row uuid, claim integer) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN d.id IS NOT NULL THEN format('daemon %s pid %s', d.host, d.pid)
              ELSE format('daemon %s, which is gone', j.daemon) END
    FROM mediasweep.journal j
    LEFT JOIN mediasweep.daemon d ON d.id = j.daemon
   WHERE j.queue_id = queue_row AND j.claim_no = claim AND j.daemon IS NOT NULL
   ORDER BY j.id DESC
   LIMIT 1
$$;

CREATE FUNCTION mediasweep.close_brake(source integer, rule record, known record, too_much text, slow boolean) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.close_gate(name text, reason text, detail jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.closed_gates(OUT source_id integer, OUT testing boolean, OUT about text, OUT detail text, OUT since timestamp with time zone, OUT until timestamp with time zone) RETURNS SETOF record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT g.source_id, coalesce(g.until <= statement_timestamp(), false),
         g.name || coalesce(' (' || mediasweep.source_name(g.source_id) || ')', ''),
         g.reason || ', by ' || g.closed_by, g.closed_at, g.until
    FROM mediasweep.gate g
   WHERE (g.until IS NULL OR g.until > statement_timestamp() OR (g.probe IS NOT NULL AND g.source_id IS NULL))
     AND NOT (g.name = 'pause' AND g.source_id IS NULL AND (SELECT s.forced > 0 FROM mediasweep.scheduler s))
$$;

CREATE FUNCTION mediasweep.column_of(said jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE jsonb_typeof(said) WHEN 'string' THEN said #>> '{}'
              ELSE coalesce(said ->> 'column', CASE jsonb_typeof(said -> 'url') WHEN 'string' THEN said ->> 'url' END) END
$$;

CREATE FUNCTION mediasweep.column_type(relation regclass, called text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH RECURSIVE base (id, domain_over) AS (
    SELECT t.oid, t.typbasetype FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = relation AND a.attname = called AND a.attnum > 0 AND NOT a.attisdropped
     UNION ALL
    SELECT t.oid, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.domain_over)
  SELECT format_type(b.id, NULL) FROM base b WHERE b.domain_over = 0
$$;

CREATE FUNCTION mediasweep.columns_of_file(said jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
           'cloudinary_version', f.file -> 'version', 'cloudinary_signature', f.file -> 'signature', 'cloudinary_etag', f.file -> 'etag',
           'original_filename', left(f.file ->> 'original_filename', 500), 'file_size', f.file -> 'bytes', 'mime_type', f.file -> 'mime_type',
           'width', f.file -> 'width', 'height', f.file -> 'height', 'duration', f.file -> 'duration',
           'access_mode', f.file -> 'access_mode', 'cloudinary_created_at', f.file -> 'created_at'))
         || jsonb_build_object('format', f.file -> 'format')
    FROM (SELECT said -> 'upload' -> 1) f (file)
$$;

CREATE TABLE mediasweep.asset (
    asset_id text NOT NULL,
    said jsonb DEFAULT '{}'::jsonb NOT NULL,
    listed_at timestamp with time zone,
    hidden_at timestamp with time zone,
    heard_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE FUNCTION mediasweep.columns_said(known mediasweep.asset) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
           'cloudinary_asset_id', known.asset_id,
           'cloudinary_public_id', s.name ->> 'public_id', 'resource_type', s.name ->> 'resource_type', 'delivery_type', s.name ->> 'type',
           'folder', left(known.said -> 'folder' ->> 1, 500), 'display_name', left(known.said -> 'display_name' ->> 1, 500),
           'url', mediasweep.respelled(s.file ->> 'url', s.file ->> 'public_id', s.name ->> 'public_id'),
           'secure_url', mediasweep.respelled(s.file ->> 'secure_url', s.file ->> 'public_id', s.name ->> 'public_id')))
         || CASE WHEN known.said ? 'context:alt' THEN jsonb_build_object('alt_text', left(mediasweep.still(known.said, 'context:alt') #>> '{}', 500)) ELSE '{}' END
         || CASE WHEN known.said ? 'context:caption' THEN jsonb_build_object('description', mediasweep.still(known.said, 'context:caption') #>> '{}') ELSE '{}' END
    FROM (SELECT known.said -> 'name' -> 1, known.said -> 'upload' -> 1) s (name, file)
$$;

CREATE FUNCTION mediasweep.comparing_key() RETURNS bigint
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT 7882817126551222121 $$;

CREATE FUNCTION mediasweep.confirm(relation regclass, who text, most bigint DEFAULT NULL::bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.constants(option_ text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT CASE option_ WHEN 'resource_type' THEN 'image, video, raw' WHEN 'delivery_type' THEN 'upload, private, authenticated' END $$;

CREATE FUNCTION mediasweep.contract() RETURNS TABLE(relation text, by_asset_id boolean, rests interval, looks boolean, nameless boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT a.relation::text, (SELECT bool_and(ref ? 'asset_id') FROM mediasweep.refs_of(a.options) ref), a.grace + fleet.grace,
         a.options ? 'references', mediasweep.names_tell_nothing()
    FROM mediasweep.attached a CROSS JOIN mediasweep.fleet_at_work() fleet
   WHERE a.detached_at IS NULL
   ORDER BY a.id
$$;

CREATE FUNCTION mediasweep.count_fleet() RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  rows  record := mediasweep.unfinished();
  done  record := mediasweep.done_rows();
BEGIN
  RETURN to_jsonb(rows) || to_jsonb(done) || jsonb_build_object(
    'failed', mediasweep.failed_rows(),
    'fallback', (SELECT count(*) FROM mediasweep.fallback),
    'journal', mediasweep.estimated('SELECT FROM mediasweep.journal'),
    'gates', ARRAY(SELECT DISTINCT g.name FROM mediasweep.gate g
                    WHERE g.until IS NULL OR g.until > clock_timestamp() OR g.probe IS NOT NULL),
    'alive', (SELECT f.alive FROM mediasweep.fleet_at_work() f))
    || (SELECT jsonb_strip_nulls(jsonb_build_object(
                 'reconciled_s', extract(epoch FROM clock_timestamp() - coalesce(max(r.finished_at), (SELECT min(n.started_at) FROM mediasweep.reconcile_run n))),
                 'orphans', coalesce(sum((r.counts ->> 'orphans')::bigint), 0),
                 'ghosts', coalesce(sum((r.counts ->> 'ghosts')::bigint), 0), 'mismatches', coalesce(sum((r.counts ->> 'mismatches')::bigint), 0)))
          FROM mediasweep.reconcile_run r WHERE r.id = (SELECT max(d.id) FROM mediasweep.reconcile_run d WHERE d.state = 'done'))
    || (SELECT jsonb_build_object('inbox', count(*), 'inbox_failing', count(i.error),
                                  'inbox_s', coalesce(greatest(extract(epoch FROM clock_timestamp() - min(i.received_at)), 0), 0))
          FROM mediasweep.inbox i WHERE i.done_at IS NULL);
END $$;

CREATE FUNCTION mediasweep.counted(n numeric, what text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT to_char(n, 'FM999,999,999,999,990') || ' ' || what || CASE WHEN n = 1 THEN '' ELSE 's' END $$;

CREATE FUNCTION mediasweep.cover() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '50ms'
    AS $$
DECLARE
  lack   record;
  done   integer := 0;
BEGIN
  FOR lack IN
    SELECT m.part, array_agg(m.statement) AS statements
      FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation CROSS JOIN LATERAL mediasweep.missing_triggers(a) m
     WHERE a.detached_at IS NULL GROUP BY m.part
  LOOP
    BEGIN
      PERFORM mediasweep.check_rights(lack.part);
      PERFORM mediasweep.run_each(lack.statements);
      done := done + 1;
    EXCEPTION WHEN lock_not_available OR insufficient_privilege OR undefined_table OR duplicate_object OR object_not_in_prerequisite_state
                   OR wrong_object_type OR feature_not_supported THEN
      RAISE WARNING 'mediasweep: what % lets go of is not captured: %', lack.part, SQLERRM;
    END;
  END LOOP;
  RETURN done;
END $$;

CREATE FUNCTION mediasweep.decodings(said text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT said UNION SELECT mediasweep.unescaped(said) UNION SELECT mediasweep.unescaped(mediasweep.unescaped(said))
$$;

CREATE FUNCTION mediasweep.delete_again(ids uuid[], who text) RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN QUERY
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, folder, deletion_reason, trigger_source)
    SELECT q.cloudinary_public_id, q.resource_type, q.delivery_type, q.asset_id, q.version, q.original_filename, q.folder, 'verify', 'api'
      FROM mediasweep.cloudinary_cleanup_queue q WHERE q.id = ANY (ids) AND q.status = 'completed'
    RETURNING id;
  IF FOUND THEN   -- they were confirmed when they were deleted
    INSERT INTO mediasweep.acknowledgement (source_id, xact, queue_rows, acknowledged_by) VALUES (0, pg_current_xact_id(), cardinality(ids), who);
    PERFORM pg_notify('mediasweep', '');
  END IF;
END $$;

CREATE FUNCTION mediasweep.delete_media(ids uuid[], who text) RETURNS TABLE(id uuid, public_id text, queue_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN QUERY SELECT d.id, d.public_id, d.queue_id FROM mediasweep.delete_media(ids, who, NULL) d;
END $$;

CREATE FUNCTION mediasweep.delete_media(ids uuid[], who text, public_ids text[]) RETURNS TABLE(id uuid, public_id text, queue_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET lock_timeout TO '300ms'
    AS $$
DECLARE
  at    timestamptz := clock_timestamp();   -- one for all, by whose microseconds they are listed by name (media_deleted)
  gone  uuid[];
BEGIN
  WITH deleted AS (
    UPDATE public.media_assets m SET deleted_at = at - named.place * interval '1 microsecond', updated_at = at
      FROM (SELECT n.*, row_number() OVER (ORDER BY o.cloudinary_public_id, o.id) AS place
              FROM unnest(ids, public_ids) n (id, public_id) JOIN public.media_assets o ON o.id = n.id) named
     WHERE m.id = named.id AND m.cloudinary_public_id = coalesce(named.public_id, m.cloudinary_public_id) AND m.deleted_at IS NULL
    RETURNING m.id)
  SELECT coalesce(array_agg(d.id), '{}') INTO gone FROM deleted d;
  SET CONSTRAINTS ALL IMMEDIATE;   -- so that nothing is let go of after this
  -- a trigger of yours may let go of more, which nobody has named: then nothing is confirmed, and the brake judges all of it
  IF NOT EXISTS (
    SELECT FROM mediasweep.cloudinary_cleanup_queue q
      JOIN mediasweep.attached a ON a.id = q.source_id AND a.relation = 'public.media_assets'::regclass
     WHERE q.xact = pg_current_xact_id() AND q.processed_at IS NULL AND q.due_at >= now()
       AND (q.cloudinary_public_id, q.resource_type, q.delivery_type) NOT IN (
         SELECT m.cloudinary_public_id, m.resource_type, m.delivery_type FROM public.media_assets m WHERE m.id = ANY (gone)))
  THEN
    PERFORM mediasweep.confirm('public.media_assets', who);
  END IF;
  RETURN QUERY
    SELECT m.id, m.cloudinary_public_id::text, q.id
      FROM public.media_assets m
      LEFT JOIN mediasweep.cloudinary_cleanup_queue q
        ON q.xact = pg_current_xact_id() AND q.cloudinary_public_id = m.cloudinary_public_id AND q.resource_type = m.resource_type
       AND q.delivery_type = m.delivery_type AND q.processed_at IS NULL AND q.due_at >= now()
     WHERE m.id = ANY (gone);
END $$;

CREATE FUNCTION mediasweep.delete_orphans(run bigint, ids bigint[], owned text[], who text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  queued  integer;
BEGIN
  WITH taken AS (
    UPDATE mediasweep.reconcile_finding f SET action = 'queued', acted_at = clock_timestamp()
      FROM mediasweep.reconcile_run r
     WHERE r.id = run AND r.id = (mediasweep.last_reconciled(r.cloud_name)).id
       AND f.run_id = r.id AND f.id = ANY (ids) AND f.kind = 'orphan' AND f.action IS NULL AND f.sighted_at IS NOT NULL
       AND f.detail IS NULL   -- else a row nearly names it
       AND EXISTS (SELECT FROM unnest(owned) o (prefix) WHERE o.prefix <> '' AND starts_with(f.public_id, o.prefix))
    RETURNING f.*)
  INSERT INTO mediasweep.cloudinary_cleanup_queue
    (cloudinary_public_id, resource_type, delivery_type, asset_id, version, file_size, deletion_reason, trigger_source, actor)
  SELECT t.public_id, t.resource_type, t.delivery_type, t.asset_id, t.version, t.bytes, 'orphan', 'reconcile', who FROM taken t;
  GET DIAGNOSTICS queued = ROW_COUNT;
  PERFORM mediasweep.wake();
  RETURN queued;
END $$;

CREATE FUNCTION mediasweep.delivered(url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text, OUT certain boolean) RETURNS SETOF record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  formats  constant text := '^(.*[^/])[.](jpe?g|jpe|jp2|jxr?|jxl|png|apng|a?gif|webp|avif|hei[cf]|bmp|tiff?|tga|ico|svg|pdf|psd|ai|eps|ps|eps3|ept'
    '|djvu|arw|cr[23]|dng|indd|flif|wdp|hdp|fbx|glt[fb]|glb|obj|usdz|ply|3ds|u3ma|webm|mp4|mov|m4v|mkv|avi|og[vga]|wmv|wma|flv|mpe?g|ts|m2ts'
    '|mts|3gp|3g2|mxf|m3u8|mpd|mp3|wav|aac|m4a|flac|opus|aiff?|amr|mid)$';
  address  record;
  where_   record;
  parts    text[];
  suffix   boolean;
  root     boolean := false;
  id       text;
  start    integer;
  bare     text;
BEGIN
  address := mediasweep.url_parts(url, hosts);
  IF address.parts IS NULL THEN
    RETURN;
  END IF;
  parts := address.parts;
  cloud := address.cloud;
  suffix := parts[1] IN ('images', 'videos', 'files', 'private_images', 'authenticated_images');
  IF suffix THEN
    resource_type := CASE parts[1] WHEN 'videos' THEN 'video' WHEN 'files' THEN 'raw' ELSE 'image' END;
    delivery_type := CASE parts[1] WHEN 'private_images' THEN 'private' WHEN 'authenticated_images' THEN 'authenticated'
                                   ELSE 'upload' END;
    parts := parts[2:cardinality(parts) - 1];   -- the last part is for search engines
  ELSIF parts[1] = 'iu' THEN
    resource_type := 'image';
    delivery_type := 'upload';
    parts := parts[2:];
  ELSIF parts[1] IN ('image', 'video', 'raw') THEN
    resource_type := parts[1];
    delivery_type := mediasweep.delivery_type(parts[2]);
    parts := parts[3:];
  ELSE
    root := true;
    resource_type := 'image';
    delivery_type := 'upload';
  END IF;
  IF delivery_type IS NULL OR cardinality(parts) = 0 THEN
    RETURN;
  END IF;
  where_ := mediasweep.url_starts(parts);
  version := where_.version;
  FOREACH start IN ARRAY where_.starts LOOP
    id := array_to_string(parts[start:], '/');
    certain := start = where_.sure AND mediasweep.unescaped(id) IS NOT NULL AND (version IS NOT NULL OR NOT root);
    public_id := coalesce(mediasweep.unescaped(id), id);
    IF suffix OR resource_type = 'raw' THEN
      RETURN NEXT;
      CONTINUE;
    END IF;
    id := public_id;
    bare := substring(id FROM '^(.*[^/])[.][^./]*$');
    certain := certain AND (bare IS NULL OR lower(id) ~ formats);
    public_id := coalesce(bare, id);
    RETURN NEXT;
    IF bare IS NOT NULL THEN
      certain := false;
      public_id := id;
      RETURN NEXT;
    END IF;
  END LOOP;
END $_$;

CREATE FUNCTION mediasweep.delivery_type(said text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  SELECT CASE lower(btrim(said)) WHEN 'upload' THEN 'upload' WHEN 'private' THEN 'private'
                                 WHEN 'authenticated' THEN 'authenticated' END
$$;

CREATE FUNCTION mediasweep.dependents() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH ours AS (
    SELECT 'pg_class'::regclass::oid AS class, c.oid FROM pg_class c WHERE c.relnamespace = 'mediasweep'::regnamespace
    UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p WHERE p.pronamespace = 'mediasweep'::regnamespace
    UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t WHERE t.typnamespace = 'mediasweep'::regnamespace)
  SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
    FROM pg_depend d
    JOIN ours o ON o.class = d.refclassid AND o.oid = d.refobjid
   CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
   WHERE d.deptype IN ('n', 'a') AND i.schema IS DISTINCT FROM 'mediasweep' AND i.identity !~ '(^|\m(on|for) )mediasweep[.]'
     AND NOT EXISTS (SELECT FROM pg_trigger t JOIN mediasweep.attached a ON a.detached_at IS NULL
                       JOIN pg_proc f ON f.oid = t.tgfoid AND f.proname IN (a.capture, mediasweep.reference_name(a))
                      WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid)
$$;

CREATE FUNCTION mediasweep.described() RETURNS TABLE(source integer, parts bigint, missing_indexes text[], shape text[], unserved boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT a.id, (SELECT count(*) FROM mediasweep.parts(a.relation)),
         CASE WHEN a.detached_at IS NULL THEN ARRAY(SELECT m.statement FROM mediasweep.missing_indexes(a) m ORDER BY 1) ELSE '{}' END,
         ARRAY(SELECT concat_ws(' ', CASE WHEN mediasweep.is_url(ref) THEN 'URLs' END, mediasweep.held_in(a.relation, ref),
                                mediasweep.column_of(ref -> 'public_id'),
                                CASE jsonb_typeof(ref -> 'public_id') WHEN 'object' THEN ref -> 'public_id' ->> 'path' END)
                 FROM mediasweep.refs_of(a.options) ref),
         EXISTS (SELECT FROM mediasweep.refs_of(a.options) ref CROSS JOIN mediasweep.prefilter(a.relation, ref, 'public_id') pre
                  WHERE pre.index IS NULL)
    FROM mediasweep.attached a
$$;

CREATE FUNCTION mediasweep.detach(relation regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '3s'
    AS $$
DECLARE
  found_  integer;
BEGIN
  SELECT a.id INTO found_ FROM mediasweep.attached a WHERE a.relation = detach.relation AND a.detached_at IS NULL;
  IF found_ IS NOT NULL THEN
    PERFORM mediasweep.detach_number(found_);
  ELSIF EXISTS (SELECT FROM mediasweep.strays() s WHERE s.relation = detach.relation) THEN
    PERFORM mediasweep.drop_triggers(mediasweep.foreign_triggers(relation, 0));
  ELSE
    RAISE EXCEPTION 'mediasweep.detach: % is not attached', relation;
  END IF;
END $$;

CREATE FUNCTION mediasweep.detach_number(attached_id integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '3s'
    AS $$
DECLARE
  gone       mediasweep.attached;
  functions  regproc[];
  function_  regproc;
BEGIN
  PERFORM mediasweep.only_one_builder();
  UPDATE mediasweep.attached a SET detached_at = clock_timestamp()
   WHERE a.id = attached_id AND a.detached_at IS NULL
  RETURNING a.* INTO gone;
  IF gone.id IS NULL THEN
    RAISE EXCEPTION 'mediasweep.detach: no attached table has number %', attached_id;
  END IF;
  functions := array_remove(ARRAY[to_regproc('mediasweep.' || quote_ident(gone.capture)),
                                  to_regproc('mediasweep.' || quote_ident(mediasweep.reference_name(gone)))], NULL);
  PERFORM mediasweep.let_owner_go(attached_id);
  -- locked in the order of statements: a table before its parts
  PERFORM mediasweep.drop_triggers(ARRAY(
    SELECT t.oid FROM pg_trigger t WHERE t.tgfoid = ANY (functions) ORDER BY t.tgrelid <> gone.relation, t.tgrelid, t.tgname));
  FOREACH function_ IN ARRAY functions LOOP
    EXECUTE format('DROP FUNCTION %s()', function_);
  END LOOP;
  -- what it is a part of captures for it again
  PERFORM mediasweep.run_each(ARRAY(
    SELECT m.statement FROM mediasweep.attached a CROSS JOIN mediasweep.missing_triggers(a) m
     WHERE a.detached_at IS NULL AND m.part IN (SELECT p.part FROM mediasweep.parts(gone.relation) p)));
  PERFORM mediasweep.build_guard();
END $$;

CREATE FUNCTION mediasweep.differences(daemon uuid, terms jsonb) RETURNS TABLE(what text, was text, "is" text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.disarm() RETURNS boolean
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT pg_advisory_unlock(mediasweep.asleep_key()) $$;

CREATE FUNCTION mediasweep.done_rows(OUT completed bigint, OUT skipped bigint) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
BEGIN
  IF pg_relation_size('mediasweep.cloudinary_cleanup_queue') < 32 * 1024 * 1024 THEN
    SELECT count(*) FILTER (WHERE q.status = 'completed'), count(*) FILTER (WHERE q.status = 'skipped')
      INTO completed, skipped
      FROM mediasweep.cloudinary_cleanup_queue q;
  ELSE
    completed := mediasweep.estimated($q$SELECT FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'completed'$q$);
    skipped := mediasweep.estimated($q$SELECT FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'skipped'$q$);
  END IF;
END $_$;

CREATE FUNCTION mediasweep.drift(began timestamp with time zone, floor interval) RETURNS SETOF mediasweep.reconcile_finding
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    AS $_$
BEGIN
  RETURN QUERY EXECUTE format($q$
    WITH may AS MATERIALIZED (%1$s),
    names AS MATERIALIZED (
      SELECT r.source_id, r.public_id, r.resource_type, r.delivery_type,
             substring(r.asset_id FROM '^[^[:space:]]+$') AS asset_id, r.version, r.file_size, r.folder
        FROM may r WHERE r.sure),
    there AS MATERIALIZED (SELECT l.* FROM mediasweep.reconcile_listed l WHERE NOT l.placeholder),
    lost AS MATERIALIZED (
      SELECT r.* FROM may r
       WHERE NOT EXISTS (SELECT FROM there l WHERE %2$s)
         AND NOT EXISTS (SELECT FROM there l WHERE l.asset_id = r.asset_id)),
    loose AS MATERIALIZED (
      SELECT l.* FROM there l
       WHERE l.delivery_type IN ('upload', 'private', 'authenticated')
         AND NOT EXISTS (SELECT FROM may r WHERE %2$s)
         AND NOT EXISTS (SELECT FROM may r WHERE r.asset_id = l.asset_id)),
    -- on its way out already, or gone since it was listed
    let_go AS MATERIALIZED (
      SELECT q.cloudinary_public_id COLLATE "C" AS public_id, q.resource_type, q.delivery_type, q.asset_id
        FROM mediasweep.cloudinary_cleanup_queue q
       WHERE q.processed_at IS NULL OR q.status = 'completed' AND q.processed_at >= $1),
    free AS MATERIALIZED (
      SELECT l.* FROM loose l
       WHERE NOT EXISTS (SELECT FROM let_go r WHERE %2$s)
         AND NOT EXISTS (SELECT FROM let_go r WHERE r.asset_id = l.asset_id)
         AND NOT EXISTS (SELECT FROM lost r WHERE r.public_id = l.public_id)),
    near AS MATERIALIZED (
      SELECT s.source_id, s.said, n.name, n.whole
        FROM (SELECT r.source_id, r.public_id AS said FROM lost r UNION SELECT t.source_id, t.said FROM (%4$s) t) s
       CROSS JOIN LATERAL mediasweep.nearly(s.said) n),
    ghost AS MATERIALIZED (
      SELECT DISTINCT ON (n.source_id, n.public_id, n.resource_type, n.delivery_type, n.asset_id) n.*
        FROM names n
       WHERE EXISTS (SELECT FROM lost r WHERE r.public_id = n.public_id AND r.resource_type IS NOT DISTINCT FROM n.resource_type
                        AND r.delivery_type IS NOT DISTINCT FROM n.delivery_type)
         AND NOT EXISTS (SELECT FROM there l WHERE l.asset_id = n.asset_id)),
    differing AS (
      -- under another type than the row says
      SELECT g.source_id, l.*, jsonb_strip_nulls(jsonb_build_object(
               'resource_type', CASE WHEN g.resource_type <> l.resource_type THEN jsonb_build_array(g.resource_type, l.resource_type) END,
               'delivery_type', CASE WHEN g.delivery_type <> l.delivery_type THEN jsonb_build_array(g.delivery_type, l.delivery_type) END)) AS detail
        FROM ghost g JOIN loose l ON l.public_id = g.public_id
       UNION ALL
      SELECT r.source_id, l.*, jsonb_strip_nulls(jsonb_build_object(
               'asset_id', CASE WHEN r.asset_id <> l.asset_id THEN jsonb_build_array(r.asset_id, l.asset_id) END,
               'version', CASE WHEN r.version < l.version THEN jsonb_build_array(r.version, l.version) END,
               'bytes', CASE WHEN r.file_size <> l.bytes THEN jsonb_build_array(r.file_size, l.bytes) END,
               'folder', CASE WHEN r.folder <> l.folder THEN jsonb_build_array(r.folder, l.folder) END))
        FROM names r JOIN there l ON %2$s
       WHERE (r.asset_id <> l.asset_id OR r.version < l.version OR r.file_size <> l.bytes OR r.folder <> l.folder)
         AND (r.version > l.version) IS NOT TRUE   -- else the row knows a later file
         AND (r.asset_id = l.asset_id OR r.resource_type IS NOT NULL AND r.delivery_type IS NOT NULL)
       UNION ALL
      SELECT r.source_id, l.*, jsonb_build_object('public_id', jsonb_build_array(r.public_id, l.public_id))
        FROM names r JOIN there l ON l.asset_id = r.asset_id
       WHERE r.public_id <> l.public_id%3$s)
    (SELECT DISTINCT ON (f.asset_id) NULL::bigint, NULL::bigint, 'orphan', n.source_id, NULL::text, f.public_id, f.resource_type, f.delivery_type,
           f.asset_id, f.version, f.bytes, f.made_at, CASE WHEN n.said <> '' THEN jsonb_build_object('public_id', jsonb_build_array(left(n.said, 300), f.public_id)) END,
           NULL::timestamptz, NULL::timestamptz, NULL::text, NULL::timestamptz
      FROM free f
     CROSS JOIN LATERAL mediasweep.alike(f.public_id) a
      LEFT JOIN near n ON n.name = a.name AND (n.whole OR a.whole)
     WHERE f.made_at <= $1 - $2
     ORDER BY f.asset_id, n.said)
     UNION ALL
    SELECT NULL, NULL, 'ghost', g.source_id, NULL, g.public_id, g.resource_type, g.delivery_type, g.asset_id, g.version, g.file_size,
           NULL, jsonb_build_object('backup', EXISTS (SELECT FROM mediasweep.reconcile_listed p WHERE p.placeholder AND p.public_id = g.public_id)),
           NULL, NULL, NULL, NULL
      FROM ghost g WHERE NOT EXISTS (SELECT FROM loose l WHERE l.public_id = g.public_id)
     UNION ALL
    SELECT NULL, NULL, 'mismatch', d.source_id, NULL, d.public_id, d.resource_type, d.delivery_type, d.asset_id,
           d.version, d.bytes, d.made_at, jsonb_object_agg(e.key, e.value), NULL, NULL, NULL, NULL
      FROM differing d CROSS JOIN LATERAL jsonb_each(d.detail) e
     WHERE d.made_at <= $1 - interval '1 hour'   -- what is newer may not have come to the row yet
     GROUP BY d.source_id, d.public_id, d.resource_type, d.delivery_type, d.asset_id, d.version, d.bytes, d.made_at
     UNION ALL
    SELECT NULL, NULL, 'count', NULL, NULL, c.name, NULL, NULL, NULL, NULL, c.n, NULL, NULL, NULL, NULL, NULL, NULL
      FROM (SELECT 'refs', (SELECT count(*) FROM may)
             UNION ALL SELECT 'waiting', (SELECT count(*) FROM loose) - (SELECT count(*) FROM free)
             UNION ALL SELECT 'young', (SELECT count(*) FROM free f WHERE f.made_at > $1 - $2)) c (name, n)
    $q$, mediasweep.all_refs(), mediasweep.same_name('l', 'r'), mediasweep.library_differing(),
    mediasweep.unusual_texts()) USING began, floor;
END $_$;

CREATE FUNCTION mediasweep.drop_triggers(triggers oid[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  trigger_  record;
BEGIN
  FOR trigger_ IN SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger t WHERE t.oid = ANY (triggers)
                   ORDER BY array_position(triggers, t.oid) LOOP
    PERFORM mediasweep.run_each(ARRAY[format('DROP TRIGGER %I ON %s', trigger_.tgname, trigger_.relation)]);
  END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE insufficient_privilege USING
    MESSAGE = format('mediasweep.detach: only the owner of %s may drop its triggers', trigger_.relation),
    HINT = E'As the owner, and then again:\n' || (
      SELECT string_agg(format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass), E'\n' ORDER BY t.tgname)
        FROM pg_trigger t WHERE t.oid = ANY (triggers));
END $$;

CREATE FUNCTION mediasweep.drop_upload(queue_id uuid, who text, why text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT m.refused IS NULL
    FROM mediasweep.cloudinary_cleanup_queue q
   CROSS JOIN LATERAL mediasweep.move_by_hand('cancel', ARRAY[q.id], who, why) m
   WHERE q.id = queue_id AND mediasweep.of_upload(q)
$$;

CREATE FUNCTION mediasweep.dropped(passed jsonb, queued timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(jsonb_agg(p.value ORDER BY p.n), '[]')
    FROM jsonb_array_elements(passed) WITH ORDINALITY AS p (value, n)
   WHERE (p.value ->> 'queued')::timestamptz IS DISTINCT FROM queued
$$;

CREATE FUNCTION mediasweep.embedded(said text, hosts text[], wanted text[]) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT DISTINCT string_agg(bit.said[1], '') OVER (PARTITION BY url.n ORDER BY bit.n)
    FROM string_to_table(regexp_replace(
           replace(regexp_replace(embedded.said, '\\/|%2f|&#(?:47|x2f);', '/', 'gi'), '&amp;', '&'),
           format('(^|//|[^a-z0-9._/@-])((?:[a-z0-9_-]+[.])*(?:cloudinary[.]com|cloudinary-a[.]akamaihd[.]net%s)(?::[0-9]+)?/)',
                  (SELECT string_agg('|' || regexp_replace(h, '([^[:alnum:]])', '\\\1', 'g'), '') FROM unnest(hosts) h)),
           E'\\1\n\\2', 'gi'), E'\n') WITH ORDINALITY AS url (said, n)
   CROSS JOIN LATERAL regexp_matches(left(substring(url.said FROM '^[^[:space:]"''<>\\`]+'), 4000), '[][(){},;|&!*=]+|[^][(){},;|&!*=]+', 'g')
              WITH ORDINALITY AS bit (said, n)
   WHERE url.n > 1
     AND (wanted IS NULL OR url.said LIKE ANY ((SELECT mediasweep.traces(wanted))::text[]))
$$;

CREATE FUNCTION mediasweep.estimated(query text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  plan  json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;

CREATE FUNCTION mediasweep.failed_rows() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
  -- not what was deleted by hand
  SELECT count(*) FROM mediasweep.failed f JOIN mediasweep.cloudinary_cleanup_queue q ON q.id = f.id WHERE q.status = 'failed'
$$;

CREATE FUNCTION mediasweep.fallback_statement(a mediasweep.attached, operation text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
    SELECT %s, to_jsonb(released) - 'reason', released.reason, session_user,
           current_setting('application_name', true), "mediasweep failure"
      FROM (%s) released;$q$, a.id, mediasweep.released_query(a, operation))
$_$;

CREATE FUNCTION mediasweep.finish_upload(queue_id uuid, change jsonb, owner jsonb, OUT listed uuid, OUT lost boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET lock_timeout TO '300ms'
    AS $$
DECLARE
  began   timestamptz := clock_timestamp();
  name    jsonb := change #> '{said,name}';
  file    jsonb := change #> '{said,upload}';
BEGIN
  PERFORM mediasweep.be_durable();
  -- what Cloudinary made of the name is what there is to protect
  UPDATE mediasweep.cloudinary_cleanup_queue q
     SET cloudinary_public_id = name ->> 'public_id', resource_type = name ->> 'resource_type', delivery_type = name ->> 'type',
         asset_id = change ->> 'asset_id', version = (file ->> 'version')::bigint, file_size = (file ->> 'bytes')::bigint,
         due_at = began, updated_at = began
   WHERE q.id = queue_id AND q.status = 'pending' AND q.claim_no = 0 AND mediasweep.of_upload(q);
  lost := NOT FOUND;
  IF lost THEN
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, deletion_reason, trigger_source, actor)
    SELECT name ->> 'public_id', name ->> 'resource_type', name ->> 'type', change ->> 'asset_id', (file ->> 'version')::bigint,
           q.original_filename, (file ->> 'bytes')::bigint, 'upload_pending', 'upload', q.actor
      FROM (SELECT max(o.original_filename), coalesce(max(o.actor), session_user)
              FROM mediasweep.cloudinary_cleanup_queue o WHERE o.id = queue_id) q (original_filename, actor);
  ELSE
    PERFORM mediasweep.hear(change);
    UPDATE public.media_assets r
       SET uploaded_by = coalesce((owner ->> 'uploaded_by')::uuid, r.uploaded_by),
           used_in_personnel = coalesce((owner ->> 'used_in_personnel')::bigint, r.used_in_personnel),
           used_in_documents = coalesce((owner ->> 'used_in_documents')::bigint, r.used_in_documents)
     WHERE r.cloudinary_asset_id = change ->> 'asset_id' AND r.deleted_at IS NULL
    RETURNING r.id INTO listed;
    PERFORM mediasweep.queue_nothing(began);
  END IF;
  PERFORM mediasweep.wake();
END $$;

CREATE FUNCTION mediasweep.fleet_at_work(OUT alive bigint, OUT working bigint, OUT grace interval, OUT last_beat timestamp with time zone) RETURNS record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT count(*) FILTER (WHERE d.alive), count(*) FILTER (WHERE d.alive AND d.works),
         coalesce(max(d.grace_s) FILTER (WHERE d.alive AND d.works), 0) * interval '1 s', max(d.beat_at)
    FROM (SELECT d.beat_at, mediasweep.is_alive(d) AS alive,
                 coalesce((d.config ->> 'works')::boolean, true) AS works, (d.config ->> 'grace_s')::float8 AS grace_s
            FROM mediasweep.daemon d) d
$$;

CREATE FUNCTION mediasweep.fleet_limit(own_limit integer) RETURNS integer
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT least(coalesce(s.concurrency, own_limit),
               s.throttled_to + floor(extract(epoch FROM clock_timestamp() - s.throttled_at) / 30)::integer)
    FROM mediasweep.scheduler s
$$;

CREATE FUNCTION mediasweep.fleet_state(OUT state jsonb, OUT age_s double precision) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  began  timestamptz := clock_timestamp();
  known  record;
BEGIN
  SELECT f.at, f.took, f.state INTO known FROM mediasweep.fleet_state f;
  IF (known.at BETWEEN began - greatest('5 s', 20 * known.took) AND began) IS NOT TRUE
     AND NOT current_setting('transaction_read_only')::boolean
     AND pg_try_advisory_xact_lock(7882817126551222120) THEN
    known.state := mediasweep.count_fleet();
    known.at := began;
    INSERT INTO mediasweep.fleet_state AS f (at, took, state)
    VALUES (began, clock_timestamp() - began, known.state)
    ON CONFLICT (one) DO UPDATE SET at = excluded.at, took = excluded.took, state = excluded.state;
  END IF;
  state := known.state;
  age_s := extract(epoch FROM clock_timestamp() - known.at);
END $$;

CREATE FUNCTION mediasweep.folded(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT lower(btrim(CASE WHEN getdatabaseencoding() = 'UTF8' THEN normalize(name, NFKC) ELSE name END, E' /\t\r\n') COLLATE "default") COLLATE "C"
$$;

CREATE FUNCTION mediasweep.foreign_triggers(relation regclass, kept integer) RETURNS oid[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(array_agg(t.oid ORDER BY t.tgrelid <> foreign_triggers.relation, t.tgrelid, t.tgname), '{}')
    FROM mediasweep.attached a
    JOIN pg_proc f ON f.pronamespace = 'mediasweep'::regnamespace AND f.proname IN (a.capture, mediasweep.reference_name(a))
    JOIN pg_trigger t ON t.tgfoid = f.oid
   WHERE a.detached_at IS NULL AND a.id <> kept AND t.tgrelid IN (SELECT p.part FROM mediasweep.parts(foreign_triggers.relation) p)
     -- below it, others may be attached by themselves
     AND a.relation NOT IN (SELECT p.part FROM mediasweep.parts(foreign_triggers.relation) p)
$$;

CREATE FUNCTION mediasweep.forget_acknowledgements(terms jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.format_of(resource_type text, filename text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
  SELECT CASE WHEN resource_type IS DISTINCT FROM 'raw'
              THEN replace(lower(substring(filename FROM '\.([A-Za-z0-9]{1,10})$')), 'jpeg', 'jpg') END
$_$;

CREATE FUNCTION mediasweep.from_url(url text, host text DEFAULT NULL::text, OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint) RETURNS SETOF record
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT u.public_id, u.resource_type, u.delivery_type, u.version
    FROM mediasweep.readings(url, ARRAY[lower(host)]) u WHERE u.certain
$$;

CREATE FUNCTION mediasweep.full_xid(x xid, near bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT near + (((x::text::bigint - near) + 2147483648) & 4294967295) - 2147483648 $$;

CREATE FUNCTION mediasweep.gone_by(change jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(jsonb_object_agg(k.what, CASE WHEN starts_with(k.what, 'tag:') THEN 'false'::jsonb ELSE 'null' END), '{}')
    FROM mediasweep.asset a CROSS JOIN LATERAL jsonb_object_keys(a.said) k (what)
   WHERE a.asset_id = change ->> 'asset_id' AND change @> '{"whole": true}' AND k.what ~ '^(tag|context):'
$$;

CREATE FUNCTION mediasweep.gone_expression(relation regclass, options jsonb) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE
    WHEN said.rule IS NULL THEN 'false'
    WHEN said.rule ? 'in' AND jsonb_typeof(said.rule) = 'object'
      THEN format('coalesce(r.%I::text = ANY (%L::text[]), false)', mediasweep.column_of(said.rule),
                  ARRAY(SELECT jsonb_array_elements_text(said.rule -> 'in')))
    WHEN mediasweep.column_type(relation, mediasweep.column_of(said.rule)) = 'boolean'
      THEN format('r.%I IS TRUE', mediasweep.column_of(said.rule))
    ELSE format('r.%I IS NOT NULL', mediasweep.column_of(said.rule)) END
    FROM (SELECT coalesce(options -> 'deleted', options -> 'deleted_at')) said (rule)
$$;

CREATE FUNCTION mediasweep.grant_all() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  role_     record;
  command_  text;
BEGIN
  FOR role_ IN
    SELECT NULL AS kind, 'PUBLIC' AS name
     UNION ALL
    SELECT NULL, quote_ident(p.rolname) FROM pg_roles p JOIN pg_namespace n ON n.nspname = 'mediasweep' AND n.nspowner <> p.oid
     WHERE p.rolname IN ('anon', 'authenticated', 'service_role')
     UNION ALL
    SELECT r.kind, quote_ident(r.name) FROM mediasweep.roles() r WHERE r.kind <> 'owner'
  LOOP
    FOREACH command_ IN ARRAY '{SCHEMA,ALL TABLES IN SCHEMA,ALL SEQUENCES IN SCHEMA,ALL ROUTINES IN SCHEMA}'::text[] LOOP
      EXECUTE format('REVOKE ALL ON %s mediasweep FROM %s', command_, role_.name);
    END LOOP;
    CONTINUE WHEN role_.kind IS NULL;
    EXECUTE format('GRANT USAGE ON SCHEMA mediasweep TO %s', role_.name);
    FOR command_ IN
      SELECT format('GRANT %s%s ON mediasweep.%I TO %s', p.verb, ' (' || p.columns || ')', p.object, role_.name)
        FROM mediasweep.privileges() p WHERE p.kind = role_.kind AND p.verb <> 'EXECUTE'
       UNION ALL
      SELECT format('GRANT EXECUTE ON FUNCTION %s TO %s', f.oid::regprocedure, role_.name)
        FROM mediasweep.privileges() p
        JOIN pg_proc f ON f.proname = p.object AND f.pronamespace = 'mediasweep'::regnamespace
       WHERE p.kind = role_.kind AND p.verb = 'EXECUTE'
    LOOP
      EXECUTE command_;
    END LOOP;
  END LOOP;
END $$;

CREATE FUNCTION mediasweep.hand_over(owner name) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  thing  text;
BEGIN
  FOR thing IN
    SELECT 'SCHEMA mediasweep' FROM pg_namespace n WHERE n.nspname = 'mediasweep' AND n.nspowner <> quote_ident(owner)::regrole
     UNION ALL
    SELECT format('TABLE %s', c.oid::regclass) FROM pg_class c
     WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relowner <> quote_ident(owner)::regrole
     UNION ALL
    SELECT format('TYPE %s', t.oid::regtype) FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
     WHERE t.typnamespace = 'mediasweep'::regnamespace AND t.typowner <> quote_ident(owner)::regrole
       AND (t.typtype IN ('d', 'e') OR c.relkind = 'c')
     UNION ALL
    SELECT format('ROUTINE %s', f.oid::regprocedure) FROM pg_proc f
     WHERE f.pronamespace = 'mediasweep'::regnamespace AND f.proowner <> quote_ident(owner)::regrole
  LOOP
    EXECUTE format('ALTER %s OWNER TO %I', thing, owner);
  END LOOP;
END $$;

CREATE FUNCTION mediasweep.has_index(relation regclass, wanted text, called text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT EXISTS (
    SELECT FROM pg_index i
      JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_am m ON m.oid = c.relam
      LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = relation AND i.indisvalid
       AND CASE WHEN wanted LIKE 'USING gin (regexp%' THEN m.amname = 'gin' AND pg_get_indexdef(i.indexrelid) LIKE '%~odd~%'
                     AND position(quote_ident(called) IN pg_get_indexdef(i.indexrelid)) > 0
                WHEN wanted LIKE 'USING gin%' THEN m.amname = 'gin' AND a.attname = called
                WHEN wanted LIKE '((%' THEN pg_get_indexdef(i.indexrelid, 1, true) IN (format('(%I::text)', called), format('%I::text', called))
                ELSE m.amname IN ('btree', 'hash') AND a.attname = called END)
$$;

CREATE FUNCTION mediasweep.has_library() RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT EXISTS (
    SELECT FROM mediasweep.attached a
     WHERE a.relation = to_regclass('public.media_assets') AND a.detached_at IS NULL
       AND a.options @> '{"public_id": "cloudinary_public_id", "asset_id": "cloudinary_asset_id",
                          "resource_type": "resource_type", "delivery_type": "delivery_type"}'
       AND 'deleted_at' IN (a.options ->> 'deleted', a.options ->> 'deleted_at'))
$$;

CREATE FUNCTION mediasweep.hear(change jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  id      text := change ->> 'asset_id';
  new     jsonb := (SELECT coalesce(jsonb_object_agg(s.key, jsonb_build_array(change -> 'at', s.value)), '{}')
                      FROM jsonb_each(mediasweep.gone_by(change) || (change -> 'said')) s);
  known   mediasweep.asset;
  holder  jsonb;
  name    jsonb := new -> 'name' -> 1;
BEGIN
  INSERT INTO mediasweep.asset AS a (asset_id, said) VALUES (id, new)
      ON CONFLICT (asset_id) DO UPDATE SET said = mediasweep.newest(a.said, new), heard_at = clock_timestamp()
  RETURNING a.* INTO known;
  IF name IS NOT NULL THEN
    INSERT INTO mediasweep.asset_name AS n (public_id, resource_type, delivery_type, holder)
    VALUES (name ->> 'public_id', name ->> 'resource_type', name ->> 'type', jsonb_build_array(change -> 'at', id))
        ON CONFLICT (public_id, resource_type, delivery_type)
        DO UPDATE SET holder = greatest(n.holder, excluded.holder), heard_at = clock_timestamp()
    RETURNING n.holder INTO holder;
    -- whoever had the name before is not there, also if this asset has gone on to another one by now
    PERFORM mediasweep.make_way(NULL, id, name, mediasweep.moment(holder)) WHERE holder ->> 1 = id;
  END IF;
  PERFORM mediasweep.list(known);
END $$;

CREATE FUNCTION mediasweep.held(source integer, listing pg_snapshot, OUT name text, OUT queue_rows bigint, OUT bytes bigint, OUT first_at timestamp with time zone, OUT last_at timestamp with time zone, OUT by_whom jsonb, OUT sample text[], OUT restored bigint, OUT digest text) RETURNS record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.held_in(relation regclass, ref jsonb) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN ref -> 'public_id' ? 'path' AND jsonb_typeof(ref -> 'public_id') = 'object' THEN 'json'
              WHEN mediasweep.column_type(relation, mediasweep.column_of(ref -> 'public_id')) LIKE '%[]' THEN 'array'
              ELSE 'column' END
$$;

CREATE FUNCTION mediasweep.held_text(relation regclass, ref jsonb) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE mediasweep.held_in(relation, ref)
    WHEN 'json' THEN CASE WHEN ref -> 'public_id' ? 'key' THEN format('(r."mediasweep item" ->> %L)', ref -> 'public_id' ->> 'key')
      ELSE 'CASE WHEN jsonb_typeof(r."mediasweep item") IN (''string'', ''number'') THEN r."mediasweep item" #>> ''{}'' END' END
    WHEN 'array' THEN 'r."mediasweep item"'
    ELSE format('r.%I::text', mediasweep.column_of(ref -> 'public_id')) END
$$;

CREATE FUNCTION mediasweep.here(terms jsonb, OUT cloud text, OUT system_identifier text, OUT database text, OUT place text, OUT server_started_at timestamp with time zone, OUT timeline integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.hidden() RETURNS TABLE(relation text, cause text, statement text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT c.oid::regclass::text, h.cause, h.statement
    FROM mediasweep.attached a
    JOIN pg_class c ON c.oid = a.relation
   CROSS JOIN LATERAL (VALUES
     ('schema', NOT has_schema_privilege(c.relnamespace, 'USAGE'),
      format('GRANT USAGE ON SCHEMA %s TO %I', c.relnamespace::regnamespace, current_user)),
     ('select', NOT has_table_privilege(c.oid, 'SELECT'), format('GRANT SELECT ON %s TO %I', c.oid::regclass, current_user)),
     ('rows', row_security_active(c.oid), mediasweep.show_rows(c.oid, current_user))) h (cause, holds, statement)
   WHERE a.detached_at IS NULL AND h.holds
$$;

CREATE FUNCTION mediasweep.hide(row_id uuid, asset text, since timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE public.media_assets r
     SET deleted_at = since, cloudinary_asset_id = asset, updated_at = clock_timestamp(), last_synced_at = clock_timestamp()
   WHERE r.id = row_id;
  INSERT INTO mediasweep.asset AS a (asset_id, hidden_at) VALUES (asset, since)
      ON CONFLICT (asset_id) DO UPDATE SET hidden_at = excluded.hidden_at;
END $$;

CREATE FUNCTION mediasweep.hide_rows() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  name_     text;
  relation  text;
  said      text;
BEGIN
  FOR relation IN
    SELECT c.oid::regclass FROM pg_class c
     WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity ORDER BY c.relname
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
  END LOOP;
  FOR name_, relation IN
    SELECT p.polname, c.oid::regclass FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
     WHERE c.relnamespace = 'mediasweep'::regnamespace
       AND NOT EXISTS (SELECT FROM mediasweep.policies() w
                        WHERE w.relation = c.oid AND w.name = p.polname AND w.definition = obj_description(p.oid, 'pg_policy'))
  LOOP
    EXECUTE format('DROP POLICY %I ON %s', name_, relation);
  END LOOP;
  FOR relation, name_, said IN
    SELECT w.relation, w.name, w.definition FROM mediasweep.policies() w
     WHERE NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = w.relation AND p.polname = w.name)
  LOOP
    EXECUTE format('CREATE POLICY %I ON %s %s', name_, relation, said);
    EXECUTE format('COMMENT ON POLICY %I ON %s IS %L', name_, relation, said);
  END LOOP;
END $$;

CREATE FUNCTION mediasweep.hold(ids uuid[]) RETURNS uuid[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN ARRAY(SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
                WHERE q.id = ANY (ids) ORDER BY q.id FOR UPDATE SKIP LOCKED);
END $$;

CREATE FUNCTION mediasweep.hold_upload(queue_id uuid, later interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM mediasweep.be_durable();
  UPDATE mediasweep.cloudinary_cleanup_queue q
     SET due_at = clock_timestamp() + later, updated_at = clock_timestamp()
   WHERE q.id = queue_id AND q.status = 'pending' AND q.claim_no = 0 AND mediasweep.of_upload(q);
  RETURN FOUND;
END $$;

CREATE FUNCTION mediasweep.holding() RETURNS TABLE(about text, writes boolean, prepared text, lasts interval)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT t.about, t.writes, p.gid, clock_timestamp() - t.since
    FROM mediasweep.open_transactions() t
    LEFT JOIN pg_prepared_xact() p ON p.transaction = t.xact
   ORDER BY t.place
$$;

CREATE FUNCTION mediasweep.holdings(a mediasweep.attached, OUT looked bigint, OUT whole boolean, OUT about bigint, OUT named bigint, OUT unread bigint, OUT example text, OUT unserved boolean) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  most    constant integer := 10000;
  sample  text := format('(SELECT * FROM %s LIMIT %s)', a.relation, most);
BEGIN
  EXECUTE format('SELECT count(*) FROM %s r', sample) INTO looked;
  EXECUTE format('SELECT count(*) FROM (%s) ref', mediasweep.refs_query(a, sample, 'capture')) INTO named;
  EXECUTE format('SELECT count(*), left(min(unread.said), 200) FROM (%s) unread', mediasweep.unread_query(a, sample)) INTO unread, example;
  IF named = 0 AND unread = 0 THEN
    EXECUTE format('SELECT left(held.said, 200) FROM (SELECT concat_ws('', '', %s) AS said FROM %s r) held WHERE held.said <> '''' LIMIT 1',
      (SELECT string_agg(DISTINCT format('r.%I::text', mediasweep.column_of(ref -> 'public_id')), ', ') FROM mediasweep.refs_of(a.options) ref),
      sample) INTO example;
  END IF;
  SELECT sum(greatest(c.reltuples, 0)) INTO about FROM mediasweep.parts(a.relation) p JOIN pg_class c ON c.oid = p.part WHERE NOT p.branch;
  whole := looked < most;
  about := CASE WHEN whole THEN looked ELSE greatest(about, looked) END;
  unserved := EXISTS (SELECT FROM mediasweep.refs_of(a.options) ref CROSS JOIN mediasweep.prefilter(a.relation, ref, 'public_id') pre
                       WHERE pre.index IS NULL);
END $$;

CREATE FUNCTION mediasweep.holds_back(source integer, known record) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.source_id = source AND q.processed_at IS NULL AND (q.claim_no > 0 OR NOT mediasweep.of_upload(q))
       AND pg_visible_in_snapshot(q.xact, known.covered) IS NOT TRUE AND q.xact <> ALL (known.confirmed)
     ORDER BY q.queued_at DESC);
END $$;

CREATE FUNCTION mediasweep.holds_others(s mediasweep.cloudinary_cleanup_queue, grace interval, ripe_at timestamp with time zone, free pg_snapshot, clear pg_snapshot, stopped integer[]) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
  SELECT (s.claim_no = 0
          AND NOT (s.due_at + grace <= ripe_at
                   AND (s.xact >= pg_snapshot_xmax(pg_current_snapshot())
                        OR (pg_visible_in_snapshot(s.xact, free) AND pg_visible_in_snapshot(s.xact, clear)))))
         OR s.source_id = ANY (stopped)
$$;

CREATE FUNCTION mediasweep.home() RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN (SELECT i.version FROM mediasweep.installation i);
END $$;

CREATE FUNCTION mediasweep.hosts(ref jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT format('%L::text[]', ARRAY(
    SELECT lower(h #>> '{}') FROM jsonb_array_elements(CASE jsonb_typeof(ref -> 'host') WHEN 'array' THEN ref -> 'host'
                                                       ELSE jsonb_build_array(ref -> 'host') END) h
     WHERE jsonb_typeof(h) = 'string'))
$$;

CREATE FUNCTION mediasweep.in_the_way(begun mediasweep.ref[]) RETURNS TABLE(id uuid, public_id text, pending boolean, stops text, until timestamp with time zone)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN QUERY
    SELECT q.id, q.cloudinary_public_id, q.status = 'pending', said.why,
           CASE WHEN q.status = 'processing' AND q.lease_until > clock_timestamp() THEN q.lease_until END
      FROM unnest(begun) b
     CROSS JOIN LATERAL (
       SELECT s.* FROM mediasweep.cloudinary_cleanup_queue s
        WHERE hashtextextended(s.cloudinary_public_id, 0) = hashtextextended(b.public_id, 0)
          AND s.cloudinary_public_id = b.public_id AND s.processed_at IS NULL
       UNION ALL
       SELECT s.* FROM mediasweep.cloudinary_cleanup_queue s
        WHERE hashtextextended(s.cloudinary_public_id, 0) = hashtextextended(b.public_id, 0)
          AND s.cloudinary_public_id = b.public_id AND s.processed_at IS NOT NULL
       UNION ALL
       SELECT s.* FROM mediasweep.cloudinary_cleanup_queue s
        WHERE hashtextextended(s.asset_id, 0) = hashtextextended(b.asset_id, 0)
          AND s.asset_id = b.asset_id AND s.asset_id IS NOT NULL AND s.processed_at IS NULL
       UNION ALL
       SELECT s.* FROM mediasweep.cloudinary_cleanup_queue s
        WHERE hashtextextended(s.asset_id, 0) = hashtextextended(b.asset_id, 0)
          AND s.asset_id = b.asset_id AND s.asset_id IS NOT NULL AND s.processed_at IS NOT NULL
       OFFSET 0) q
     CROSS JOIN LATERAL (
       SELECT CASE WHEN q.status = 'processing' THEN 'it is just being deleted'
                   WHEN q.in_doubt AND q.status <> 'completed' THEN 'it may have been deleted, and that is not settled'
                   WHEN q.status = 'completed' THEN 'it was deleted' END) said (why)
     WHERE (q.asset_id = b.asset_id
            OR (q.cloudinary_public_id = b.public_id
                AND (q.resource_type = b.resource_type OR q.resource_type IS NULL OR b.resource_type IS NULL)
                AND (q.delivery_type = b.delivery_type OR q.delivery_type IS NULL OR b.delivery_type IS NULL)))
       AND CASE WHEN q.processed_at IS NULL THEN true
                WHEN said.why IS NULL THEN false
                -- a version is the second of its upload; the clocks of Cloudinary and of this server may differ
                -- and what is no second of any upload yet, as one in milliseconds, is no version
                WHEN q.status = 'completed' AND b.version > extract(epoch FROM q.processed_at) + 300
                     AND b.version < extract(epoch FROM clock_timestamp()) + 3600 THEN false
                ELSE NOT EXISTS (
                  SELECT FROM mediasweep.journal j
                   WHERE j.event = 'restored' AND j.public_id COLLATE "C" = q.cloudinary_public_id AND j.at > q.processed_at
                     AND (j.resource_type = q.resource_type OR q.resource_type IS NULL OR j.resource_type IS NULL)
                     AND (j.delivery_type = q.delivery_type OR q.delivery_type IS NULL OR j.delivery_type IS NULL)) END;
END $$;

CREATE FUNCTION mediasweep.is_a_file(said text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT left(said, 100) ~ '^\s*data:[^,]*;base64,' AND strpos(substr(said, strpos(said, ',')), ':') = 0 $$;

CREATE TABLE mediasweep.daemon (
    id uuid NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    beat_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    listening boolean DEFAULT false NOT NULL,
    concurrency integer NOT NULL,
    completed bigint DEFAULT 0 NOT NULL,
    failed bigint DEFAULT 0 NOT NULL,
    last_sweep timestamp with time zone,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    home integer
)
WITH (fillfactor='50');

CREATE FUNCTION mediasweep.is_alive(d mediasweep.daemon) RETURNS boolean
    LANGUAGE sql
    AS $$ SELECT d.beat_at > clock_timestamp() - interval '20 s' $$;

CREATE FUNCTION mediasweep.is_an_address(said text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT CASE WHEN octet_length(said) > 1000 THEN true ELSE said COLLATE "C" ~ '^((https?:)?//|data:)' END $$;

CREATE FUNCTION mediasweep.is_mine(made_by xid) RETURNS boolean
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT pg_xact_status(mediasweep.full_xid(made_by, pg_snapshot_xmax(pg_current_snapshot())::text::bigint)::text::xid8) = 'in progress'
$$;

CREATE FUNCTION mediasweep.is_one_url(said text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT length(said) <= 4000 AND mediasweep.stands_alone(said) $$;

CREATE FUNCTION mediasweep.is_our_session(name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$ SELECT name ~ '^mediasweep( (listener|asleep \d+|cli|doctor|index|migrate))?$' $_$;

CREATE FUNCTION mediasweep.is_ours(ref jsonb, certain boolean) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT format('((r."mediasweep url").cloud IS NULL OR coalesce(replace(lower((r."mediasweep url").cloud), ''_'', ''-'') = %s, %s))',
    CASE WHEN ref ? 'cloud' THEN format('%L', replace(lower(ref ->> 'cloud'), '_', '-'))
         ELSE '(SELECT replace(lower(i.cloud_name), ''_'', ''-'') FROM mediasweep.installation i)' END, (NOT certain)::text)
$$;

CREATE FUNCTION mediasweep.is_own(reason text, public_id text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT coalesce(reason = 'upload_pending' OR starts_with(public_id, mediasweep.selftest_folder()), false) $$;

CREATE TABLE mediasweep.installation (
    one boolean DEFAULT true NOT NULL,
    cloud_name text NOT NULL,
    system_identifier text NOT NULL,
    database text NOT NULL,
    place text NOT NULL,
    timeline integer NOT NULL,
    installed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    asset_id_proven_at timestamp with time zone,
    version integer DEFAULT 1 NOT NULL,
    places text[] DEFAULT '{}'::text[] NOT NULL,
    server_started_at timestamp with time zone,
    adopted_at timestamp with time zone,
    CONSTRAINT installation_one_check CHECK (one)
);

CREATE FUNCTION mediasweep.is_place(i mediasweep.installation, place text, server_started_at timestamp with time zone, daemon uuid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(i.server_started_at = is_place.server_started_at, true)
         OR place = ANY (i.places)
         OR EXISTS (SELECT FROM unnest(i.places) p WHERE starts_with(p, place || ' of '))
         OR EXISTS (SELECT FROM mediasweep.daemon d WHERE d.id = is_place.daemon AND d.home = i.version)
$$;

CREATE FUNCTION mediasweep.is_url(ref jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT coalesce(ref -> 'public_id' -> 'url' = 'true', false) $$;

CREATE FUNCTION mediasweep.items_path(ref jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT ref -> 'public_id' ->> 'path' || CASE WHEN ref -> 'public_id' ->> 'path' ~ '^\s*strict\M' THEN '' ELSE '[*]' END
$$;

CREATE FUNCTION mediasweep.items_query(relation regclass, ref jsonb, rows_from text, condition text, more text, wanted text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN mediasweep.is_url(ref)
              THEN format('(SELECT r.*, mediasweep.wanted_readings(%s, %s, %s) AS "mediasweep url" FROM %s) AS r',
                          mediasweep.held_text(relation, ref), mediasweep.hosts(ref), wanted, inner_.sql)
              ELSE inner_.sql END
    FROM (SELECT CASE mediasweep.held_in(relation, ref)
      WHEN 'column' THEN CASE WHEN mediasweep.is_url(ref) OR more <> ''
                              THEN format('(SELECT r.*%s FROM %s AS r WHERE %s) AS r', more, rows_from, condition)
                              ELSE format('%s AS r', rows_from) END
      WHEN 'array' THEN format('(SELECT r.*%s, unnest(r.%I)::text AS "mediasweep item" FROM %s AS r WHERE %s) AS r',
                               more, mediasweep.column_of(ref -> 'public_id'), rows_from, condition)
      ELSE format('(SELECT r.*%s, jsonb_path_query(r.%I::jsonb, %L, ''{}'', true) AS "mediasweep item" FROM %s AS r WHERE %s) AS r',
                  more, mediasweep.column_of(ref -> 'public_id'), mediasweep.items_path(ref), rows_from, condition) END) inner_ (sql)
$$;

CREATE FUNCTION mediasweep.join_owner(owner text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  new_  boolean := current_setting('server_version_num')::integer >= 160000;
BEGIN
  IF NOT pg_has_role(owner, 'USAGE') OR NOT pg_has_role(owner, CASE WHEN new_ THEN 'SET' ELSE 'MEMBER' END) THEN
    EXECUTE format('GRANT %I TO %I', owner, current_user) || CASE WHEN new_ THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
  END IF;
  BEGIN
    IF owner <> current_user AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner AND NOT r.rolbypassrls) THEN
      EXECUTE format('ALTER ROLE %I BYPASSRLS', owner);
    END IF;
  EXCEPTION WHEN insufficient_privilege THEN
    NULL;   -- let_owner_read says so, where it matters
  END;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE insufficient_privilege USING
    MESSAGE = format('%I may not make itself a member of %I', current_user, owner),
    HINT = format('Ask a role that may to run: GRANT %I TO %I; then run this again. Or keep what you are as the owner:'
                  ' mediasweep migrate --roles --owner %I', owner, current_user, current_user);
END $$;

CREATE FUNCTION mediasweep.keep_pending(begun mediasweep.ref[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  ids  uuid[] := ARRAY(SELECT w.id FROM mediasweep.in_the_way(begun) w WHERE w.pending);
BEGIN
  PERFORM FROM mediasweep.cloudinary_cleanup_queue q
    WHERE q.id = ANY (ids) AND q.status = 'pending' ORDER BY q.id FOR SHARE OF q;
END $$;

CREATE FUNCTION mediasweep.keep_rows_statement(a mediasweep.attached, rows_from text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$
        INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
        SELECT %s, jsonb_build_object('row', to_jsonb(r)), 'unread', session_user,
               current_setting('application_name', true), "mediasweep failure"
          FROM %s r;$q$, a.id, rows_from)
$_$;

CREATE FUNCTION mediasweep.kept_refs(kept jsonb, source integer) RETURNS SETOF mediasweep.ref
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  a  mediasweep.attached;
BEGIN
  IF NOT kept ? 'row' THEN
    RETURN NEXT jsonb_populate_record(NULL::mediasweep.ref, kept);
    RETURN;
  END IF;
  SELECT * INTO a FROM mediasweep.attached t WHERE t.id = source;
  IF a.id IS NULL THEN
    RAISE data_exception USING MESSAGE = 'only the row was kept, and its table is not attached any more';
  ELSIF NOT kept -> 'row' ?& ARRAY(SELECT mediasweep.column_of(ref -> 'public_id') FROM mediasweep.refs_of(a.options) ref) THEN
    RAISE data_exception USING MESSAGE = 'a column has another name now than it has in the row that was kept';   -- it would name nothing
  END IF;
  RETURN QUERY EXECUTE mediasweep.refs_query(a, format('jsonb_populate_record(NULL::%s, $1)', a.relation), 'capture')
    USING kept -> 'row';
END $_$;

CREATE FUNCTION mediasweep.key_expression(a mediasweep.attached) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT string_agg(CASE WHEN mediasweep.column_type(a.relation, used.name) = 'jsonb'
                         THEN format('jsonb_hash_extended(coalesce(r.%I, ''null''), ', used.name)
                         ELSE format('hashtextextended(coalesce(r.%I::text, '''') COLLATE "C", ', used.name) END, '' ORDER BY used.name)
         || format('CASE WHEN %s THEN 1 ELSE 0 END', mediasweep.gone_expression(a.relation, a.options))
         || coalesce(E' + CASE (' || (a.options ->> 'filter') || E'\n) WHEN true THEN 2 WHEN false THEN 4 ELSE 6 END', '')
         || repeat(')', count(*)::integer)
    FROM (SELECT DISTINCT mediasweep.column_of(ref -> option_) FROM mediasweep.refs_of(a.options) ref,
                 unnest('{public_id,resource_type,delivery_type,asset_id}'::text[]) option_) used (name)
   WHERE used.name IS NOT NULL
$$;

CREATE FUNCTION mediasweep.kind_of(role name) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce((SELECT min(r.kind) FROM mediasweep.roles() r WHERE pg_has_role(kind_of.role, r.name, 'USAGE') HAVING min(r.kind) = 'reader'),
                  'daemon')
$$;

CREATE FUNCTION mediasweep.kinds(a mediasweep.attached) RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  known  text[];
BEGIN
  PERFORM mediasweep.check_deleted(a.relation, a.options);
  PERFORM mediasweep.check_public_id(a.relation, ref) FROM mediasweep.refs_of(a.options) ref;
  EXECUTE format('SELECT ARRAY(%s ORDER BY 1)', mediasweep.kinds_query(a)) INTO known;
  RETURN known;
END $$;

CREATE FUNCTION mediasweep.kinds_query(a mediasweep.attached) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT format('SELECT k.kind FROM (SELECT format(''%%s %%s'', c.attname, t.typcategory) FROM pg_attribute c JOIN pg_type t ON t.oid = c.atttypid'
                ' WHERE c.attrelid = %s::regclass AND NOT c.attisdropped AND c.attname = ANY (%L)) k (kind)',
    a.relation::oid, ARRAY(SELECT mediasweep.column_of(ref -> option_) FROM mediasweep.refs_of(a.options) ref,
                                  unnest('{public_id,resource_type,delivery_type,asset_id}'::text[]) option_
                            UNION SELECT mediasweep.column_of(coalesce(a.options -> 'deleted', a.options -> 'deleted_at'))
                            ORDER BY 1))
$$;

CREATE FUNCTION mediasweep.known_as(a mediasweep.attached) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT substring(a.refs FROM 'FROM ((?:(?:"(?:[^"]|"")+"|\w+)\.)?(?:"(?:[^"]|"")+"|\w+)) AS r\M') $$;

CREATE FUNCTION mediasweep.lacks(role name) RETURNS TABLE(verb text, object text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH asked AS (
    SELECT p.verb, p.object, p.columns, to_regclass('mediasweep.' || quote_ident(p.object)) AS relation
      FROM mediasweep.privileges() p WHERE p.kind = mediasweep.kind_of(lacks.role))
  SELECT a.verb, a.object
    FROM asked a
   WHERE a.verb <> 'EXECUTE'
     AND NOT CASE WHEN a.columns IS NULL THEN has_table_privilege(lacks.role, a.relation, a.verb)
                  ELSE (SELECT bool_and(has_column_privilege(lacks.role, a.relation, btrim(c), a.verb))
                          FROM string_to_table(a.columns, ',') c) END
   UNION ALL
  SELECT a.verb, a.object
    FROM asked a JOIN pg_proc f ON f.proname = a.object AND f.pronamespace = 'mediasweep'::regnamespace
   WHERE a.verb = 'EXECUTE' AND NOT has_function_privilege(lacks.role, f.oid, 'EXECUTE')
   UNION ALL
  SELECT 'SELECT', 'the rows of any table'
    FROM pg_roles r JOIN pg_class c ON c.oid = 'mediasweep.cloudinary_cleanup_queue'::regclass
   WHERE r.rolname = lacks.role AND c.relrowsecurity AND NOT (r.rolsuper OR r.rolbypassrls) AND NOT pg_has_role(lacks.role, c.relowner, 'USAGE')
     AND NOT EXISTS (SELECT FROM mediasweep.roles() d WHERE d.kind <> 'owner' AND pg_has_role(lacks.role, d.name, 'USAGE'))
$$;

CREATE TABLE mediasweep.reconcile_run (
    id bigint NOT NULL,
    state text DEFAULT 'listing'::text NOT NULL,
    cloud_name text NOT NULL,
    asked_by text NOT NULL,
    holder uuid NOT NULL,
    heard_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    age_floor interval NOT NULL,
    places jsonb NOT NULL,
    calls integer DEFAULT 0 NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    reason text,
    CONSTRAINT finished_has_finished_at CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['done'::text, 'refused'::text, 'failed'::text])))),
    CONSTRAINT state_is_known CHECK ((state = ANY (ARRAY['listing'::text, 'looking'::text, 'done'::text, 'refused'::text, 'failed'::text])))
);

CREATE FUNCTION mediasweep.last_reconciled(cloud text) RETURNS mediasweep.reconcile_run
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT r.* FROM mediasweep.reconcile_run r WHERE r.state = 'done' AND r.cloud_name = cloud ORDER BY r.id DESC LIMIT 1
$$;

CREATE FUNCTION mediasweep.layer_names(component text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  WITH named AS (
    SELECT named.id
      FROM (SELECT substring(component FROM '^(?:[lud]|fn)_(.+)$')) layer (said)
     CROSS JOIN LATERAL (SELECT regexp_replace(layer.said, '^((image|video|raw|subtitles|lut|wasm):)?((upload|private|authenticated):)?', '')) bare (said)
     CROSS JOIN LATERAL unnest(CASE
       WHEN layer.said ~ '^(?:[a-z]+:)?(?:fetch|remote):' THEN '{}'
       WHEN layer.said ~ '^text:' THEN ARRAY[split_part(layer.said, ':', 2), substring(layer.said FROM '^text:(.+[.](?:ttf|otf|woff2?))_')]
       WHEN layer.said ~ '^subtitles:' THEN ARRAY[layer.said, bare.said, substring(bare.said FROM ':(.+)$')]   -- behind a style
       ELSE ARRAY[layer.said, bare.said] END) named (id)
     UNION
    SELECT text_[1] FROM regexp_matches(component, '!([^!]+)!', 'g') text_)
  SELECT DISTINCT id.name
    FROM named n
   CROSS JOIN LATERAL mediasweep.decodings(n.id) whole (id)
   CROSS JOIN LATERAL (SELECT replace(whole.id, ':', '/')) path (id)
   CROSS JOIN LATERAL (VALUES (path.id), (substring(path.id FROM '^(.*[^/])[.][^./]*$'))) id (name)
   WHERE id.name <> ''
$_$;

CREATE FUNCTION mediasweep.layers(url text, hosts text[], OUT public_id text, OUT cloud text) RETURNS SETOF record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  address  record;
BEGIN
  IF url !~* '(?:[/,]|%2c)(?:[lud]_|fn_|\$|%24)' THEN
    RETURN;
  END IF;
  -- behind a version, or at the end, is the asset itself
  address := mediasweep.url_parts(coalesce(substring(url FROM '^(.+?)/v[0-9]{9,18}/'), substring(url FROM '^(.+)/')), hosts);
  RETURN QUERY
    SELECT DISTINCT n.name, address.cloud
      FROM unnest(address.parts) p (part)
     CROSS JOIN LATERAL regexp_split_to_table(p.part, ',|%2c', 'i') c (component)
     CROSS JOIN LATERAL mediasweep.layer_names(c.component) n (name)
     WHERE c.component ~ '^(?:[lud]_|fn_|\$|%24)';
END $_$;

CREATE FUNCTION mediasweep.learn_place(place text, server_started_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.leave_findings(run bigint, ids bigint[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE mediasweep.reconcile_finding f SET action = 'changed', acted_at = clock_timestamp()
   WHERE f.run_id = run AND f.id = ANY (ids) AND f.action IS NULL
$$;

CREATE FUNCTION mediasweep.left_to_do(OUT unfinished bigint, OUT fallen bigint, OUT alive bigint) RETURNS record
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT (SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue q WHERE q.processed_at IS NULL),
         (SELECT count(*) FROM mediasweep.fallback f WHERE f.refused IS NULL),
         (SELECT count(*) FROM mediasweep.daemon d WHERE d.beat_at > clock_timestamp() - interval '20 s')
$$;

CREATE FUNCTION mediasweep.let_go(source integer, uploads boolean, covered pg_snapshot, confirmed xid8[], queued_from timestamp with time zone, queued_to timestamp with time zone, since pg_snapshot, most bigint) RETURNS TABLE(queued_at timestamp with time zone, xact xid8)
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

CREATE FUNCTION mediasweep.let_owner_go(attached_id integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  gone  record;
BEGIN
  SELECT c.oid::regclass AS called, c.relnamespace, a.granted, a.granted_usage, r.name AS owner INTO gone
    FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation JOIN mediasweep.roles() r ON r.kind = 'owner'
   WHERE a.id = attached_id;
  IF gone.granted THEN
    EXECUTE format('REVOKE SELECT, INSERT, UPDATE, DELETE ON %s FROM %I', gone.called, gone.owner);
  END IF;
  IF gone.granted_usage THEN
    UPDATE mediasweep.attached a SET granted_usage = true
     WHERE a.id = (SELECT o.id FROM mediasweep.attached o JOIN pg_class c ON c.oid = o.relation
                    WHERE o.detached_at IS NULL AND o.id <> attached_id AND c.relnamespace = gone.relnamespace LIMIT 1);
    IF NOT FOUND THEN
      EXECUTE format('REVOKE USAGE ON SCHEMA %s FROM %I', gone.relnamespace::regnamespace, gone.owner);
    END IF;
  END IF;
  UPDATE mediasweep.attached a SET granted = false, granted_usage = false WHERE a.id = attached_id;
END $$;

CREATE FUNCTION mediasweep.let_owner_read(attached_id integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  owner  name := (SELECT r.name FROM mediasweep.roles() r WHERE r.kind = 'owner');
  table_ record;
BEGIN
  SELECT c.oid::regclass AS called, c.relnamespace, c.relowner, c.relrowsecurity AND (
           c.relforcerowsecurity OR NOT pg_has_role(owner, c.relowner, 'USAGE')) AS hides
    INTO table_
    FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation WHERE a.id = attached_id;
  IF owner IS NULL OR table_ IS NULL THEN
    RETURN;
  END IF;
  IF NOT has_schema_privilege(owner, table_.relnamespace, 'USAGE') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', table_.relnamespace::regnamespace, owner);
    UPDATE mediasweep.attached a SET granted_usage = true WHERE a.id = attached_id;
  END IF;
  IF NOT has_table_privilege(owner, table_.called, 'SELECT') THEN
    EXECUTE format('GRANT SELECT ON %s TO %I', table_.called, owner);
    UPDATE mediasweep.attached a SET granted = true WHERE a.id = attached_id;
  END IF;
  IF table_.called = to_regclass('public.media_assets') AND mediasweep.has_library()   -- what Cloudinary tells is written there, and the self-test deletes what it made
     AND NOT (has_table_privilege(owner, table_.called, 'INSERT') AND has_table_privilege(owner, table_.called, 'UPDATE')
              AND has_table_privilege(owner, table_.called, 'DELETE')) THEN
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO %I', table_.called, owner);
    UPDATE mediasweep.attached a SET granted = true WHERE a.id = attached_id;
  END IF;
  IF NOT has_schema_privilege(owner, table_.relnamespace, 'USAGE') OR NOT has_table_privilege(owner, table_.called, 'SELECT') THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('the owner of the schema mediasweep, %I, may not read %s', owner, table_.called),
      HINT = format('As %I run: GRANT USAGE ON SCHEMA %s TO %I; GRANT SELECT ON %s TO %3$I;', pg_get_userbyid(table_.relowner),
                    table_.relnamespace::regnamespace, owner, table_.called);
  ELSIF table_.hides AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner AND NOT r.rolbypassrls AND NOT r.rolsuper) THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('%s has row-level security, and %I, the owner of the schema mediasweep, would not see all its rows',
                       table_.called, owner),
      HINT = format('Whoever may runs: %s; or choose another owner when the roles are made: mediasweep migrate --roles --owner %I',
                    mediasweep.show_rows(table_.called, owner), pg_get_userbyid(table_.relowner));
  END IF;
END $_$;

CREATE FUNCTION mediasweep.lets_go_up_to(q mediasweep.cloudinary_cleanup_queue) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN q.version BETWEEN 100000000 AND floor(extract(epoch FROM q.queued_at)) + 3600 THEN q.version
              ELSE floor(extract(epoch FROM q.queued_at))::bigint - (q.trigger_source IN ('trigger', 'fallback'))::integer END
$$;

CREATE FUNCTION mediasweep.library_differing() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT CASE WHEN mediasweep.has_library() THEN format($q$
       UNION ALL
      SELECT %s, l.*, jsonb_strip_nulls(jsonb_build_object(
               'format', CASE WHEN m.format <> l.format THEN jsonb_build_array(m.format, l.format) END,
               'display_name', CASE WHEN m.display_name <> l.display_name THEN jsonb_build_array(m.display_name, l.display_name) END,
               'tags', CASE WHEN d.tags THEN jsonb_build_array(m.tags, l.tags) END,
               'alt_text', CASE WHEN d.alt THEN jsonb_build_array(m.alt_text, l.alt) END,
               'description', CASE WHEN d.caption THEN jsonb_build_array(m.description, l.caption) END))
        FROM public.media_assets m
        JOIN there l ON l.public_id = m.cloudinary_public_id::text COLLATE "C" AND l.resource_type = m.resource_type AND l.delivery_type = m.delivery_type
        LEFT JOIN mediasweep.asset heard ON heard.asset_id = l.asset_id
       CROSS JOIN LATERAL (
         SELECT NOT (m.tags @> l.tags AND m.tags <@ l.tags) AS tags,
                m.alt_text IS DISTINCT FROM left(l.alt, 500) AND (l.alt IS NOT NULL OR mediasweep.still(heard.said, 'context:alt') <> 'null') AS alt,
                m.description IS DISTINCT FROM l.caption AND (l.caption IS NOT NULL OR mediasweep.still(heard.said, 'context:caption') <> 'null') AS caption) d
       WHERE m.deleted_at IS NULL AND coalesce(greatest(m.updated_at, m.last_synced_at) < $1, true)
         AND (m.format <> l.format OR m.display_name <> l.display_name OR d.tags OR d.alt OR d.caption)$q$, a.id) ELSE '' END
    FROM (SELECT (SELECT a.id FROM mediasweep.attached a WHERE a.relation = to_regclass('public.media_assets') AND a.detached_at IS NULL)) a (id)
$_$;

CREATE FUNCTION mediasweep.list(known mediasweep.asset) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  uploaded   timestamptz := mediasweep.moment(known.said -> 'upload');
  file       bigint := known.said #>> '{upload,1,version}';
  name       jsonb := known.said -> 'name' -> 1;
  not_there  timestamptz := mediasweep.not_there_since(known);
  row_       record;
BEGIN
  SELECT r.id, r.deleted_at, r.cloudinary_version INTO row_ FROM public.media_assets r
   WHERE r.cloudinary_asset_id = known.asset_id
   ORDER BY r.deleted_at IS NULL DESC, r.created_at DESC LIMIT 1 FOR UPDATE;
  IF NOT FOUND THEN   -- one that names it by its name alone is its row from now on, unless it was made for a later file
    SELECT r.id, r.deleted_at, r.cloudinary_version INTO row_
      FROM (SELECT name, NULL::timestamptz WHERE not_there IS NULL
             UNION ALL SELECT known.said -> 'was' -> 1, mediasweep.moment(known.said -> 'was')) called (name, until)
      JOIN public.media_assets r ON r.cloudinary_public_id = called.name ->> 'public_id' AND r.resource_type = called.name ->> 'resource_type'
                                AND r.delivery_type = called.name ->> 'type'
     WHERE r.deleted_at IS NULL AND r.cloudinary_asset_id IS NULL
       AND coalesce(r.cloudinary_version <= file, true)
       AND coalesce(coalesce(r.cloudinary_created_at, r.created_at) <= called.until, true)
     LIMIT 1 FOR UPDATE OF r;
  END IF;
  IF row_.id IS NULL AND (not_there IS NOT NULL OR uploaded IS NULL OR name IS NULL OR uploaded <= known.listed_at
                          OR mediasweep.was_let_go(known.asset_id, name, uploaded, file)) THEN
    RETURN;
  END IF;
  UPDATE mediasweep.asset a SET listed_at = uploaded WHERE a.asset_id = known.asset_id AND a.listed_at IS DISTINCT FROM uploaded;
  IF not_there IS NOT NULL THEN
    PERFORM mediasweep.hide(row_.id, known.asset_id, not_there) WHERE row_.deleted_at IS NULL;
  -- a row that the application has deleted comes back for a later upload only, and that of its own file may be told later than it was made
  ELSIF row_.deleted_at IS NULL OR row_.deleted_at = known.hidden_at
        OR row_.deleted_at < uploaded AND (file <= row_.cloudinary_version) IS NOT TRUE THEN
    IF mediasweep.make_way(row_.id, known.asset_id, name, mediasweep.moment(known.said -> 'name')) THEN
      PERFORM mediasweep.write_row(row_.id, known, coalesce(row_.cloudinary_version, 0));
    END IF;
  END IF;
END $$;

CREATE FUNCTION mediasweep.listing_is_whole(run mediasweep.reconcile_run) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT (SELECT count(*) FROM mediasweep.reconcile_listed)
         = (SELECT sum((p.value ->> 'listed')::bigint) FROM jsonb_each(run.places) p)
$$;

CREATE FUNCTION mediasweep.listing_refusal(run mediasweep.reconcile_run, last mediasweep.reconcile_run, assets bigint, shrunken boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT CASE
    WHEN run.places @? '$.* ? (@.done == false)' THEN 'the listing is not complete'
    WHEN NOT mediasweep.listing_is_whole(run) THEN 'the database server has lost a part of what was listed: run it again'
    WHEN assets < (last.counts ->> 'assets')::bigint / 2 AND NOT shrunken
      THEN format('Cloudinary lists %s assets, less than half of the %s of %s: if that is so, accept it (--shrunken)', mediasweep.number(assets),
                  mediasweep.number((last.counts ->> 'assets')::bigint), last.finished_at::date)
  END
$_$;

CREATE FUNCTION mediasweep.live_expression(relation regclass, options jsonb, purpose text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE purpose WHEN 'dead' THEN gone ELSE concat_ws(' AND ', CASE WHEN gone = 'false' THEN 'true' ELSE 'NOT ' || gone END,
           E'(' || (options ->> 'filter') || E'\n) IS ' || CASE purpose WHEN 'capture' THEN 'TRUE' ELSE 'NOT FALSE' END) END
    FROM mediasweep.gone_expression(relation, options) gone
$$;

CREATE FUNCTION mediasweep.lock_due(allowed integer, INOUT memory jsonb, terms jsonb, OUT candidates mediasweep.cloudinary_cleanup_queue[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  ripe_at  timestamptz := least((memory -> 'free' ->> 'at')::timestamptz, (memory -> 'clear' ->> 'at')::timestamptz);
  once     boolean := terms ? 'once';
  now_     timestamptz := clock_timestamp();
  since    timestamptz := memory ->> 'from_start_at';
  midway   boolean := memory ? 'midway';
  good_for interval := CASE WHEN midway THEN '10 s' ELSE least('2 s', greatest('20 ms', 20 * (memory ->> 'from_start_took')::interval)) END;
  sources  integer[] := mediasweep.open_sources();
  more     record;
  avoid    text[] := '{}';
  waiting  text[];
  found_   boolean;
BEGIN
  candidates := '{}';
  IF ripe_at IS NULL THEN
    RETURN;
  END IF;
  IF (memory ->> 'backlog')::boolean AND allowed > 1 AND NOT once THEN
    candidates := (mediasweep.lock_from(
      allowed / 2, memory, terms, ripe_at, (memory ->> 'looked_at')::timestamptz, sources, avoid))[1:allowed / 2];
  END IF;
  IF NOT once AND (since BETWEEN now_ - good_for AND now_) IS NOT TRUE THEN
    midway := false;
    memory := (memory - '{cursor,midway}'::text[]) || jsonb_build_object('from_start_at', now_);
  END IF;
  FOR round IN 1..20 LOOP
    more := mediasweep.lock_oldest(allowed, memory, terms, ripe_at, sources, candidates, avoid);
    memory := more.memory;
    found_ := cardinality(more.oldest) > 0;
    candidates := candidates || more.oldest;
    waiting := mediasweep.waiting_assets(candidates, memory, (terms ->> 'grace')::interval);
    candidates := mediasweep.without(candidates, waiting);
    avoid := avoid || waiting;
    EXIT WHEN cardinality(candidates) > 0 OR (NOT found_ AND (once OR midway OR NOT memory ? 'cursor'));
    IF NOT found_ THEN
      memory := (memory - 'cursor') || jsonb_build_object('from_start_at', now_);
    END IF;
  END LOOP;
  IF NOT found_ THEN
    memory := memory - 'midway';
  ELSIF cardinality(candidates) = 0 AND NOT once THEN   -- all that was looked at waits: the next claim goes on from here
    memory := memory || '{"midway": true}';
  END IF;
  IF (memory ->> 'from_start_at')::timestamptz = now_ THEN
    memory := memory || jsonb_build_object('from_start_took', clock_timestamp() - now_);
  END IF;
  memory := memory || jsonb_build_object('looked_at', ripe_at, 'backlog', cardinality(candidates) >= allowed);
END $$;

CREATE FUNCTION mediasweep.lock_from(most integer, memory jsonb, terms jsonb, ripe_at timestamp with time zone, since timestamp with time zone, sources integer[], avoid text[]) RETURNS mediasweep.cloudinary_cleanup_queue[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  free     pg_snapshot := memory -> 'free' ->> 's';
  clear    pg_snapshot := memory -> 'clear' ->> 's';
  grace    interval := terms ->> 'grace';
  settle   interval := coalesce(terms ->> 'settle', '1 min');
  now_     timestamptz := clock_timestamp();
BEGIN
  RETURN ARRAY(
    SELECT due.q
      FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT coalesce(since, (memory -> 'cursor' -> source.id::text ->> 'due_at')::timestamptz, '-infinity') AS due_at,
              coalesce(CASE WHEN since IS NULL THEN (memory -> 'cursor' -> source.id::text ->> 'id')::uuid END,
                       '00000000-0000-0000-0000-000000000000') AS id) done
     CROSS JOIN LATERAL (
       SELECT q, q.due_at FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id
          AND q.processed_at IS NULL
          AND (q.due_at, q.id) > (done.due_at, done.id)
          AND q.due_at <= ripe_at
          AND q.due_at + CASE WHEN q.claim_no = 0 THEN grace ELSE interval '0' END <= ripe_at
          -- the next claim may give it up: only when its last request can no longer take effect
          AND (q.lease_until IS NULL OR q.lease_until + CASE WHEN q.handovers >= 20 THEN settle ELSE interval '0' END <= now_)
          -- an id that this very statement's snapshot does not know yet is of another server: a restored row
          AND (q.xact >= pg_snapshot_xmax(pg_current_snapshot())
               OR (pg_visible_in_snapshot(q.xact, free) AND pg_visible_in_snapshot(q.xact, clear)))
          AND q.cloudinary_public_id <> ALL (avoid) AND (q.asset_id = ANY (avoid)) IS NOT TRUE
        ORDER BY q.due_at, q.id
        LIMIT most
          FOR UPDATE OF q SKIP LOCKED) due
     ORDER BY row_number() OVER (PARTITION BY source.id ORDER BY due.due_at, (due.q).id), due.due_at);
END $$;

CREATE FUNCTION mediasweep.lock_oldest(allowed integer, INOUT memory jsonb, terms jsonb, ripe_at timestamp with time zone, sources integer[], taken mediasweep.cloudinary_cleanup_queue[], avoid text[], OUT oldest mediasweep.cloudinary_cleanup_queue[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  room    integer := allowed - cardinality(taken);
  part    integer := ceil(allowed::numeric / greatest(1, cardinality(sources)));
  locked  mediasweep.cloudinary_cleanup_queue[] := mediasweep.lock_from(part, memory, terms, ripe_at, NULL, sources, avoid);
  more    mediasweep.cloudinary_cleanup_queue[];
BEGIN
  IF cardinality(locked) < part AND cardinality(taken) = 0 THEN   -- that is all that there is of every source
    oldest := locked;
    memory := mediasweep.move_cursor(memory, oldest);
    RETURN;
  END IF;
  oldest := ARRAY(SELECT l FROM unnest(locked) l WHERE l.id <> ALL (ARRAY(SELECT t.id FROM unnest(taken) t)) LIMIT room);
  memory := mediasweep.move_cursor(memory, oldest);
  sources := ARRAY(SELECT l.source_id FROM unnest(locked) l GROUP BY l.source_id HAVING count(*) = part);
  IF cardinality(oldest) < room AND cardinality(sources) > 0 THEN
    more := ARRAY(SELECT m FROM unnest(mediasweep.lock_from(room, memory, terms, ripe_at, NULL, sources, avoid)) m
                   WHERE m.id <> ALL (ARRAY(SELECT t.id FROM unnest(taken || oldest) t)) LIMIT room - cardinality(oldest));
    memory := mediasweep.move_cursor(memory, more);
    oldest := oldest || more;
  END IF;
END $$;

CREATE FUNCTION mediasweep.look_again(hold interval, most integer, OUT state text, OUT looked integer, OUT in_use text[], OUT error text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE TABLE mediasweep.journal (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event text NOT NULL,
    queue_id uuid,
    claim_no integer,
    status text,
    outcome text,
    detail text,
    public_id text,
    resource_type text,
    delivery_type text,
    asset_id text,
    version bigint,
    format text,
    bytes bigint,
    source_id integer,
    actor text,
    app text,
    daemon uuid,
    request_id text,
    response jsonb,
    reason text,
    triggered_by uuid
);

CREATE FUNCTION mediasweep.look_at(deletions mediasweep.journal[]) RETURNS text[]
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.look_for_upload(public_id text, resource_type text, delivery_type text, overwrite boolean, OUT refused text, OUT listed boolean) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  due  timestamptz;
BEGIN
  listed := false;
  IF NOT mediasweep.has_library() THEN
    refused := 'there is no library that an upload could come into: run `mediasweep migrate --with-library`';
    RETURN;
  END IF;
  listed := EXISTS (
    SELECT FROM public.media_assets r
     WHERE r.cloudinary_public_id = look_for_upload.public_id AND r.deleted_at IS NULL
       AND (r.resource_type = look_for_upload.resource_type) IS NOT FALSE AND r.delivery_type = look_for_upload.delivery_type);
  SELECT q.due_at INTO due FROM mediasweep.cloudinary_cleanup_queue q
   WHERE hashtextextended(q.cloudinary_public_id, 0) = hashtextextended(look_for_upload.public_id, 0)
     AND q.cloudinary_public_id = look_for_upload.public_id AND q.processed_at IS NULL
     AND (q.resource_type = look_for_upload.resource_type) IS NOT FALSE AND (q.delivery_type = look_for_upload.delivery_type) IS NOT FALSE
   LIMIT 1;
  -- what is on its way to be deleted could take the new file along
  refused := CASE WHEN listed AND NOT overwrite THEN format('the library has %s already', public_id)
                  WHEN due > clock_timestamp() THEN format('an upload of %s is under way, or was broken off and is cleaned up at %s', public_id, date_trunc('second', due))
                  WHEN due IS NOT NULL THEN format('%s is in the queue: try again when that row is finished', public_id) END;
END $$;

CREATE FUNCTION mediasweep.look_from(closed_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(min(recent.id) - 1, 0)
    FROM (SELECT j.id FROM mediasweep.journal j
           WHERE j.at >= (SELECT l.at FROM mediasweep.journal l WHERE l.event = 'completed' AND l.at <= closed_at
                           ORDER BY l.id DESC LIMIT 1) - interval '1 hour'
          OFFSET 0) recent   -- by time; the planner would rather walk all ids from the first
$$;

CREATE FUNCTION mediasweep.looks_beside(relation regclass) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT coalesce(jsonb_object_agg(found.option_, found.name), '{}') FROM (
    SELECT DISTINCT ON (o.option_) o.option_, a.attname AS name
      FROM pg_attribute a
      JOIN pg_type t ON t.oid = a.atttypid
      JOIN (VALUES ('resource_type', '^(cloudinary)?resourcetype$', 'SE'), ('delivery_type', '^(cloudinary)?deliverytype$', 'SE'),
                   ('asset_id', '^cloudinaryassetid$', 'S'), ('version', '^cloudinaryversion$', 'NS'),
                   ('original_filename', '^(originalfilename|originalname)$', 'S'), ('file_size', '^(filesize|bytes)$', 'N'),
                   ('folder', '^folder$', 'S'), ('deleted', '^(deletedat|isdeleted)$', 'DB')) o (option_, pattern, categories)
        ON lower(replace(a.attname, '_', '')) ~ o.pattern AND position(t.typcategory IN o.categories) > 0
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY o.option_, a.attnum) found
$_$;

CREATE FUNCTION mediasweep.looks_like(relation regclass, name text, type text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  plain    text := lower(replace(name, '_', ''));
  alone    boolean;
  keyed    boolean;
BEGIN
  IF type NOT IN ('text', 'character varying', 'text[]', 'character varying[]', 'json', 'jsonb') THEN
    RETURN NULL;
  END IF;
  IF type NOT IN ('json', 'jsonb') AND plain !~ '^(removed|deleted|old)'
     AND (plain ~ '(publicid|cloudinaryid|cloudid)s?$' OR type LIKE '%[]' AND plain ~ '(photo|image|picture|video|media|asset)ids$') THEN
    RETURN 'id';
  END IF;
  IF has_column_privilege(relation, name, 'SELECT') AND NOT row_security_active(relation) THEN
    EXECUTE format('SELECT bool_or(mediasweep.stands_alone(v.said)) FILTER (WHERE v.said ~ %3$L), bool_or(v.said ~* %4$L)'
                   ' FROM (SELECT left(t.%1$I::text, 2000) AS said FROM %2$s t LIMIT 1000) v',
                   name, relation, '(res(-[0-9]+)?[.]cloudinary[.]com|-res(-[0-9]+)?[.]cloudinary[.]com)/',
                   '"(public_?id|cloudinary_?id)s?"\s*:')
       INTO alone, keyed;
    IF type IN ('json', 'jsonb') THEN
      RETURN CASE WHEN alone IS NOT NULL OR keyed THEN 'json' END;
    ELSIF alone IS NOT NULL THEN
      RETURN CASE WHEN alone OR type LIKE '%[]' THEN 'url' ELSE 'text' END;
    END IF;
  END IF;
  RETURN NULL;
END $_$;

CREATE FUNCTION mediasweep.make_role(name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = name) THEN
    EXECUTE format('CREATE ROLE %I NOLOGIN', name);
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN
    NULL;   -- another database was faster
  WHEN insufficient_privilege THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('%I may not create roles, and there is no role %I', current_user, name),
      HINT = format('Ask a role that may create roles to run: CREATE ROLE %I NOLOGIN; then run this again.', name);
END $$;

CREATE FUNCTION mediasweep.make_roles(owner text, daemon_ text, reader text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  said  text;
BEGIN
  IF owner IN (daemon_, reader) OR daemon_ = reader THEN
    RAISE EXCEPTION 'owner, daemon and reader are three roles, not %, % and %', owner, daemon_, reader;
  ELSIF daemon_ = ANY ('{anon,authenticated,service_role}') OR reader = ANY ('{anon,authenticated,service_role}') THEN
    RAISE EXCEPTION '% and % cannot both be roles of mediasweep: those of the API are kept out of its schema', daemon_, reader;
  END IF;
  SELECT string_agg(format('%s %I', r.kind, r.name), ', ' ORDER BY r.kind) INTO said FROM mediasweep.role r;
  IF EXISTS (SELECT FROM mediasweep.role r JOIN (VALUES ('owner', owner), ('daemon', daemon_), ('reader', reader)) g (kind, name)
                      ON g.kind = r.kind AND g.name <> r.name) THEN
    RAISE EXCEPTION 'this database has its roles already: %', said USING HINT = 'Use these; ALTER ROLE … RENAME is not followed.';
  END IF;
  PERFORM mediasweep.make_role(r.name) FROM unnest(ARRAY[owner, daemon_, reader]) r (name);
  PERFORM mediasweep.join_owner(owner);
  INSERT INTO mediasweep.role (kind, name) VALUES ('owner', owner), ('daemon', daemon_), ('reader', reader) ON CONFLICT DO NOTHING;
  PERFORM mediasweep.let_owner_read(a.id) FROM mediasweep.attached a WHERE a.detached_at IS NULL;
  PERFORM mediasweep.secure();
END $$;

CREATE FUNCTION mediasweep.make_way(row_id uuid, asset text, name jsonb, named timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  other  record;
BEGIN
  SELECT r.id, r.cloudinary_asset_id,
         r.cloudinary_asset_id IS NULL
         OR coalesce(r.cloudinary_created_at, r.created_at) > named
            AND NOT EXISTS (SELECT FROM mediasweep.asset a WHERE a.asset_id = r.cloudinary_asset_id) AS later
    INTO other FROM public.media_assets r
   WHERE r.cloudinary_public_id = name ->> 'public_id' AND r.resource_type = name ->> 'resource_type' AND r.delivery_type = name ->> 'type'
     AND r.deleted_at IS NULL AND r.cloudinary_asset_id IS DISTINCT FROM asset AND r.id IS DISTINCT FROM row_id
     FOR UPDATE;
  IF FOUND AND NOT other.later THEN
    PERFORM mediasweep.hide(other.id, other.cloudinary_asset_id, named);
  END IF;
  RETURN NOT coalesce(other.later, false);
END $$;

CREATE FUNCTION mediasweep.mark(daemon uuid, candidates mediasweep.cloudinary_cleanup_queue[], uses jsonb, lease interval, max_attempts integer, OUT jobs mediasweep.job[], OUT skipped integer, OUT failed integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  nameless  boolean := mediasweep.names_tell_nothing();
BEGIN
  WITH seen AS MATERIALIZED (   -- else what keeps a row is asked once for each of its uses below
    SELECT c.id, c.status = 'processing' AS takeover, c.lease_until IS NOT NULL AS silent,
           kept.why AS kept, kept.outcome AS kept_as,
           c.in_doubt OR c.status = 'processing' AS doubtful,
           c.processing_attempts, c.handovers, c.error_message,
           c.lease_until IS NULL AND c.processing_attempts >= coalesce(c.max_attempts, mark.max_attempts) AS spent
      FROM unnest(candidates) c
      LEFT JOIN LATERAL (
        SELECT v.outcome, v.why
          FROM (VALUES (1, 'in_use', CASE WHEN uses ? c.id::text THEN 'in use by ' || coalesce(uses ->> c.id::text, 'a row') END),
                       (2, 'protected', (SELECT min('protected by the prefix ' || p.prefix) FROM mediasweep.protected p
                                          WHERE starts_with(c.cloudinary_public_id, p.prefix))),
                       (3, 'newer', 'a newer version was uploaded: v' || mediasweep.newer_version(c))) v (rank, outcome, why)
         WHERE v.why IS NOT NULL ORDER BY v.rank LIMIT 1) kept ON true),
  verdict AS (
    SELECT s.id, s.takeover, s.silent, v.*
      FROM seen s
     CROSS JOIN LATERAL (VALUES
       (s.kept IS NOT NULL AND NOT s.doubtful, 'skipped', s.kept_as, s.kept),
       (s.kept IS NOT NULL AND s.doubtful, 'failed', CASE s.kept_as WHEN 'in_use' THEN 'reused' ELSE s.kept_as END || '_in_doubt',
        CASE s.kept_as WHEN 'in_use' THEN 'reused in doubt: ' ELSE 'in doubt: ' END || s.kept),
       (s.kept IS NULL AND s.spent, 'failed', 'attempts_spent',
        format('gave up after %s attempts; last: %s', s.processing_attempts, s.error_message)),
       (s.kept IS NULL AND NOT s.spent AND s.silent AND s.handovers >= 20, 'failed', 'poison',
        format('taken over %s times without an outcome', s.handovers)),
       (s.kept IS NULL AND NOT s.spent AND NOT (s.silent AND s.handovers >= 20), 'processing', NULL, NULL)
     ) v (holds, status, outcome, detail)
     WHERE v.holds),
  marked AS (
    UPDATE mediasweep.cloudinary_cleanup_queue q
       SET status = v.status,
           claim_no = q.claim_no + (v.status = 'processing')::integer,
           in_doubt = q.in_doubt OR v.takeover,
           handovers = q.handovers + v.silent::integer,
           processing_attempts = q.processing_attempts + (v.status = 'processing' AND NOT v.silent)::integer,
           max_attempts = coalesce(q.max_attempts, mark.max_attempts),
           lease_until = CASE WHEN v.status = 'processing' THEN clock_timestamp() + mark.lease END,
           processed_at = CASE WHEN v.status <> 'processing' THEN clock_timestamp() END,
           error_message = coalesce(v.detail, q.error_message),
           updated_at = clock_timestamp()
      FROM verdict v
     WHERE q.id = v.id
    RETURNING q.*, v.outcome, v.detail,
              CASE WHEN v.status <> 'processing' THEN v.status WHEN v.silent THEN 'handed_over' ELSE 'claimed' END AS event),
  failed AS (
    INSERT INTO mediasweep.failed (id) SELECT m.id FROM marked m WHERE m.status = 'failed' ON CONFLICT DO NOTHING),
  logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, status, outcome, detail, public_id, resource_type, delivery_type, asset_id, version,
       format, bytes, source_id, reason, triggered_by, actor, app, daemon)
    SELECT m.event, m.id, m.claim_no, m.status, m.outcome, m.detail, m.cloudinary_public_id, m.resource_type,
           m.delivery_type, m.asset_id, m.version, mediasweep.format_of(m.resource_type, m.original_filename), m.file_size, m.source_id,
           m.deletion_reason, m.triggered_by, m.actor, m.app, mark.daemon
      FROM marked m)
  SELECT coalesce(array_agg(ROW(m.id, m.claim_no, m.cloudinary_public_id, m.resource_type, m.delivery_type,
                                CASE WHEN nameless THEN m.asset_id END, m.processing_attempts, m.max_attempts, m.in_doubt,
                                clock_timestamp() - m.queued_at)::mediasweep.job
                            ORDER BY m.due_at) FILTER (WHERE m.status = 'processing'), '{}'),
         count(*) FILTER (WHERE m.status = 'skipped'),
         count(*) FILTER (WHERE m.status = 'failed')
    INTO jobs, skipped, failed
    FROM marked m;
END $$;

CREATE FUNCTION mediasweep.mark_ghosts(run bigint, ids bigint[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET lock_timeout TO '300ms'
    AS $$
DECLARE
  marked  integer;
BEGIN
  WITH ghost AS (
    UPDATE mediasweep.reconcile_finding f SET action = 'marked', acted_at = clock_timestamp()
     WHERE f.run_id = run AND f.id = ANY (ids) AND f.kind = 'ghost' AND f.action IS NULL
    RETURNING f.*)
  UPDATE public.media_assets m
     SET sync_status = 'error', sync_error_message = 'not at Cloudinary, found by reconcile ' || run
    FROM ghost g
   WHERE m.deleted_at IS NULL AND m.cloudinary_public_id = g.public_id AND m.resource_type = g.resource_type AND m.delivery_type = g.delivery_type;
  GET DIAGNOSTICS marked = ROW_COUNT;
  RETURN marked;
END $$;

CREATE FUNCTION mediasweep.matching(statuses text[], source integer, public_id text, reason text, app text, actor text, since timestamp with time zone, until timestamp with time zone, doubtful boolean, filename text DEFAULT NULL::text, own boolean DEFAULT NULL::boolean) RETURNS SETOF mediasweep.cloudinary_cleanup_queue
    LANGUAGE sql STABLE
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

CREATE FUNCTION mediasweep.may_go(source integer, uploads boolean, candidates mediasweep.cloudinary_cleanup_queue[], rule record, known record, free jsonb, INOUT passed jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.media_deleted(public_ids text[], search text, before timestamp with time zone, before_id uuid, most integer) RETURNS TABLE(id uuid, public_id text, resource_type text, delivery_type text, display_name text, original_filename text, bytes bigint, secure_url text, deleted_at timestamp with time zone, taken boolean, queue_id uuid, status text, in_doubt boolean, said text, due_at timestamp with time zone)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  RETURN QUERY
    WITH gone AS MATERIALIZED (
      SELECT m.* FROM public.media_assets m
       WHERE m.deleted_at IS NOT NULL
         AND (media_deleted.public_ids IS NULL OR m.cloudinary_public_id = ANY (media_deleted.public_ids))
         AND (search IS NULL OR m.cloudinary_public_id ILIKE search OR m.original_filename ILIKE search OR m.display_name ILIKE search)
         AND (before IS NULL OR (m.deleted_at, m.id) < (before, before_id))
       ORDER BY m.deleted_at DESC, m.id DESC LIMIT most)
    SELECT g.id, g.cloudinary_public_id::text, g.resource_type::text, g.delivery_type::text, g.display_name::text,
           g.original_filename::text, g.file_size, g.secure_url::text, g.deleted_at,
           EXISTS (SELECT FROM public.media_assets o
                    WHERE o.cloudinary_public_id = g.cloudinary_public_id AND o.resource_type = g.resource_type
                      AND o.delivery_type = g.delivery_type AND o.deleted_at IS NULL),
           q.id, q.status, q.in_doubt, q.error_message, q.due_at
      FROM gone g
      LEFT JOIN LATERAL mediasweep.newest_of(g.cloudinary_public_id, g.resource_type, g.delivery_type) q ON true
     ORDER BY g.deleted_at DESC, g.id DESC;
END $$;

CREATE FUNCTION mediasweep.media_figures() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  IF NOT mediasweep.has_library() THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT jsonb_build_object(
             'total_images', count(*) FILTER (WHERE m.resource_type = 'image'), 'total_videos', count(*) FILTER (WHERE m.resource_type = 'video'),
             'total_files', count(*) FILTER (WHERE m.resource_type = 'raw'), 'total_size', coalesce(sum(m.file_size), 0),
             'synced', count(*) FILTER (WHERE m.sync_status = 'synced'), 'pending', count(*) FILTER (WHERE m.sync_status = 'pending'),
             'error', count(*) FILTER (WHERE m.sync_status = 'error'), 'last_synced_at', max(m.last_synced_at))
      FROM public.media_assets m WHERE m.deleted_at IS NULL);
END $$;

CREATE FUNCTION mediasweep.media_found(folder text, resource_type text, search text, tags text[], sort_by text, descending boolean, skip bigint, most integer, OUT total bigint, OUT items jsonb[]) RETURNS record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET work_mem TO '32MB'
    SET jit TO 'off'
    AS $_$
DECLARE
  way   text := CASE WHEN descending THEN 'DESC NULLS LAST' ELSE 'ASC NULLS LAST' END;
  back  text := CASE WHEN descending THEN 'ASC NULLS FIRST' ELSE 'DESC NULLS FIRST' END;
  live  bigint;
  page  uuid[];
BEGIN
  IF NOT mediasweep.has_library() THEN
    RETURN;
  END IF;
  IF sort_by <> ALL ('{created_at,updated_at,file_size,display_name,original_filename,cloudinary_public_id}'::text[]) THEN
    RAISE EXCEPTION 'mediasweep.media_found: % is nothing to sort by', sort_by;
  END IF;
  IF skip > 1000 AND num_nonnulls(folder, resource_type, search, tags) = 0 THEN
    live := (SELECT count(*) FROM public.media_assets m WHERE m.deleted_at IS NULL);
  END IF;
  IF skip > live / 2 THEN
    EXECUTE format($q$
      SELECT ARRAY(SELECT l.id FROM (
        SELECT m.id, m.%1$I AS key
          FROM public.media_assets m WHERE m.deleted_at IS NULL ORDER BY m.%1$I %2$s, m.id %2$s OFFSET $1 LIMIT $2) l
        ORDER BY l.key %3$s, l.id %3$s)$q$, sort_by, back, way)
      INTO page USING greatest(live - skip - most, 0), greatest(least(most, live - skip), 0);
  ELSIF num_nonnulls(folder, resource_type, search, tags) = 0 THEN
    EXECUTE format('SELECT ARRAY(SELECT m.id FROM public.media_assets m WHERE m.deleted_at IS NULL ORDER BY m.%1$I %2$s, m.id %2$s OFFSET $1 LIMIT $2)',
                   sort_by, way)
      INTO page USING skip, most;
  ELSE
    EXECUTE format($q$
      WITH hit AS MATERIALIZED (
        SELECT m.id, m.%1$I AS key
          FROM public.media_assets m
         WHERE m.deleted_at IS NULL
           AND ($1 IS NULL OR m.folder = $1 OR m.folder LIKE mediasweep.below($1))
           AND ($2 IS NULL OR m.resource_type = $2)
           AND ($4 IS NULL OR m.tags @> $4)
           AND ($3 IS NULL OR lower(m.cloudinary_public_id) LIKE $3 OR lower(m.original_filename) LIKE $3 OR lower(m.display_name) LIKE $3
                OR lower(m.description) LIKE $3 OR lower(m.alt_text) LIKE $3))
      SELECT (SELECT count(*) FROM hit), ARRAY(SELECT h.id FROM hit h ORDER BY h.key %2$s, h.id %2$s OFFSET $5 LIMIT $6)$q$, sort_by, way)
      INTO total, page USING folder, resource_type, lower(search), tags, skip, most;
  END IF;
  -- only the rows of the page are read as a whole
  items := ARRAY(SELECT to_jsonb(m) - 'cloudinary_signature'
                   FROM unnest(page) WITH ORDINALITY p (id, place) JOIN public.media_assets m ON m.id = p.id ORDER BY p.place);
END $_$;

CREATE FUNCTION mediasweep.media_named(ids uuid[], public_ids text[], kind text, delivery text) RETURNS TABLE(id uuid, public_id text, resource_type text, delivery_type text, live boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  RETURN QUERY
    SELECT m.id, m.cloudinary_public_id::text, m.resource_type::text, m.delivery_type::text, m.deleted_at IS NULL
      FROM public.media_assets m WHERE m.id = ANY (ids)
     UNION ALL
    SELECT m.id, m.cloudinary_public_id::text, m.resource_type::text, m.delivery_type::text, true
      FROM public.media_assets m
     WHERE m.cloudinary_public_id = ANY (public_ids) AND m.deleted_at IS NULL
       AND (kind IS NULL OR m.resource_type = kind) AND (delivery IS NULL OR m.delivery_type = delivery);
END $$;

CREATE FUNCTION mediasweep.media_plan(ids uuid[], guarded boolean) RETURNS TABLE(id uuid, public_id text, resource_type text, delivery_type text, display_name text, original_filename text, bytes bigint, secure_url text, used_by text[], protected_by text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  doomed  mediasweep.cloudinary_cleanup_queue[];
  used    jsonb := '[]';
BEGIN
  SELECT coalesce(array_agg(jsonb_populate_record(NULL::mediasweep.cloudinary_cleanup_queue, jsonb_build_object(
           'id', m.id, 'cloudinary_public_id', m.cloudinary_public_id, 'resource_type', m.resource_type,
           'delivery_type', m.delivery_type, 'asset_id', m.cloudinary_asset_id))), '{}') INTO doomed
    FROM public.media_assets m WHERE m.id = ANY (ids) AND m.deleted_at IS NULL;
  IF guarded THEN
    SELECT coalesce(jsonb_agg(u), '[]') INTO used FROM mediasweep.uses(doomed) u;
  END IF;
  RETURN QUERY
    WITH use_ AS MATERIALIZED (
      -- the library names one row of its own for each asset, and that one may be doomed: its other rows are asked for below
      SELECT u.id, u.used_by FROM jsonb_to_recordset(used) u (id uuid, used_by text) WHERE NOT starts_with(u.used_by, 'public.media_assets ')
       UNION
      SELECT d.id, 'public.media_assets id=' || min(r.id::text)
        FROM unnest(doomed) d
        JOIN public.media_assets r ON r.cloudinary_asset_id = d.asset_id AND r.deleted_at IS NULL
       WHERE r.id NOT IN (SELECT o.id FROM unnest(doomed) o)
       GROUP BY d.id)
    SELECT m.id, m.cloudinary_public_id::text, m.resource_type::text, m.delivery_type::text, m.display_name::text,
           m.original_filename::text, m.file_size, m.secure_url::text,
           ARRAY(SELECT u.used_by FROM use_ u WHERE u.id = m.id ORDER BY 1),
           (SELECT min(p.prefix) FROM mediasweep.protected p WHERE starts_with(m.cloudinary_public_id, p.prefix))
      FROM unnest(doomed) d JOIN public.media_assets m ON m.id = d.id
     ORDER BY m.resource_type, m.delivery_type;
END $$;

CREATE FUNCTION mediasweep.media_row(row_id uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  RETURN (SELECT to_jsonb(m) - 'cloudinary_signature' FROM public.media_assets m WHERE m.id = row_id);
END $$;

CREATE FUNCTION mediasweep.misplaced(a mediasweep.attached) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT CASE
    WHEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = a.relation)
      THEN format('the attached table %s(number %s) is gone%s: detach it by SELECT mediasweep.detach_number(%2$s)',
                  mediasweep.known_as(a) || ' ', a.id,
                  CASE WHEN new.relation IS NOT NULL THEN ', and another has its name, to be attached if it names assets' END)
    WHEN new.relation IS NOT NULL
      THEN format('%s is another table now, which is not attached; the attached one is %s. If the new one names assets, attach it too:'
                  ' mediasweep attach %1$s. If not, detach %2$s, and attach that again', new.relation, a.relation) END
    FROM mediasweep.replaced_by(a) new (relation)
$_$;

CREATE FUNCTION mediasweep.missing_indexes(a mediasweep.attached) RETURNS TABLE(statement text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT DISTINCT format('CREATE INDEX %sON %s %s;', CASE WHEN c.relkind = 'p' THEN '' ELSE 'CONCURRENTLY ' END, p.part, pre.index)
    FROM mediasweep.refs_of(a.options) ref
   CROSS JOIN mediasweep.parts(a.relation) p
   CROSS JOIN unnest('{public_id,asset_id}'::text[]) by
   CROSS JOIN mediasweep.prefilter(a.relation, ref, by) pre
   CROSS JOIN coalesce(mediasweep.column_of(ref -> by), mediasweep.column_of(ref -> 'public_id')) called
    JOIN pg_class c ON c.oid = p.part
    -- one that was renamed is for the guard to complain of
    JOIN pg_attribute t ON t.attrelid = p.part AND t.attname = called
   WHERE (p.part = a.relation OR NOT c.relispartition) AND pre.index IS NOT NULL AND (by = 'public_id' OR ref ? 'asset_id')
     AND NOT mediasweep.has_index(p.part, pre.index, called)
$$;

CREATE FUNCTION mediasweep.missing_triggers(a mediasweep.attached) RETURNS TABLE(part regclass, operation text, statement text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT p.part, kind.operation,
         format('CREATE TRIGGER %I %s %s ON %s%s FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.%I()',
           CASE WHEN octet_length(c.relname) > length(c.relname) THEN left(c.relname, 9) ELSE left(c.relname, 36) END
             || '_cleanup_trigger_' || kind.prefix || lower(kind.operation),
           kind.moment, kind.operation, p.part, kind.tables, kind.function)
    FROM mediasweep.own_parts(a) p
    JOIN pg_class c ON c.oid = p.part
   CROSS JOIN (VALUES ('DELETE', 'AFTER', ' REFERENCING OLD TABLE AS old_rows', 8, '', a.capture),
                      ('UPDATE', 'AFTER', ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows', 16, '', a.capture),
                      ('TRUNCATE', 'BEFORE', '', 32, '', a.capture),
                      ('INSERT', 'AFTER', ' REFERENCING NEW TABLE AS new_rows', 4, 'use_', mediasweep.reference_name(a)),
                      ('UPDATE', 'AFTER', ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows', 16, 'use_', mediasweep.reference_name(a)))
              kind (operation, moment, tables, bit, prefix, function)
   WHERE kind.function IS NOT NULL
     AND NOT (p.branch AND kind.operation = 'TRUNCATE')
     AND NOT EXISTS (SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
                      WHERE t.tgrelid = p.part AND f.pronamespace = 'mediasweep'::regnamespace AND f.proname = kind.function
                        AND t.tgtype & kind.bit <> 0)
$$;

CREATE FUNCTION mediasweep.moment(said jsonb) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT timestamptz 'epoch' + (said ->> 0)::bigint * interval '1 microsecond' $$;

CREATE FUNCTION mediasweep.move_by_hand(move text, ids uuid[], who text, why text, OUT id uuid, OUT refused text, OUT busy boolean) RETURNS SETOF record
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH locked AS MATERIALIZED (
    SELECT q.id, mediasweep.refusal(move, q.status, q.in_doubt) AS refused
      FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.id = ANY (ids)
     ORDER BY q.id
       FOR UPDATE SKIP LOCKED),
  moved AS (
    UPDATE mediasweep.cloudinary_cleanup_queue q
       SET status = CASE move WHEN 'retry' THEN 'pending' ELSE 'skipped' END,
           processed_at = CASE WHEN move <> 'retry' THEN clock_timestamp() END,
           processing_attempts = CASE move WHEN 'retry' THEN 0 ELSE q.processing_attempts END,
           handovers = CASE move WHEN 'retry' THEN 0 ELSE q.handovers END,
           due_at = CASE move WHEN 'retry' THEN clock_timestamp() ELSE q.due_at END,
           -- queued anew: the brake counts it now, and no acknowledgement of before covers it
           queued_at = CASE move WHEN 'retry' THEN clock_timestamp() ELSE q.queued_at END,
           xact = CASE move WHEN 'retry' THEN pg_current_xact_id() ELSE q.xact END,
           error_message = CASE WHEN move <> 'retry' THEN 'cancelled by ' || who || coalesce(': ' || why, '') END,
           -- who retries a row that a newer file has kept was told of that one, and means it
           version = CASE WHEN move <> 'retry' OR q.status <> 'skipped' OR mediasweep.newer_version(q) IS NULL THEN q.version END,
           updated_at = clock_timestamp()
      FROM locked
     WHERE q.id = locked.id AND locked.refused IS NULL
    RETURNING q.*),
  not_failed AS (
    DELETE FROM mediasweep.failed f USING moved m WHERE f.id = m.id),
  logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, status, outcome, detail, public_id, resource_type, delivery_type, asset_id, version,
       bytes, source_id, reason, actor)
    SELECT CASE move WHEN 'retry' THEN 'retried' ELSE 'cancelled' END, m.id, m.claim_no, m.status,
           CASE WHEN move <> 'retry' THEN 'cancelled' END, why, m.cloudinary_public_id, m.resource_type, m.delivery_type,
           m.asset_id, m.version, m.file_size, m.source_id, m.deletion_reason, who
      FROM moved m)
  SELECT given.id,
         CASE WHEN moved.id IS NOT NULL THEN NULL
              WHEN locked.id IS NOT NULL THEN locked.refused
              WHEN known.id IS NULL THEN 'there is no such row'
              ELSE 'somebody else is holding it' END,
         moved.id IS NULL AND locked.id IS NULL AND known.id IS NOT NULL
    FROM (SELECT DISTINCT g.id FROM unnest(ids) g (id)) given
    LEFT JOIN moved ON moved.id = given.id
    LEFT JOIN locked ON locked.id = given.id
    LEFT JOIN mediasweep.cloudinary_cleanup_queue known ON known.id = given.id
$$;

CREATE FUNCTION mediasweep.move_cursor(memory jsonb, taken mediasweep.cloudinary_cleanup_queue[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF cardinality(taken) = 0 THEN
    RETURN memory;
  ELSIF cardinality(taken) = 1 THEN   -- the most frequent case, and a third of the time
    RETURN memory || jsonb_build_object('cursor', coalesce(memory -> 'cursor', '{}') || jsonb_build_object(
      taken[1].source_id, jsonb_build_object('due_at', taken[1].due_at, 'id', taken[1].id)));
  END IF;
  RETURN memory || jsonb_build_object('cursor', coalesce(memory -> 'cursor', '{}') || (
    SELECT jsonb_object_agg(last.source_id, jsonb_build_object('due_at', last.due_at, 'id', last.id))
      FROM (SELECT DISTINCT ON (t.source_id) t.source_id, t.due_at, t.id
              FROM unnest(taken) t ORDER BY t.source_id, t.due_at DESC, t.id DESC) last));
END $$;

CREATE FUNCTION mediasweep.name_of(relation regclass) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce((SELECT quote_ident(c.relname) FROM pg_class c
                    WHERE c.oid = relation AND c.relnamespace = to_regnamespace('public')), relation::text)
$$;

CREATE FUNCTION mediasweep.named_by(digest text, OUT source integer, OUT queue_rows bigint, OUT listing pg_snapshot) RETURNS record
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  part  text[] := regexp_match(digest, '^(\d{1,9})-(\d{1,18})-[0-9a-f]{32}-(\d{1,19})-(\d{1,19})(?:-([\d.]+))?$');
BEGIN
  listing := format('%s:%s:%s', part[3], part[4], translate(part[5], '.', ','));
  source := part[1];
  queue_rows := part[2];
EXCEPTION WHEN data_exception THEN
  listing := NULL;
END $_$;

CREATE FUNCTION mediasweep.names_tell_nothing() RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN NOT EXISTS (SELECT FROM mediasweep.protected)
     AND NOT EXISTS (
       SELECT FROM mediasweep.attached a CROSS JOIN LATERAL mediasweep.refs_of(a.options) ref
        WHERE a.detached_at IS NULL AND (NOT ref ? 'asset_id' OR mediasweep.is_url(ref)));
END $$;

CREATE FUNCTION mediasweep.nearly(said text) RETURNS TABLE(name text, whole boolean)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$   -- whose plans are kept
DECLARE
  start  text := left(said, 1000);
  plain  text := coalesce(mediasweep.unescaped(start), start);
BEGIN
  RETURN QUERY SELECT a.name, a.whole FROM mediasweep.alike(plain) a;
  IF plain ~ '[?#]|^\s*/?v[0-9]' THEN
    RETURN QUERY SELECT a.name, a.whole FROM mediasweep.alike(substring(plain FROM '^\s*/?(?:v[0-9]+/)?([^?#]+)')) a;
  END IF;
  IF said ~ '/(upload|private|authenticated)/' THEN
    RETURN QUERY
      SELECT DISTINCT a.name, a.whole
        FROM regexp_matches(said, '(?:image|video|raw)/(?:upload|private|authenticated)/[^[:space:]"''<>\\`]+', 'g') m (path)
       CROSS JOIN LATERAL (SELECT m.path[1] UNION SELECT regexp_replace(m.path[1], '[(),;|&][^/]*$', '')) p (path)
       CROSS JOIN LATERAL mediasweep.url_readings('https://res.cloudinary.com/-/' || p.path, '{}') u
       CROSS JOIN LATERAL mediasweep.alike(u.public_id) a;
  END IF;
END $_$;

CREATE FUNCTION mediasweep.newer_version(q mediasweep.cloudinary_cleanup_queue) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  last_  bigint := mediasweep.lets_go_up_to(q);
BEGIN
  IF q.trigger_source = 'upload' THEN
    RETURN NULL;
  END IF;
  RETURN greatest(
    (SELECT n.version   -- along the index, for a busy name has many
       FROM mediasweep.inbox n
      WHERE hashtextextended(n.public_id, 0) = hashtextextended(q.cloudinary_public_id, 0) AND n.public_id = q.cloudinary_public_id
        AND (n.resource_type = q.resource_type) IS NOT FALSE AND (n.delivery_type = q.delivery_type) IS NOT FALSE AND n.version > last_
      ORDER BY n.version DESC LIMIT 1),
    (SELECT max(u.version)   -- what was uploaded under another name, and renamed to this one
       FROM mediasweep.inbox r
       JOIN mediasweep.inbox u ON hashtextextended(u.asset_id, 0) = hashtextextended(r.asset_id, 0) AND u.asset_id = r.asset_id
                              AND u.public_id IS NOT NULL
      WHERE hashtextextended(r.public_id, 0) = hashtextextended(q.cloudinary_public_id, 0) AND r.public_id = q.cloudinary_public_id
        AND (r.resource_type = q.resource_type) IS NOT FALSE AND (r.delivery_type = q.delivery_type) IS NOT FALSE
        AND r.version IS NULL AND u.version > last_));
END $$;

CREATE FUNCTION mediasweep.newest(one jsonb, another jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(jsonb_object_agg(what, greatest(one -> what, another -> what)), '{}')
    FROM (SELECT jsonb_object_keys(one) UNION SELECT jsonb_object_keys(another)) k (what)
$$;

CREATE FUNCTION mediasweep.newest_of(public_id text, resource_type text, delivery_type text) RETURNS SETOF mediasweep.cloudinary_cleanup_queue
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT q.* FROM mediasweep.of_asset($1, $2, $3) q
   WHERE q.trigger_source <> 'upload' AND q.deletion_reason IS DISTINCT FROM 'verify'
   ORDER BY q.queued_at DESC, q.id DESC
   LIMIT 1
$_$;

CREATE FUNCTION mediasweep.next_due(grace interval, OUT at timestamp with time zone, OUT held boolean) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  sources  integer[] := mediasweep.open_sources();
  now_     timestamptz := clock_timestamp();
BEGIN
  WITH near AS (
    -- due, and held by nobody
    SELECT due.* FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT q.due_at + CASE WHEN q.claim_no = 0 THEN grace ELSE interval '0' END AS ripe
         FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id AND q.processed_at IS NULL AND q.due_at <= now_
          AND (q.lease_until IS NULL OR q.lease_until <= now_)
        ORDER BY q.due_at, q.id LIMIT 500) due
    UNION ALL
    -- due and leased: when the first lease ends
    SELECT due.* FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT min(leased.lease_until) FROM (
         SELECT q.lease_until FROM mediasweep.cloudinary_cleanup_queue q
          WHERE q.source_id = source.id AND q.processed_at IS NULL AND q.due_at <= now_ AND q.lease_until > now_
          ORDER BY q.due_at, q.id LIMIT 500) leased) due
    UNION ALL
    -- not due yet: the first
    SELECT due.* FROM unnest(sources) AS source (id)
     CROSS JOIN LATERAL (
       SELECT q.due_at FROM mediasweep.cloudinary_cleanup_queue q
        WHERE q.source_id = source.id AND q.processed_at IS NULL AND q.due_at > now_
        ORDER BY q.due_at, q.id LIMIT 1) due
    UNION ALL
    SELECT g.until FROM mediasweep.gate g WHERE g.source_id IS NOT NULL AND g.until > now_)
  SELECT min(near.ripe) FILTER (WHERE near.ripe > now_), coalesce(bool_or(near.ripe <= now_), false)
    INTO at, held
    FROM near;
END $$;

CREATE FUNCTION mediasweep.next_opening(probing boolean) RETURNS interval
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN probing THEN interval '1 s' ELSE min(g.until) - clock_timestamp() END
    FROM mediasweep.gate g WHERE g.source_id IS NULL AND g.until > clock_timestamp()
$$;

CREATE FUNCTION mediasweep.not_there_since(known mediasweep.asset) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN (known.said #>> '{gone,0}')::bigint >= ALL (SELECT (s.value ->> 0)::bigint FROM jsonb_each(known.said) s WHERE s.key <> 'was')
                THEN mediasweep.moment(known.said -> 'gone')
              ELSE (SELECT mediasweep.moment(n.holder) FROM mediasweep.asset_name n
                     WHERE n.public_id = named.as ->> 'public_id' AND n.resource_type = named.as ->> 'resource_type'
                       AND n.delivery_type = named.as ->> 'type' AND n.holder ->> 1 <> known.asset_id) END
    FROM (SELECT known.said -> 'name' -> 1) named ("as")
$$;

CREATE FUNCTION mediasweep.note_failover(was integer, now_ integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE TABLE mediasweep.gate (
    name text NOT NULL,
    source_id integer,
    reason text NOT NULL,
    closed_by text NOT NULL,
    closed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    until timestamp with time zone,
    probe interval,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    tested_at timestamp with time zone,
    CONSTRAINT gate_is_known CHECK ((name = ANY (ARRAY['pause'::text, 'breaker'::text, 'auth'::text, 'rate_limit'::text, 'brake'::text, 'environment'::text, 'failover'::text]))),
    CONSTRAINT probing_has_until CHECK (((probe IS NULL) OR (until IS NOT NULL)))
);

ALTER TABLE ONLY mediasweep.gate REPLICA IDENTITY FULL;

CREATE FUNCTION mediasweep.note_look(seen mediasweep.gate) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE mediasweep.gate g
     SET detail = seen.detail,
         reason = CASE seen.detail ->> 'found' WHEN '0' THEN g.reason ELSE format(
           'after a failover, deleted assets are in use again: %s, among them %s. See to them (`mediasweep restore`), then `mediasweep adopt`',
           seen.detail ->> 'found', (SELECT string_agg(a, ', ') FROM jsonb_array_elements_text(seen.detail -> 'assets') a)) END
   WHERE g.name = seen.name AND g.source_id IS NULL
$$;

CREATE FUNCTION mediasweep.number(n numeric) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT to_char(n, 'FM999,999,999,999,990') $$;

CREATE FUNCTION mediasweep.of_asset(public_id text, resource_type text, delivery_type text) RETURNS SETOF mediasweep.cloudinary_cleanup_queue
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT q.*
    FROM (SELECT u.* FROM mediasweep.cloudinary_cleanup_queue u
           WHERE hashtextextended(u.cloudinary_public_id, 0) = hashtextextended($1, 0) AND u.cloudinary_public_id = $1 AND u.processed_at IS NULL
           UNION ALL
          SELECT f.* FROM mediasweep.cloudinary_cleanup_queue f
           WHERE hashtextextended(f.cloudinary_public_id, 0) = hashtextextended($1, 0) AND f.cloudinary_public_id = $1 AND f.processed_at IS NOT NULL) q
   WHERE (q.resource_type = $2) IS NOT FALSE AND (q.delivery_type = $3) IS NOT FALSE
$_$;

CREATE FUNCTION mediasweep.of_upload(q mediasweep.cloudinary_cleanup_queue) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT q.deletion_reason = 'upload_pending' AND q.trigger_source = 'upload' $$;

CREATE FUNCTION mediasweep.oldest(OUT writer bigint, OUT reader bigint) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  near  bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
BEGIN
  SELECT min(mediasweep.full_xid(open.backend_xid, near)),
         min(mediasweep.full_xid(open.backend_xmin, near)) FILTER (WHERE NOT open.ours)
    INTO writer, reader
    FROM (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) here
   CROSS JOIN LATERAL (
      -- activity first: PREPARE TRANSACTION moves an id from the first list to the second
      SELECT a.backend_xid, a.backend_xmin, mediasweep.is_our_session(a.application_name) AS ours
        FROM pg_stat_get_activity(NULL) a
       WHERE a.datid = here.oid
         AND a.usesysid IS NOT NULL
         AND a.pid <> pg_backend_pid()
         AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)
      UNION ALL
      SELECT p.transaction, NULL, false
        FROM pg_prepared_xact() p
       WHERE p.dbid = here.oid) open;
END $$;

CREATE FUNCTION mediasweep.only_one_builder() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'attach and detach need READ COMMITTED';
  END IF;
  LOCK TABLE mediasweep.attached IN SHARE ROW EXCLUSIVE MODE;
END $$;

CREATE FUNCTION mediasweep.open_brake(source integer) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH opened AS (
    DELETE FROM mediasweep.gate g WHERE g.name = 'brake' AND g.source_id = source RETURNING g.source_id),
  logged AS (
    INSERT INTO mediasweep.journal (event, outcome, detail, source_id, actor)
    SELECT 'gate_opened', 'brake', 'nothing that it held is left', opened.source_id, 'mediasweep' FROM opened)
  SELECT pg_notify('mediasweep', '') FROM opened
$$;

CREATE FUNCTION mediasweep.open_gates(name text, detail text, who text, place text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.open_sources() RETURNS integer[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN ARRAY(
    -- a table that was detached is not asked by the guard any more, so nothing of it may be sent
    SELECT source.id FROM (SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL UNION ALL SELECT 0) source
     WHERE source.id <> ALL (ARRAY(SELECT g.source_id FROM mediasweep.gate g
                                    WHERE g.source_id IS NOT NULL AND (g.until IS NULL OR g.until > clock_timestamp()))));
END $$;

CREATE FUNCTION mediasweep.open_transactions(OUT place bigint, OUT writes boolean, OUT xact xid, OUT about text, OUT since timestamp with time zone) RETURNS SETOF record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT row_number() OVER (ORDER BY open.xact IS NULL, age.xacts DESC), open.xact IS NOT NULL, open.xact, open.about, open.since
    FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xact, d.oid AS database
            FROM pg_database d WHERE d.datname = current_database()) next
   CROSS JOIN LATERAL (
     SELECT a.backend_xid AS xact, a.backend_xmin AS sees, a.xact_start AS since,
            mediasweep.is_our_session(a.application_name) AS ours,
            format('pid %s (%s)', a.pid, coalesce(nullif(a.application_name, ''), 'unnamed')) AS about
       FROM pg_stat_get_activity(NULL) a
      WHERE a.datid = next.database AND a.usesysid IS NOT NULL AND a.pid <> pg_backend_pid()
      UNION ALL
     SELECT p.transaction, NULL, p.prepared, false, format('prepared %L', p.gid)
       FROM pg_prepared_xact() p WHERE p.dbid = next.database) open
   CROSS JOIN LATERAL (SELECT next.xact - mediasweep.full_xid(coalesce(open.xact, open.sees), next.xact) AS xacts) age
   WHERE NOT (open.ours AND (open.xact IS NULL OR open.since > statement_timestamp() - interval '1 s'))
     AND (open.xact IS NOT NULL OR age.xacts > 0)   -- else it sees whatever has begun
$$;

CREATE FUNCTION mediasweep.own_parts(a mediasweep.attached) RETURNS TABLE(part regclass, branch boolean)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH all_ AS MATERIALIZED (SELECT p.* FROM mediasweep.parts(a.relation) p)
  SELECT p.part, p.branch FROM all_ p
   WHERE p.part NOT IN (SELECT below.part FROM mediasweep.attached b CROSS JOIN mediasweep.parts(b.relation) below
                         WHERE b.detached_at IS NULL AND b.relation <> a.relation AND b.relation IN (SELECT o.part FROM all_ o))
$$;

CREATE FUNCTION mediasweep.parts(relation regclass) RETURNS TABLE(part regclass, branch boolean)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH RECURSIVE below (id) AS (
    SELECT relation::oid
    UNION
    SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.id AND NOT i.inhdetachpending)
  SELECT c.oid::regclass, c.relkind = 'p' FROM below b JOIN pg_class c ON c.oid = b.id
   WHERE c.relkind IN ('r', 'p') OR c.oid = relation
   ORDER BY c.oid <> relation, c.oid
$$;

CREATE FUNCTION mediasweep.pass(horizon jsonb, waited text, passed text, new jsonb, oldest bigint, patience interval) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  wall  jsonb := coalesce(horizon -> waited, new);
BEGIN
  IF coalesce(oldest >= (new ->> 'b')::bigint, true) THEN
    RETURN (horizon || jsonb_build_object(passed, new)) - waited;
  ELSIF oldest >= (wall ->> 'b')::bigint
        OR (wall ->> 'at')::timestamptz < (new ->> 'at')::timestamptz - patience THEN
    RETURN horizon || jsonb_build_object(passed, wall, waited, new);
  END IF;
  RETURN horizon || jsonb_build_object(waited, wall);
END $$;

CREATE FUNCTION mediasweep.pin_paths() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  function_  regprocedure;
BEGIN
  FOR function_ IN
    SELECT f.oid FROM pg_proc f
     WHERE f.pronamespace = 'mediasweep'::regnamespace
       AND NOT EXISTS (SELECT FROM unnest(f.proconfig) c WHERE starts_with(c, 'search_path='))
       AND (f.prosecdef OR f.proname <> ALL ('{resource_type,delivery_type,whole_number,full_xid,is_alive,format_of,holds_others,
                                              without,let_go,matching,is_own}'))
  LOOP
    EXECUTE format('ALTER ROUTINE %s SET search_path = pg_catalog, pg_temp', function_);
  END LOOP;
END $$;

CREATE FUNCTION mediasweep.plan_cancel(ids uuid[], held uuid[], OUT id uuid, OUT refused text, OUT busy boolean) RETURNS SETOF record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  asked  uuid[] := ids || mediasweep.same_assets(ids);
  stuck  uuid[] := mediasweep.same_assets(ARRAY(
    SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
     WHERE q.id = ANY (asked) AND q.processed_at IS NULL
       AND (q.id <> ALL (held) OR mediasweep.refusal('cancel', q.status, q.in_doubt) IS NOT NULL)));
BEGIN
  RETURN QUERY
    WITH reason AS MATERIALIZED (
      SELECT DISTINCT q.cloudinary_public_id, q.asset_id, mediasweep.refusal('cancel', q.status, q.in_doubt) AS said
        FROM mediasweep.cloudinary_cleanup_queue q
       WHERE q.id = ANY (stuck) AND mediasweep.refusal('cancel', q.status, q.in_doubt) IS NOT NULL)
    SELECT a.id,
           CASE WHEN q.id IS NULL THEN 'there is no such row'
                WHEN own.said IS NOT NULL THEN own.said
                WHEN q.id <> ALL (stuck) THEN NULL
                WHEN q.id <> ALL (held) THEN 'somebody else is holding it'
                ELSE coalesce('another row of its asset: ' || (
                       SELECT min(r.said) FROM reason r
                        WHERE r.cloudinary_public_id = q.cloudinary_public_id OR r.asset_id = q.asset_id),
                     'somebody else is holding another row of its asset') END,
           own.said IS NULL AND q.id = ANY (stuck)
             AND NOT EXISTS (SELECT FROM reason r
                              WHERE r.cloudinary_public_id = q.cloudinary_public_id OR r.asset_id = q.asset_id)
      FROM (SELECT DISTINCT u.id FROM unnest(asked) u (id)) a
      LEFT JOIN mediasweep.cloudinary_cleanup_queue q ON q.id = a.id
      LEFT JOIN LATERAL mediasweep.refusal('cancel', q.status, q.in_doubt) own (said) ON true;
END $$;

CREATE FUNCTION mediasweep.planned(relation regclass, options jsonb, next_id integer) RETURNS mediasweep.attached
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  a        mediasweep.attached;
  number_  integer;
BEGIN
  PERFORM mediasweep.check_options(relation, options);
  PERFORM mediasweep.check_captured(relation, options);
  PERFORM mediasweep.check_rights(relation);
  IF EXISTS (SELECT FROM mediasweep.attached t WHERE t.relation = planned.relation AND t.detached_at IS NULL) THEN
    RAISE EXCEPTION 'mediasweep.attach: % is attached already', relation;
  END IF;
  SELECT t.id INTO number_ FROM mediasweep.attached t WHERE t.relation = planned.relation ORDER BY t.id DESC LIMIT 1;
  number_ := coalesce(number_, next_id);
  -- each has a function of its own: a library that is gone or renamed, and not detached yet, keeps the plain name
  a := ROW(number_, relation, 'trigger_cloudinary_cleanup' || CASE WHEN relation::text = 'public.media_assets' AND NOT EXISTS (
             SELECT FROM mediasweep.attached t WHERE t.capture = 'trigger_cloudinary_cleanup' AND t.detached_at IS NULL)
           THEN '' ELSE '_' || number_ END,
           '', mediasweep.live_expression(relation, options, 'use'), options, coalesce((options ->> 'grace')::interval, '0'),
           coalesce((options ->> 'strict')::boolean, false), coalesce((options ->> 'notify')::boolean, true),
           mediasweep.brake_options(options -> 'brake'), clock_timestamp(), NULL, false, false)::mediasweep.attached;
  a.refs := mediasweep.refs_query(a, relation::text, 'capture');
  RETURN a;
END $$;

CREATE FUNCTION mediasweep.policies() RETURNS TABLE(relation regclass, name text, definition text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH wanted AS (
    SELECT to_regclass('mediasweep.' || quote_ident(p.object)) AS relation, p.verb,
           format('FOR %s TO %s %s', p.verb, string_agg(quote_ident(r.name), ', ' ORDER BY r.kind),
                  CASE p.verb WHEN 'INSERT' THEN format('WITH CHECK (%s)', p.rows_) ELSE format('USING (%s)', p.rows_) END) AS definition
      FROM mediasweep.privileges() p JOIN mediasweep.roles() r ON r.kind = p.kind
     WHERE p.verb <> 'EXECUTE'
     GROUP BY p.object, p.verb, p.rows_)
  SELECT w.relation, lower(w.verb), w.definition FROM wanted w
   UNION ALL
  SELECT c.oid::regclass, 'nobody', 'FOR ALL TO PUBLIC USING (false)'
    FROM pg_class c
   WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind IN ('r', 'p')
     AND NOT EXISTS (SELECT FROM wanted w WHERE w.relation = c.oid)
$$;

CREATE FUNCTION mediasweep.prefilter(relation regclass, ref jsonb, by text, OUT condition text, OUT index text) RETURNS record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN mediasweep.is_url(ref) AND said.kind <> 'array' AND by = 'public_id'
                THEN CASE said.kind WHEN 'column' THEN format('NOT mediasweep.is_a_file(r.%I::text) AND ', said.name) ELSE '' END
                     || format('%s && "mediasweep tokens"', mediasweep.tokens_expression(format('r.%I::text', said.name)))
              WHEN mediasweep.is_url(ref) AND by = 'public_id' THEN NULL
              WHEN said.kind = 'column' OR by = 'asset_id' AND mediasweep.column_of(ref -> by) IS NOT NULL
                THEN format('r.%I::text = ANY (%s)', said.name, said.wanted)
              WHEN said.kind = 'array' THEN format('r.%I && %s::%s', said.name, said.wanted, said.type)
              WHEN said.type = 'jsonb' AND (said.found ? 'key' OR by = 'public_id')
                THEN format('r.%I @? mediasweep.any_of(%L, %s)', said.name,
                            mediasweep.items_path(ref) || coalesce('.' || to_jsonb(said.found ->> 'key')::text, ''), said.wanted) END,
         CASE WHEN mediasweep.is_url(ref) AND said.kind <> 'array' AND by = 'public_id'
                THEN format('USING gin (%s)', mediasweep.tokens_expression(format('(%I)::text', said.name)))
              WHEN mediasweep.is_url(ref) AND by = 'public_id' THEN NULL
              WHEN said.kind = 'column' OR by = 'asset_id' AND mediasweep.column_of(ref -> by) IS NOT NULL
                THEN CASE WHEN said.type IN ('text', 'character varying') THEN format('(%I)', said.name) ELSE format('((%I::text))', said.name) END
              WHEN said.kind = 'array' THEN format('USING gin (%I)', said.name)
              WHEN said.type = 'jsonb' AND (said.found ? 'key' OR by = 'public_id') THEN format('USING gin (%I jsonb_path_ops)', said.name) END
    FROM (SELECT mediasweep.held_in(relation, ref), column_.name, mediasweep.column_type(relation, column_.name),
                 CASE jsonb_typeof(ref -> by) WHEN 'object' THEN ref -> by ELSE '{}' END,
                 CASE by WHEN 'asset_id' THEN '"mediasweep asset ids"' ELSE '"mediasweep ids"' END
            FROM (SELECT coalesce(mediasweep.column_of(ref -> by), mediasweep.column_of(ref -> 'public_id'))) column_ (name))
         said (kind, name, type, found, wanted)
$$;

CREATE FUNCTION mediasweep.privileges() RETURNS TABLE(kind text, verb text, object text, columns text, rows_ text)
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT k.kind, 'SELECT', t.object, t.columns, 'true'
    FROM unnest('{daemon,reader}'::text[]) k (kind)
   CROSS JOIN (VALUES
     ('cloudinary_cleanup_queue', NULL), ('journal', NULL), ('gate', NULL), ('scheduler', NULL), ('daemon', NULL),
     ('installation', NULL), ('migration', NULL), ('attached', NULL), ('protected', NULL), ('acknowledgement', NULL),
     ('inbox', NULL), ('failed', NULL), ('reconcile_run', NULL), ('reconcile_finding', NULL),
     -- `ref` may be a whole row of a table of yours
     ('fallback', 'id, at, source_id, reason, actor, app, error, refused')) t (object, columns)
   UNION ALL
  SELECT k.kind, 'EXECUTE', f.object, NULL, NULL
    FROM unnest('{daemon,reader}'::text[]) k (kind)
   CROSS JOIN unnest('{why,held,capture_trouble,unfinished,done_rows,failed_rows,fleet_at_work,is_alive,fleet_limit,matching,is_own,selftest_folder,sources_of,source_name,name_of,named_by,acknowledged,
                  differences,uncovered,strays,lacks,kind_of,ask_guard,described,hidden,unindexed,contract,holding,last_reconciled,has_library,chosen_findings}'::text[]) f (object)
   UNION ALL
  SELECT 'daemon', 'EXECUTE', f.object, NULL, NULL
    FROM unnest('{claim,counted,fleet_state,uses,record,refill,prune_queue,prune_journal,beat,throttle,arm,disarm,asleep_key,wait_for_enqueuers,wait_for_sibling,recognise,recall,look_again,
                  brake_dribble,forget_acknowledgements,retry,cancel,refusal,plan_cancel,same_assets,acknowledge,adopt,
                  receive,take_inbox,apply_notification,put_back,prune_inbox,
                  reconcile_begin,reconcile_beat,reconcile_page,reconcile_compare,reconcile_name,reconcile_looked,reconcile_finish,
                  delete_orphans,adopt_findings,leave_findings,mark_ghosts,unmark_ghosts,
                  look_for_upload,begin_upload,hold_upload,drop_upload,finish_upload,
                  selftest_row,selftest_delete,selftest_queue,selftest_clean,selftest_left,
                  media_found,media_row,media_figures,media_named,media_plan,media_deleted,delete_media,undelete_media,delete_again}'::text[])
         f (object)
   UNION ALL
  SELECT 'daemon', t.*
    FROM (VALUES
     -- these three gates close and open by functions only
     ('INSERT', 'gate', NULL, $q$name NOT IN ('brake', 'environment', 'failover')$q$),
     ('UPDATE', 'gate', NULL, $q$name NOT IN ('brake', 'environment', 'failover')$q$),
     ('DELETE', 'gate', NULL, $q$name NOT IN ('brake', 'environment', 'failover')$q$),
     -- moves of the queue are journalled by the functions that make them
     ('INSERT', 'journal', NULL,
      $q$event IN ('gate_closed', 'gate_opened', 'gate_hurried', 'configured', 'cleanup_forced', 'restored', 'restore_failed')$q$),
     ('UPDATE', 'scheduler', NULL, 'one'),
     ('UPDATE', 'installation', 'asset_id_proven_at', 'one'),
     ('DELETE', 'daemon', NULL, 'true')) t
$_$;

CREATE FUNCTION mediasweep.protect(prefix text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF coalesce(prefix, '') = '' THEN
    RAISE EXCEPTION 'mediasweep.protect: say how the public ids begin, as in ''logos/''; nothing would be deleted at all'
      USING HINT = 'to stop all deletions, run mediasweep pause';
  END IF;
  INSERT INTO mediasweep.protected (prefix) VALUES (protect.prefix) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO mediasweep.journal (event, detail, actor) VALUES ('protected', protect.prefix, session_user);
  RETURN true;
END $$;

CREATE FUNCTION mediasweep.prune_inbox(retention interval, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.prune_journal(retention interval, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  gone  integer;
BEGIN
  DELETE FROM mediasweep.journal j
   WHERE j.id = ANY (ARRAY(
     -- the oldest first, then their age: asked for the other way round, it would read the whole journal every time
     SELECT old.id FROM (SELECT o.id, o.at FROM mediasweep.journal o ORDER BY o.id LIMIT most FOR UPDATE SKIP LOCKED) old
      WHERE old.at < clock_timestamp() - greatest(retention, interval '1 day')));
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;

CREATE FUNCTION mediasweep.prune_queue(retention interval, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  before  timestamptz := clock_timestamp() - greatest(retention, interval '1 day');
  gone    integer;
BEGIN
  DELETE FROM mediasweep.cloudinary_cleanup_queue q
   WHERE q.id = ANY (ARRAY(
     SELECT due.id
       FROM (SELECT a.id FROM mediasweep.attached a UNION ALL SELECT 0) source
      CROSS JOIN LATERAL (
        SELECT d.id FROM mediasweep.cloudinary_cleanup_queue d
         WHERE d.source_id = source.id
           AND d.queued_at < before
           AND d.processed_at < before
           AND d.status IN ('completed', 'skipped')
         ORDER BY d.queued_at
         LIMIT most
           FOR UPDATE SKIP LOCKED) due
      LIMIT most));
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;

CREATE FUNCTION mediasweep.pushed(passed jsonb, queued timestamp with time zone, span interval, fullest bigint, free jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT jsonb_path_query_array(
    jsonb_build_array(jsonb_build_object('span', span, 'queued', queued, 'fullest', fullest, 'seen', free ->> 's',
                                         'since', free ->> 'at')) || passed, '$[0 to 3]')
$_$;

CREATE FUNCTION mediasweep.put_back(digest bytea, error text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE mediasweep.inbox i SET error = put_back.error WHERE i.digest = put_back.digest AND i.done_at IS NULL
$$;

CREATE FUNCTION mediasweep.put_off(candidates mediasweep.cloudinary_cleanup_queue[], why text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE mediasweep.cloudinary_cleanup_queue q
     SET due_at = clock_timestamp() + interval '30 s',
         error_message = 'the guard could not answer: ' || why,
         updated_at = clock_timestamp()
    FROM unnest(candidates) c
   WHERE q.id = c.id
$$;

CREATE FUNCTION mediasweep.put_probe_off() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE mediasweep.gate g SET until = clock_timestamp() + g.probe, tested_at = clock_timestamp()
   WHERE g.source_id IS NULL AND g.until <= clock_timestamp() AND g.probe IS NOT NULL
$$;

CREATE FUNCTION mediasweep.questions(a mediasweep.attached) RETURNS TABLE(query text, instead text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN plain THEN mediasweep.uses_by_column(a, ref, by) ELSE mediasweep.uses_by_item(a, ref, by, pre.condition) END,
         CASE WHEN NOT plain AND pre.condition LIKE '%"mediasweep tokens"%' THEN mediasweep.uses_by_item(a, ref, by, NULL) END
    FROM mediasweep.refs_of(a.options) ref
   CROSS JOIN unnest('{public_id,asset_id}'::text[]) by
   CROSS JOIN LATERAL (SELECT mediasweep.held_in(a.relation, ref) = 'column' AND NOT mediasweep.is_url(ref)) held (plain)
   CROSS JOIN mediasweep.prefilter(a.relation, ref, by) pre
   WHERE by = 'public_id' OR ref ? 'asset_id'
   ORDER BY ref::text, by DESC
$$;

CREATE FUNCTION mediasweep.queue_nothing(began timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.queue_statement(a mediasweep.attached, operation text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
       deletion_reason, trigger_source, triggered_by, source_id, due_at)
    SELECT released.*, 'trigger',
           (SELECT CASE WHEN current_setting('request.jwt.claims', true) <> '' THEN mediasweep.acting_user() END), %s,
           clock_timestamp() + %L::interval
      FROM (%s) released;$q$, a.id, a.grace, mediasweep.released_query(a, operation))
$_$;

CREATE FUNCTION mediasweep.reaches(queued timestamp with time zone, span interval, q mediasweep.cloudinary_cleanup_queue) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT q.queued_at BETWEEN queued - 0.1 * span AND queued + span $$;

CREATE FUNCTION mediasweep.readings(url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text, OUT certain boolean) RETURNS SETOF record
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT r.* FROM mediasweep.wanted_readings(url, hosts, NULL) r $$;

CREATE FUNCTION mediasweep.recall(daemon uuid, deletions jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.receive(digest bytea, notification_type text, signed_at timestamp with time zone, body bytea, rest interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.recognise(daemon uuid, terms jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.reconcile_beat(run bigint, holder uuid, leaves boolean DEFAULT false) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH beaten AS (
    UPDATE mediasweep.reconcile_run r SET heard_at = CASE WHEN leaves THEN '-infinity' ELSE clock_timestamp() END
     WHERE r.id = run AND r.holder = reconcile_beat.holder AND r.finished_at IS NULL RETURNING r.id)
  SELECT EXISTS (SELECT FROM beaten)
$$;

CREATE FUNCTION mediasweep.reconcile_begin(cloud text, asked_by text, holder uuid, age_floor interval, patience interval, shrunken boolean) RETURNS mediasweep.reconcile_run
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  run  mediasweep.reconcile_run;
BEGIN
  LOCK TABLE mediasweep.reconcile_run IN SHARE ROW EXCLUSIVE MODE;
  UPDATE mediasweep.reconcile_run r SET state = 'listing', finished_at = NULL, reason = NULL, heard_at = '-infinity'
   WHERE shrunken AND r.state = 'refused' AND r.id = (SELECT max(n.id) FROM mediasweep.reconcile_run n);
  SELECT r.* INTO run FROM mediasweep.reconcile_run r WHERE r.finished_at IS NULL;
  IF run.holder <> reconcile_begin.holder
     AND (run.heard_at > clock_timestamp() - patience OR NOT pg_try_advisory_xact_lock(mediasweep.comparing_key())) THEN
    RETURN run;
  ELSIF run.cloud_name = cloud AND run.started_at > clock_timestamp() - interval '1 day'
        AND (run.state = 'looking' AND run.age_floor = reconcile_begin.age_floor
             OR run.state = 'listing' AND mediasweep.listing_is_whole(run)) THEN
    UPDATE mediasweep.reconcile_run r
       SET holder = reconcile_begin.holder, heard_at = clock_timestamp(), age_floor = reconcile_begin.age_floor
     WHERE r.id = run.id RETURNING r.* INTO run;
    RETURN run;
  END IF;
  UPDATE mediasweep.reconcile_run r SET state = 'failed', finished_at = clock_timestamp(), reason = 'it was left, and could not be gone on with'
   WHERE r.id = run.id;
  TRUNCATE mediasweep.reconcile_listed;
  DELETE FROM mediasweep.reconcile_run r
   WHERE r.finished_at < clock_timestamp() - interval '30 days'
     AND r.id <> ALL (ARRAY(SELECT max(d.id) FROM mediasweep.reconcile_run d WHERE d.state = 'done' GROUP BY d.cloud_name));
  INSERT INTO mediasweep.reconcile_run AS r (cloud_name, asked_by, holder, age_floor, places)
  VALUES (cloud, reconcile_begin.asked_by, reconcile_begin.holder, reconcile_begin.age_floor,
          (SELECT jsonb_object_agg(t.name, '{"cursor": null, "done": false, "listed": 0}'::jsonb) FROM unnest('{image,video,raw}'::text[]) t (name)))
  RETURNING r.* INTO run;
  RETURN run;
END $$;

CREATE FUNCTION mediasweep.reconcile_compare(run bigint, holder uuid, shrunken boolean, adopting boolean) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  me        mediasweep.reconcile_run;
  last      mediasweep.reconcile_run;
  told      jsonb;
  counted   jsonb;
  any_use   boolean;
  refusal   text;
BEGIN
  PERFORM pg_advisory_xact_lock(mediasweep.comparing_key());
  SELECT r.* INTO me FROM mediasweep.reconcile_run r WHERE r.id = run AND r.holder = reconcile_compare.holder AND r.state = 'listing';
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT r.* INTO last FROM mediasweep.reconcile_run r WHERE r.state = 'done' AND r.cloud_name = me.cloud_name ORDER BY r.id DESC LIMIT 1;
  SELECT jsonb_build_object('listed', count(*), 'placeholders', count(*) FILTER (WHERE l.placeholder), 'assets', count(*) FILTER (WHERE NOT l.placeholder))
    INTO told FROM mediasweep.reconcile_listed l;
  refusal := mediasweep.listing_refusal(me, last, (told ->> 'assets')::bigint, shrunken);
  IF refusal IS NULL THEN
    BEGIN
      PERFORM mediasweep.uses('{}');   -- where the guard cannot answer, neither can this
      EXECUTE format('SELECT EXISTS (%s)', mediasweep.all_refs()) INTO any_use;
      IF any_use AND told ->> 'assets' = '0' THEN
        RAISE SQLSTATE 'MS003' USING MESSAGE = 'Cloudinary lists nothing at all, although rows name assets: is this the right account?';
      ELSIF NOT any_use AND told ->> 'assets' <> '0' AND NOT adopting THEN
        RAISE SQLSTATE 'MS003' USING MESSAGE = 'no row of an attached table names an asset, so all of Cloudinary would be orphans: is this the right database?';
      END IF;
      WITH found AS MATERIALIZED (SELECT d.* FROM mediasweep.drift(me.started_at, me.age_floor) d),
      kept AS (
        INSERT INTO mediasweep.reconcile_finding
          (run_id, kind, source_id, public_id, resource_type, delivery_type, asset_id, version, bytes, made_at, detail)
        SELECT run, f.kind, f.source_id, f.public_id, f.resource_type, f.delivery_type, f.asset_id, f.version, f.bytes, f.made_at, f.detail
          FROM found f WHERE f.kind <> 'count')
      SELECT jsonb_object_agg(f.public_id, f.bytes) INTO counted FROM found f WHERE f.kind = 'count';
      IF (counted ->> 'refs')::bigint < (last.counts ->> 'refs')::bigint / 2 AND NOT shrunken THEN
        RAISE SQLSTATE 'MS003' USING MESSAGE = format('rows name %s assets, less than half of the %s of %s: if that is so, accept it (--shrunken)',
                                                      mediasweep.number((counted ->> 'refs')::bigint), mediasweep.number((last.counts ->> 'refs')::bigint),
                                                      last.finished_at::date);
      END IF;
    EXCEPTION
      WHEN SQLSTATE 'MS003' THEN refusal := SQLERRM;
      -- a table that is gone, a column that was renamed, rows that row-level security would hide: never "not in use"
      WHEN OTHERS THEN refusal := 'what rows use cannot be read: ' || SQLERRM;
    END;
  END IF;
  UPDATE mediasweep.reconcile_run r
     SET state = CASE WHEN refusal IS NULL THEN 'looking' ELSE 'refused' END, finished_at = CASE WHEN refusal IS NOT NULL THEN clock_timestamp() END,
         reason = refusal, counts = told || coalesce(counted, '{}'), heard_at = clock_timestamp()
   WHERE r.id = run AND r.holder = reconcile_compare.holder AND r.state = 'listing'
  RETURNING r.state INTO me.state;
  IF NOT FOUND THEN
    RAISE SQLSTATE 'MS003' USING MESSAGE = 'somebody else has taken over this run';
  END IF;
  RETURN me.state;
END $$;

CREATE FUNCTION mediasweep.reconcile_finish(run bigint, holder uuid, failed text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  me      mediasweep.reconcile_run;
  before  mediasweep.reconcile_run;
BEGIN
  SELECT r.* INTO me FROM mediasweep.reconcile_run r
   WHERE r.id = run AND r.holder = reconcile_finish.holder AND r.finished_at IS NULL AND (r.state = 'looking' OR failed IS NOT NULL) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  SELECT r.* INTO before FROM mediasweep.reconcile_run r
   WHERE r.state = 'done' AND r.cloud_name = me.cloud_name AND r.finished_at <= me.started_at - interval '1 hour' ORDER BY r.id DESC LIMIT 1;
  ANALYZE mediasweep.reconcile_finding;   -- else each of its rows may be compared with each below
  UPDATE mediasweep.reconcile_finding f SET sighted_at = before.finished_at
    FROM mediasweep.reconcile_finding o
   WHERE f.run_id = run AND f.kind = 'orphan' AND o.run_id = before.id AND o.kind = 'orphan'
     AND o.asset_id = f.asset_id AND o.version IS NOT DISTINCT FROM f.version AND o.public_id = f.public_id;
  IF mediasweep.has_library() THEN
    UPDATE mediasweep.reconcile_finding f SET action = o.action, acted_at = o.acted_at
      FROM mediasweep.reconcile_finding o
     WHERE f.run_id = run AND f.kind = 'ghost' AND o.kind = 'ghost' AND o.action = 'marked'
       AND o.run_id = (SELECT max(r.id) FROM mediasweep.reconcile_run r WHERE r.state = 'done' AND r.cloud_name = me.cloud_name)
       AND o.source_id = f.source_id AND o.public_id = f.public_id
       AND (o.resource_type, o.delivery_type, o.asset_id) IS NOT DISTINCT FROM (f.resource_type, f.delivery_type, f.asset_id)
       AND NOT EXISTS (
         SELECT FROM public.media_assets m
          WHERE m.deleted_at IS NULL AND m.cloudinary_public_id = f.public_id AND m.resource_type = f.resource_type
            AND m.delivery_type = f.delivery_type
            AND m.sync_error_message LIKE 'not at Cloudinary, found by reconcile %' IS NOT TRUE);
  END IF;
  UPDATE mediasweep.reconcile_run r
     SET state = CASE WHEN failed IS NULL THEN 'done' ELSE 'failed' END, reason = failed, finished_at = clock_timestamp(),
         counts = r.counts || (
           SELECT jsonb_build_object('orphans', count(*) FILTER (WHERE f.kind = 'orphan'), 'ghosts', count(*) FILTER (WHERE f.kind = 'ghost'),
                    'mismatches', count(*) FILTER (WHERE f.kind = 'mismatch'), 'orphan_bytes', coalesce(sum(f.bytes) FILTER (WHERE f.kind = 'orphan'), 0),
                    'sighted', count(f.sighted_at))
             FROM mediasweep.reconcile_finding f WHERE f.run_id = run)
   WHERE r.id = run;
END $$;

CREATE FUNCTION mediasweep.reconcile_looked(run bigint, holder uuid, ids bigint[], there bigint[], calls integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  UPDATE mediasweep.reconcile_run r SET calls = r.calls + reconcile_looked.calls, heard_at = clock_timestamp()
   WHERE r.id = run AND r.holder = reconcile_looked.holder AND r.state = 'looking';
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM mediasweep.reconcile_finding f WHERE f.run_id = run AND f.id = ANY (there);
  UPDATE mediasweep.reconcile_finding f SET looked_at = clock_timestamp() WHERE f.run_id = run AND f.id = ANY (ids);
  RETURN true;
END $$;

CREATE FUNCTION mediasweep.reconcile_name(run bigint, holder uuid, after bigint, most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  ids    bigint[] := ARRAY(SELECT f.id FROM mediasweep.reconcile_finding f
                            WHERE f.run_id = run AND f.kind <> 'orphan' AND f.id > after ORDER BY f.id LIMIT most);
  named  jsonb;
BEGIN
  IF ids = '{}' OR NOT mediasweep.reconcile_beat(run, holder) THEN
    RETURN NULL;
  END IF;
  SELECT coalesce(jsonb_object_agg(u.id, u.used_by), '{}') INTO named
    FROM mediasweep.uses(ARRAY(
      SELECT jsonb_populate_record(NULL::mediasweep.cloudinary_cleanup_queue, jsonb_build_object(
               'id', lpad(to_hex(f.id), 32, '0')::uuid, 'cloudinary_public_id', f.public_id, 'asset_id', f.asset_id,
               'resource_type', CASE f.kind WHEN 'ghost' THEN f.resource_type END, 'delivery_type', CASE f.kind WHEN 'ghost' THEN f.delivery_type END))
        FROM mediasweep.reconcile_finding f WHERE f.id = ANY (ids))) u;
  UPDATE mediasweep.reconcile_finding f SET row_name = named ->> lpad(to_hex(f.id), 32, '0')::uuid::text WHERE f.id = ANY (ids);
  DELETE FROM mediasweep.reconcile_finding f WHERE f.id = ANY (ids) AND f.kind = 'ghost' AND f.row_name IS NULL;
  RETURN ids[cardinality(ids)];
END $$;

CREATE FUNCTION mediasweep.reconcile_page(run bigint, holder uuid, resource_type text, was text, next text, page jsonb) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  places_  jsonb;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);   -- a crash that loses this commit empties the listing anyway
  UPDATE mediasweep.reconcile_run r
     SET places = jsonb_set(r.places, ARRAY[reconcile_page.resource_type], jsonb_build_object('cursor', next, 'done', page IS NOT NULL AND next IS NULL,
           'listed', CASE WHEN page IS NULL THEN 0 ELSE (r.places -> reconcile_page.resource_type ->> 'listed')::bigint + jsonb_array_length(page) END)),
         calls = r.calls + 1, heard_at = clock_timestamp()
   WHERE r.id = run AND r.holder = reconcile_page.holder AND r.state = 'listing'
     AND r.places @> jsonb_build_object(reconcile_page.resource_type, jsonb_build_object('cursor', was, 'done', false))
  RETURNING r.places INTO places_;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF page IS NULL THEN
    DELETE FROM mediasweep.reconcile_listed l WHERE l.resource_type = reconcile_page.resource_type;
    RETURN true;
  END IF;
  INSERT INTO mediasweep.reconcile_listed
    (asset_id, public_id, resource_type, delivery_type, version, bytes, format, folder, display_name, tags, alt, caption, made_at, placeholder)
  SELECT p.asset_id, p.public_id, reconcile_page.resource_type, p.type, p.version, p.bytes, p.format, p.folder, p.display_name, p.tags,
         p.alt, p.caption, p.made_at, p.placeholder
    FROM jsonb_to_recordset(page) p (asset_id text, public_id text, type text, version bigint, bytes bigint, format text, folder text,
                                     display_name text, tags text[], alt text, caption text, made_at timestamptz, placeholder boolean);
  IF next IS NULL AND NOT places_ @? '$.* ? (@.done == false)' THEN
    ANALYZE mediasweep.reconcile_listed;
  END IF;
  RETURN true;
END $_$;

CREATE FUNCTION mediasweep.record(daemon uuid, results mediasweep.result[], OUT recorded uuid[], OUT lost uuid[]) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM mediasweep.be_durable();
  END IF;
  WITH r AS (
    SELECT * FROM unnest(results)),
  locked AS (
    -- passing by what somebody else holds: an operator's open transaction must not stall the others' results
    SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q JOIN r ON q.id = r.id AND q.claim_no = r.claim_no
     WHERE q.status = 'processing' AND q.lease_until IS NOT NULL
       FOR UPDATE OF q SKIP LOCKED),
  moved AS (
    UPDATE mediasweep.cloudinary_cleanup_queue q
       SET status = CASE WHEN r.move IN ('completed', 'failed') THEN r.move
                         WHEN r.move = 'refused' AND NOT q.in_doubt THEN 'pending'
                         ELSE 'processing' END,
           in_doubt = q.in_doubt OR r.move = 'unknown',
           lease_until = NULL,
           handovers = 0,
           processing_attempts = greatest(0, q.processing_attempts - (r.move = 'refused')::integer),
           due_at = CASE WHEN r.move IN ('refused', 'unknown') THEN clock_timestamp() + r.due_in ELSE q.due_at END,
           processed_at = CASE WHEN r.move IN ('completed', 'failed') THEN clock_timestamp() END,
           cloudinary_response = coalesce(r.response, q.cloudinary_response),
           error_message = r.detail,
           updated_at = clock_timestamp()
      FROM locked JOIN r ON r.id = locked.id
     WHERE q.id = locked.id AND q.claim_no = r.claim_no AND q.status = 'processing' AND q.lease_until IS NOT NULL
    RETURNING q.id, q.claim_no, q.status, q.cloudinary_public_id, q.asset_id, q.version, q.file_size, q.source_id,
              q.original_filename, q.deletion_reason, q.triggered_by, q.actor, q.app, r.move, r.outcome, r.detail, r.response, r.request_id,
              coalesce(r.resource_type, q.resource_type) AS resource_type,
              coalesce(r.delivery_type, q.delivery_type) AS delivery_type),
  failed AS (
    INSERT INTO mediasweep.failed (id) SELECT m.id FROM moved m WHERE m.status = 'failed' ON CONFLICT DO NOTHING),
  logged AS (
    INSERT INTO mediasweep.journal
      (event, queue_id, claim_no, status, outcome, detail, public_id, resource_type, delivery_type, asset_id, version,
       format, bytes, source_id, reason, triggered_by, actor, app, daemon, request_id, response)
    SELECT m.move, m.id, m.claim_no, m.status, m.outcome, m.detail, m.cloudinary_public_id, m.resource_type,
           m.delivery_type, m.asset_id, m.version, mediasweep.format_of(m.resource_type, m.original_filename), m.file_size, m.source_id,
           m.deletion_reason, m.triggered_by, m.actor, m.app, record.daemon,
           m.request_id, m.response
      FROM moved m)
  SELECT coalesce(array_agg(moved.id), '{}') INTO recorded FROM moved;
  IF EXISTS (SELECT FROM unnest(results) r WHERE r.move = 'refused' AND r.due_in = interval '0') THEN
    PERFORM mediasweep.wake();   -- handed back: another daemon may be asleep
  END IF;
  SELECT coalesce(array_agg(r.id), '{}') INTO lost
    FROM unnest(results) r
   WHERE NOT EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue q
                      WHERE q.id = r.id AND q.claim_no = r.claim_no AND q.status = 'processing'
                        AND q.lease_until IS NOT NULL)
     AND r.id <> ALL (recorded);
END $$;

CREATE FUNCTION mediasweep.ref_options() RETURNS text[]
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT '{public_id,resource_type,delivery_type,asset_id,version,original_filename,file_size,folder,host,cloud}'::text[] $$;

CREATE FUNCTION mediasweep.ref_query(relation regclass, ref jsonb, rows_from text, condition text, certain boolean, more text DEFAULT ''::text, named text DEFAULT ''::text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format('SELECT %s AS public_id, mediasweep.resource_type(%s) AS resource_type, mediasweep.delivery_type(%s) AS delivery_type,'
                ' %s AS asset_id, mediasweep.whole_number(%s) AS version, %s AS original_filename,'
                ' mediasweep.whole_number(%s) AS file_size, %s AS folder%s FROM %s WHERE %s <> ''''%s',
    id.sql, mediasweep.term(ref, 'resource_type', 'text'), mediasweep.term(ref, 'delivery_type', 'text'),
    -- as it stands for the guard, so that an index serves; what has blanks in it is no asset id
    format(CASE WHEN certain THEN 'substring(%s COLLATE "C" FROM ''^[^[:space:]]+$'')' ELSE '%s' END, mediasweep.term(ref, 'asset_id', 'text')),
    mediasweep.term(ref, 'version', 'text'),
    mediasweep.term(ref, 'original_filename', 'text'), mediasweep.term(ref, 'file_size', 'text'), mediasweep.term(ref, 'folder', 'text'),
    named, mediasweep.items_query(relation, ref, rows_from, condition, more,
      CASE WHEN certain THEN '''{}''' WHEN condition LIKE '%"mediasweep tokens"%' THEN '"mediasweep ids"' ELSE 'NULL' END), id.sql,
    CASE WHEN certain THEN ' AND ' || mediasweep.surely_named(relation, ref)
         WHEN mediasweep.is_url(ref) THEN ' AND ' || mediasweep.is_ours(ref, false) ELSE '' END
    -- of the rows of a statement, no megabytes are compared; for the guard, an index has to serve
    || CASE WHEN NOT mediasweep.is_url(ref) AND rows_from <> relation::text THEN format(' AND octet_length(%s) <= 1000', id.sql) ELSE '' END
    || CASE WHEN more = '' AND NOT mediasweep.is_url(ref) AND mediasweep.held_in(relation, ref) = 'column' AND condition <> 'true'
            THEN format(' AND (%s)', condition) ELSE '' END)
    FROM (SELECT CASE WHEN mediasweep.is_url(ref) THEN '(r."mediasweep url").public_id' ELSE mediasweep.held_text(relation, ref) END) id (sql)
$_$;

CREATE FUNCTION mediasweep.reference_name(a mediasweep.attached) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT CASE WHEN a.options ? 'references' THEN a.capture || '_use' END $$;

CREATE FUNCTION mediasweep.reference_statement(a mediasweep.attached) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format('CREATE OR REPLACE FUNCTION mediasweep.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER'
                ' SET search_path = pg_catalog, pg_temp SET row_security = off SET enable_nestloop = off SET jit = off AS %L',
                mediasweep.reference_name(a), format($q$#variable_conflict use_column
DECLARE
  "mediasweep begun"  mediasweep.ref[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    "mediasweep begun" := ARRAY(SELECT DISTINCT %1$s FROM (%2$s) b);
  ELSE
    %3$s"mediasweep begun" := ARRAY(SELECT DISTINCT %1$s FROM (
        SELECT DISTINCT n.public_id COLLATE "C" AS public_id, n.resource_type, n.delivery_type, n.asset_id, n.version FROM (%2$s) n) b
      WHERE NOT EXISTS (
        SELECT FROM (%4$s) was
         WHERE was.public_id = b.public_id COLLATE "C"
           AND (was.resource_type = b.resource_type OR was.resource_type IS NULL)
           AND (was.delivery_type = b.delivery_type OR was.delivery_type IS NULL)
           AND (was.asset_id = b.asset_id OR b.asset_id IS NULL)));
  END IF;
  IF cardinality("mediasweep begun") > 0 THEN
    PERFORM mediasweep.begin_use("mediasweep begun", TG_RELID, %5$L);
  END IF;
  RETURN NULL;
END$q$, 'ROW(b.public_id, b.resource_type, b.delivery_type, b.asset_id, b.version, NULL, NULL, NULL)::mediasweep.ref',
        mediasweep.refs_query(a, 'new_rows', 'use'), mediasweep.unchanged_statement(a), mediasweep.refs_query(a, 'old_rows', 'use'),
        a.options ->> 'references' = 'wait'))
   WHERE a.options ? 'references'
$_$;

CREATE FUNCTION mediasweep.refill(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  kept    record;
  queued  integer := 0;
  rows_   integer;
BEGIN
  FOR kept IN
    SELECT f.ctid AS place, f.*, coalesce(a.grace, '0') AS grace
      FROM mediasweep.fallback f LEFT JOIN mediasweep.attached a ON a.id = f.source_id
     WHERE f.refused IS NULL ORDER BY f.id LIMIT most FOR UPDATE OF f SKIP LOCKED
  LOOP
    BEGIN
      INSERT INTO mediasweep.cloudinary_cleanup_queue
        (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
         deletion_reason, trigger_source, source_id, actor, app, queued_at, due_at)
      SELECT ref.*, coalesce(kept.reason, 'unknown'), 'fallback', coalesce(kept.source_id, 0), coalesce(kept.actor, ''),
             coalesce(kept.app, ''), kept.at, kept.at + kept.grace
        FROM mediasweep.kept_refs(kept.ref, kept.source_id) ref;
      GET DIAGNOSTICS rows_ = ROW_COUNT;
      DELETE FROM mediasweep.fallback f WHERE f.ctid = kept.place;
      queued := queued + rows_;
    -- about this capture, and not about the moment: whatever else goes wrong is tried again
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR integrity_constraint_violation OR undefined_column OR datatype_mismatch THEN
      UPDATE mediasweep.fallback f SET refused = SQLERRM WHERE f.ctid = kept.place;
    END;
  END LOOP;
  IF queued > 0 THEN
    PERFORM mediasweep.wake();
  END IF;
  RETURN queued;
END $$;

CREATE FUNCTION mediasweep.refs_of(options jsonb) RETURNS SETOF jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT (options - mediasweep.table_options()) || one.ref
    FROM jsonb_array_elements(CASE WHEN options ? 'refs' THEN options -> 'refs' ELSE jsonb_build_array('{}'::jsonb) END)
         WITH ORDINALITY AS one (ref, n)
   ORDER BY one.n
$$;

CREATE FUNCTION mediasweep.refs_query(a mediasweep.attached, rows_from text, purpose text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT string_agg(mediasweep.ref_query(a.relation, ref, rows_from, mediasweep.live_expression(a.relation, a.options, purpose),
                                         purpose = 'capture'), E'\n      UNION ALL ')
    FROM mediasweep.refs_of(a.options) ref
$$;

CREATE FUNCTION mediasweep.refusal(move text, status text, in_doubt boolean) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE
    WHEN status = 'completed' THEN 'it has completed'
    WHEN move = 'retry' AND status NOT IN ('failed', 'skipped') THEN 'it is on its way already'
    WHEN move = 'retry' THEN NULL
    WHEN status = 'failed' THEN 'it has failed already'
    WHEN status = 'skipped' THEN 'it was skipped already'
    WHEN in_doubt THEN 'it is in doubt: its asset may be gone already, so what happened has to be found out'
    WHEN status = 'processing' THEN 'a daemon is deleting it'
  END
$$;

CREATE FUNCTION mediasweep.refuse_to_lose() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  left_  record;
BEGIN
  SELECT * INTO left_ FROM mediasweep.left_to_do();
  IF left_.unfinished + left_.fallen + left_.alive > 0 THEN
    RAISE EXCEPTION 'mediasweep.uninstall: % rows are unfinished, % captures not queued yet, and % daemons are running',
      left_.unfinished, left_.fallen, left_.alive
      USING HINT = 'Wait until they are done and stop the daemons, or lose what is left: SELECT mediasweep.uninstall(force => true).';
  END IF;
END $$;

CREATE FUNCTION mediasweep.release(source integer, listing pg_snapshot, held record, newest timestamp with time zone, digest text, who text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.released_query(a mediasweep.attached, operation text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT CASE operation
    WHEN 'DELETE' THEN format($q$
      SELECT DISTINCT ON (%s) was.*, 'row_deleted' AS reason FROM (%s) was$q$, asset.key, mediasweep.refs_query(a, 'old_rows', 'capture'))
    WHEN 'TRUNCATE' THEN format($q$
      SELECT DISTINCT ON (%s) was.*, 'table_truncated' AS reason FROM (%s) was$q$,
      asset.key, mediasweep.refs_query(a, '"mediasweep truncated"', 'capture'))
    -- whether it is a soft delete is asked once a statement first: mostly all of its rows are dead now, or none
    ELSE format($q$
      SELECT %1$s was.*,
             CASE WHEN NOT EXISTS (SELECT FROM new_rows r WHERE (%3$s) IS NOT TRUE)
                    OR was.public_id COLLATE "C" IN (SELECT dead.public_id FROM (%4$s) dead)
                  THEN 'soft_deleted' ELSE 'reference_removed' END AS reason
        FROM (SELECT DISTINCT ON (%2$s) was.* FROM (%5$s) was) was
       WHERE NOT EXISTS (
         SELECT FROM (%6$s) stays
          WHERE stays.public_id = was.public_id COLLATE "C"
            AND (stays.resource_type = was.resource_type OR stays.resource_type IS NULL OR was.resource_type IS NULL)
            AND (stays.delivery_type = was.delivery_type OR stays.delivery_type IS NULL OR was.delivery_type IS NULL))$q$,
      CASE WHEN asset.has_id THEN format('DISTINCT ON (%s)', asset.key) ELSE '' END,
      asset.key || CASE WHEN asset.has_id THEN ', was.asset_id' ELSE '' END,
      mediasweep.gone_expression(a.relation, a.options), mediasweep.refs_query(a, 'new_rows', 'dead'),
      mediasweep.refs_query(a, 'old_rows', 'capture'), mediasweep.refs_query(a, 'new_rows', 'use'))
      -- a rename keeps the asset id: the asset stays, whatever it is called now
      || CASE WHEN asset.has_id THEN format($q$
         AND NOT EXISTS (SELECT FROM (%s) stays WHERE stays.asset_id = was.asset_id COLLATE "C")$q$,
        mediasweep.refs_query(a, 'new_rows', 'use')) ELSE '' END END
    FROM (SELECT 'was.public_id COLLATE "C", was.resource_type, was.delivery_type',
                 EXISTS (SELECT FROM mediasweep.refs_of(a.options) ref WHERE ref ? 'asset_id')) asset (key, has_id)
$_$;

CREATE FUNCTION mediasweep.replaced_by(a mediasweep.attached) RETURNS regclass
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT c.oid::regclass FROM pg_class c
   WHERE c.oid = to_regclass(mediasweep.known_as(a)) AND c.oid <> a.relation AND c.relkind IN ('r', 'p')
     AND NOT EXISTS (SELECT FROM mediasweep.attached other WHERE other.relation = c.oid AND other.detached_at IS NULL)
$$;

CREATE FUNCTION mediasweep.resource_type(said text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  SELECT CASE lower(btrim(said)) WHEN 'image' THEN 'image' WHEN 'video' THEN 'video' WHEN 'audio' THEN 'video'
                                 WHEN 'raw' THEN 'raw' END
$$;

CREATE FUNCTION mediasweep.respelled(address text, was text, called text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN was = called OR s.at = 0 THEN address
              ELSE left(address, -(s.at + length(s.old) - 1)) || '/' || mediasweep.as_in_an_address(called) || right(address, s.at - 1) END
    FROM (SELECT o.old, strpos(reverse(address), reverse(o.old))
            FROM (SELECT '/' || mediasweep.as_in_an_address(was)) o (old)) s (old, at)
$$;

CREATE FUNCTION mediasweep.retry(ids uuid[], who text, OUT id uuid, OUT refused text, OUT busy boolean) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN QUERY SELECT m.* FROM mediasweep.move_by_hand('retry', ids, who, NULL) m;
  PERFORM mediasweep.wake();
END $$;

CREATE FUNCTION mediasweep.roles() RETURNS TABLE(kind text, name name)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT r.kind, p.rolname FROM mediasweep.role r JOIN pg_roles p ON p.rolname = r.name $$;

CREATE FUNCTION mediasweep.row_name(relation regclass) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT format('%L || %s', relation::text || ' ',
    coalesce((SELECT string_agg(format('%L || r.%I::text', a.attname || '=', a.attname), ' || '', '' || ' ORDER BY k.n)
                FROM pg_index i
               CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, n)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
               WHERE i.indrelid = relation AND i.indisprimary),
             '''ctid='' || r.ctid::text'))
$$;

CREATE FUNCTION mediasweep.run_each(statements text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  one  text;
BEGIN
  FOREACH one IN ARRAY statements LOOP
    EXECUTE one;
  END LOOP;
EXCEPTION WHEN lock_not_available THEN
  RAISE lock_not_available USING MESSAGE = SQLERRM, HINT = 'A transaction holds the table. Nothing was changed: try again when it has ended.';
END $$;

CREATE FUNCTION mediasweep.same_assets(ids uuid[]) RETURNS uuid[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  found_  uuid[] := ARRAY(SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
                           WHERE q.id = ANY (ids) AND q.processed_at IS NULL);
  more    uuid[];
BEGIN
  LOOP
    more := ARRAY(
      WITH row_ AS MATERIALIZED (SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q WHERE q.id = ANY (found_))
      -- each asset is asked for once, however many rows there are of it
      SELECT s.id
        FROM (SELECT DISTINCT r.cloudinary_public_id, r.resource_type, r.delivery_type FROM row_ r) a
        JOIN mediasweep.cloudinary_cleanup_queue s
          ON hashtextextended(s.cloudinary_public_id, 0) = hashtextextended(a.cloudinary_public_id, 0)
         AND s.cloudinary_public_id = a.cloudinary_public_id AND s.processed_at IS NULL
         AND (s.resource_type = a.resource_type OR s.resource_type IS NULL OR a.resource_type IS NULL)
         AND (s.delivery_type = a.delivery_type OR s.delivery_type IS NULL OR a.delivery_type IS NULL)
       UNION
      SELECT s.id
        FROM (SELECT DISTINCT r.asset_id FROM row_ r) a
        JOIN mediasweep.cloudinary_cleanup_queue s
          ON hashtextextended(s.asset_id, 0) = hashtextextended(a.asset_id, 0) AND s.asset_id = a.asset_id
         AND s.processed_at IS NULL);
    EXIT WHEN cardinality(more) <= cardinality(found_);
    found_ := more;
  END LOOP;
  RETURN found_;
END $$;

CREATE FUNCTION mediasweep.same_name(one text, another text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format('%1$s.public_id = %2$s.public_id AND (%1$s.resource_type = %2$s.resource_type OR %2$s.resource_type IS NULL)'
                ' AND (%1$s.delivery_type = %2$s.delivery_type OR %2$s.delivery_type IS NULL)', one, another)
$_$;

CREATE FUNCTION mediasweep.secure() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM mediasweep.only_one_builder();
  PERFORM mediasweep.hand_over(r.name) FROM mediasweep.roles() r WHERE r.kind = 'owner';
  PERFORM mediasweep.pin_paths();
  PERFORM mediasweep.grant_all();
  PERFORM mediasweep.hide_rows();
END $$;

CREATE FUNCTION mediasweep.selftest_clean(folder text, made jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  WITH gone AS (
    DELETE FROM public.media_assets r
     WHERE starts_with(r.cloudinary_public_id, mediasweep.selftest_folder())
       AND (starts_with(r.cloudinary_public_id, selftest_clean.folder) OR r.created_at < clock_timestamp() - interval '1 hour')
    RETURNING jsonb_build_array(r.cloudinary_public_id, r.resource_type, r.delivery_type, r.cloudinary_asset_id) AS asset)
  SELECT made || coalesce(jsonb_agg(g.asset), '[]') INTO made FROM gone g;
  PERFORM mediasweep.selftest_queue(m.asset ->> 0, m.asset ->> 1, m.asset ->> 2, m.asset ->> 3)
     FROM (SELECT DISTINCT asset FROM jsonb_array_elements(made) a (asset)) m
    WHERE NOT EXISTS (
      SELECT FROM mediasweep.cloudinary_cleanup_queue q
       WHERE q.cloudinary_public_id = m.asset ->> 0 AND (q.asset_id = m.asset ->> 3) IS NOT FALSE
         AND q.trigger_source <> 'upload' AND q.status <> 'skipped');
  PERFORM mediasweep.wake();
END $$;

CREATE FUNCTION mediasweep.selftest_delete(row_id uuid, softly boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  IF softly THEN
    UPDATE public.media_assets r SET deleted_at = clock_timestamp()
     WHERE r.id = row_id AND starts_with(r.cloudinary_public_id, mediasweep.selftest_folder());
  ELSE
    DELETE FROM public.media_assets r
     WHERE r.id = row_id AND starts_with(r.cloudinary_public_id, mediasweep.selftest_folder());
  END IF;
END $$;

CREATE FUNCTION mediasweep.selftest_folder() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT 'mediasweep-selftest/' $$;

CREATE FUNCTION mediasweep.selftest_left(folder text, OUT listed bigint, OUT unfinished bigint, OUT failed bigint) RETURNS record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  SELECT count(*) INTO listed FROM public.media_assets r WHERE starts_with(r.cloudinary_public_id, selftest_left.folder) AND r.deleted_at IS NULL;
  SELECT count(*) FILTER (WHERE q.processed_at IS NULL), count(*) FILTER (WHERE q.status = 'failed') INTO unfinished, failed
    FROM mediasweep.cloudinary_cleanup_queue q WHERE starts_with(q.cloudinary_public_id, selftest_left.folder);
END $$;

CREATE FUNCTION mediasweep.selftest_queue(public_id text, resource_type text, delivery_type text, asset_id text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  queued  uuid;
BEGIN
  INSERT INTO mediasweep.cloudinary_cleanup_queue AS q
    (cloudinary_public_id, resource_type, delivery_type, asset_id, deletion_reason, trigger_source)
  SELECT g.public_id, g.resource_type, g.delivery_type, g.asset_id, 'selftest', 'manual'
    FROM (VALUES (public_id, resource_type, delivery_type, asset_id)) g (public_id, resource_type, delivery_type, asset_id)
   WHERE starts_with(g.public_id, mediasweep.selftest_folder())
  RETURNING q.id INTO queued;
  PERFORM mediasweep.wake();
  RETURN queued;
END $$;

CREATE FUNCTION mediasweep.selftest_row(row_id uuid, OUT public_id text, OUT asset_id text, OUT file_size bigint) RETURNS record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
BEGIN
  SELECT r.cloudinary_public_id, r.cloudinary_asset_id, r.file_size INTO public_id, asset_id, file_size
    FROM public.media_assets r WHERE r.id = row_id AND r.deleted_at IS NULL;
END $$;

CREATE FUNCTION mediasweep.share(daemon uuid, own_limit integer, held integer, OUT calls integer, OUT fair integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  most    integer := mediasweep.fleet_limit(own_limit);
  free    integer;
  place   integer;
  living  integer;
BEGIN
  SELECT most - coalesce(sum(d.concurrency) FILTER (WHERE d.id <> daemon), 0),
         count(*) FILTER (WHERE (d.started_at, d.id) < (me.started_at, me.id)), count(*)
    INTO free, place, living
    FROM mediasweep.daemon d, (SELECT m.* FROM mediasweep.daemon m WHERE m.id = daemon) me
   WHERE mediasweep.is_alive(d) AND coalesce((d.config ->> 'works')::boolean, true);
  IF most > living THEN
    most := most - 1;
  END IF;
  fair := most / living + (place < most % living)::integer;
  calls := greatest(0, least(fair, free));
  UPDATE mediasweep.daemon d SET concurrency = greatest(calls, held) WHERE d.id = daemon;
END $$;

CREATE FUNCTION mediasweep.show_rows(relation regclass, role name) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format(CASE WHEN c.relforcerowsecurity AND pg_has_role(role, c.relowner, 'USAGE') THEN 'ALTER TABLE %s NO FORCE ROW LEVEL SECURITY'
                     ELSE 'ALTER ROLE %2$I BYPASSRLS' END, relation, role)
    FROM pg_class c WHERE c.oid = show_rows.relation
$_$;

CREATE FUNCTION mediasweep.source_name(source integer) RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN source = 0 THEN 'manual'
              ELSE coalesce((SELECT mediasweep.name_of(a.relation) FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation
                              WHERE a.id = source), source::text) END
$$;

CREATE FUNCTION mediasweep.sources_of(statuses text[]) RETURNS TABLE(id integer, finished boolean)
    LANGUAGE sql STABLE ROWS 8
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.spend_forced(spent integer) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ UPDATE mediasweep.scheduler s SET forced = coalesce(greatest(0, s.forced - spent), 0) WHERE s.forced > 0 $$;

CREATE FUNCTION mediasweep.standing(one uuid, OUT number bigint, OUT rows bigint, OUT source_id integer, OUT table_ text, OUT detached_at timestamp with time zone, OUT sourceless boolean, OUT leased boolean, OUT let_go boolean, OUT claimant text, OUT resting boolean, OUT fresh boolean, OUT in_doubt boolean, OUT seen boolean, OUT locked_by text, OUT locked_since timestamp with time zone, OUT protected_by text, OUT newer bigint, OUT unguarded boolean, OUT spent boolean, OUT sibling boolean, OUT lease_until timestamp with time zone, OUT ripe_at timestamp with time zone, OUT graces text, OUT tried text, OUT error text) RETURNS SETOF record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH barrier AS MATERIALIZED (SELECT b.* FROM mediasweep.barriers() b),
  fleet AS MATERIALIZED (SELECT f.* FROM mediasweep.fleet_at_work() f),
  busy AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM mediasweep.open_transactions()) AS open, mediasweep.stopped_sources() AS stopped),
  -- the assets of which a row has the others wait, as the claim has it (holds_others in due.sql), by the barriers that are known
  holder AS MATERIALIZED (
    SELECT DISTINCT s.cloudinary_public_id AS name, s.asset_id
      FROM mediasweep.cloudinary_cleanup_queue s CROSS JOIN fleet CROSS JOIN busy
     WHERE s.processed_at IS NULL AND s.id IS DISTINCT FROM one
       AND ((s.claim_no = 0 AND (s.due_at + fleet.grace > statement_timestamp() OR (busy.open AND NOT EXISTS (
               SELECT FROM barrier b WHERE b.at >= s.due_at + fleet.grace AND pg_visible_in_snapshot(s.xact, b.free)
                                       AND pg_visible_in_snapshot(s.xact, b.clear)))))
            OR s.source_id = ANY (busy.stopped))),
  row_ AS (
    SELECT q.source_id, a.relation::oid AS table_, a.detached_at,
           q.source_id <> 0 AND (a.id IS NULL OR a.detached_at IS NOT NULL) AS sourceless,
           coalesce(q.lease_until > statement_timestamp(), false) AS leased,
           coalesce(q.lease_until <= statement_timestamp(), false) AS let_go,
           CASE WHEN q.lease_until IS NOT NULL THEN mediasweep.claimant(q.id, q.claim_no) END AS claimant,
           q.lease_until IS NULL AND ripe.at > statement_timestamp() AS resting, q.claim_no = 0 AS fresh, q.in_doubt,
           -- as the claim has it (due.sql): a row of another server's is seen by everybody
           q.xact >= pg_snapshot_xmax(pg_current_snapshot()) OR EXISTS (
             SELECT FROM barrier b
              WHERE b.at >= ripe.at AND pg_visible_in_snapshot(q.xact, b.free) AND pg_visible_in_snapshot(q.xact, b.clear)) AS seen,
           locker.about AS locked_by, locker.since AS locked_since,
           (SELECT min(p.prefix) FROM mediasweep.protected p WHERE starts_with(q.cloudinary_public_id, p.prefix)) AS protected_by,
           CASE WHEN one IS NOT NULL THEN mediasweep.newer_version(q) END AS newer,   -- of a whole backlog, that takes too long
           coalesce(starts_with(q.error_message, 'the guard could not answer: '), false) AS unguarded,
           CASE WHEN q.lease_until IS NOT NULL THEN q.handovers >= 20
                ELSE coalesce(q.processing_attempts >= q.max_attempts, false) END AS spent,
           q.cloudinary_public_id IN (SELECT h.name FROM holder h)
           OR coalesce(q.asset_id IN (SELECT h.asset_id FROM holder h WHERE h.asset_id IS NOT NULL), false) AS sibling,
           q.lease_until, ripe.at AS ripe_at, a.grace AS of_table, fleet.grace AS of_fleet,
           q.processing_attempts, q.max_attempts, q.error_message
      FROM mediasweep.cloudinary_cleanup_queue q
      LEFT JOIN mediasweep.attached a ON a.id = q.source_id
      LEFT JOIN mediasweep.open_transactions() locker ON locker.xact = q.xmax
     CROSS JOIN fleet
     CROSS JOIN busy
     CROSS JOIN LATERAL (SELECT q.due_at + CASE WHEN q.claim_no = 0 THEN fleet.grace ELSE interval '0' END AS at) ripe
     WHERE q.processed_at IS NULL AND (one IS NULL OR q.id = one))
  SELECT row_number() OVER (), count(*), r.source_id, mediasweep.name_of(r.table_), r.detached_at, r.sourceless, r.leased, r.let_go,
         r.claimant, r.resting, r.fresh, r.in_doubt, r.seen, r.locked_by, r.locked_since, r.protected_by, r.newer, r.unguarded, r.spent,
         r.sibling, min(r.lease_until), min(r.ripe_at),
         concat_ws(', ', 'grace of its table ' || nullif(min(r.of_table), '0'), 'MEDIASWEEP_GRACE ' || nullif(min(r.of_fleet), '0')),
         format('attempt %s of %s', min(r.processing_attempts), min(r.max_attempts)),
         min(CASE WHEN r.unguarded THEN substr(r.error_message, 29) ELSE r.error_message END)
    FROM row_ r
   GROUP BY r.source_id, r.table_, r.detached_at, r.sourceless, r.leased, r.let_go, r.claimant, r.resting, r.fresh, r.in_doubt,
            r.seen, r.locked_by, r.locked_since, r.protected_by, r.newer, r.unguarded, r.spent, r.sibling
$$;

CREATE FUNCTION mediasweep.stands_alone(said text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT said ~* '^\s*(?:(?:https?:)?//)?[a-z0-9._-]+(?::[0-9]+)?/[^[:space:]"''<>\\`]*\s*$'
     AND said !~* '[^:/]/.*(?:https?(?::|%3a)|[,;|]//|cloudinary[.]com)'
$_$;

CREATE FUNCTION mediasweep.step_back(memory jsonb, candidates mediasweep.cloudinary_cleanup_queue[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT memory || jsonb_build_object('cursor', coalesce(memory -> 'cursor', '{}') || coalesce(jsonb_object_agg(
           first.source_id, jsonb_build_object('due_at', first.due_at, 'id', '00000000-0000-0000-0000-000000000000')), '{}'))
    FROM (SELECT c.source_id, min(c.due_at) AS due_at FROM unnest(candidates) c GROUP BY c.source_id) first
   WHERE first.due_at <= (memory -> 'cursor' -> first.source_id::text ->> 'due_at')::timestamptz
$$;

CREATE FUNCTION mediasweep.still(said jsonb, what text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN (said -> what ->> 0)::bigint >= coalesce((said #>> '{upload,0}')::bigint, 0) THEN said -> what -> 1 END
$$;

CREATE FUNCTION mediasweep.stopped_sources() RETURNS integer[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN ARRAY(SELECT g.source_id FROM mediasweep.gate g LEFT JOIN mediasweep.attached a ON a.id = g.source_id
                WHERE g.source_id IS NOT NULL AND (g.until IS NULL OR g.until > clock_timestamp()) AND a.detached_at IS NULL);
END $$;

CREATE FUNCTION mediasweep.strays() RETURNS TABLE(source integer, relation regclass, was_part_of regclass)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN   -- whose plan is kept, for each claim asks
  RETURN QUERY
  WITH carried AS MATERIALIZED (
    SELECT DISTINCT a.id, a.relation AS whole, t.tgrelid AS relation
      FROM mediasweep.attached a
      JOIN pg_proc f ON f.proname = a.capture AND f.pronamespace = 'mediasweep'::regnamespace
      -- triggers have no index by their function
      JOIN pg_depend d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = f.oid AND d.classid = 'pg_trigger'::regclass
      JOIN pg_trigger t ON t.oid = d.objid
     WHERE a.detached_at IS NULL),
  -- of nearly all parts the table above carries them too, so that there is no need to go further up
  topmost AS MATERIALIZED (
    SELECT c.* FROM carried c
     WHERE c.relation <> c.whole
       AND NOT EXISTS (SELECT FROM pg_inherits i
                        WHERE i.inhrelid = c.relation AND NOT i.inhdetachpending
                          AND (i.inhparent = c.whole OR (i.inhparent, c.id) IN (SELECT up.relation, up.id FROM carried up))))
  SELECT t.id, t.relation::regclass, t.whole FROM topmost t
   WHERE t.relation NOT IN (SELECT p.part FROM mediasweep.parts(t.whole) p);
END $$;

CREATE FUNCTION mediasweep.suggest() RETURNS TABLE(relation regclass, options jsonb, why text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  table_  record;
  ids     text[];
  urls    text[];
  texts   text[];
  docs    text[];
BEGIN
  FOR table_ IN
    SELECT c.oid::regclass AS name, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
       AND n.nspname <> ALL ('{pg_catalog,information_schema,mediasweep,auth,storage,realtime,vault,extensions,supabase_migrations}')
       AND NOT EXISTS (SELECT FROM mediasweep.attached a WHERE a.relation = c.oid AND a.detached_at IS NULL)
     ORDER BY n.nspname, c.relname
  LOOP
    SELECT array_agg(l.name) FILTER (WHERE l.kind = 'id'), array_agg(l.name) FILTER (WHERE l.kind IN ('url', 'text')),
           array_agg(l.name) FILTER (WHERE l.kind = 'text'), array_agg(l.name) FILTER (WHERE l.kind = 'json')
      INTO ids, urls, texts, docs
      FROM (SELECT a.attname::text AS name, mediasweep.looks_like(table_.name, a.attname, format_type(a.atttypid, NULL)) AS kind
              FROM pg_attribute a WHERE a.attrelid = table_.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) l;
    relation := table_.name;
    -- where the id is known, the URL beside it says nothing more
    IF ids IS NOT NULL THEN
      options := CASE WHEN cardinality(ids) = 1 THEN jsonb_build_object('public_id', ids[1])
                      ELSE jsonb_build_object('refs', (SELECT jsonb_agg(jsonb_build_object('public_id', i)) FROM unnest(ids) i)) END;
      why := 'the name of ' || array_to_string(ids, ', ');
    ELSIF urls IS NOT NULL THEN
      options := CASE WHEN cardinality(urls) = 1 THEN jsonb_build_object('public_id', jsonb_build_object('column', urls[1], 'url', true))
                      ELSE jsonb_build_object('refs', (SELECT jsonb_agg(jsonb_build_object('public_id', jsonb_build_object('column', u, 'url', true)))
                                                         FROM unnest(urls) u)) END;
      why := 'Cloudinary URLs in ' || array_to_string(urls, ', ')
        || coalesce('; in ' || array_to_string(texts, ', ') || ' they stand inside a text, where they keep what they name, and queue nothing', '');
    ELSIF docs IS NOT NULL THEN
      options := NULL;   -- where in the document is for a person to say
      why := 'Cloudinary URLs or public ids somewhere in ' || array_to_string(docs, ', ') || ': give their "path"';
    END IF;
    IF coalesce(ids, urls, docs) IS NOT NULL THEN
      options := options || (mediasweep.looks_beside(relation) - CASE WHEN ids IS NULL THEN '{resource_type,delivery_type,asset_id,version}' ELSE '{}' END::text[]);
      RETURN NEXT;
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION mediasweep.surely_named(relation regclass, ref jsonb) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN mediasweep.is_url(ref) THEN mediasweep.is_ours(ref, true) || ' AND (r."mediasweep url").certain'
              ELSE format('NOT mediasweep.is_an_address(%s)', mediasweep.held_text(relation, ref)) END
$$;

CREATE FUNCTION mediasweep.table_options() RETURNS text[]
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT '{refs,deleted,deleted_at,filter,grace,strict,notify,brake,references}'::text[] $$;

CREATE FUNCTION mediasweep.tags_said(said jsonb, there text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE WHEN heard.any_ THEN ARRAY(
           SELECT t.tag FROM unnest(there) t (tag) WHERE NOT said ? ('tag:' || t.tag)
            UNION
           SELECT substr(k.what, 5) FROM jsonb_object_keys(said) k (what)
            WHERE starts_with(k.what, 'tag:') AND mediasweep.still(said, k.what) = 'true'
            ORDER BY 1) ELSE there END
    FROM (SELECT EXISTS (SELECT FROM jsonb_object_keys(said) k (what) WHERE starts_with(k.what, 'tag:'))) heard (any_)
$$;

CREATE FUNCTION mediasweep.take_inbox(most integer) RETURNS TABLE(digest bytea, signed_at timestamp with time zone, body bytea)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.term(ref jsonb, name text, type text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE
    WHEN ref -> name ? 'key' AND jsonb_typeof(ref -> name) = 'object'
      THEN format('(r."mediasweep item" ->> %L)::%s', ref -> name ->> 'key', type)
    WHEN jsonb_typeof(ref -> name -> 'url') = 'string'
      THEN format('(SELECT u.%I::%s FROM mediasweep.delivered(r.%I::text, %s) u LIMIT 1)',
                  name, type, ref -> name ->> 'url', mediasweep.hosts(ref))
    WHEN mediasweep.column_of(ref -> name) IS NOT NULL THEN format('r.%I::%s', mediasweep.column_of(ref -> name), type)
    WHEN ref -> name ? 'value' THEN format('%L::%s', ref -> name ->> 'value', type)
    WHEN mediasweep.is_url(ref) AND name IN ('resource_type', 'delivery_type', 'version')
      THEN format('(r."mediasweep url").%I::%s', name, type)
    ELSE format('NULL::%s', type) END
$$;

CREATE FUNCTION mediasweep.throttle(own_limit integer) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH halved AS (
    UPDATE mediasweep.scheduler s
       SET throttled_to = greatest(1, mediasweep.fleet_limit(own_limit) / 2), throttled_at = clock_timestamp()
     WHERE coalesce(s.throttled_at < clock_timestamp() - interval '5 s', true)
    RETURNING s.one)
  SELECT EXISTS (SELECT FROM halved)
$$;

CREATE FUNCTION mediasweep.timeline() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer;
EXCEPTION WHEN feature_not_supported OR insufficient_privilege THEN   -- some hosting services keep the log for themselves
  RETURN (SELECT c.timeline_id FROM pg_control_checkpoint() c);
END $$;

CREATE FUNCTION mediasweep.tokens(public_ids text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT CASE WHEN count(*) = 0 THEN '{}' WHEN bool_and(t.token IS NOT NULL) THEN array_agg(mark.said || t.token) || '~odd~'::text END
    FROM unnest(public_ids) AS given (id)
    LEFT JOIN LATERAL (
      SELECT m[1] AS token FROM regexp_matches(regexp_replace(given.id, '(.)[.](?:ttf|otf|woff2?)$', '\1'), '[A-Za-z0-9_~-]+', 'g') m
       ORDER BY length(m[1]) DESC LIMIT 1) t
      ON position('%' IN given.id) = 0
    -- where the text around it is encoded twice, %252F, the digits of what stands before it are joined to it
    LEFT JOIN LATERAL (
      SELECT unnest('{"",l_,u_,d_}'::text[]) WHERE starts_with(given.id, t.token) UNION SELECT ''
       UNION SELECT unnest(ARRAY[upper(h.x), lower(h.x)])
        FROM (SELECT right(encode(convert_to(left(given.id, strpos(given.id, t.token) - 1), 'UTF8'), 'hex'), 2) AS x) h WHERE h.x <> '') mark (said) ON true
$_$;

CREATE FUNCTION mediasweep.tokens_expression(said text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT format('regexp_split_to_array(regexp_replace(%s, %L, ''/~odd~/'', ''gi''), %L)', said,
    '%(2d|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])', '(?:%[0-9A-Fa-f]{2}|[^A-Za-z0-9_~-])+')
$$;

CREATE FUNCTION mediasweep.told(body bytea, OUT asset_id text, OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint) RETURNS record
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  said  jsonb;
BEGIN
  said := convert_from(body, 'UTF8');
  IF said ->> 'notification_type' IN ('upload', 'rename') THEN
    asset_id := said ->> 'asset_id';
    public_id := coalesce(said ->> 'to_public_id', said ->> 'public_id');
    resource_type := mediasweep.resource_type(said ->> 'resource_type');
    delivery_type := mediasweep.delivery_type(said ->> 'type');
    version := CASE said ->> 'notification_type' WHEN 'upload' THEN mediasweep.whole_number(said ->> 'version') END;
  END IF;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN;   -- it is kept as it came
END $$;

CREATE FUNCTION mediasweep.traces(ids text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT array_append(array_agg('%' || replace(regexp_replace(w.id, '[^A-Za-z0-9_~-]+', '%', 'g'), '_', '\_') || '%'), '%\%%') FROM unnest(ids) w (id)
$$;

CREATE FUNCTION mediasweep.trigger_cloudinary_cleanup() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    AS $_$#variable_conflict use_column
DECLARE
  "mediasweep queued"   bigint;
  "mediasweep failure"  text;
BEGIN
  BEGIN
    IF TG_OP = 'UPDATE' THEN
      IF (SELECT sum(hashtextextended(coalesce(r.cloudinary_asset_id::text, '') COLLATE "C", hashtextextended(coalesce(r.cloudinary_public_id::text, '') COLLATE "C", hashtextextended(coalesce(r.delivery_type::text, '') COLLATE "C", hashtextextended(coalesce(r.resource_type::text, '') COLLATE "C", CASE WHEN r.deleted_at IS NOT NULL THEN 1 ELSE 0 END))))) FROM old_rows r) IS NOT DISTINCT FROM (SELECT sum(hashtextextended(coalesce(r.cloudinary_asset_id::text, '') COLLATE "C", hashtextextended(coalesce(r.cloudinary_public_id::text, '') COLLATE "C", hashtextextended(coalesce(r.delivery_type::text, '') COLLATE "C", hashtextextended(coalesce(r.resource_type::text, '') COLLATE "C", CASE WHEN r.deleted_at IS NOT NULL THEN 1 ELSE 0 END))))) FROM new_rows r) THEN
        RETURN NULL;
      END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN 
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
       deletion_reason, trigger_source, triggered_by, source_id, due_at)
    SELECT released.*, 'trigger',
           (SELECT CASE WHEN current_setting('request.jwt.claims', true) <> '' THEN mediasweep.acting_user() END), 1,
           clock_timestamp() + '00:00:00'::interval
      FROM (
      SELECT DISTINCT ON (was.public_id COLLATE "C", was.resource_type, was.delivery_type) was.*, 'row_deleted' AS reason FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, substring(r.cloudinary_asset_id::text COLLATE "C" FROM '^[^[:space:]]+$') AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM old_rows AS r WHERE r.cloudinary_public_id::text <> '' AND NOT mediasweep.is_an_address(r.cloudinary_public_id::text) AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) was) released;
    ELSIF TG_OP = 'UPDATE' THEN 
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
       deletion_reason, trigger_source, triggered_by, source_id, due_at)
    SELECT released.*, 'trigger',
           (SELECT CASE WHEN current_setting('request.jwt.claims', true) <> '' THEN mediasweep.acting_user() END), 1,
           clock_timestamp() + '00:00:00'::interval
      FROM (
      SELECT DISTINCT ON (was.public_id COLLATE "C", was.resource_type, was.delivery_type) was.*,
             CASE WHEN NOT EXISTS (SELECT FROM new_rows r WHERE (r.deleted_at IS NOT NULL) IS NOT TRUE)
                    OR was.public_id COLLATE "C" IN (SELECT dead.public_id FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM new_rows AS r WHERE r.cloudinary_public_id::text <> '' AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (r.deleted_at IS NOT NULL)) dead)
                  THEN 'soft_deleted' ELSE 'reference_removed' END AS reason
        FROM (SELECT DISTINCT ON (was.public_id COLLATE "C", was.resource_type, was.delivery_type, was.asset_id) was.* FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, substring(r.cloudinary_asset_id::text COLLATE "C" FROM '^[^[:space:]]+$') AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM old_rows AS r WHERE r.cloudinary_public_id::text <> '' AND NOT mediasweep.is_an_address(r.cloudinary_public_id::text) AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) was) was
       WHERE NOT EXISTS (
         SELECT FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM new_rows AS r WHERE r.cloudinary_public_id::text <> '' AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) stays
          WHERE stays.public_id = was.public_id COLLATE "C"
            AND (stays.resource_type = was.resource_type OR stays.resource_type IS NULL OR was.resource_type IS NULL)
            AND (stays.delivery_type = was.delivery_type OR stays.delivery_type IS NULL OR was.delivery_type IS NULL))
         AND NOT EXISTS (SELECT FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM new_rows AS r WHERE r.cloudinary_public_id::text <> '' AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) stays WHERE stays.asset_id = was.asset_id COLLATE "C")) released;
    ELSE 
    EXECUTE replace('
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
       deletion_reason, trigger_source, triggered_by, source_id, due_at)
    SELECT released.*, ''trigger'',
           (SELECT CASE WHEN current_setting(''request.jwt.claims'', true) <> '''' THEN mediasweep.acting_user() END), 1,
           clock_timestamp() + ''00:00:00''::interval
      FROM (
      SELECT DISTINCT ON (was.public_id COLLATE "C", was.resource_type, was.delivery_type) was.*, ''table_truncated'' AS reason FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, substring(r.cloudinary_asset_id::text COLLATE "C" FROM ''^[^[:space:]]+$'') AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM "mediasweep truncated" AS r WHERE r.cloudinary_public_id::text <> '''' AND NOT mediasweep.is_an_address(r.cloudinary_public_id::text) AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) was) released;', '"mediasweep truncated"',
      CASE WHEN has_table_privilege(TG_RELID, 'SELECT') AND NOT row_security_active(TG_RELID) THEN format('ONLY %s', TG_RELID::regclass)
           ELSE format('(SELECT * FROM %s t WHERE t.tableoid = %s)', 'public.media_assets', TG_RELID) END);
    END IF;
    GET DIAGNOSTICS "mediasweep queued" = ROW_COUNT; IF "mediasweep queued" > 0 THEN PERFORM mediasweep.wake(); END IF;
    IF TG_OP = 'DELETE' THEN IF (SELECT count(*) FROM old_rows) > "mediasweep queued" THEN 
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, refused)
    SELECT 1, jsonb_build_object('texts', count(*), 'example', min(left(unread.said, 500))), 'row_deleted', session_user,
           current_setting('application_name', true), 'nobody can tell which asset this is: nothing was queued'
      FROM (SELECT r.cloudinary_public_id::text AS said FROM old_rows AS r WHERE (NOT r.deleted_at IS NOT NULL) AND (mediasweep.is_an_address(r.cloudinary_public_id::text))) unread HAVING count(*) > 0; END IF;
    ELSIF TG_OP = 'UPDATE' THEN IF (SELECT count(*) FROM old_rows) > "mediasweep queued" THEN 
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, refused)
    SELECT 1, jsonb_build_object('texts', count(*), 'example', min(left(unread.said, 500))), 'reference_removed', session_user,
           current_setting('application_name', true), 'nobody can tell which asset this is: nothing was queued'
      FROM (SELECT r.cloudinary_public_id::text AS said FROM old_rows AS r WHERE (NOT r.deleted_at IS NOT NULL) AND (mediasweep.is_an_address(r.cloudinary_public_id::text))
      EXCEPT SELECT stays.said FROM (SELECT r.cloudinary_public_id::text AS said FROM new_rows AS r WHERE (NOT r.deleted_at IS NOT NULL) AND (mediasweep.is_an_address(r.cloudinary_public_id::text))) stays) unread HAVING count(*) > 0; END IF;
    ELSE NULL;
    END IF;
    RETURN NULL;
  EXCEPTION WHEN OTHERS THEN
    "mediasweep failure" := SQLSTATE || ' ' || SQLERRM;
  END;
  BEGIN
    IF TG_OP = 'DELETE' THEN 
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
    SELECT 1, to_jsonb(released) - 'reason', released.reason, session_user,
           current_setting('application_name', true), "mediasweep failure"
      FROM (
      SELECT DISTINCT ON (was.public_id COLLATE "C", was.resource_type, was.delivery_type) was.*, 'row_deleted' AS reason FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, substring(r.cloudinary_asset_id::text COLLATE "C" FROM '^[^[:space:]]+$') AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM old_rows AS r WHERE r.cloudinary_public_id::text <> '' AND NOT mediasweep.is_an_address(r.cloudinary_public_id::text) AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) was) released;
    ELSIF TG_OP = 'UPDATE' THEN 
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
    SELECT 1, to_jsonb(released) - 'reason', released.reason, session_user,
           current_setting('application_name', true), "mediasweep failure"
      FROM (
      SELECT DISTINCT ON (was.public_id COLLATE "C", was.resource_type, was.delivery_type) was.*,
             CASE WHEN NOT EXISTS (SELECT FROM new_rows r WHERE (r.deleted_at IS NOT NULL) IS NOT TRUE)
                    OR was.public_id COLLATE "C" IN (SELECT dead.public_id FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM new_rows AS r WHERE r.cloudinary_public_id::text <> '' AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (r.deleted_at IS NOT NULL)) dead)
                  THEN 'soft_deleted' ELSE 'reference_removed' END AS reason
        FROM (SELECT DISTINCT ON (was.public_id COLLATE "C", was.resource_type, was.delivery_type, was.asset_id) was.* FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, substring(r.cloudinary_asset_id::text COLLATE "C" FROM '^[^[:space:]]+$') AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM old_rows AS r WHERE r.cloudinary_public_id::text <> '' AND NOT mediasweep.is_an_address(r.cloudinary_public_id::text) AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) was) was
       WHERE NOT EXISTS (
         SELECT FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM new_rows AS r WHERE r.cloudinary_public_id::text <> '' AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) stays
          WHERE stays.public_id = was.public_id COLLATE "C"
            AND (stays.resource_type = was.resource_type OR stays.resource_type IS NULL OR was.resource_type IS NULL)
            AND (stays.delivery_type = was.delivery_type OR stays.delivery_type IS NULL OR was.delivery_type IS NULL))
         AND NOT EXISTS (SELECT FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM new_rows AS r WHERE r.cloudinary_public_id::text <> '' AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) stays WHERE stays.asset_id = was.asset_id COLLATE "C")) released;
    ELSE 
    EXECUTE replace('
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
    SELECT 1, to_jsonb(released) - ''reason'', released.reason, session_user,
           current_setting(''application_name'', true), $1
      FROM (
      SELECT DISTINCT ON (was.public_id COLLATE "C", was.resource_type, was.delivery_type) was.*, ''table_truncated'' AS reason FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, substring(r.cloudinary_asset_id::text COLLATE "C" FROM ''^[^[:space:]]+$'') AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM "mediasweep truncated" AS r WHERE r.cloudinary_public_id::text <> '''' AND NOT mediasweep.is_an_address(r.cloudinary_public_id::text) AND octet_length(r.cloudinary_public_id::text) <= 1000 AND (NOT r.deleted_at IS NOT NULL)) was) released;', '"mediasweep truncated"',
      CASE WHEN has_table_privilege(TG_RELID, 'SELECT') AND NOT row_security_active(TG_RELID) THEN format('ONLY %s', TG_RELID::regclass)
           ELSE format('(SELECT * FROM %s t WHERE t.tableoid = %s)', 'public.media_assets', TG_RELID) END) USING "mediasweep failure";
    END IF;
    GET DIAGNOSTICS "mediasweep queued" = ROW_COUNT; IF "mediasweep queued" > 0 THEN PERFORM mediasweep.wake(); END IF;
    
    RAISE WARNING 'mediasweep: could not queue the assets of %, kept them in mediasweep.fallback: %', TG_RELID::regclass, "mediasweep failure";
    RETURN NULL;
  EXCEPTION WHEN OTHERS THEN
    "mediasweep failure" := "mediasweep failure" || '; ' || SQLERRM;
  END;
  BEGIN
    IF TG_OP = 'DELETE' THEN 
        INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
        SELECT 1, jsonb_build_object('row', to_jsonb(r)), 'unread', session_user,
               current_setting('application_name', true), "mediasweep failure"
          FROM old_rows r;
    ELSIF TG_OP = 'UPDATE' THEN 
        INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
        SELECT 1, jsonb_build_object('row', to_jsonb(r)), 'unread', session_user,
               current_setting('application_name', true), "mediasweep failure"
          FROM old_rows r;
    ELSE 
    EXECUTE replace('
        INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
        SELECT 1, jsonb_build_object(''row'', to_jsonb(r)), ''unread'', session_user,
               current_setting(''application_name'', true), $1
          FROM "mediasweep truncated" r;', '"mediasweep truncated"',
      CASE WHEN has_table_privilege(TG_RELID, 'SELECT') AND NOT row_security_active(TG_RELID) THEN format('ONLY %s', TG_RELID::regclass)
           ELSE format('(SELECT * FROM %s t WHERE t.tableoid = %s)', 'public.media_assets', TG_RELID) END) USING "mediasweep failure";
    END IF;
    RAISE WARNING 'mediasweep: could not read the assets of %, kept the rows in mediasweep.fallback: %', TG_RELID::regclass, "mediasweep failure";
  EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'mediasweep: could not queue the assets of %, and not keep them either: %; %', TG_RELID::regclass, "mediasweep failure", SQLERRM;
  END;
  RETURN NULL;
END$_$;

CREATE FUNCTION mediasweep.truncated_statement(a mediasweep.attached, statement text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$
    EXECUTE replace(%L, '"mediasweep truncated"',
      CASE WHEN has_table_privilege(TG_RELID, 'SELECT') AND NOT row_security_active(TG_RELID) THEN format('ONLY %%s', TG_RELID::regclass)
           ELSE format('(SELECT * FROM %%s t WHERE t.tableoid = %%s)', %L, TG_RELID) END)%s;$q$,
    replace(statement, '"mediasweep failure"', '$1'), a.relation::text,
    CASE WHEN position('"mediasweep failure"' IN statement) > 0 THEN ' USING "mediasweep failure"' ELSE '' END)
$_$;

CREATE FUNCTION mediasweep.unchanged_statement(a mediasweep.attached) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$IF TG_OP = 'UPDATE' THEN
      IF (SELECT sum(%1$s) FROM old_rows r) IS NOT DISTINCT FROM (SELECT sum(%1$s) FROM new_rows r) THEN
        RETURN NULL;
      END IF;
    END IF;
    $q$, mediasweep.key_expression(a))
$_$;

CREATE FUNCTION mediasweep.uncovered() RETURNS TABLE(source integer, relation regclass, part regclass, missing text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT a.id, a.relation, lack.part, string_agg(lack.said, ', ' ORDER BY lack.said)
    FROM mediasweep.attached a
    JOIN pg_class c ON c.oid = a.relation
   CROSS JOIN LATERAL (
     SELECT m.part, m.operation AS said FROM mediasweep.missing_triggers(a) m
     UNION ALL
     SELECT t.tgrelid::regclass, t.tgname || ' is disabled'
       FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
      WHERE f.pronamespace = 'mediasweep'::regnamespace AND f.proname IN (a.capture, mediasweep.reference_name(a)) AND t.tgenabled IN ('D', 'R')) lack
   WHERE a.detached_at IS NULL
   GROUP BY a.id, a.relation, lack.part
$$;

CREATE FUNCTION mediasweep.undelete_media(ids uuid[], who text, completed uuid[]) RETURNS TABLE(id uuid, refused text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET lock_timeout TO '300ms'
    AS $$
DECLARE
  row_        record;
  unfinished  uuid[];
BEGIN
  FOR row_ IN SELECT m.* FROM public.media_assets m WHERE m.id = ANY (ids) AND m.deleted_at IS NOT NULL ORDER BY m.id FOR UPDATE LOOP
    id := row_.id;
    -- first: what completes after this is found by the next statement, or cannot be cancelled
    unfinished := ARRAY(SELECT q.id FROM mediasweep.of_asset(row_.cloudinary_public_id, row_.resource_type, row_.delivery_type) q
                         WHERE q.processed_at IS NULL);
    refused := CASE
      WHEN EXISTS (SELECT FROM public.media_assets o
                    WHERE o.cloudinary_public_id = row_.cloudinary_public_id AND o.resource_type = row_.resource_type
                      AND o.delivery_type = row_.delivery_type AND o.deleted_at IS NULL)
        THEN 'another row of the library has its name now'
      WHEN EXISTS (SELECT FROM mediasweep.of_asset(row_.cloudinary_public_id, row_.resource_type, row_.delivery_type) q
                    WHERE q.status = 'completed' AND q.id <> ALL (completed))
        THEN 'its asset was deleted meanwhile: restore it once more'
    END;
    IF refused IS NULL AND cardinality(unfinished) > 0 THEN   -- what cannot be cancelled may be on its way to Cloudinary
      SELECT min(c.refused) INTO refused FROM mediasweep.cancel(unfinished, who, 'its row was restored') c WHERE c.id = ANY (unfinished);
    END IF;
    IF refused IS NULL THEN
      UPDATE public.media_assets m SET deleted_at = NULL, deleted_by = NULL, updated_at = clock_timestamp() WHERE m.id = row_.id;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

CREATE FUNCTION mediasweep.unescaped(said text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF position('%' IN said) = 0 THEN
    RETURN said;
  END IF;
  RETURN (SELECT convert_from(string_agg(CASE WHEN m.piece[1] ~ '^%..' THEN decode(substr(m.piece[1], 2), 'hex')
                                              ELSE convert_to(m.piece[1], 'UTF8') END, '' ORDER BY m.n), 'UTF8')
            FROM regexp_matches(said, '%[0-9A-Fa-f]{2}|[^%]+|%', 'g') WITH ORDINALITY AS m (piece, n));
EXCEPTION WHEN data_exception OR untranslatable_character THEN
  RETURN NULL;
END $$;

CREATE FUNCTION mediasweep.unfinished(OUT pending bigint, OUT processing bigint, OUT in_doubt bigint, OUT due bigint, OUT oldest_due_s double precision, OUT due_in_doubt bigint, OUT held_s double precision) RETURNS record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
  WITH fleet AS MATERIALIZED (SELECT f.* FROM mediasweep.fleet_at_work() f),
  horizon AS MATERIALIZED (   -- the newest barrier sees all that older ones do; none: that is waited for
    SELECT (SELECT b.free FROM mediasweep.barriers() b ORDER BY b.at DESC LIMIT 1) AS free,
           fleet.working > 0 AND EXISTS (SELECT FROM mediasweep.open_transactions() t WHERE t.writes) AS holds
      FROM fleet),
  row_ AS (
    SELECT q.status, q.in_doubt, ripe.at, greatest(ripe.at, q.lease_until) AS since,
           -- an id from ahead is of another server: a restored row
           horizon.holds AND q.xact < pg_snapshot_xmax(pg_current_snapshot())
             AND NOT coalesce(pg_visible_in_snapshot(q.xact, horizon.free), false) AS held,
           ripe.at <= statement_timestamp() AND (q.lease_until IS NULL OR q.lease_until <= statement_timestamp())
             AND q.source_id = ANY (ARRAY(SELECT 0 UNION ALL SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL)) AS due
      FROM mediasweep.cloudinary_cleanup_queue q
     CROSS JOIN fleet
     CROSS JOIN horizon
     CROSS JOIN LATERAL (SELECT q.due_at + CASE WHEN q.claim_no = 0 THEN fleet.grace ELSE interval '0' END AS at) ripe
     WHERE q.processed_at IS NULL
    OFFSET 0)   -- so that each is worked out once a row
  SELECT count(*) FILTER (WHERE r.status = 'pending'), count(*) FILTER (WHERE r.status = 'processing'),
         count(*) FILTER (WHERE r.in_doubt), count(*) FILTER (WHERE r.due),
         coalesce(extract(epoch FROM statement_timestamp() - min(r.since) FILTER (WHERE r.due)), 0)::float8,
         count(*) FILTER (WHERE r.due AND r.in_doubt),
         coalesce(extract(epoch FROM statement_timestamp() - min(r.at) FILTER (WHERE r.due AND r.held)), 0)::float8
    FROM row_ r
$$;

CREATE FUNCTION mediasweep.unindexed(least_rows bigint) RETURNS TABLE(relation text, rows bigint, statement text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT a.relation::text, size.rows, m.statement
    FROM mediasweep.attached a
    JOIN pg_class t ON t.oid = a.relation
   CROSS JOIN LATERAL (
     SELECT sum(CASE WHEN c.reltuples < 0 THEN pg_relation_size(c.oid) / 100 ELSE c.reltuples END)::bigint AS rows
       FROM mediasweep.parts(a.relation) p JOIN pg_class c ON c.oid = p.part WHERE NOT p.branch) size
   CROSS JOIN LATERAL mediasweep.missing_indexes(a) m
   WHERE a.detached_at IS NULL AND size.rows >= least_rows
$$;

CREATE FUNCTION mediasweep.uninstall(force boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '3s'
    AS $$
DECLARE
  others   text;
  number_  integer;
BEGIN
  PERFORM mediasweep.only_one_builder();
  IF NOT force THEN
    PERFORM mediasweep.refuse_to_lose();   -- before any lock on a table of the user's
  END IF;
  others := mediasweep.dependents();
  IF others IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.uninstall: these need the schema, and would go with it: %', others
      USING HINT = 'Drop them first.';
  END IF;
  FOR number_ IN SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL LOOP
    PERFORM mediasweep.detach_number(number_);
  END LOOP;
  -- what was captured while the triggers were waited for is unfinished too
  LOCK TABLE mediasweep.cloudinary_cleanup_queue, mediasweep.fallback IN ACCESS EXCLUSIVE MODE;
  IF NOT force THEN
    PERFORM mediasweep.refuse_to_lose();
  END IF;
  DROP SCHEMA mediasweep CASCADE;
END $$;

CREATE FUNCTION mediasweep.unmark_ghosts(run bigint, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    AS $$
DECLARE
  cleared  integer;
BEGIN
  UPDATE public.media_assets m SET sync_status = 'synced', sync_error_message = NULL
   WHERE m.id IN (
     SELECT o.id FROM public.media_assets o
      WHERE o.sync_error_message LIKE 'not at Cloudinary, found by reconcile %'
        AND NOT EXISTS (SELECT FROM mediasweep.reconcile_finding f
                         WHERE f.run_id = run AND f.kind = 'ghost' AND f.action = 'marked' AND f.public_id = o.cloudinary_public_id
                           AND f.resource_type = o.resource_type AND f.delivery_type = o.delivery_type)
      LIMIT most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS cleared = ROW_COUNT;
  RETURN cleared;
END $$;

CREATE FUNCTION mediasweep.unprotect(prefix text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM mediasweep.protected p WHERE p.prefix = unprotect.prefix;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO mediasweep.journal (event, detail, actor) VALUES ('unprotected', unprotect.prefix, session_user);
  RETURN true;
END $$;

CREATE FUNCTION mediasweep.unread_query(a mediasweep.attached, rows_from text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT string_agg(format('SELECT %s AS said FROM %s WHERE %s (%s%s)', held.sql,
      mediasweep.items_query(a.relation, ref || jsonb_build_object('public_id', held.plain), rows_from, live.sql, '', 'NULL'),
      CASE WHEN held.kind = 'column' THEN '(' || live.sql || ') AND' ELSE '' END,
      CASE WHEN mediasweep.is_url(ref)
           -- of a text the first URL is enough: it may have thousands, and none is certain
           THEN format('CASE WHEN %1$s ~ %4$L OR mediasweep.is_a_file(%1$s) THEN false WHEN mediasweep.is_one_url(%1$s)'
                       ' THEN (SELECT bool_or(u.certain) FROM mediasweep.readings(%1$s, %2$s) u WHERE %3$s) IS FALSE'
                       ' ELSE EXISTS (SELECT FROM mediasweep.embedded(%1$s, %2$s, NULL) e'
                       ' CROSS JOIN LATERAL mediasweep.url_readings(e, %2$s) u WHERE %3$s)'
                       ' OR EXISTS (SELECT FROM mediasweep.wanted_readings(%1$s, %2$s, ''{}'') u WHERE %3$s) END',
                       held.sql, mediasweep.hosts(ref), replace(mediasweep.is_ours(ref, false), '(r."mediasweep url")', 'u'), mediasweep.usual_url())
           ELSE format('mediasweep.is_an_address(%s)', held.sql) END,
      ' OR ' || held.sql || ' <> '''' AND (' || (a.options ->> 'filter') || E'\n) IS NULL'), E'\n      UNION ALL ')
    FROM mediasweep.refs_of(a.options) ref
   CROSS JOIN LATERAL (SELECT mediasweep.held_text(a.relation, ref), mediasweep.held_in(a.relation, ref),
                              CASE jsonb_typeof(ref -> 'public_id') WHEN 'object' THEN (ref -> 'public_id') - 'url' ELSE ref -> 'public_id' END)
                      held (sql, kind, plain)
   CROSS JOIN mediasweep.live_expression(a.relation, a.options, 'use') live (sql)
$_$;

CREATE FUNCTION mediasweep.unread_statement(a mediasweep.attached, operation text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format(CASE WHEN (SELECT count(*) = 1 AND bool_and(mediasweep.held_in(a.relation, ref) = 'column') FROM mediasweep.refs_of(a.options) ref)
                     THEN 'IF (SELECT count(*) FROM old_rows) > "mediasweep queued" THEN %s END IF;' ELSE '%s' END,
    format($q$
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, refused)
    SELECT %s, jsonb_build_object('texts', count(*), 'example', min(left(unread.said, 500))), %L, session_user,
           current_setting('application_name', true), 'nobody can tell which asset this is: nothing was queued'
      FROM (%s) unread HAVING count(*) > 0;$q$, a.id,
    CASE operation WHEN 'DELETE' THEN 'row_deleted' ELSE 'reference_removed' END,
    mediasweep.unread_query(a, 'old_rows')
    || CASE operation WHEN 'UPDATE' THEN format(E'\n      EXCEPT SELECT stays.said FROM (%s) stays', mediasweep.unread_query(a, 'new_rows')) ELSE '' END))
$_$;

CREATE FUNCTION mediasweep.unusual_texts() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT coalesce(string_agg(format(
           'SELECT %1$s AS source_id, %2$s COLLATE "C" AS said FROM %3$s WHERE %4$s (split_part(%2$s, ''/'', 3) <> ALL (%5$s || ''res.cloudinary.com''::text) OR %2$s ~ ''\s'')',
           a.id, held.sql, mediasweep.items_query(a.relation, held.ref, a.relation::text, live.sql, '', 'NULL'),
           CASE WHEN mediasweep.held_in(a.relation, held.ref) = 'column' THEN '(' || live.sql || ') AND' ELSE '' END, mediasweep.hosts(url)), E'\n UNION ALL '),
         'SELECT NULL::integer AS source_id, NULL::text AS said WHERE false')
    FROM mediasweep.attached a
   CROSS JOIN mediasweep.refs_of(a.options) url
   CROSS JOIN LATERAL (
     SELECT p.ref, mediasweep.held_text(a.relation, p.ref) FROM (SELECT jsonb_set(url, '{public_id}', (url -> 'public_id') - 'url')) p (ref)) held (ref, sql)
   CROSS JOIN mediasweep.live_expression(a.relation, a.options, 'use') live (sql)
   WHERE a.detached_at IS NULL AND mediasweep.is_url(url)
$_$;

CREATE FUNCTION mediasweep.url_parts(url text, hosts text[], OUT cloud text, OUT parts text[]) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  found_  text[] := regexp_match(url, '^\s*(?:https?:)?(?://)?([^/@?#]+?)(?::[0-9]+)?/([^?#]+)', 'i');
  host    text := lower(found_[1]);
BEGIN
  IF found_ IS NULL OR NOT (host LIKE '%.cloudinary.com' OR host = 'cloudinary-a.akamaihd.net' OR host = ANY (hosts)) THEN
    RETURN;
  END IF;
  parts := array_remove(string_to_array(btrim(found_[2]), '/'), '');
  IF host = ANY (hosts) THEN
    -- a host of one's own may be that of a whole account, or of one cloud
    IF parts[2] ~ '^(image|video|raw|images|videos|files|private_images|authenticated_images|iu)$'
       AND parts[1] !~ '^(image|video|raw|images|videos|files|private_images|authenticated_images|iu)$'
    THEN
      cloud := parts[1];
      parts := parts[2:];
    END IF;
  ELSIF host ~ '^(a[0-9]+[.])?res(-[0-9]+)?[.]cloudinary[.]com$' OR host = 'cloudinary-a.akamaihd.net' THEN
    cloud := mediasweep.unescaped(parts[1]);
    parts := parts[2:];
  ELSE
    cloud := substring(host FROM '^([a-z0-9_-]+)-res(?:-[0-9]+)?[.]cloudinary[.]com$');
    IF cloud IS NULL THEN
      parts := NULL;
    END IF;
  END IF;
END $_$;

CREATE FUNCTION mediasweep.url_readings(url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text, OUT certain boolean) RETURNS SETOF record
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT d.* FROM mediasweep.delivered(url, hosts) d
   UNION ALL
  SELECT l.public_id, NULL, NULL, NULL, l.cloud, false FROM mediasweep.layers(url, hosts) l
$$;

CREATE FUNCTION mediasweep.url_starts(parts text[], OUT starts integer[], OUT sure integer, OUT version bigint) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
  -- a part that can hardly be a folder: what images are resized by, or several at once
  plain   constant text := '^((w|h)_(auto|[0-9]{2,5})|c_(scale|fit|limit|mfit|fill|lfill|fill_pad|pad|lpad|mpad|crop|thumb|auto|auto_pad)'
    '|q_(auto(:[a-z]+)?|[0-9]{2,3})|f_(auto(:[a-z]+)?|jpg|png|webp|avif|gif|mp4|webm)|dpr_(auto|[0-9][.][0-9])|ar_[0-9]+:[0-9]+'
    '|g_(auto|face|faces|center)|sp_auto|fl_(attachment|progressive|lossy)(:[^,]*)?|[a-z]{1,3}_[^,]+(,[a-z]{1,3}_[^,]+)+)$';
  known   constant text := '^(\$[A-Za-z]|(a|ac|af|ar|b|bl|bo|br|c|co|cs|d|dl|dn|dpr|du|e|eo|f|fl|fn|fps|g|h|if|ki|l|o|p|pg|q|r|so|sp'
    '|t|u|vc|vs|w|x|y|z)_)';
  at      integer := 1;
  known_  boolean := true;
  number_ text;
BEGIN
  IF parts[1] ~ '^s--[A-Za-z0-9_-]{8,32}--$' AND cardinality(parts) > 1 THEN
    at := 2;
  END IF;
  starts := ARRAY[at];
  sure := at;
  WHILE at < cardinality(parts) LOOP
    number_ := substring(parts[at] FROM '^v([0-9]{1,18})$');
    IF number_ IS NOT NULL THEN
      version := number_;
      -- a version that is no time of day may be a folder
      IF length(number_) > 8 THEN
        starts := ARRAY[at + 1];
        sure := at + 1;
      ELSE
        starts := starts || (at + 1);
        sure := CASE WHEN number_ = '1' THEN at + 1 ELSE 0 END;
      END IF;
      RETURN;
    END IF;
    EXIT WHEN parts[at] !~ '^(\$[A-Za-z]|[a-z]{1,3}_)';
    starts := starts || (at + 1);
    known_ := known_ AND parts[at] ~ known;
    IF parts[at] ~ plain THEN
      sure := at + 1;
    ELSIF known_ THEN
      sure := 0;
    END IF;
    at := at + 1;
  END LOOP;
  -- a version behind what looks like a folder: perhaps a transformation that is not known here
  FOR later IN at + 1 .. cardinality(parts) - 1 LOOP
    IF parts[later] ~ '^v[0-9]{9,18}$' THEN
      starts := starts || (later + 1);
      sure := 0;
    END IF;
  END LOOP;
END $_$;

CREATE FUNCTION mediasweep.use_condition(by text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT CASE by WHEN 'asset_id' THEN 'ref.asset_id = c.asset_id' ELSE $q$ref.public_id = c.cloudinary_public_id
            AND (ref.resource_type = c.resource_type OR ref.resource_type IS NULL OR c.resource_type IS NULL)
            AND (ref.delivery_type = c.delivery_type OR ref.delivery_type IS NULL OR c.delivery_type IS NULL)$q$ END
$_$;

CREATE FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[]) RETURNS TABLE(id uuid, used_by text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET row_security TO 'off'
    SET lock_timeout TO '500ms'
    AS $$#variable_conflict use_column
DECLARE
  "mediasweep ids"        text[] := ARRAY(SELECT DISTINCT c.cloudinary_public_id FROM unnest(candidates) c);
  "mediasweep asset ids"  text[] := ARRAY(SELECT DISTINCT c.asset_id FROM unnest(candidates) c WHERE c.asset_id IS NOT NULL);
  "mediasweep asked"      text;
BEGIN
  IF ARRAY(SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL ORDER BY a.id) <> '{1}'::integer[] THEN
    RAISE EXCEPTION 'the guard is out of date: run mediasweep migrate';
  END IF;
  -- before and after: a table may become a part, or cease to be one, while the others are asked
  RETURN QUERY SELECT s.id, s.used_by FROM mediasweep.uses_by_strays(candidates) s;
  "mediasweep asked" := 'public.media_assets';
  IF to_regclass('public.media_assets') IS DISTINCT FROM 0::regclass THEN
    RAISE EXCEPTION '%', (SELECT coalesce(mediasweep.misplaced(a), concat('the attached table ', 'public.media_assets', ' was renamed or restored: run mediasweep migrate'))
                             FROM mediasweep.attached a WHERE a.id = 1);
  ELSIF EXISTS (SELECT k.kind FROM (SELECT format('%s %s', c.attname, t.typcategory) FROM pg_attribute c JOIN pg_type t ON t.oid = c.atttypid WHERE c.attrelid = 0::regclass AND NOT c.attisdropped AND c.attname = ANY ('{cloudinary_asset_id,cloudinary_public_id,deleted_at,delivery_type,resource_type}')) k (kind) WHERE k.kind <> ALL ('{"cloudinary_asset_id S","cloudinary_public_id S","deleted_at D","delivery_type S","resource_type S"}')) THEN
    RAISE EXCEPTION 'a column of the attached table % is of another kind now: run mediasweep migrate', 'public.media_assets';
  END IF;
  RETURN QUERY
    WITH used AS MATERIALIZED (
      SELECT c.* FROM unnest(candidates) c WHERE EXISTS (SELECT FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM public.media_assets AS r WHERE r.cloudinary_public_id::text <> '' AND (NOT r.deleted_at IS NOT NULL)) ref WHERE ref.public_id = c.cloudinary_public_id
            AND (ref.resource_type = c.resource_type OR ref.resource_type IS NULL OR c.resource_type IS NULL)
            AND (ref.delivery_type = c.delivery_type OR ref.delivery_type IS NULL OR c.delivery_type IS NULL)))
    SELECT c.id, named.name FROM used c
     CROSS JOIN LATERAL (SELECT ref.name FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder, 'public.media_assets ' || 'id=' || r.id::text AS name FROM public.media_assets AS r WHERE r.cloudinary_public_id::text <> '' AND (NOT r.deleted_at IS NOT NULL)) ref WHERE ref.public_id = c.cloudinary_public_id
            AND (ref.resource_type = c.resource_type OR ref.resource_type IS NULL OR c.resource_type IS NULL)
            AND (ref.delivery_type = c.delivery_type OR ref.delivery_type IS NULL OR c.delivery_type IS NULL) LIMIT 1) named;
  RETURN QUERY
    WITH used AS MATERIALIZED (
      SELECT c.* FROM unnest(candidates) c WHERE EXISTS (SELECT FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder FROM public.media_assets AS r WHERE r.cloudinary_public_id::text <> '' AND (NOT r.deleted_at IS NOT NULL)) ref WHERE ref.asset_id = c.asset_id))
    SELECT c.id, named.name FROM used c
     CROSS JOIN LATERAL (SELECT ref.name FROM (SELECT r.cloudinary_public_id::text AS public_id, mediasweep.resource_type(r.resource_type::text) AS resource_type, mediasweep.delivery_type(r.delivery_type::text) AS delivery_type, r.cloudinary_asset_id::text AS asset_id, mediasweep.whole_number(r.cloudinary_version::text) AS version, r.original_filename::text AS original_filename, mediasweep.whole_number(r.file_size::text) AS file_size, r.folder::text AS folder, 'public.media_assets ' || 'id=' || r.id::text AS name FROM public.media_assets AS r WHERE r.cloudinary_public_id::text <> '' AND (NOT r.deleted_at IS NOT NULL)) ref WHERE ref.asset_id = c.asset_id LIMIT 1) named;
  "mediasweep asked" := NULL;
  RETURN QUERY SELECT s.id, s.used_by FROM mediasweep.uses_by_strays(candidates) s;
EXCEPTION
  WHEN raise_exception THEN
    RAISE;
  WHEN OTHERS THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = concat("mediasweep asked" || ' cannot be asked: ', SQLERRM);
END$$;

CREATE FUNCTION mediasweep.uses_by_column(a mediasweep.attached, ref jsonb, by text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$
    WITH used AS MATERIALIZED (
      SELECT c.* FROM unnest(candidates) c WHERE EXISTS (SELECT FROM (%1$s) ref WHERE %2$s))
    SELECT c.id, named.name FROM used c
     CROSS JOIN LATERAL (SELECT ref.name FROM (%3$s) ref WHERE %2$s LIMIT 1) named$q$,
    mediasweep.ref_query(a.relation, ref, a.relation::text, live, false), mediasweep.use_condition(by),
    mediasweep.ref_query(a.relation, ref, a.relation::text, live, false, '', format(', %s AS name', mediasweep.row_name(a.relation))))
    FROM mediasweep.live_expression(a.relation, a.options, 'use') live
$_$;

CREATE FUNCTION mediasweep.uses_by_item(a mediasweep.attached, ref jsonb, by text, pre text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$
    SELECT DISTINCT ON (c.id) c.id, ref.name
      FROM (%s) ref
      JOIN unnest(candidates) c ON %s
     ORDER BY c.id$q$,
    mediasweep.ref_query(a.relation, ref, a.relation::text, concat_ws(' AND ', pre, '(' || live || ')'), false,
                         format(', %s AS "mediasweep name"', mediasweep.row_name(a.relation)), ', r."mediasweep name" AS name'),
    mediasweep.use_condition(by))
    FROM mediasweep.live_expression(a.relation, a.options, 'use') live
$_$;

CREATE FUNCTION mediasweep.uses_by_strays(candidates mediasweep.cloudinary_cleanup_queue[]) RETURNS TABLE(id uuid, used_by text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
DECLARE
  ids        text[] := ARRAY(SELECT DISTINCT c.cloudinary_public_id FROM unnest(candidates) c);
  asset_ids  text[] := ARRAY(SELECT DISTINCT c.asset_id FROM unnest(candidates) c WHERE c.asset_id IS NOT NULL);
  tokens     text[];
  table_     mediasweep.attached;
  stray      record;
  question   record;
BEGIN
  FOR stray IN SELECT s.source, s.relation, s.was_part_of FROM mediasweep.strays() s LOOP
    SELECT a.* INTO table_ FROM mediasweep.attached a WHERE a.id = stray.source;
    table_.relation := stray.relation;
    tokens := mediasweep.tokens(ids);
    FOR question IN SELECT q.query, q.instead FROM mediasweep.questions(table_) q LOOP
      RETURN QUERY EXECUTE
        replace(replace(replace(replace(CASE WHEN tokens IS NULL THEN coalesce(question.instead, question.query) ELSE question.query END,
          'unnest(candidates)', 'unnest($1)'), '"mediasweep ids"', '$2'), '"mediasweep asset ids"', '$3'), '"mediasweep tokens"', '$4')
        USING candidates, ids, asset_ids, tokens;
    END LOOP;
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE,
    MESSAGE = format('%s, which was a part of %s, cannot be asked: %s', stray.relation, stray.was_part_of, SQLERRM);
END $_$;

CREATE FUNCTION mediasweep.uses_of(a mediasweep.attached, kinds text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$
  "mediasweep asked" := %1$L;
  IF to_regclass(%1$L) IS DISTINCT FROM %2$s::regclass THEN
    RAISE EXCEPTION '%%', (SELECT coalesce(mediasweep.misplaced(a), concat('the attached table ', %1$L, ' was renamed or restored: run mediasweep migrate'))
                             FROM mediasweep.attached a WHERE a.id = %3$s);
  ELSIF EXISTS (%4$s WHERE k.kind <> ALL (%5$L)) THEN
    RAISE EXCEPTION 'a column of the attached table %% is of another kind now: run mediasweep migrate', %1$L;
  END IF;$q$, a.relation::text, a.relation::oid, a.id, mediasweep.kinds_query(a), kinds)
    || (SELECT string_agg(CASE WHEN q.instead IS NULL THEN format(E'\n  RETURN QUERY%s;', q.query)
                               ELSE format(E'\n  IF "mediasweep tokens" IS NOT NULL THEN\n  RETURN QUERY%s;\n  ELSE\n  RETURN QUERY%s;\n  END IF;',
                                           q.query, q.instead) END, '')
          FROM mediasweep.questions(a) q)
$_$;

CREATE FUNCTION mediasweep.uses_or_error(a mediasweep.attached) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  RETURN coalesce(E'\n  RAISE EXCEPTION USING MESSAGE = ' || quote_literal(mediasweep.misplaced(a)) || ';', mediasweep.uses_of(a, mediasweep.kinds(a)));
EXCEPTION WHEN raise_exception THEN
  RETURN format(E'\n  RAISE EXCEPTION USING MESSAGE = %L;', SQLERRM);
END $$;

CREATE FUNCTION mediasweep.uses_source() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT format($q$#variable_conflict use_column
DECLARE
  "mediasweep ids"        text[] := ARRAY(SELECT DISTINCT c.cloudinary_public_id FROM unnest(candidates) c);
  "mediasweep asset ids"  text[] := ARRAY(SELECT DISTINCT c.asset_id FROM unnest(candidates) c WHERE c.asset_id IS NOT NULL);%s
  "mediasweep asked"      text;
BEGIN
  IF ARRAY(SELECT a.id FROM mediasweep.attached a WHERE a.detached_at IS NULL ORDER BY a.id) <> %L::integer[] THEN
    RAISE EXCEPTION 'the guard is out of date: run mediasweep migrate';
  END IF;
  -- before and after: a table may become a part, or cease to be one, while the others are asked
  RETURN QUERY SELECT s.id, s.used_by FROM mediasweep.uses_by_strays(candidates) s;%s
  "mediasweep asked" := NULL;
  RETURN QUERY SELECT s.id, s.used_by FROM mediasweep.uses_by_strays(candidates) s;
EXCEPTION
  WHEN raise_exception THEN
    RAISE;
  WHEN OTHERS THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = concat("mediasweep asked" || ' cannot be asked: ', SQLERRM);
END$q$,
    CASE WHEN asked.body LIKE '%"mediasweep tokens"%'
         THEN E'\n  "mediasweep tokens"     text[] := mediasweep.tokens("mediasweep ids");' ELSE '' END,
    asked.ids, asked.body)
    FROM (SELECT coalesce(array_agg(a.id ORDER BY a.id), '{}'), coalesce(string_agg(mediasweep.uses_or_error(a), '' ORDER BY a.id), '')
            FROM mediasweep.attached a WHERE a.detached_at IS NULL) asked (ids, body)
$_$;

CREATE FUNCTION mediasweep.usual_url() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  SELECT '^https?://res[.]cloudinary[.]com/[^/?#%]+/(?:image|video|raw)/(?:upload|private|authenticated)/v[0-9]{9,18}'
         '/(?:[^][:space:]?#%"''<>\\`:,;|()[]*[^][:space:]/?#%"''<>\\`:,;|()[])[.](?:jpg|jpeg|png|gif|webp|avif|svg|pdf|mp4|webm)$'
$_$;

CREATE FUNCTION mediasweep.wait_for_enqueuers(patience interval) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM set_config('lock_timeout', ceil(extract(epoch FROM patience) * 1000)::text, true);
  PERFORM pg_advisory_lock(mediasweep.asleep_key());
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END $$;

CREATE FUNCTION mediasweep.wait_for_sibling(patience interval) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  PERFORM set_config('lock_timeout', ceil(extract(epoch FROM patience) * 1000)::text, true);
  PERFORM pg_advisory_xact_lock_shared(mediasweep.asleep_key());
  RETURN true;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END $$;

CREATE FUNCTION mediasweep.waiting_assets(candidates mediasweep.cloudinary_cleanup_queue[], memory jsonb, grace interval) RETURNS text[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  free     pg_snapshot := memory -> 'free' ->> 's';
  clear    pg_snapshot := memory -> 'clear' ->> 's';
  ripe_at  timestamptz := least((memory -> 'free' ->> 'at')::timestamptz, (memory -> 'clear' ->> 'at')::timestamptz);
  stopped  integer[];
BEGIN
  IF cardinality(candidates) = 0 THEN
    RETURN '{}';
  END IF;
  stopped := mediasweep.stopped_sources();
  RETURN ARRAY(
    SELECT c.name FROM (SELECT DISTINCT c.cloudinary_public_id AS name FROM unnest(candidates) c) c
     WHERE EXISTS (
       SELECT FROM mediasweep.cloudinary_cleanup_queue s
        WHERE hashtextextended(s.cloudinary_public_id, 0) = hashtextextended(c.name, 0) AND s.cloudinary_public_id = c.name
          AND s.processed_at IS NULL AND mediasweep.holds_others(s, grace, ripe_at, free, clear, stopped) OFFSET 0)
    UNION ALL
    SELECT c.id FROM (SELECT DISTINCT c.asset_id AS id FROM unnest(candidates) c WHERE c.asset_id IS NOT NULL) c
     WHERE EXISTS (
       SELECT FROM mediasweep.cloudinary_cleanup_queue s
        WHERE hashtextextended(s.asset_id, 0) = hashtextextended(c.id, 0) AND s.asset_id = c.id
          AND s.processed_at IS NULL AND mediasweep.holds_others(s, grace, ripe_at, free, clear, stopped) OFFSET 0));
END $$;

CREATE FUNCTION mediasweep.wake() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock_shared(mediasweep.asleep_key()) THEN
    PERFORM pg_notify('mediasweep', '');
  END IF;
EXCEPTION WHEN OTHERS THEN
  NULL;   -- out of lock memory, say: what is queued must not be lost for want of a wake-up, the sweep finds it
END $$;

CREATE FUNCTION mediasweep.wanted_readings(url text, hosts text[], wanted text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text, OUT certain boolean) RETURNS SETOF record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  parts    text[];
  alone    boolean;
BEGIN
  IF mediasweep.is_a_file(url) THEN
    RETURN;
  ELSIF url ~ mediasweep.usual_url() THEN
    parts := string_to_array(url, '/');
    cloud := parts[4];
    resource_type := parts[5];
    delivery_type := parts[6];
    version := substr(parts[7], 2);
    public_id := array_to_string(array_remove(parts[8:], ''), '/');
    certain := resource_type = 'raw';
    RETURN NEXT;
    IF NOT certain THEN
      certain := true;
      public_id := left(public_id, -strpos(reverse(public_id), '.'));
      RETURN NEXT;
    END IF;
    RETURN;
  END IF;
  alone := mediasweep.is_one_url(url);
  IF length(url) <= 4000 THEN
    RETURN QUERY
      SELECT u.public_id, u.resource_type, u.delivery_type, u.version, u.cloud, u.certain AND alone FROM mediasweep.url_readings(url, hosts) u;
  END IF;
  IF NOT alone AND wanted IS DISTINCT FROM '{}' THEN
    RETURN QUERY
      SELECT DISTINCT u.public_id, u.resource_type, u.delivery_type, u.version, u.cloud, false
        FROM mediasweep.embedded(url, hosts, wanted) e CROSS JOIN LATERAL mediasweep.url_readings(e, hosts) u;
  END IF;
  IF url ~* 'public_?id' THEN
    RETURN QUERY SELECT a.name, NULL, NULL, NULL::bigint, NULL, false FROM mediasweep.asked_for(url) a (name);
  END IF;
END $$;

CREATE FUNCTION mediasweep.was_let_go(asset text, name jsonb, uploaded timestamp with time zone, file bigint) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT EXISTS (
    SELECT FROM (
      SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q
       WHERE hashtextextended(q.asset_id, 0) = hashtextextended(asset, 0) AND q.asset_id = asset AND q.processed_at IS NULL
       UNION ALL
      SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q
       WHERE hashtextextended(q.asset_id, 0) = hashtextextended(asset, 0) AND q.asset_id = asset AND q.processed_at IS NOT NULL
       UNION ALL
      SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q
       WHERE hashtextextended(q.cloudinary_public_id, 0) = hashtextextended(name ->> 'public_id', 0)
         AND q.cloudinary_public_id = name ->> 'public_id' AND q.processed_at IS NULL
       UNION ALL
      SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q
       WHERE hashtextextended(q.cloudinary_public_id, 0) = hashtextextended(name ->> 'public_id', 0)
         AND q.cloudinary_public_id = name ->> 'public_id' AND q.processed_at IS NOT NULL) q
     -- a row that knew an older file has not let go of this one, which is kept (told.sql)
     WHERE (q.queued_at >= uploaded OR q.version >= file) AND (file > mediasweep.lets_go_up_to(q)) IS NOT TRUE
       AND q.trigger_source <> 'upload'
       AND (q.asset_id = asset OR q.asset_id IS NULL
            AND (q.resource_type = name ->> 'resource_type') IS NOT FALSE AND (q.delivery_type = name ->> 'type') IS NOT FALSE))
$$;

CREATE FUNCTION mediasweep.weigh(source integer, uploads boolean, around timestamp with time zone, rule record, known record, OUT fullest bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION mediasweep.whole_number(said text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$ SELECT CASE WHEN said COLLATE "C" ~ '^[0-9]{1,18}$' THEN said::bigint END $_$;

CREATE FUNCTION mediasweep.why(one uuid, OUT number bigint, OUT rows bigint, OUT rank integer, OUT reason text, OUT about text, OUT detail text, OUT since timestamp with time zone, OUT until timestamp with time zone) RETURNS SETOF record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH closed AS MATERIALIZED (SELECT g.* FROM mediasweep.closed_gates() g),
  group_ AS MATERIALIZED (
    SELECT s.*, concat_ws(': ', s.tried, s.error) AS trials, fleet.alive, fleet.working, fleet.last_beat,
           oldest.writes, oldest.about AS holder, oldest.since AS holding_since
      FROM mediasweep.standing(one) s
     CROSS JOIN mediasweep.fleet_at_work() fleet
      LEFT JOIN mediasweep.open_transactions() oldest ON oldest.place = 1),
  found AS MATERIALIZED (
    SELECT s.number, s.rows, v.*
      FROM group_ s
     CROSS JOIN LATERAL (VALUES
       (10, s.leased, 'leased', s.claimant, NULL, NULL, s.lease_until),
       (20, s.sourceless AND s.table_ IS NOT NULL, 'detached', s.table_, NULL, s.detached_at, NULL),
       (21, s.sourceless AND s.table_ IS NULL, 'unknown_source', s.source_id::text, NULL, NULL, NULL),
       (30, s.resting AND s.unguarded, 'guard', NULL, s.error, NULL, s.ripe_at),
       (31, s.resting AND NOT s.unguarded AND s.in_doubt, 'in_doubt', NULL, s.trials, NULL, s.ripe_at),
       (32, s.resting AND NOT (s.unguarded OR s.in_doubt OR s.fresh), 'retry', NULL, s.error, NULL, s.ripe_at),
       (33, s.resting AND NOT (s.unguarded OR s.in_doubt) AND s.fresh, 'grace', NULL, s.graces, NULL, s.ripe_at),
       (40, s.working = 0 AND NOT s.leased, 'no_daemon', CASE s.alive WHEN 0 THEN 'alive' ELSE 'deleting' END, NULL,
            s.last_beat, NULL),
       (60, s.locked_by IS NOT NULL, 'locked', s.locked_by, NULL, s.locked_since, NULL),
       (70, s.holder IS NOT NULL AND NOT (s.seen OR s.leased OR s.resting), CASE WHEN s.writes THEN 'writer' ELSE 'reader' END,
            s.holder, NULL, s.holding_since, NULL),
       (80, s.sibling AND NOT (s.leased OR s.resting) AND (s.seen OR NOT s.fresh OR one IS NOT NULL), 'sibling', NULL, NULL, NULL, NULL),
       (110, s.let_go, 'let_go', s.claimant, NULL, s.lease_until, NULL),
       (111, s.in_doubt AND NOT (s.resting OR s.leased OR s.let_go), 'in_doubt', NULL, s.trials, NULL, s.ripe_at),
       (112, s.unguarded AND NOT (s.resting OR s.leased), 'guard', NULL, s.error, NULL, s.ripe_at),
       (113, s.spent AND NOT s.leased, 'spent', NULL, s.trials, NULL, NULL),
       (114, s.protected_by IS NOT NULL AND NOT s.leased, 'protected', s.protected_by, NULL, NULL, NULL),
       (115, s.newer IS NOT NULL AND NOT s.leased, 'newer', 'v' || s.newer, NULL, NULL, NULL)
     ) v (rank, holds, reason, about, detail, since, until)
     WHERE v.holds
     UNION ALL
    SELECT s.number, s.rows, 50 + (g.source_id IS NOT NULL)::integer, true, CASE WHEN g.testing THEN 'tested' ELSE 'gate' END,
           g.about, g.detail, g.since, CASE WHEN NOT g.testing THEN g.until END
      FROM group_ s JOIN closed g ON g.source_id IS NULL OR g.source_id = s.source_id
     WHERE NOT s.leased)
  SELECT f.number, f.rows, f.rank, f.reason, f.about, f.detail, f.since, f.until FROM found f
   UNION ALL
  SELECT s.number, s.rows, 120, 'next', NULL, NULL, NULL, s.ripe_at FROM group_ s
   WHERE NOT EXISTS (SELECT FROM found f WHERE f.number = s.number AND f.rank < 100)
$$;

CREATE FUNCTION mediasweep.without(candidates mediasweep.cloudinary_cleanup_queue[], assets text[]) RETURNS mediasweep.cloudinary_cleanup_queue[]
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
  IF cardinality(assets) = 0 THEN
    RETURN candidates;
  END IF;
  RETURN ARRAY(SELECT c FROM unnest(candidates) c
                WHERE c.cloudinary_public_id <> ALL (assets) AND (c.asset_id = ANY (assets)) IS NOT TRUE);
END $$;

CREATE FUNCTION mediasweep.write_row(row_id uuid, known mediasweep.asset, version bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  said  jsonb := mediasweep.columns_said(known)
                 || CASE WHEN (known.said #>> '{upload,1,version}')::bigint >= version THEN mediasweep.columns_of_file(known.said) ELSE '{}' END;
BEGIN
  IF row_id IS NULL THEN
    INSERT INTO public.media_assets
      (cloudinary_public_id, resource_type, delivery_type, cloudinary_asset_id, cloudinary_version, cloudinary_signature, cloudinary_etag,
       original_filename, display_name, file_size, mime_type, format, width, height, duration, folder, tags, description, alt_text,
       secure_url, url, access_mode, cloudinary_created_at, last_synced_at)
    SELECT n.cloudinary_public_id, n.resource_type, n.delivery_type, n.cloudinary_asset_id, n.cloudinary_version, n.cloudinary_signature, n.cloudinary_etag,
           n.original_filename, n.display_name, n.file_size, n.mime_type, n.format, n.width, n.height, n.duration, n.folder,
           mediasweep.tags_said(known.said, '{}'), n.description, n.alt_text, n.secure_url, n.url, n.access_mode, n.cloudinary_created_at, clock_timestamp()
      FROM jsonb_populate_record(NULL::public.media_assets, said) n;
    RETURN;
  END IF;
  UPDATE public.media_assets r
     SET cloudinary_public_id = n.cloudinary_public_id, resource_type = n.resource_type, delivery_type = n.delivery_type,
         cloudinary_asset_id = n.cloudinary_asset_id, cloudinary_version = n.cloudinary_version,
         cloudinary_signature = n.cloudinary_signature, cloudinary_etag = n.cloudinary_etag, original_filename = n.original_filename,
         display_name = n.display_name, file_size = n.file_size, mime_type = n.mime_type, format = n.format, width = n.width,
         height = n.height, duration = n.duration, folder = n.folder, tags = n.tags, description = n.description, alt_text = n.alt_text,
         secure_url = n.secure_url, url = n.url, access_mode = n.access_mode, cloudinary_created_at = n.cloudinary_created_at,
         deleted_at = NULL, updated_at = clock_timestamp(), last_synced_at = clock_timestamp(), sync_status = 'synced', sync_error_message = NULL
    FROM (SELECT m.*
            FROM public.media_assets o
           CROSS JOIN LATERAL jsonb_populate_record(o, said
             || jsonb_build_object('tags', mediasweep.tags_said(known.said, o.tags), 'deleted_at', NULL)
             || jsonb_strip_nulls(jsonb_build_object('original_filename', o.original_filename))) m
           WHERE o.id = row_id) n
   WHERE r.id = n.id AND to_jsonb(r) <> to_jsonb(n);
END $$;

CREATE TABLE mediasweep.acknowledgement (
    id bigint NOT NULL,
    source_id integer NOT NULL,
    snapshot pg_snapshot,
    xact xid8,
    digest text,
    queue_rows bigint,
    newest timestamp with time zone,
    acknowledged_by text NOT NULL,
    acknowledged_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT one_of_snapshot_and_xact CHECK (((snapshot IS NULL) <> (xact IS NULL)))
);

ALTER TABLE mediasweep.acknowledgement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mediasweep.acknowledgement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mediasweep.asset_name (
    public_id text NOT NULL,
    resource_type text NOT NULL,
    delivery_type text NOT NULL,
    holder jsonb NOT NULL,
    heard_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE mediasweep.attached ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mediasweep.attached_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mediasweep.failed (
    id uuid NOT NULL
);

CREATE TABLE mediasweep.fallback (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp(),
    source_id integer,
    ref jsonb,
    reason text,
    actor text,
    app text,
    error text,
    refused text
);

ALTER TABLE ONLY mediasweep.fallback REPLICA IDENTITY FULL;

ALTER TABLE mediasweep.fallback ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mediasweep.fallback_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mediasweep.fleet_state (
    one boolean DEFAULT true NOT NULL,
    at timestamp with time zone NOT NULL,
    took interval NOT NULL,
    state jsonb NOT NULL,
    CONSTRAINT fleet_state_one_check CHECK (one)
);

CREATE TABLE mediasweep.inbox (
    digest bytea NOT NULL,
    notification_type text NOT NULL,
    body bytea NOT NULL,
    signed_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    done_at timestamp with time zone,
    outcome text,
    error text,
    asset_id text,
    public_id text,
    resource_type text,
    delivery_type text,
    version bigint,
    CONSTRAINT done_has_outcome CHECK (((done_at IS NOT NULL) = (outcome IS NOT NULL))),
    CONSTRAINT outcome_is_known CHECK ((outcome = ANY (ARRAY['applied'::text, 'ignored'::text, 'no_library'::text])))
);

ALTER TABLE mediasweep.journal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mediasweep.journal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mediasweep.migration (
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE mediasweep.migration IS 'What `mediasweep migrate` has applied: migrations never change, function files are re-applied when their sha256 does.';

CREATE TABLE mediasweep.protected (
    prefix text NOT NULL,
    protected_by text DEFAULT SESSION_USER NOT NULL,
    protected_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT prefix_is_not_empty CHECK ((prefix <> ''::text))
);

ALTER TABLE mediasweep.reconcile_finding ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mediasweep.reconcile_finding_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE UNLOGGED TABLE mediasweep.reconcile_listed (
    asset_id text NOT NULL COLLATE pg_catalog."C",
    public_id text NOT NULL COLLATE pg_catalog."C",
    resource_type text NOT NULL COLLATE pg_catalog."C",
    delivery_type text NOT NULL COLLATE pg_catalog."C",
    version bigint,
    bytes bigint,
    format text,
    folder text,
    display_name text,
    tags text[],
    made_at timestamp with time zone NOT NULL,
    placeholder boolean NOT NULL,
    alt text,
    caption text
);

ALTER TABLE mediasweep.reconcile_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mediasweep.reconcile_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mediasweep.role (
    kind text NOT NULL,
    name text NOT NULL,
    CONSTRAINT kind_is_known CHECK ((kind = ANY (ARRAY['owner'::text, 'daemon'::text, 'reader'::text])))
);

CREATE TABLE mediasweep.scheduler (
    one boolean DEFAULT true NOT NULL,
    interval_minutes double precision,
    batch_size integer,
    max_retries integer,
    health_check_interval double precision,
    concurrency integer,
    configured_by text,
    configured_at timestamp with time zone,
    forced integer DEFAULT 0 NOT NULL,
    throttled_to integer,
    throttled_at timestamp with time zone,
    auto_start boolean,
    CONSTRAINT batch_is_possible CHECK (((batch_size >= 1) AND (batch_size <= 100))),
    CONSTRAINT concurrency_is_possible CHECK (((concurrency >= 1) AND (concurrency <= 20))),
    CONSTRAINT forced_is_not_negative CHECK ((forced >= 0)),
    CONSTRAINT health_check_is_positive CHECK (((health_check_interval > (0)::double precision) AND (health_check_interval <= (2592000)::double precision))),
    CONSTRAINT interval_is_positive CHECK (((interval_minutes > (0)::double precision) AND (interval_minutes <= (43200)::double precision))),
    CONSTRAINT retries_are_possible CHECK (((max_retries >= 1) AND (max_retries <= 100))),
    CONSTRAINT scheduler_one_check CHECK (one)
);

CREATE TABLE public.media_assets (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    cloudinary_public_id character varying(500) NOT NULL,
    cloudinary_version bigint DEFAULT 1 NOT NULL,
    cloudinary_signature character varying(255),
    cloudinary_etag character varying(255),
    cloudinary_asset_id character varying(64),
    delivery_type character varying(50) DEFAULT 'upload'::character varying NOT NULL,
    original_filename character varying(500),
    display_name character varying(500),
    file_size bigint NOT NULL,
    mime_type character varying(100) NOT NULL,
    format character varying(50),
    width integer,
    height integer,
    duration numeric(10,2),
    folder character varying(500),
    tags text[] DEFAULT '{}'::text[],
    description text,
    alt_text character varying(500),
    secure_url character varying(1000) NOT NULL,
    url character varying(1000) NOT NULL,
    thumbnail_url character varying(1000),
    resource_type character varying(50) DEFAULT 'image'::character varying NOT NULL,
    access_mode character varying(50) DEFAULT 'public'::character varying,
    uploaded_by uuid,
    used_in_personnel bigint,
    used_in_documents bigint,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    cloudinary_created_at timestamp with time zone,
    sync_status public.media_sync_status DEFAULT 'synced'::public.media_sync_status,
    last_synced_at timestamp with time zone,
    sync_error_message text,
    sync_retry_count integer DEFAULT 0,
    deleted_at timestamp with time zone,
    deleted_by uuid,
    CONSTRAINT media_assets_access_mode_check CHECK (((access_mode)::text = ANY ((ARRAY['public'::character varying, 'authenticated'::character varying])::text[]))),
    CONSTRAINT media_assets_file_size_check CHECK ((file_size > 0)),
    CONSTRAINT media_assets_height_check CHECK ((height > 0)),
    CONSTRAINT media_assets_resource_type_check CHECK (((resource_type)::text = ANY ((ARRAY['image'::character varying, 'video'::character varying, 'raw'::character varying])::text[]))),
    CONSTRAINT media_assets_width_check CHECK ((width > 0))
);

ALTER TABLE ONLY mediasweep.acknowledgement
    ADD CONSTRAINT acknowledgement_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mediasweep.asset_name
    ADD CONSTRAINT asset_name_pkey PRIMARY KEY (public_id, resource_type, delivery_type);

ALTER TABLE ONLY mediasweep.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (asset_id);

ALTER TABLE ONLY mediasweep.attached
    ADD CONSTRAINT attached_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mediasweep.cloudinary_cleanup_queue
    ADD CONSTRAINT cloudinary_cleanup_queue_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mediasweep.daemon
    ADD CONSTRAINT daemon_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mediasweep.failed
    ADD CONSTRAINT failed_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mediasweep.fleet_state
    ADD CONSTRAINT fleet_state_pkey PRIMARY KEY (one);

ALTER TABLE ONLY mediasweep.gate
    ADD CONSTRAINT gate_is_closed_once UNIQUE NULLS NOT DISTINCT (name, source_id);

ALTER TABLE ONLY mediasweep.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY mediasweep.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (one);

ALTER TABLE ONLY mediasweep.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mediasweep.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (name);

ALTER TABLE ONLY mediasweep.protected
    ADD CONSTRAINT protected_pkey PRIMARY KEY (prefix);

ALTER TABLE ONLY mediasweep.reconcile_finding
    ADD CONSTRAINT reconcile_finding_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mediasweep.reconcile_run
    ADD CONSTRAINT reconcile_run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mediasweep.role
    ADD CONSTRAINT role_name_key UNIQUE (name);

ALTER TABLE ONLY mediasweep.role
    ADD CONSTRAINT role_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY mediasweep.scheduler
    ADD CONSTRAINT scheduler_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.media_assets
    ADD CONSTRAINT media_assets_pkey PRIMARY KEY (id);

CREATE INDEX asset_heard ON mediasweep.asset USING btree (heard_at);

COMMENT ON INDEX mediasweep.asset_heard IS 'prune: what was not heard of for long';

CREATE INDEX asset_name_heard ON mediasweep.asset_name USING btree (heard_at);

COMMENT ON INDEX mediasweep.asset_name_heard IS 'prune: the same';

CREATE UNIQUE INDEX attached_once ON mediasweep.attached USING btree (relation) WHERE (detached_at IS NULL);

COMMENT ON INDEX mediasweep.attached_once IS 'attach: a table is attached once at a time';

CREATE INDEX cloudinary_cleanup_queue_asset_id ON mediasweep.cloudinary_cleanup_queue USING btree (hashtextextended(asset_id, (0)::bigint)) WHERE ((processed_at IS NULL) AND (asset_id IS NOT NULL));

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_asset_id IS 'claim: the same, where it was renamed';

CREATE INDEX cloudinary_cleanup_queue_claim ON mediasweep.cloudinary_cleanup_queue USING btree (source_id, due_at, id) WHERE (processed_at IS NULL);

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_claim IS 'claim: the due rows of one source, oldest first';

CREATE INDEX cloudinary_cleanup_queue_finished ON mediasweep.cloudinary_cleanup_queue USING btree (source_id, queued_at) WHERE (processed_at IS NOT NULL);

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_finished IS 'brake: how much of a source was queued within its window; prune: the oldest finished rows of a source';

CREATE INDEX cloudinary_cleanup_queue_finished_asset_id ON mediasweep.cloudinary_cleanup_queue USING btree (hashtextextended(asset_id, (0)::bigint)) WHERE ((processed_at IS NOT NULL) AND (asset_id IS NOT NULL));

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_finished_asset_id IS 'reference trigger: the same, where it was renamed';

CREATE INDEX cloudinary_cleanup_queue_finished_public_id ON mediasweep.cloudinary_cleanup_queue USING btree (hashtextextended(cloudinary_public_id, (0)::bigint)) WHERE (processed_at IS NOT NULL);

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_finished_public_id IS 'reference trigger: what was deleted';

CREATE INDEX cloudinary_cleanup_queue_public_id ON mediasweep.cloudinary_cleanup_queue USING btree (hashtextextended(cloudinary_public_id, (0)::bigint)) WHERE (processed_at IS NULL);

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_public_id IS 'claim: the other unfinished rows of an asset';

CREATE INDEX cloudinary_cleanup_queue_queued ON mediasweep.cloudinary_cleanup_queue USING btree (source_id, queued_at) WHERE (processed_at IS NULL);

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_queued IS 'brake: the unfinished rows of a source, by when they were queued';

CREATE INDEX inbox_asset_id ON mediasweep.inbox USING btree (hashtextextended(asset_id, (0)::bigint), signed_at) WHERE (public_id IS NOT NULL);

COMMENT ON INDEX mediasweep.inbox_asset_id IS 'claim: what an asset is called now';

CREATE INDEX inbox_done ON mediasweep.inbox USING btree (done_at) WHERE (done_at IS NOT NULL);

COMMENT ON INDEX mediasweep.inbox_done IS 'prune: what was applied long ago';

CREATE INDEX inbox_due ON mediasweep.inbox USING btree (due_at) WHERE (done_at IS NULL);

COMMENT ON INDEX mediasweep.inbox_due IS 'the inbox: what is to be applied, oldest first';

CREATE INDEX inbox_public_id ON mediasweep.inbox USING btree (hashtextextended(public_id, (0)::bigint), version) WHERE (public_id IS NOT NULL);

COMMENT ON INDEX mediasweep.inbox_public_id IS 'claim: whether a newer file has the name';

CREATE INDEX journal_at ON mediasweep.journal USING brin (at);

COMMENT ON INDEX mediasweep.journal_at IS 'restore and reports: a window of time';

CREATE INDEX journal_queue_id ON mediasweep.journal USING btree (queue_id);

COMMENT ON INDEX mediasweep.journal_queue_id IS 'queue show: the timeline of one row';

CREATE INDEX journal_restored ON mediasweep.journal USING btree (public_id COLLATE "C") WHERE (event = 'restored'::text);

COMMENT ON INDEX mediasweep.journal_restored IS 'restore: whether a deletion was taken back since';

CREATE INDEX reconcile_finding_of_run ON mediasweep.reconcile_finding USING btree (run_id, kind, id);

COMMENT ON INDEX mediasweep.reconcile_finding_of_run IS 'reconcile: the report of a run, and what is to be done of it';

CREATE UNIQUE INDEX reconcile_run_under_way ON mediasweep.reconcile_run USING btree ((true)) WHERE (finished_at IS NULL);

COMMENT ON INDEX mediasweep.reconcile_run_under_way IS 'reconcile: one at a time';

CREATE INDEX media_assets_asset_id ON public.media_assets USING btree (cloudinary_asset_id);

CREATE INDEX media_assets_deleted ON public.media_assets USING btree (deleted_at, id) WHERE (deleted_at IS NOT NULL);

CREATE INDEX media_assets_folder ON public.media_assets USING btree (folder text_pattern_ops) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX media_assets_live_asset ON public.media_assets USING btree (cloudinary_public_id, resource_type, delivery_type) WHERE (deleted_at IS NULL);

CREATE INDEX media_assets_newest ON public.media_assets USING btree (created_at DESC NULLS LAST, id DESC NULLS LAST) WHERE (deleted_at IS NULL);

CREATE TRIGGER media_assets_cleanup_trigger_delete AFTER DELETE ON public.media_assets REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.trigger_cloudinary_cleanup();

CREATE TRIGGER media_assets_cleanup_trigger_truncate BEFORE TRUNCATE ON public.media_assets FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.trigger_cloudinary_cleanup();

CREATE TRIGGER media_assets_cleanup_trigger_update AFTER UPDATE ON public.media_assets REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.trigger_cloudinary_cleanup();

ALTER TABLE ONLY mediasweep.reconcile_finding
    ADD CONSTRAINT reconcile_finding_run_id_fkey FOREIGN KEY (run_id) REFERENCES mediasweep.reconcile_run(id) ON DELETE CASCADE;

ALTER TABLE mediasweep.acknowledgement ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.asset ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.asset_name ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.attached ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.cloudinary_cleanup_queue ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.daemon ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.failed ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.fallback ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.fleet_state ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.gate ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.inbox ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.installation ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.journal ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.migration ENABLE ROW LEVEL SECURITY;

CREATE POLICY nobody ON mediasweep.acknowledgement USING (false);

COMMENT ON POLICY nobody ON mediasweep.acknowledgement IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.asset USING (false);

COMMENT ON POLICY nobody ON mediasweep.asset IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.asset_name USING (false);

COMMENT ON POLICY nobody ON mediasweep.asset_name IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.attached USING (false);

COMMENT ON POLICY nobody ON mediasweep.attached IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.cloudinary_cleanup_queue USING (false);

COMMENT ON POLICY nobody ON mediasweep.cloudinary_cleanup_queue IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.daemon USING (false);

COMMENT ON POLICY nobody ON mediasweep.daemon IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.failed USING (false);

COMMENT ON POLICY nobody ON mediasweep.failed IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.fallback USING (false);

COMMENT ON POLICY nobody ON mediasweep.fallback IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.fleet_state USING (false);

COMMENT ON POLICY nobody ON mediasweep.fleet_state IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.gate USING (false);

COMMENT ON POLICY nobody ON mediasweep.gate IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.inbox USING (false);

COMMENT ON POLICY nobody ON mediasweep.inbox IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.installation USING (false);

COMMENT ON POLICY nobody ON mediasweep.installation IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.journal USING (false);

COMMENT ON POLICY nobody ON mediasweep.journal IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.migration USING (false);

COMMENT ON POLICY nobody ON mediasweep.migration IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.protected USING (false);

COMMENT ON POLICY nobody ON mediasweep.protected IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.reconcile_finding USING (false);

COMMENT ON POLICY nobody ON mediasweep.reconcile_finding IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.reconcile_listed USING (false);

COMMENT ON POLICY nobody ON mediasweep.reconcile_listed IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.reconcile_run USING (false);

COMMENT ON POLICY nobody ON mediasweep.reconcile_run IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.role USING (false);

COMMENT ON POLICY nobody ON mediasweep.role IS 'FOR ALL TO PUBLIC USING (false)';

CREATE POLICY nobody ON mediasweep.scheduler USING (false);

COMMENT ON POLICY nobody ON mediasweep.scheduler IS 'FOR ALL TO PUBLIC USING (false)';

ALTER TABLE mediasweep.protected ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.reconcile_finding ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.reconcile_listed ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.reconcile_run ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.role ENABLE ROW LEVEL SECURITY;

ALTER TABLE mediasweep.scheduler ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.media_assets ENABLE ROW LEVEL SECURITY;

CREATE POLICY media_assets_deny_all ON public.media_assets USING (false);

REVOKE ALL ON FUNCTION mediasweep.acknowledge(digest text, who text, really boolean, OUT source integer, OUT queue_rows bigint, OUT refused text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.acknowledged(source integer, OUT covered pg_snapshot, OUT confirmed xid8[], OUT newest timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.acting_user() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.adopt(terms jsonb, who text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.adopt_findings(run bigint, ids bigint[], changes jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.advance(horizon jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.advise(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.alike(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.all_refs() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.allowance(batch integer, OUT allowed integer, OUT probing boolean, OUT forcing boolean, OUT news jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.any_of(path text, wanted text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.apply_notification(digest bytea, changes jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.arm() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.as_in_an_address(public_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.ask_guard() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.asked_for(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.asleep_key() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.attach(relation regclass, options jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.attach_sql(relation regclass, options jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.barriers(OUT at timestamp with time zone, OUT free pg_snapshot, OUT clear pg_snapshot) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.be_durable() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.beat(daemon uuid, said jsonb, OUT calls integer, OUT fair integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.begin_upload(public_id text, resource_type text, delivery_type text, overwrite boolean, filename text, later interval, who text, OUT id uuid, OUT refused text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.begin_use(begun mediasweep.ref[], relation regclass, waits boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.below(folder text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.brake(candidates mediasweep.cloudinary_cleanup_queue[], terms jsonb, INOUT memory jsonb, INOUT news jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.brake_dribble(terms jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.brake_options(given jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.brake_rule(source integer, terms jsonb, OUT name text, OUT most bigint, OUT span interval, OUT said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.build() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.build_capture(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.build_guard() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.by_every_name(candidates mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.by_operation(on_delete text, on_update text, on_truncate text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.cancel(ids uuid[], who text, why text, OUT id uuid, OUT refused text, OUT busy boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.capture_source(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.capture_statement(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.capture_trouble() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.captured_columns(relation regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.check_captured(relation regclass, options jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.check_deleted(relation regclass, options jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.check_filter(relation regclass, options jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.check_options(relation regclass, options jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.check_public_id(relation regclass, ref jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.check_rights(relation regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.check_table(relation regclass, options jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.check_terms(relation regclass, ref jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.chosen_findings(run bigint, owned text[], sighted boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.claim(daemon uuid, batch integer, terms jsonb, INOUT memory jsonb, OUT jobs mediasweep.job[], OUT skipped integer, OUT failed integer, OUT guard_error text, OUT probing boolean, OUT held boolean, OUT next_in interval, OUT news jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.claim(daemon uuid, batch integer, lease interval, grace interval, max_attempts integer, force boolean, INOUT horizon jsonb, OUT jobs mediasweep.job[], OUT skipped integer, OUT failed integer, OUT guard_error text, OUT probing boolean, OUT held boolean, OUT next_in interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.claimant(queue_row uuid, claim integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.close_brake(source integer, rule record, known record, too_much text, slow boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.close_gate(name text, reason text, detail jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.closed_gates(OUT source_id integer, OUT testing boolean, OUT about text, OUT detail text, OUT since timestamp with time zone, OUT until timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.column_of(said jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.column_type(relation regclass, called text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.columns_of_file(said jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.columns_said(known mediasweep.asset) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.comparing_key() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.confirm(relation regclass, who text, most bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.constants(option_ text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.contract() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.count_fleet() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.counted(n numeric, what text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.cover() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.decodings(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.delete_again(ids uuid[], who text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.delete_media(ids uuid[], who text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.delete_media(ids uuid[], who text, public_ids text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.delete_orphans(run bigint, ids bigint[], owned text[], who text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.delivered(url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text, OUT certain boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.delivery_type(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.dependents() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.described() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.detach(relation regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.detach_number(attached_id integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.differences(daemon uuid, terms jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.disarm() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.done_rows(OUT completed bigint, OUT skipped bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.drift(began timestamp with time zone, floor interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.drop_triggers(triggers oid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.drop_upload(queue_id uuid, who text, why text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.dropped(passed jsonb, queued timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.embedded(said text, hosts text[], wanted text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.estimated(query text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.failed_rows() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.fallback_statement(a mediasweep.attached, operation text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.finish_upload(queue_id uuid, change jsonb, owner jsonb, OUT listed uuid, OUT lost boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.fleet_at_work(OUT alive bigint, OUT working bigint, OUT grace interval, OUT last_beat timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.fleet_limit(own_limit integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.fleet_state(OUT state jsonb, OUT age_s double precision) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.folded(name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.foreign_triggers(relation regclass, kept integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.forget_acknowledgements(terms jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.format_of(resource_type text, filename text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.from_url(url text, host text, OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.full_xid(x xid, near bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.gone_by(change jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.gone_expression(relation regclass, options jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.grant_all() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.hand_over(owner name) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.has_index(relation regclass, wanted text, called text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.has_library() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.hear(change jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.held(source integer, listing pg_snapshot, OUT name text, OUT queue_rows bigint, OUT bytes bigint, OUT first_at timestamp with time zone, OUT last_at timestamp with time zone, OUT by_whom jsonb, OUT sample text[], OUT restored bigint, OUT digest text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.held_in(relation regclass, ref jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.held_text(relation regclass, ref jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.here(terms jsonb, OUT cloud text, OUT system_identifier text, OUT database text, OUT place text, OUT server_started_at timestamp with time zone, OUT timeline integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.hidden() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.hide(row_id uuid, asset text, since timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.hide_rows() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.hold(ids uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.hold_upload(queue_id uuid, later interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.holding() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.holdings(a mediasweep.attached, OUT looked bigint, OUT whole boolean, OUT about bigint, OUT named bigint, OUT unread bigint, OUT example text, OUT unserved boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.holds_back(source integer, known record) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.holds_others(s mediasweep.cloudinary_cleanup_queue, grace interval, ripe_at timestamp with time zone, free pg_snapshot, clear pg_snapshot, stopped integer[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.home() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.hosts(ref jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.in_the_way(begun mediasweep.ref[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_a_file(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_alive(d mediasweep.daemon) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_an_address(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_mine(made_by xid) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_one_url(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_our_session(name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_ours(ref jsonb, certain boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_own(reason text, public_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_place(i mediasweep.installation, place text, server_started_at timestamp with time zone, daemon uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.is_url(ref jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.items_path(ref jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.items_query(relation regclass, ref jsonb, rows_from text, condition text, more text, wanted text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.join_owner(owner text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.keep_pending(begun mediasweep.ref[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.keep_rows_statement(a mediasweep.attached, rows_from text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.kept_refs(kept jsonb, source integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.key_expression(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.kind_of(role name) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.kinds(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.kinds_query(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.known_as(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.lacks(role name) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.last_reconciled(cloud text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.layer_names(component text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.layers(url text, hosts text[], OUT public_id text, OUT cloud text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.learn_place(place text, server_started_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.leave_findings(run bigint, ids bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.left_to_do(OUT unfinished bigint, OUT fallen bigint, OUT alive bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.let_go(source integer, uploads boolean, covered pg_snapshot, confirmed xid8[], queued_from timestamp with time zone, queued_to timestamp with time zone, since pg_snapshot, most bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.let_owner_go(attached_id integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.let_owner_read(attached_id integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.lets_go_up_to(q mediasweep.cloudinary_cleanup_queue) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.library_differing() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.list(known mediasweep.asset) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.listing_is_whole(run mediasweep.reconcile_run) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.listing_refusal(run mediasweep.reconcile_run, last mediasweep.reconcile_run, assets bigint, shrunken boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.live_expression(relation regclass, options jsonb, purpose text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.lock_due(allowed integer, INOUT memory jsonb, terms jsonb, OUT candidates mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.lock_from(most integer, memory jsonb, terms jsonb, ripe_at timestamp with time zone, since timestamp with time zone, sources integer[], avoid text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.lock_oldest(allowed integer, INOUT memory jsonb, terms jsonb, ripe_at timestamp with time zone, sources integer[], taken mediasweep.cloudinary_cleanup_queue[], avoid text[], OUT oldest mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.look_again(hold interval, most integer, OUT state text, OUT looked integer, OUT in_use text[], OUT error text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.look_at(deletions mediasweep.journal[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.look_for_upload(public_id text, resource_type text, delivery_type text, overwrite boolean, OUT refused text, OUT listed boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.look_from(closed_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.looks_beside(relation regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.looks_like(relation regclass, name text, type text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.make_role(name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.make_roles(owner text, daemon_ text, reader text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.make_way(row_id uuid, asset text, name jsonb, named timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.mark(daemon uuid, candidates mediasweep.cloudinary_cleanup_queue[], uses jsonb, lease interval, max_attempts integer, OUT jobs mediasweep.job[], OUT skipped integer, OUT failed integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.mark_ghosts(run bigint, ids bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.matching(statuses text[], source integer, public_id text, reason text, app text, actor text, since timestamp with time zone, until timestamp with time zone, doubtful boolean, filename text, own boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.may_go(source integer, uploads boolean, candidates mediasweep.cloudinary_cleanup_queue[], rule record, known record, free jsonb, INOUT passed jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.media_deleted(public_ids text[], search text, before timestamp with time zone, before_id uuid, most integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.media_figures() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.media_found(folder text, resource_type text, search text, tags text[], sort_by text, descending boolean, skip bigint, most integer, OUT total bigint, OUT items jsonb[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.media_named(ids uuid[], public_ids text[], kind text, delivery text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.media_plan(ids uuid[], guarded boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.media_row(row_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.misplaced(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.missing_indexes(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.missing_triggers(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.moment(said jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.move_by_hand(move text, ids uuid[], who text, why text, OUT id uuid, OUT refused text, OUT busy boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.move_cursor(memory jsonb, taken mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.name_of(relation regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.named_by(digest text, OUT source integer, OUT queue_rows bigint, OUT listing pg_snapshot) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.names_tell_nothing() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.nearly(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.newer_version(q mediasweep.cloudinary_cleanup_queue) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.newest(one jsonb, another jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.newest_of(public_id text, resource_type text, delivery_type text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.next_due(grace interval, OUT at timestamp with time zone, OUT held boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.next_opening(probing boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.not_there_since(known mediasweep.asset) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.note_failover(was integer, now_ integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.note_look(seen mediasweep.gate) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.number(n numeric) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.of_asset(public_id text, resource_type text, delivery_type text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.of_upload(q mediasweep.cloudinary_cleanup_queue) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.oldest(OUT writer bigint, OUT reader bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.only_one_builder() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.open_brake(source integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.open_gates(name text, detail text, who text, place text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.open_sources() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.open_transactions(OUT place bigint, OUT writes boolean, OUT xact xid, OUT about text, OUT since timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.own_parts(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.parts(relation regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.pass(horizon jsonb, waited text, passed text, new jsonb, oldest bigint, patience interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.pin_paths() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.plan_cancel(ids uuid[], held uuid[], OUT id uuid, OUT refused text, OUT busy boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.planned(relation regclass, options jsonb, next_id integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.policies() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.prefilter(relation regclass, ref jsonb, by text, OUT condition text, OUT index text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.privileges() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.protect(prefix text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.prune_inbox(retention interval, most integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.prune_journal(retention interval, most integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.prune_queue(retention interval, most integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.pushed(passed jsonb, queued timestamp with time zone, span interval, fullest bigint, free jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.put_back(digest bytea, error text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.put_off(candidates mediasweep.cloudinary_cleanup_queue[], why text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.put_probe_off() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.questions(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.queue_nothing(began timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.queue_statement(a mediasweep.attached, operation text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reaches(queued timestamp with time zone, span interval, q mediasweep.cloudinary_cleanup_queue) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.readings(url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text, OUT certain boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.recall(daemon uuid, deletions jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.receive(digest bytea, notification_type text, signed_at timestamp with time zone, body bytea, rest interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.recognise(daemon uuid, terms jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reconcile_beat(run bigint, holder uuid, leaves boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reconcile_begin(cloud text, asked_by text, holder uuid, age_floor interval, patience interval, shrunken boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reconcile_compare(run bigint, holder uuid, shrunken boolean, adopting boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reconcile_finish(run bigint, holder uuid, failed text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reconcile_looked(run bigint, holder uuid, ids bigint[], there bigint[], calls integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reconcile_name(run bigint, holder uuid, after bigint, most integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reconcile_page(run bigint, holder uuid, resource_type text, was text, next text, page jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.record(daemon uuid, results mediasweep.result[], OUT recorded uuid[], OUT lost uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.ref_options() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.ref_query(relation regclass, ref jsonb, rows_from text, condition text, certain boolean, more text, named text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reference_name(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.reference_statement(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.refill(most integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.refs_of(options jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.refs_query(a mediasweep.attached, rows_from text, purpose text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.refusal(move text, status text, in_doubt boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.refuse_to_lose() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.release(source integer, listing pg_snapshot, held record, newest timestamp with time zone, digest text, who text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.released_query(a mediasweep.attached, operation text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.replaced_by(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.resource_type(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.respelled(address text, was text, called text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.retry(ids uuid[], who text, OUT id uuid, OUT refused text, OUT busy boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.roles() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.row_name(relation regclass) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.run_each(statements text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.same_assets(ids uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.same_name(one text, another text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.secure() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.selftest_clean(folder text, made jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.selftest_delete(row_id uuid, softly boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.selftest_folder() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.selftest_left(folder text, OUT listed bigint, OUT unfinished bigint, OUT failed bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.selftest_queue(public_id text, resource_type text, delivery_type text, asset_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.selftest_row(row_id uuid, OUT public_id text, OUT asset_id text, OUT file_size bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.share(daemon uuid, own_limit integer, held integer, OUT calls integer, OUT fair integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.show_rows(relation regclass, role name) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.source_name(source integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.sources_of(statuses text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.spend_forced(spent integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.standing(one uuid, OUT number bigint, OUT rows bigint, OUT source_id integer, OUT table_ text, OUT detached_at timestamp with time zone, OUT sourceless boolean, OUT leased boolean, OUT let_go boolean, OUT claimant text, OUT resting boolean, OUT fresh boolean, OUT in_doubt boolean, OUT seen boolean, OUT locked_by text, OUT locked_since timestamp with time zone, OUT protected_by text, OUT newer bigint, OUT unguarded boolean, OUT spent boolean, OUT sibling boolean, OUT lease_until timestamp with time zone, OUT ripe_at timestamp with time zone, OUT graces text, OUT tried text, OUT error text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.stands_alone(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.step_back(memory jsonb, candidates mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.still(said jsonb, what text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.stopped_sources() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.strays() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.suggest() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.surely_named(relation regclass, ref jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.table_options() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.tags_said(said jsonb, there text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.take_inbox(most integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.term(ref jsonb, name text, type text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.throttle(own_limit integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.timeline() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.tokens(public_ids text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.tokens_expression(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.told(body bytea, OUT asset_id text, OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.traces(ids text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.trigger_cloudinary_cleanup() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.truncated_statement(a mediasweep.attached, statement text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.unchanged_statement(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.uncovered() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.undelete_media(ids uuid[], who text, completed uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.unescaped(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.unfinished(OUT pending bigint, OUT processing bigint, OUT in_doubt bigint, OUT due bigint, OUT oldest_due_s double precision, OUT due_in_doubt bigint, OUT held_s double precision) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.unindexed(least_rows bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.uninstall(force boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.unmark_ghosts(run bigint, most integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.unprotect(prefix text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.unread_query(a mediasweep.attached, rows_from text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.unread_statement(a mediasweep.attached, operation text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.unusual_texts() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.url_parts(url text, hosts text[], OUT cloud text, OUT parts text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.url_readings(url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text, OUT certain boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.url_starts(parts text[], OUT starts integer[], OUT sure integer, OUT version bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.use_condition(by text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.uses_by_column(a mediasweep.attached, ref jsonb, by text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.uses_by_item(a mediasweep.attached, ref jsonb, by text, pre text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.uses_by_strays(candidates mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.uses_of(a mediasweep.attached, kinds text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.uses_or_error(a mediasweep.attached) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.uses_source() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.usual_url() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.wait_for_enqueuers(patience interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.wait_for_sibling(patience interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.waiting_assets(candidates mediasweep.cloudinary_cleanup_queue[], memory jsonb, grace interval) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.wake() FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.wanted_readings(url text, hosts text[], wanted text[], OUT public_id text, OUT resource_type text, OUT delivery_type text, OUT version bigint, OUT cloud text, OUT certain boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.was_let_go(asset text, name jsonb, uploaded timestamp with time zone, file bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.weigh(source integer, uploads boolean, around timestamp with time zone, rule record, known record, OUT fullest bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.whole_number(said text) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.why(one uuid, OUT number bigint, OUT rows bigint, OUT rank integer, OUT reason text, OUT about text, OUT detail text, OUT since timestamp with time zone, OUT until timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.without(candidates mediasweep.cloudinary_cleanup_queue[], assets text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION mediasweep.write_row(row_id uuid, known mediasweep.asset, version bigint) FROM PUBLIC;
