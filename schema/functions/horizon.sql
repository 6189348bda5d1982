-- The snapshot horizon: has everybody ended who could still bring back a reference that we cannot see yet?
--
-- A barrier is a snapshot S and, read after it, the next transaction id B. Once every writer of this
-- database with an id below B has ended, no transaction that was open at S can still commit a reference. A queue row is
-- claimable when it was due, and its capture visible, at such an S. `pg_snapshot_xmin` alone does not do: a writer that
-- started between the capture's write and its commit is younger than the capture, and unseen all the same.
-- A reader (REPEATABLE READ, or one long statement) holds a row back for at most 10 seconds from its capture.
-- The state lives in the daemon, as an opaque jsonb, and counts only on the server process that made it.

CREATE OR REPLACE FUNCTION mediasweep.full_xid(x xid, near bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT near + (((x::text::bigint - near) + 2147483648) & 4294967295) - 2147483648 $$;

-- Are there writers, and readers, of this database from before the transaction id `below`? Every role may ask this.
CREATE OR REPLACE FUNCTION mediasweep.older_than(below bigint, OUT writers boolean, OUT readers boolean)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  near  bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
BEGIN
  SELECT coalesce(bool_or(mediasweep.full_xid(open.backend_xid, near) < below), false),
         coalesce(bool_or(mediasweep.full_xid(open.backend_xmin, near) < below AND NOT open.ours), false)
    INTO writers, readers
    FROM (
      -- activity first: PREPARE TRANSACTION moves an id from the first list to the second
      SELECT a.backend_xid, a.backend_xmin, a.application_name LIKE 'mediasweep%' AS ours
        FROM pg_stat_get_activity(NULL) a
       WHERE a.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
         AND a.usesysid IS NOT NULL
         AND a.pid <> pg_backend_pid()
         AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)
      UNION ALL
      SELECT p.transaction, NULL, false
        FROM pg_prepared_xacts p
       WHERE p.database = current_database()) open;
END $$;

-- The horizon, moved on as far as it goes. `wall`: the barrier that is waited for; `free`: the last one with no writer
-- left from before; `clear`: the last one with no reader either.
CREATE OR REPLACE FUNCTION mediasweep.advance(horizon jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  server    text := pg_postmaster_start_time()::text;
  wall      jsonb;
  at        timestamptz;
  snapshot  pg_snapshot;
  older     record;
BEGIN
  IF horizon ->> 'server' IS DISTINCT FROM server THEN
    horizon := jsonb_build_object('server', server);
  END IF;
  wall := horizon -> 'wall';
  IF wall IS NULL THEN
    at := clock_timestamp();              -- before S: what is due at `at` was due at S
    snapshot := pg_current_snapshot();    -- before B: who begins between the two is waited for as well
    wall := jsonb_build_object('at', at, 's', snapshot::text, 'b', mediasweep.full_xid(
      (((age('3'::xid)::bigint + 3) & 4294967295)::text)::xid, pg_snapshot_xmax(snapshot)::text::bigint));
  END IF;
  older := mediasweep.older_than((wall ->> 'b')::bigint);
  IF older.writers THEN
    RETURN horizon || jsonb_build_object('wall', wall);
  ELSIF NOT older.readers THEN
    RETURN jsonb_build_object('server', server, 'free', wall, 'clear', wall);
  END IF;
  horizon := horizon || jsonb_build_object('free', wall);
  -- readers: keep this barrier for them, but not beyond the ten seconds after which they no longer count
  IF (wall ->> 'at')::timestamptz < clock_timestamp() - interval '10 s' THEN
    RETURN horizon - 'wall';
  END IF;
  RETURN horizon || jsonb_build_object('wall', wall);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
