-- The library before and after a deletion: what would become of assets that somebody names, and what became of those whose rows are
-- deleted. Run as the owner of the schema, as media.sql is. Nothing is locked, so a claim may find it otherwise.

DROP FUNCTION IF EXISTS mediasweep.media_plan(text[], boolean), mediasweep.media_plan(uuid[], boolean),  -- told fewer columns
  mediasweep.media_deleted(text[], text, timestamptz, uuid, integer);
-- Each live one of these rows, and what would keep its asset if all of them were deleted now: `used_by` the rows that name it, one of
-- each table, `protected_by` a prefix. Raises what the guard raises, which is asked if it is `guarded`.
CREATE OR REPLACE FUNCTION mediasweep.media_plan(ids uuid[], guarded boolean) RETURNS TABLE (
  id uuid, public_id text, resource_type text, delivery_type text, display_name text, original_filename text, bytes bigint,
  secure_url text, used_by text[], protected_by text)
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- Deleted rows, the newest first, each with its newest row of the queue: what became of its asset. `taken`: a live row has its name.
-- `public_ids` and `search` (of ILIKE) may be NULL: any; so may `before`, the last row of the page before.
CREATE OR REPLACE FUNCTION mediasweep.media_deleted(
  public_ids text[], search text, before timestamptz, before_id uuid, most integer)
RETURNS TABLE (
  id uuid, public_id text, resource_type text, delivery_type text, display_name text, original_filename text, bytes bigint,
  secure_url text, deleted_at timestamptz, taken boolean, queue_id uuid, status text, in_doubt boolean, said text, due_at timestamptz)
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
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

-- The rows of the queue that would delete this asset, or have; found by the indexes that the claim has for siblings.
CREATE OR REPLACE FUNCTION mediasweep.of_asset(public_id text, resource_type text, delivery_type text)
RETURNS SETOF mediasweep.cloudinary_cleanup_queue
LANGUAGE sql STABLE
AS $$
  SELECT q.*
    FROM (SELECT u.* FROM mediasweep.cloudinary_cleanup_queue u
           WHERE hashtextextended(u.cloudinary_public_id, 0) = hashtextextended($1, 0) AND u.cloudinary_public_id = $1 AND u.processed_at IS NULL
           UNION ALL
          SELECT f.* FROM mediasweep.cloudinary_cleanup_queue f
           WHERE hashtextextended(f.cloudinary_public_id, 0) = hashtextextended($1, 0) AND f.cloudinary_public_id = $1 AND f.processed_at IS NOT NULL) q
   WHERE (q.resource_type = $2) IS NOT FALSE AND (q.delivery_type = $3) IS NOT FALSE
$$;

-- The newest of them, but for those queued for the case that an upload had been broken off, and those that only look a second time.
CREATE OR REPLACE FUNCTION mediasweep.newest_of(public_id text, resource_type text, delivery_type text)
RETURNS SETOF mediasweep.cloudinary_cleanup_queue
LANGUAGE sql STABLE
AS $$
  SELECT q.* FROM mediasweep.of_asset($1, $2, $3) q
   WHERE q.trigger_source <> 'upload' AND q.deletion_reason IS DISTINCT FROM 'verify'
   ORDER BY q.queued_at DESC, q.id DESC
   LIMIT 1
$$;

-- Bring deleted rows back, and cancel all that was queued for their assets; `refused`: why one stays deleted. Whoever calls this has
-- seen to it that the assets are there, after it had seen that these queue rows were `completed`: a later one has deleted it since.
-- No user's transaction is made to wait for long, nor ended for a deadlock: whoever waits here gives up before that is looked for.
CREATE OR REPLACE FUNCTION mediasweep.undelete_media(ids uuid[], who text, completed uuid[]) RETURNS TABLE (id uuid, refused text)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '300ms'
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

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
