-- The snapshot horizon: has everybody ended who could still bring back a reference that we cannot see yet?
--
-- A barrier is a snapshot S and, read after it, the next transaction id B. Once every writer of this database with an id
-- below B has ended, no transaction that was open at S can still commit a reference. A queue row is claimable when it was
-- due, and its capture visible, at such an S. `pg_snapshot_xmin` alone does not do: a writer that started between the
-- capture's write and its commit is younger than the capture, and unseen all the same.
-- Readers (REPEATABLE READ, or one long statement) may turn into such writers, but do not count for longer than 5 seconds
-- after S, so that a report or a dump holds a row for 5 to 10 seconds at the most.
-- The state lives in the daemon, in the opaque memory that a claim hands to the next, and counts only on the server
-- process that made it.

CREATE OR REPLACE FUNCTION mediasweep.full_xid(x xid, near bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT near + (((x::text::bigint - near) + 2147483648) & 4294967295) - 2147483648 $$;

-- Whether a session is one of ours, which brings no reference back, by the name that it gave itself: one of a closed list, for an
-- application may well be called mediasweep-web, and its readers count.
CREATE OR REPLACE FUNCTION mediasweep.is_our_session(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT name ~ '^mediasweep( (listener|asleep \d+|cli|doctor|index|migrate))?$' $$;

-- The oldest transaction ids of this database's writers, and in its readers' snapshots. Every role may ask this.
CREATE OR REPLACE FUNCTION mediasweep.oldest(OUT writer bigint, OUT reader bigint)
LANGUAGE plpgsql VOLATILE
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

-- One barrier's way: passed now if `oldest` is not below a new one; else the one that is waited for, when it is passed.
CREATE OR REPLACE FUNCTION mediasweep.pass(
  horizon jsonb, waited text, passed text, new jsonb, oldest bigint, patience interval) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
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

-- The horizon, moved on as far as it goes. `free`: the last barrier with no writer left from before it; `clear`: the same
-- for readers, or given up. A row must be due and visible at both.
CREATE OR REPLACE FUNCTION mediasweep.advance(horizon jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
