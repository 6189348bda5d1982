-- Capture: a row lets go of an asset, a queue row is born in the same transaction.
--
-- For each attached table `capture_source` writes one trigger function from the table's two expressions (refs, live):
-- refs(old) minus refs(new), which is delete, soft delete, changed id and removed element in one rule.
-- It only ever INSERTs: nothing of ours is locked or updated in the user's transaction, so it can neither wait nor
-- deadlock. What fails falls back to a bare table and a WARNING (a `strict` table fails instead).

-- The type as Cloudinary knows it; anything else is unknown.
CREATE OR REPLACE FUNCTION mediasweep.resource_type(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT CASE lower(said) WHEN 'image' THEN 'image' WHEN 'video' THEN 'video' WHEN 'audio' THEN 'video'
                          WHEN 'raw' THEN 'raw' END
$$;

-- The user behind a Supabase request, if there is one. Must not be able to fail.
CREATE OR REPLACE FUNCTION mediasweep.acting_user() RETURNS uuid
LANGUAGE sql STABLE
AS $$
  SELECT substring(current_setting('request.jwt.claims', true)
           FROM '"sub"\s*:\s*"([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"')::uuid
$$;

-- The name of a table's capture function; the library's has the plain name.
CREATE OR REPLACE FUNCTION mediasweep.capture_name(attached_id integer) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT 'trigger_cloudinary_cleanup'
         || CASE WHEN a.relation = to_regclass('public.media_assets') THEN '' ELSE '_' || a.id END
    FROM mediasweep.attached a WHERE a.id = attached_id
$$;

-- The assets that the rows of `rows_from` use (`live` true) or only name (`live` false), as a subquery.
CREATE OR REPLACE FUNCTION mediasweep.refs_query(a mediasweep.attached, rows_from text, live text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT format($q$
      SELECT ref.* FROM %s AS r
       CROSS JOIN LATERAL (%s) AS ref
             (public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder)
       WHERE ref.public_id <> '' AND %s (%s)$q$, rows_from, a.refs, live, a.live)
$$;

-- What a statement let go of: one row an asset, with the reason.
CREATE OR REPLACE FUNCTION mediasweep.released_query(a mediasweep.attached, operation text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE operation
    WHEN 'DELETE' THEN format($q$
      SELECT DISTINCT ON (was.public_id, was.resource_type, was.delivery_type) was.*, 'row_deleted' AS reason
        FROM (%s) was$q$, mediasweep.refs_query(a, 'old_rows', ''))
    WHEN 'TRUNCATE' THEN format($q$
      SELECT DISTINCT ON (was.public_id, was.resource_type, was.delivery_type) was.*, 'table_truncated' AS reason
        FROM (%s) was$q$, mediasweep.refs_query(a, a.relation::text, ''))
    WHEN 'UPDATE' THEN format($q$
      SELECT DISTINCT ON (was.public_id, was.resource_type, was.delivery_type) was.*,
             CASE WHEN EXISTS (SELECT FROM (%s) dead WHERE dead.public_id = was.public_id)
                  THEN 'soft_deleted' ELSE 'reference_removed' END AS reason
        FROM (%s) was
       WHERE NOT EXISTS (
         SELECT FROM (%s) stays
          WHERE stays.public_id = was.public_id
            AND (stays.resource_type = was.resource_type OR stays.resource_type IS NULL OR was.resource_type IS NULL)
            AND (stays.delivery_type = was.delivery_type OR stays.delivery_type IS NULL OR was.delivery_type IS NULL))$q$,
      mediasweep.refs_query(a, 'new_rows', 'NOT'), mediasweep.refs_query(a, 'old_rows', ''),
      mediasweep.refs_query(a, 'new_rows', ''))
  END
$$;

CREATE OR REPLACE FUNCTION mediasweep.queue_statement(a mediasweep.attached, operation text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
       deletion_reason, trigger_source, triggered_by, source_id, due_at)
    SELECT released.*, 'trigger', mediasweep.acting_user(), %s, clock_timestamp() + %L::interval
      FROM (%s) released;$q$, a.id, a.grace, mediasweep.released_query(a, operation))
$$;

CREATE OR REPLACE FUNCTION mediasweep.fallback_statement(a mediasweep.attached, operation text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format($q$
    INSERT INTO mediasweep.fallback (source_id, ref, reason, actor, app, error)
    SELECT %s, to_jsonb(released) - 'reason', released.reason, session_user,
           current_setting('application_name', true), failure
      FROM (%s) released;$q$, a.id, mediasweep.released_query(a, operation))
$$;

-- One of three statements, by the operation of the trigger that fired.
CREATE OR REPLACE FUNCTION mediasweep.by_operation(on_delete text, on_update text, on_truncate text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT format($q$IF TG_OP = 'DELETE' THEN %s
    ELSIF TG_OP = 'UPDATE' THEN %s
    ELSE %s
    END IF;$q$, on_delete, on_update, on_truncate)
$$;

CREATE OR REPLACE FUNCTION mediasweep.capture_source(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
  WITH part AS (
    SELECT mediasweep.by_operation(mediasweep.queue_statement(a, 'DELETE'), mediasweep.queue_statement(a, 'UPDATE'),
                                   mediasweep.queue_statement(a, 'TRUNCATE'))
           || CASE WHEN a.notify THEN ' IF FOUND THEN PERFORM mediasweep.wake(); END IF;' ELSE '' END AS queue,
           mediasweep.by_operation(mediasweep.fallback_statement(a, 'DELETE'), mediasweep.fallback_statement(a, 'UPDATE'),
                                   mediasweep.fallback_statement(a, 'TRUNCATE'))
           || CASE WHEN a.notify THEN ' IF FOUND THEN PERFORM mediasweep.wake(); END IF;' ELSE '' END AS fall_back)
  SELECT CASE WHEN a.strict THEN format($q$BEGIN
  %s
  RETURN NULL;
END$q$, part.queue)
         ELSE format($q$DECLARE failure text;
BEGIN
  BEGIN
    %s
  EXCEPTION WHEN OTHERS THEN
    failure := SQLSTATE || ' ' || SQLERRM;
    BEGIN
      %s
      RAISE WARNING 'mediasweep: could not queue the assets of %%, kept them in mediasweep.fallback: %%', TG_RELID::regclass, failure;
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING 'mediasweep: could not queue the assets of %%, and not keep them either: %% (first: %%)',
        TG_RELID::regclass, SQLERRM, failure;
    END;
  END;
  RETURN NULL;
END$q$, part.queue, part.fall_back) END
    FROM part
$$;

-- Captures that fell back are queued as soon as the queue takes them again; returns how many.
CREATE OR REPLACE FUNCTION mediasweep.refill(most integer) RETURNS integer
LANGUAGE sql VOLATILE
AS $$
  WITH taken AS (
    DELETE FROM mediasweep.fallback f
     WHERE f.ctid = ANY (ARRAY(SELECT o.ctid FROM mediasweep.fallback o ORDER BY o.id LIMIT most FOR UPDATE SKIP LOCKED))
    RETURNING f.*),
  queued AS (
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
       deletion_reason, trigger_source, source_id, actor, app)
    SELECT ref.public_id, ref.resource_type, ref.delivery_type, ref.asset_id, ref.version, ref.original_filename,
           ref.file_size, ref.folder, taken.reason, 'fallback', taken.source_id, taken.actor, coalesce(taken.app, '')
      FROM taken CROSS JOIN LATERAL jsonb_populate_record(NULL::mediasweep.ref, taken.ref) ref
    RETURNING 1)
  SELECT count(*)::integer FROM queued
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
