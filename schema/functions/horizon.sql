-- The snapshot horizon: has everybody ended who could still bring back a reference that we cannot see yet?
--
-- A barrier is a pair read in one statement: a snapshot S and the next transaction id B. Once every writer of this
-- database with an id below B has ended, no transaction that was open at S can still commit a reference. A queue row is
-- claimable when it was due, and its capture visible, at such an S. `pg_snapshot_xmin` alone does not do: a writer that
-- started between the capture's write and its commit is younger than the capture, and unseen all the same.
-- A reader (REPEATABLE READ, or one long statement) holds a row back for at most 10 seconds from its capture.
-- The state lives in the daemon, as an opaque jsonb, and counts only on the server process that made it.

CREATE OR REPLACE FUNCTION mediasweep.full_xid(x xid, near bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT near + (((x::text::bigint - near) + 2147483648) & 4294967295) - 2147483648 $$;

CREATE OR REPLACE FUNCTION mediasweep.barrier(OUT at timestamptz, OUT snapshot pg_snapshot, OUT next_xid bigint)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  at := clock_timestamp();            -- before the snapshot: what is due at `at` was due at S
  SELECT pg_current_snapshot(),
         mediasweep.full_xid((((age('3'::xid)::bigint + 3) & 4294967295)::text)::xid,
                             pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
    INTO snapshot, next_xid;
END $$;

-- Are there writers, and readers, of this database from before the transaction id `below`? Every role may ask this.
CREATE OR REPLACE FUNCTION mediasweep.older_than(below bigint, OUT writers boolean, OUT readers boolean)
LANGUAGE sql VOLATILE
AS $$
  WITH near AS MATERIALIZED (
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xid),
  open AS (
    -- activity first: PREPARE TRANSACTION moves an id from the first list to the second
    SELECT a.backend_xid, a.backend_xmin, a.application_name LIKE 'mediasweep%' AS ours
      FROM pg_stat_get_activity(NULL) a
     WHERE a.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
       AND a.usesysid IS NOT NULL
       AND a.pid <> pg_backend_pid()
    UNION ALL
    SELECT p.transaction, NULL, false
      FROM pg_prepared_xacts p
     WHERE p.database = current_database())
  SELECT coalesce(bool_or(mediasweep.full_xid(open.backend_xid, near.xid) < below), false),
         coalesce(bool_or(mediasweep.full_xid(open.backend_xmin, near.xid) < below AND NOT open.ours), false)
    FROM open, near
$$;

-- The horizon, moved on as far as it goes. `free`: no writer left from before; `clear`: no reader either.
CREATE OR REPLACE FUNCTION mediasweep.advance(horizon jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  server  text := pg_postmaster_start_time()::text;
  wall    jsonb;
  older   record;
BEGIN
  IF horizon ->> 'server' IS DISTINCT FROM server THEN
    horizon := jsonb_build_object('server', server);
  END IF;
  wall := horizon -> 'wall';
  IF wall IS NULL THEN
    SELECT jsonb_build_object('at', b.at, 's', b.snapshot::text, 'b', b.next_xid)
      INTO wall FROM mediasweep.barrier() b;
  END IF;
  SELECT * INTO older FROM mediasweep.older_than((wall ->> 'b')::bigint);
  IF older.writers THEN
    RETURN horizon || jsonb_build_object('wall', wall);
  END IF;
  horizon := horizon || jsonb_build_object('free', wall);
  IF NOT older.readers THEN
    RETURN (horizon || jsonb_build_object('clear', wall)) - 'wall';
  END IF;
  -- readers: keep this barrier for them, but not beyond the ten seconds after which they no longer count
  IF (wall ->> 'at')::timestamptz < clock_timestamp() - interval '10 s' THEN
    RETURN horizon - 'wall';
  END IF;
  RETURN horizon || jsonb_build_object('wall', wall);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
