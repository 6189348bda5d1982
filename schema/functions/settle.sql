-- What is done about the findings of the last complete reconciliation. Each is done once; whoever comes after a crash does the rest.

-- Of the release before.
DROP FUNCTION IF EXISTS mediasweep.adopt_orphans(bigint, bigint[], jsonb), mediasweep.leave_orphans(bigint, bigint[]);

-- The last complete run of a cloud, which alone may be acted upon.
CREATE OR REPLACE FUNCTION mediasweep.last_reconciled(cloud text) RETURNS mediasweep.reconcile_run
LANGUAGE sql STABLE
AS $$
  SELECT r.* FROM mediasweep.reconcile_run r WHERE r.state = 'done' AND r.cloud_name = cloud ORDER BY r.id DESC LIMIT 1
$$;

-- Queue these orphans, sighted twice, under an owned prefix and not even nearly named, for deletion: guard, brake and horizon do the rest. Returns how many.
CREATE OR REPLACE FUNCTION mediasweep.delete_orphans(run bigint, ids bigint[], owned text[], who text) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
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

-- The findings of a run about which nothing was done yet. `sighted`: orphans that may be deleted, found before and
-- named by nothing; else all that a library can adopt: orphans,
-- and what its rows say otherwise, but for the types, which are what an asset is called by. `owned`: under these prefixes.
CREATE OR REPLACE FUNCTION mediasweep.chosen_findings(run bigint, owned text[], sighted boolean) RETURNS SETOF mediasweep.reconcile_finding
LANGUAGE sql STABLE
AS $$
  SELECT f.* FROM mediasweep.reconcile_finding f
   WHERE f.run_id = run AND f.action IS NULL
     AND (owned IS NULL OR EXISTS (SELECT FROM unnest(owned) o (prefix) WHERE starts_with(f.public_id, o.prefix)))
     AND (f.kind = 'orphan' AND (f.sighted_at IS NOT NULL AND f.detail IS NULL OR NOT sighted)
          OR f.kind = 'mismatch' AND NOT sighted AND NOT f.detail ?| '{resource_type,delivery_type}'
             AND f.source_id = (SELECT a.id FROM mediasweep.attached a
                                 WHERE a.relation = to_regclass('public.media_assets') AND a.detached_at IS NULL))
$$;

-- Bring the library in line with what is so of these findings, as if the notifications had come; returns for how many it is. What somebody let
-- go of since its upload does not come back. It waits for nobody long, either.
CREATE OR REPLACE FUNCTION mediasweep.adopt_findings(run bigint, ids bigint[], changes jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '300ms'
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

-- The assets of these findings are not what was sighted any more.
CREATE OR REPLACE FUNCTION mediasweep.leave_findings(run bigint, ids bigint[]) RETURNS void
LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE mediasweep.reconcile_finding f SET action = 'changed', acted_at = clock_timestamp()
   WHERE f.run_id = run AND f.id = ANY (ids) AND f.action IS NULL
$$;

-- Say in the rows of the library that their asset is not at Cloudinary, for these ghosts; returns in how many. No row goes, and nothing is queued.
-- A few at a time, and it waits for nobody long, as apply_notification does. The release before marked all at once.
DROP FUNCTION IF EXISTS mediasweep.mark_ghosts(bigint);
CREATE OR REPLACE FUNCTION mediasweep.mark_ghosts(run bigint, ids bigint[]) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '300ms'
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

-- Take that back where it is no longer said, in up to `most` rows; returns in how many. What somebody holds is left to the next time.
CREATE OR REPLACE FUNCTION mediasweep.unmark_ghosts(run bigint, most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
