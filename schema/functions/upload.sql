-- Upload: its name is queued for later before anything is sent, so that one that is broken off cleans itself up.
--
-- The row is nobody's until it is due, and is put off while the upload lasts. What is uploaded comes into the library by `hear`, as what a
-- notification tells does: whichever comes first makes the row, the other one finds it. Then the queued row falls due at once, names the
-- asset that came of it, and is kept from doing harm as any other is: by the guard.
--
-- begin → hold before each part → finish; or drop, where it is certain that nothing was stored.

-- Why no upload may have this name, NULL: it may; and whether the library has it (its asset is in use then).
CREATE OR REPLACE FUNCTION mediasweep.look_for_upload(
  public_id text, resource_type text, delivery_type text, overwrite boolean, OUT refused text, OUT listed boolean)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- Queue a name for later; returns the row, or why not. Once this has committed, what comes of the upload cannot be left behind.
CREATE OR REPLACE FUNCTION mediasweep.begin_upload(
  public_id text, resource_type text, delivery_type text, overwrite boolean, filename text, later interval, who text,
  OUT id uuid, OUT refused text)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
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

-- Put the row off again; false: somebody has it, or it is done, and nothing may be sent any more.
CREATE OR REPLACE FUNCTION mediasweep.hold_upload(queue_id uuid, later interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM mediasweep.be_durable();
  UPDATE mediasweep.cloudinary_cleanup_queue q
     SET due_at = clock_timestamp() + later, updated_at = clock_timestamp()
   WHERE q.id = queue_id AND q.status = 'pending' AND q.claim_no = 0 AND mediasweep.of_upload(q);
  RETURN FOUND;
END $$;

-- Nothing was stored, or it was another one's: what was queued for this case is not needed. False: somebody has it already.
CREATE OR REPLACE FUNCTION mediasweep.drop_upload(queue_id uuid, who text, why text) RETURNS boolean
LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT m.refused IS NULL
    FROM mediasweep.cloudinary_cleanup_queue q
   CROSS JOIN LATERAL mediasweep.move_by_hand('cancel', ARRAY[q.id], who, why) m
   WHERE q.id = queue_id AND mediasweep.of_upload(q)
$$;

-- List what was uploaded: `change` as `hear` takes it, `owner` the columns that are the application's. `listed`: its row; NULL: the row of
-- before was let go of meanwhile. `lost`: what was queued was not there any more, so the asset is queued anew, and not listed.
-- It waits for nobody long, as apply_notification does.
CREATE OR REPLACE FUNCTION mediasweep.finish_upload(queue_id uuid, change jsonb, owner jsonb, OUT listed uuid, OUT lost boolean)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '300ms'
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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
