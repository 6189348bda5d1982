-- The reference trigger, for tables that ask for it: a row does not begin to use an asset that is being deleted, may have been,
-- or was. It reads the queue after the row was written, which gives the transaction its id.
--
-- What is pending it locks to the end of the transaction, so that no claim takes it before its guard can see the new row. What a
-- claim has locked already it waits for, and sees the mark. What it cannot see is younger than that id, so that the horizon
-- waits for this transaction. A claim passes by what is locked, and never waits for it.

CREATE OR REPLACE FUNCTION mediasweep.reference_name(a mediasweep.attached) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN a.options ? 'references' THEN a.capture || '_use' END $$;

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_finished_public_id IS 'reference trigger: what was deleted';
COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_finished_asset_id IS 'reference trigger: the same, where it was renamed';

-- The rows that decide about these assets. `stops`: the asset must not be used now, and why. `until`: when that is settled at the
-- latest; NULL: not by waiting. Types count as they do for the guard.
CREATE OR REPLACE FUNCTION mediasweep.in_the_way(begun mediasweep.ref[])
RETURNS TABLE (id uuid, public_id text, pending boolean, stops text, until timestamptz)
LANGUAGE plpgsql VOLATILE
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

-- Keep the pending rows of these assets from being claimed until this transaction ends. A row that was claimed in the meantime
-- is not pending any more.
CREATE OR REPLACE FUNCTION mediasweep.keep_pending(begun mediasweep.ref[]) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  ids  uuid[] := ARRAY(SELECT w.id FROM mediasweep.in_the_way(begun) w WHERE w.pending);
BEGIN
  PERFORM FROM mediasweep.cloudinary_cleanup_queue q
    WHERE q.id = ANY (ids) AND q.status = 'pending' ORDER BY q.id FOR SHARE OF q;
END $$;

-- Whether these assets may be used by rows of this table from now on: returns, or raises MS001.
-- `waits`: for what a daemon is sending, no longer than its lease; its next claim may be waiting for this transaction.
CREATE OR REPLACE FUNCTION mediasweep.begin_use(begun mediasweep.ref[], relation regclass, waits boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = on
SET lock_timeout = '10s'
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

-- The assets that the rows of a statement begin to use: all of an INSERT; of an UPDATE, what the old rows did not keep already.
CREATE OR REPLACE FUNCTION mediasweep.reference_statement(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
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
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
