-- Taking over a database that runs the SQL of the earlier system: its queue, its triggers, its library, in one transaction.
-- Run by `mediasweep migrate --take-over`, once the schema is there. What it changes it says, in notices that begin with
-- "take-over:"; a table of another shape is an error, and nothing has changed. Each step looks for what it replaces, so a
-- second run finds nothing.
--
-- What was sent may have been deleted, whatever the old queue says of it: a row that was tried comes in doubt. Nothing of
-- it is sent until a person has acknowledged it, because anybody could fill the old queue. No row of it is dropped.
SET LOCAL client_min_messages = notice;
SET LOCAL row_security = off;   -- a row that a policy hides would be lost
SET LOCAL search_path = pg_catalog, pg_temp;

-- Locks come in the order of the applications: the table, then the queue that its triggers fill. Whoever deletes now ends
-- before this begins, with the old triggers, or begins after it has ended, with ours.
DO $$
DECLARE
  library  regclass := to_regclass('public.media_assets');
  queue    regclass := to_regclass('public.cloudinary_cleanup_queue');
  wrong    text;
BEGIN
  IF library IS NULL THEN
    RAISE EXCEPTION 'there is no table public.media_assets: this is not the earlier system'
      USING HINT = 'Attach the tables that you have: SELECT mediasweep.attach(…).';
  END IF;
  SELECT string_agg(format('%s is owned by %I', c.oid::regclass, pg_get_userbyid(c.relowner)), '; ') INTO wrong
    FROM pg_class c WHERE c.oid IN (library, queue) AND NOT pg_has_role(c.relowner, 'USAGE');
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION '%: run this as that role, or as a member of it', wrong;
  END IF;
  PERFORM mediasweep.only_one_builder();
  LOCK TABLE public.media_assets IN ACCESS EXCLUSIVE MODE;
  IF queue IS NOT NULL THEN
    LOCK TABLE public.cloudinary_cleanup_queue IN ACCESS EXCLUSIVE MODE;
  END IF;
END $$;

-- Every column has to be there with its type; nothing is guessed.
DO $$
DECLARE
  wrong  text;
BEGIN
  SELECT string_agg(format('%s.%s is %s and should be %s', e.relation, name, coalesce(format_type(a.atttypid, NULL), 'missing'),
                           array_to_string(e.types, ' or ')), '; ') INTO wrong
    FROM (VALUES
      ('public.cloudinary_cleanup_queue', '{uuid}'::regtype[], '{id,triggered_by}'::text[]),
      ('public.cloudinary_cleanup_queue', '{text,varchar}', '{cloudinary_public_id,resource_type,original_filename,folder,
         deletion_reason,trigger_source,status,error_message}'),
      ('public.cloudinary_cleanup_queue', '{integer,bigint}', '{file_size,processing_attempts,max_attempts}'),
      ('public.cloudinary_cleanup_queue', '{timestamptz}', '{queued_at,processed_at,created_at,updated_at}'),
      ('public.cloudinary_cleanup_queue', '{jsonb}', '{cloudinary_response}'),
      ('public.media_assets', '{uuid}', '{id,uploaded_by,deleted_by}'),
      ('public.media_assets', '{text,varchar}', '{cloudinary_public_id,cloudinary_signature,cloudinary_etag,original_filename,
         display_name,mime_type,format,folder,description,alt_text,secure_url,url,thumbnail_url,resource_type,access_mode,
         sync_error_message}'),
      ('public.media_assets', '{integer,bigint}', '{cloudinary_version,file_size,width,height,sync_retry_count,
         used_in_personnel,used_in_documents}'),
      ('public.media_assets', '{numeric}', '{duration}'),
      ('public.media_assets', '{text[]}', '{tags}'),
      ('public.media_assets', '{timestamptz}', '{created_at,updated_at,cloudinary_created_at,last_synced_at,deleted_at}')
    ) e (relation, types, names)
   CROSS JOIN LATERAL unnest(e.names) name
    LEFT JOIN pg_attribute a ON a.attrelid = to_regclass(e.relation) AND a.attname = name AND NOT a.attisdropped
   WHERE to_regclass(e.relation) IS NOT NULL AND (a.atttypid = ANY (e.types)) IS NOT TRUE;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'this is not the earlier system as it was: %', wrong
      USING HINT = 'Make the columns so, or attach the table yourself: SELECT mediasweep.attach(…).';
  END IF;
  -- where these stand, a deletion would fail or be lost once the queue has another name
  SELECT string_agg(format('%I on %s', t.tgname, t.tgrelid::regclass), ', ') INTO wrong
    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
   WHERE NOT t.tgisinternal AND t.tgrelid NOT IN ('public.media_assets'::regclass, coalesce(to_regclass('public.cloudinary_cleanup_queue'), 0))
     AND p.pronamespace <> 'mediasweep'::regnamespace
     AND (p.proname = 'trigger_cloudinary_cleanup' OR p.prosrc ~ '(?<!mediasweep\.)\mcloudinary_cleanup_queue\M');
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'other tables fill the queue as well: trigger %', wrong
      USING HINT = 'Attach these tables, SELECT mediasweep.attach(…), and drop the triggers first.';
  END IF;
  IF to_regclass('public.cloudinary_cleanup_queue') IS NOT NULL THEN
    SELECT string_agg(DISTINCT q.status, ', ') INTO wrong FROM public.cloudinary_cleanup_queue q
     WHERE q.status NOT IN ('pending', 'processing', 'completed', 'failed', 'skipped');
    IF wrong IS NOT NULL THEN
      RAISE EXCEPTION 'public.cloudinary_cleanup_queue has rows with status %: give them one that is known', wrong;
    END IF;
  END IF;
END $$;

-- The rows. Failed with attempts left was to be tried again, and never was. Completed and skipped rows stay where they are.
DO $$
DECLARE
  said        record;
  unfinished  bigint := 0;
BEGIN
  IF to_regclass('public.cloudinary_cleanup_queue') IS NULL THEN
    RETURN;
  END IF;
  FOR said IN
    WITH old AS (
      SELECT q.*, coalesce(q.processing_attempts, 0) AS attempts, least(coalesce(q.queued_at, q.created_at), clock_timestamp()) AS since,
             CASE WHEN q.status = 'failed' AND coalesce(q.processing_attempts, 0) < coalesce(q.max_attempts, 3) THEN 'pending'
                  ELSE coalesce(q.status, 'pending') END AS becomes,
             coalesce(q.status IN ('processing', 'failed') OR q.processing_attempts > 0, false) AS tried
        FROM public.cloudinary_cleanup_queue q
       WHERE coalesce(q.status, 'pending') IN ('pending', 'processing', 'failed')),
    taken AS (
      INSERT INTO mediasweep.cloudinary_cleanup_queue
        (id, cloudinary_public_id, resource_type, delivery_type, original_filename, file_size, folder, deletion_reason,
         trigger_source, triggered_by, queued_at, due_at, processed_at, processing_attempts, max_attempts, status,
         lease_until, claim_no, in_doubt, cloudinary_response, error_message, created_at, updated_at, app)
      SELECT o.id, o.cloudinary_public_id, mediasweep.resource_type(o.resource_type), 'upload', o.original_filename, o.file_size,
             o.folder, o.deletion_reason,
             CASE WHEN o.trigger_source IN ('database', 'trigger', 'api') THEN o.trigger_source ELSE 'manual' END,
             o.triggered_by, coalesce(o.since, clock_timestamp()), coalesce(o.since, clock_timestamp()),
             CASE WHEN o.becomes = 'failed' THEN coalesce(o.processed_at, o.updated_at, clock_timestamp()) END,
             greatest(o.attempts, 0), o.max_attempts, o.becomes,
             -- who had it may still be at it, and never said how it ended: taken over like the claim of a daemon that died
             CASE WHEN o.becomes = 'processing' THEN clock_timestamp() + interval '1 min' END,
             o.tried::integer, o.tried, o.cloudinary_response, o.error_message,
             coalesce(o.created_at, clock_timestamp()), coalesce(o.updated_at, clock_timestamp()), 'take-over'
        FROM old o WHERE o.cloudinary_public_id <> ''
      ON CONFLICT (id) DO NOTHING
      RETURNING *),
    failed AS (
      INSERT INTO mediasweep.failed (id) SELECT t.id FROM taken t WHERE t.status = 'failed'),
    logged AS (
      INSERT INTO mediasweep.journal
        (event, queue_id, claim_no, status, detail, public_id, resource_type, delivery_type, format, bytes, source_id, reason,
         triggered_by, actor, app)
      SELECT 'taken_over', t.id, t.claim_no, t.status,
             format('was %s after %s of %s attempts', o.status, o.attempts, o.max_attempts), t.cloudinary_public_id,
             t.resource_type, t.delivery_type, mediasweep.format_of(t.resource_type, t.original_filename), t.file_size, t.source_id,
             t.deletion_reason, t.triggered_by, t.actor, t.app
        FROM taken t JOIN old o ON o.id = t.id)
    SELECT count(*) AS n, coalesce(o.status, 'pending') AS was, t.status AS is, t.in_doubt
      FROM old o LEFT JOIN taken t ON t.id = o.id
     GROUP BY 2, 3, 4 ORDER BY 2, 3, 4
  LOOP
    unfinished := unfinished + CASE WHEN said.is IN ('pending', 'processing') THEN said.n ELSE 0 END;
    RAISE NOTICE 'take-over: %: %, %', said.was, mediasweep.counted(said.n, 'row'),
      CASE WHEN said.is IS NULL THEN 'left behind: without public id, or in the queue already'
           ELSE 'now ' || said.is || CASE WHEN said.in_doubt THEN ' and in doubt' ELSE '' END END;
  END LOOP;
  IF unfinished > 0 THEN
    INSERT INTO mediasweep.gate (name, source_id, reason, closed_by, detail)
    VALUES ('brake', 0, format('%s taken over, and nobody has looked at them yet', mediasweep.counted(unfinished, 'row')), 'mediasweep migrate',
            jsonb_build_object('rows', unfinished, 'closed_under', pg_current_snapshot()::text))
    ON CONFLICT ON CONSTRAINT gate_is_closed_once DO NOTHING;
    IF FOUND THEN
      INSERT INTO mediasweep.journal (event, outcome, detail, source_id, actor)
      VALUES ('gate_closed', 'brake', mediasweep.counted(unfinished, 'row') || ' taken over', 0, 'mediasweep migrate');
    END IF;
    RAISE NOTICE 'take-over: the brake holds these % until `mediasweep brake ack`: look with `mediasweep brake show`', mediasweep.counted(unfinished, 'row');
  END IF;
END $$;

-- The old queue keeps every row, and takes no more: what reaches it under its new name must fail, or it would be lost.
DO $$
DECLARE
  name  text := 'cloudinary_cleanup_queue_before_mediasweep';
  who   text;
  view  regclass;
BEGIN
  IF to_regclass('public.cloudinary_cleanup_queue') IS NULL THEN
    RETURN;
  END IF;
  FOR n IN 2..99 LOOP
    EXIT WHEN to_regclass('public.' || name) IS NULL;
    name := 'cloudinary_cleanup_queue_before_mediasweep_' || n;
  END LOOP;
  FOR view IN
    SELECT DISTINCT r.ev_class FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
     WHERE d.refobjid = 'public.cloudinary_cleanup_queue'::regclass
  LOOP
    RAISE NOTICE 'take-over: the view % reads the old rows from now on: drop it, or change it', view;
  END LOOP;
  ALTER TABLE public.cloudinary_cleanup_queue ADD CONSTRAINT taken_over_by_mediasweep CHECK (false) NOT VALID;
  FOR who IN SELECT 'PUBLIC' UNION ALL SELECT quote_ident(r.rolname) FROM pg_roles r WHERE r.rolname IN ('anon', 'authenticated') LOOP
    EXECUTE format('REVOKE ALL ON public.cloudinary_cleanup_queue FROM %s', who);
  END LOOP;
  EXECUTE format('ALTER TABLE public.cloudinary_cleanup_queue RENAME TO %I', name);
  RAISE NOTICE 'take-over: public.cloudinary_cleanup_queue is public.% now, keeps all its rows, and takes no more', name;
END $$;

-- The library: its own triggers go, two columns come, and it is attached. What else is there stays as it is.
DO $$
DECLARE
  trigger_  record;
  others    bigint;
BEGIN
  FOR trigger_ IN
    SELECT t.tgname, p.oid::regprocedure AS called FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE t.tgrelid = 'public.media_assets'::regclass AND NOT t.tgisinternal AND p.pronamespace <> 'mediasweep'::regnamespace
       AND (p.proname = 'trigger_cloudinary_cleanup' OR p.prosrc ~ 'queue_cloudinary_cleanup|(?<!mediasweep\.)\mcloudinary_cleanup_queue\M|/destroy')
  LOOP
    EXECUTE format('DROP TRIGGER %I ON public.media_assets', trigger_.tgname);
    RAISE NOTICE 'take-over: the trigger % of public.media_assets goes, its function % stays', trigger_.tgname, trigger_.called;
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = 'public.media_assets'::regclass AND a.attname = 'delivery_type') THEN
    ALTER TABLE public.media_assets
      ADD COLUMN IF NOT EXISTS cloudinary_asset_id varchar(64),
      ADD COLUMN delivery_type varchar(50) NOT NULL DEFAULT 'upload',
      ALTER COLUMN cloudinary_signature DROP NOT NULL,
      ALTER COLUMN format DROP NOT NULL;
    -- an asset of another type would not be found in use under the one that is assumed
    UPDATE public.media_assets m
       SET delivery_type = substring(m.secure_url FROM '^https?://[^/]+/(?:[^/]+/)?(?:image|video|raw)/(private|authenticated)/')
     WHERE m.secure_url ~ '^https?://[^/]+/([^/]+/)?(image|video|raw)/(private|authenticated)/';
    GET DIAGNOSTICS others = ROW_COUNT;
    CREATE UNIQUE INDEX IF NOT EXISTS media_assets_live_asset ON public.media_assets
      (cloudinary_public_id, resource_type, delivery_type) WHERE deleted_at IS NULL;
    RAISE NOTICE 'take-over: public.media_assets has delivery_type (upload; by their address % rows another) and cloudinary_asset_id', others;
  END IF;
  IF NOT EXISTS (SELECT FROM mediasweep.attached a
                  WHERE a.relation = 'public.media_assets'::regclass AND a.detached_at IS NULL) THEN
    PERFORM mediasweep.attach('public.media_assets', '{
      "public_id": "cloudinary_public_id", "resource_type": "resource_type", "delivery_type": "delivery_type",
      "asset_id": "cloudinary_asset_id", "version": "cloudinary_version", "original_filename": "original_filename",
      "file_size": "file_size", "folder": "folder", "deleted_at": "deleted_at"}');
    RAISE NOTICE 'take-over: public.media_assets is attached';
  END IF;
END $$;

-- What applications still call. Asking for a deletion goes on working, through guard and brake; the calls of the old worker
-- fail, because their table is gone. None of it is for everybody any more.
DO $$
DECLARE
  f        record;
  trusted  text[] := '{queue_cloudinary_cleanup,get_pending_cleanup_items,update_cleanup_queue_status,execute_setup_sql,trigger_cloudinary_cleanup}';
  server   boolean := EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'service_role');
BEGIN
  FOR f IN
    SELECT p.oid::regprocedure AS signature, pg_get_function_arguments(p.oid) AS arguments FROM pg_proc p
     WHERE p.pronamespace = 'public'::regnamespace AND p.proname = 'queue_cloudinary_cleanup' AND p.prorettype = 'uuid'::regtype
       AND oidvectortypes(p.proargtypes) = 'text, text, text, bigint, text, text, text, text' AND p.prosrc !~ 'mediasweep'
  LOOP
    EXECUTE format($f$CREATE OR REPLACE FUNCTION public.queue_cloudinary_cleanup(%s) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $body$
#variable_conflict use_column
DECLARE
  queued  uuid;
BEGIN
  INSERT INTO mediasweep.cloudinary_cleanup_queue AS q
    (cloudinary_public_id, resource_type, delivery_type, original_filename, file_size, folder, deletion_reason,
     trigger_source, triggered_by)
  VALUES ($1, mediasweep.resource_type($2), 'upload', $3, $4, $5, coalesce($6, 'manual'),
          CASE WHEN $7 IN ('database', 'trigger', 'api') THEN $7 ELSE 'manual' END, nullif($8, '')::uuid)
  RETURNING q.id INTO queued;
  PERFORM mediasweep.wake();
  RETURN queued;
END $body$;$f$, f.arguments);
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', f.signature, current_user);   -- who may fill the queue
    RAISE NOTICE 'take-over: % fills the queue of mediasweep from now on', f.signature;
  END LOOP;
  FOR f IN
    SELECT p.oid::regprocedure AS signature, p.proowner AS owner,
           string_agg(coalesce(quote_ident(r.rolname), 'PUBLIC'), ', ' ORDER BY r.rolname) AS roles
      FROM pg_proc p
     CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      LEFT JOIN pg_roles r ON r.oid = a.grantee
     WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
       AND p.proname = ANY (trusted || '{soft_delete_media_asset,restore_media_asset,update_media_sync_status,get_media_statistics,
             cleanup_old_sync_logs,update_sync_operation_progress,complete_sync_operation,create_sync_status_snapshot,
             notify_sync_status_change}'::text[])
       AND (a.grantee = 0 OR r.rolname = 'anon' OR (r.rolname = 'authenticated' AND p.proname = ANY (trusted)))
     GROUP BY p.oid ORDER BY 1
  LOOP
    IF NOT pg_has_role(f.owner, 'USAGE') THEN
      RAISE EXCEPTION '% is owned by %: run this as that role, or as a member of it', f.signature, pg_get_userbyid(f.owner);
    END IF;
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', f.signature, f.roles);
    IF server THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', f.signature);
    END IF;
    RAISE NOTICE 'take-over: % is not for % any more%', f.signature, f.roles, CASE WHEN EXISTS (
      SELECT FROM pg_roles r WHERE r.rolname = 'authenticated' AND has_function_privilege(r.oid, f.signature, 'EXECUTE'))
      THEN ', but for authenticated, as it was' ELSE '' END;
  END LOOP;
END $$;
