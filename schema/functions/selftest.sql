-- The self-test: what it does to the library and the queue, and only to throw-away assets in its folder.

CREATE OR REPLACE FUNCTION mediasweep.selftest_folder() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 'mediasweep-selftest/' $$;

-- A row of the library as it is, if it is live.
CREATE OR REPLACE FUNCTION mediasweep.selftest_row(row_id uuid, OUT public_id text, OUT asset_id text, OUT file_size bigint)
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  SELECT r.cloudinary_public_id, r.cloudinary_asset_id, r.file_size INTO public_id, asset_id, file_size
    FROM public.media_assets r WHERE r.id = row_id AND r.deleted_at IS NULL;
END $$;

-- Delete a row as an application would, softly or not.
CREATE OR REPLACE FUNCTION mediasweep.selftest_delete(row_id uuid, softly boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- Queue an asset as a person would; returns the row.
CREATE OR REPLACE FUNCTION mediasweep.selftest_queue(public_id text, resource_type text, delivery_type text, asset_id text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
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

-- Let go of all that a run has made, and of what one has left that was killed an hour ago. `made`: the assets of this run, each [public id,
-- resource type, delivery type, asset id]; those that no trigger has queued are queued here.
CREATE OR REPLACE FUNCTION mediasweep.selftest_clean(folder text, made jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- What is left of a run: live rows of the library, unfinished and failed rows of the queue.
CREATE OR REPLACE FUNCTION mediasweep.selftest_left(folder text, OUT listed bigint, OUT unfinished bigint, OUT failed bigint)
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  SELECT count(*) INTO listed FROM public.media_assets r WHERE starts_with(r.cloudinary_public_id, selftest_left.folder) AND r.deleted_at IS NULL;
  SELECT count(*) FILTER (WHERE q.processed_at IS NULL), count(*) FILTER (WHERE q.status = 'failed') INTO unfinished, failed
    FROM mediasweep.cloudinary_cleanup_queue q WHERE starts_with(q.cloudinary_public_id, selftest_left.folder);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
