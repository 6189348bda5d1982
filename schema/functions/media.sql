-- The library as people see it and delete from it. Run as the owner of the schema, for the daemon need not read your tables;
-- rows that row-level security hides are an error, and no gap.

-- A pattern of LIKE, which an index can answer, for what is below a folder.
CREATE OR REPLACE FUNCTION mediasweep.below(folder text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT regexp_replace(folder, '([\\%_])', '\\\1', 'g') || '/%' $$;

-- One row of it, deleted or not; NULL: there is none.
CREATE OR REPLACE FUNCTION mediasweep.media_row(row_id uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  RETURN (SELECT to_jsonb(m) - 'cloudinary_signature' FROM public.media_assets m WHERE m.id = row_id);
END $$;

-- One page of it, each row as JSON, and how many rows the filter leaves; NULL means any. A column to sort by is one of a closed list.
-- What a filter leaves is gone through once, for both; without one nothing is counted, and `total` is NULL. Both are NULL without a library.
-- Without a filter a deep page is looked for from the end that is nearer: to sort half of the rows away costs more than to count them.
-- ILIKE would make the pattern lower-case again for each value: a search through all rows then takes a third longer.
CREATE OR REPLACE FUNCTION mediasweep.media_found(
  folder text, resource_type text, search text, tags text[], sort_by text, descending boolean, skip bigint, most integer,
  OUT total bigint, OUT items jsonb[])
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
SET work_mem = '32MB'   -- so that some hundred thousand rows are sorted in memory
SET jit = off
AS $$
DECLARE
  way   text := CASE WHEN descending THEN 'DESC NULLS LAST' ELSE 'ASC NULLS LAST' END;
  back  text := CASE WHEN descending THEN 'ASC NULLS FIRST' ELSE 'DESC NULLS FIRST' END;
  live  bigint;
  page  uuid[];
BEGIN
  IF NOT mediasweep.has_library() THEN
    RETURN;
  END IF;
  IF sort_by <> ALL ('{created_at,updated_at,file_size,display_name,original_filename,cloudinary_public_id}'::text[]) THEN
    RAISE EXCEPTION 'mediasweep.media_found: % is nothing to sort by', sort_by;
  END IF;
  IF skip > 1000 AND num_nonnulls(folder, resource_type, search, tags) = 0 THEN
    live := (SELECT count(*) FROM public.media_assets m WHERE m.deleted_at IS NULL);
  END IF;
  IF skip > live / 2 THEN
    EXECUTE format($q$
      SELECT ARRAY(SELECT l.id FROM (
        SELECT m.id, m.%1$I AS key
          FROM public.media_assets m WHERE m.deleted_at IS NULL ORDER BY m.%1$I %2$s, m.id %2$s OFFSET $1 LIMIT $2) l
        ORDER BY l.key %3$s, l.id %3$s)$q$, sort_by, back, way)
      INTO page USING greatest(live - skip - most, 0), greatest(least(most, live - skip), 0);
  ELSIF num_nonnulls(folder, resource_type, search, tags) = 0 THEN
    EXECUTE format('SELECT ARRAY(SELECT m.id FROM public.media_assets m WHERE m.deleted_at IS NULL ORDER BY m.%1$I %2$s, m.id %2$s OFFSET $1 LIMIT $2)',
                   sort_by, way)
      INTO page USING skip, most;
  ELSE
    EXECUTE format($q$
      WITH hit AS MATERIALIZED (
        SELECT m.id, m.%1$I AS key
          FROM public.media_assets m
         WHERE m.deleted_at IS NULL
           AND ($1 IS NULL OR m.folder = $1 OR m.folder LIKE mediasweep.below($1))
           AND ($2 IS NULL OR m.resource_type = $2)
           AND ($4 IS NULL OR m.tags @> $4)
           AND ($3 IS NULL OR lower(m.cloudinary_public_id) LIKE $3 OR lower(m.original_filename) LIKE $3 OR lower(m.display_name) LIKE $3
                OR lower(m.description) LIKE $3 OR lower(m.alt_text) LIKE $3))
      SELECT (SELECT count(*) FROM hit), ARRAY(SELECT h.id FROM hit h ORDER BY h.key %2$s, h.id %2$s OFFSET $5 LIMIT $6)$q$, sort_by, way)
      INTO total, page USING folder, resource_type, lower(search), tags, skip, most;
  END IF;
  -- only the rows of the page are read as a whole
  items := ARRAY(SELECT to_jsonb(m) - 'cloudinary_signature'
                   FROM unnest(page) WITH ORDINALITY p (id, place) JOIN public.media_assets m ON m.id = p.id ORDER BY p.place);
END $$;

-- The whole library in figures; NULL: there is none that is ours.
CREATE OR REPLACE FUNCTION mediasweep.media_figures() RETURNS jsonb
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  IF NOT mediasweep.has_library() THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT jsonb_build_object(
             'total_images', count(*) FILTER (WHERE m.resource_type = 'image'), 'total_videos', count(*) FILTER (WHERE m.resource_type = 'video'),
             'total_files', count(*) FILTER (WHERE m.resource_type = 'raw'), 'total_size', coalesce(sum(m.file_size), 0),
             'synced', count(*) FILTER (WHERE m.sync_status = 'synced'), 'pending', count(*) FILTER (WHERE m.sync_status = 'pending'),
             'error', count(*) FILTER (WHERE m.sync_status = 'error'), 'last_synced_at', max(m.last_synced_at))
      FROM public.media_assets m WHERE m.deleted_at IS NULL);
END $$;

-- The rows that are meant: with these ids, or live ones with these public ids and, unless it is NULL, of this resource and delivery type.
CREATE OR REPLACE FUNCTION mediasweep.media_named(ids uuid[], public_ids text[], kind text, delivery text)
RETURNS TABLE (id uuid, public_id text, resource_type text, delivery_type text, live boolean)
LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
  RETURN QUERY
    SELECT m.id, m.cloudinary_public_id::text, m.resource_type::text, m.delivery_type::text, m.deleted_at IS NULL
      FROM public.media_assets m WHERE m.id = ANY (ids)
     UNION ALL
    SELECT m.id, m.cloudinary_public_id::text, m.resource_type::text, m.delivery_type::text, true
      FROM public.media_assets m
     WHERE m.cloudinary_public_id = ANY (public_ids) AND m.deleted_at IS NULL
       AND (kind IS NULL OR m.resource_type = kind) AND (delivery IS NULL OR m.delivery_type = delivery);
END $$;

DROP FUNCTION IF EXISTS mediasweep.delete_media(text[], text);  -- by public ids, which may be of several assets

-- Delete the assets of these rows, which somebody has named one by one: the rows are marked as deleted, and captured, in this
-- transaction. `public_ids`: of which asset each of them was when it was named; one that names another asset by now stays; NULL: any.
-- A row of the answer for each that was live; `queue_id` NULL: nothing was to be queued for it.
-- It gives up before a deadlock is looked for, so no user's transaction is ended for one.
CREATE OR REPLACE FUNCTION mediasweep.delete_media(ids uuid[], who text, public_ids text[])
RETURNS TABLE (id uuid, public_id text, queue_id uuid)
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = '300ms'
AS $$
DECLARE
  at    timestamptz := clock_timestamp();   -- one for all, by whose microseconds they are listed by name (media_deleted)
  gone  uuid[];
BEGIN
  WITH deleted AS (
    UPDATE public.media_assets m SET deleted_at = at - named.place * interval '1 microsecond', updated_at = at
      FROM (SELECT n.*, row_number() OVER (ORDER BY o.cloudinary_public_id, o.id) AS place
              FROM unnest(ids, public_ids) n (id, public_id) JOIN public.media_assets o ON o.id = n.id) named
     WHERE m.id = named.id AND m.cloudinary_public_id = coalesce(named.public_id, m.cloudinary_public_id) AND m.deleted_at IS NULL
    RETURNING m.id)
  SELECT coalesce(array_agg(d.id), '{}') INTO gone FROM deleted d;
  SET CONSTRAINTS ALL IMMEDIATE;   -- so that nothing is let go of after this
  -- a trigger of yours may let go of more, which nobody has named: then nothing is confirmed, and the brake judges all of it
  IF NOT EXISTS (
    SELECT FROM mediasweep.cloudinary_cleanup_queue q
      JOIN mediasweep.attached a ON a.id = q.source_id AND a.relation = 'public.media_assets'::regclass
     WHERE q.xact = pg_current_xact_id() AND q.processed_at IS NULL AND q.due_at >= now()
       AND (q.cloudinary_public_id, q.resource_type, q.delivery_type) NOT IN (
         SELECT m.cloudinary_public_id, m.resource_type, m.delivery_type FROM public.media_assets m WHERE m.id = ANY (gone)))
  THEN
    PERFORM mediasweep.confirm('public.media_assets', who);
  END IF;
  RETURN QUERY
    SELECT m.id, m.cloudinary_public_id::text, q.id
      FROM public.media_assets m
      LEFT JOIN mediasweep.cloudinary_cleanup_queue q
        ON q.xact = pg_current_xact_id() AND q.cloudinary_public_id = m.cloudinary_public_id AND q.resource_type = m.resource_type
       AND q.delivery_type = m.delivery_type AND q.processed_at IS NULL AND q.due_at >= now()
     WHERE m.id = ANY (gone);
END $$;

-- Look a second time: what was deleted is asked to be deleted again, past the guard as ever; Cloudinary then says that it is not there.
CREATE OR REPLACE FUNCTION mediasweep.delete_again(ids uuid[], who text) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY
    INSERT INTO mediasweep.cloudinary_cleanup_queue
      (cloudinary_public_id, resource_type, delivery_type, asset_id, version, original_filename, folder, deletion_reason, trigger_source)
    SELECT q.cloudinary_public_id, q.resource_type, q.delivery_type, q.asset_id, q.version, q.original_filename, q.folder, 'verify', 'api'
      FROM mediasweep.cloudinary_cleanup_queue q WHERE q.id = ANY (ids) AND q.status = 'completed'
    RETURNING id;
  IF FOUND THEN   -- they were confirmed when they were deleted
    INSERT INTO mediasweep.acknowledgement (source_id, xact, queue_rows, acknowledged_by) VALUES (0, pg_current_xact_id(), cardinality(ids), who);
    PERFORM pg_notify('mediasweep', '');
  END IF;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
