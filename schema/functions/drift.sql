-- Where the account and the rows that use it differ: one statement over what was listed and every attached table.
--
-- One statement, so that a reference which moves from one table to another is seen in one of them. It writes nothing while it reads, so that
-- no deletion waits for it. A use is whatever may be meant, as for the guard; a ghost is only what a row surely names, as for capture.

-- Of the release before.
DROP FUNCTION IF EXISTS mediasweep.all_refs(text);

-- What the tables may name, as a query over (source_id, public_id, …): each row is read once, and `sure` is what capture would let go of. As
-- for the guard, what was a part of a table (stray.sql) is asked, too.
CREATE OR REPLACE FUNCTION mediasweep.all_refs() RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT coalesce(string_agg(format(
           'SELECT %s AS source_id, left(ref.public_id, 1000) COLLATE "C" AS public_id, ref.resource_type COLLATE "C" AS resource_type,'
           ' ref.delivery_type COLLATE "C" AS delivery_type, ref.asset_id COLLATE "C" AS asset_id, ref.version, ref.file_size, ref.folder, ref.sure'
           ' FROM (%s) ref', a.id, mediasweep.ref_query(
             a.relation, one.ref, a.relation::text, mediasweep.live_expression(a.relation, a.options, 'use'), false, '',
             format(', coalesce((%s) AND %s, false) AS sure', mediasweep.live_expression(a.relation, a.options, 'capture'),
                    mediasweep.surely_named(a.relation, one.ref)))), E'\n UNION ALL ' ORDER BY a.id),
         'SELECT NULL::integer AS source_id, NULL::text AS public_id, NULL::text AS resource_type, NULL::text AS delivery_type,'
         ' NULL::text AS asset_id, NULL::bigint AS version, NULL::bigint AS file_size, NULL::text AS folder, false AS sure WHERE false')
    FROM (SELECT (at.row_).* FROM mediasweep.attached o
           CROSS JOIN LATERAL (SELECT o UNION ALL
                               SELECT jsonb_populate_record(o, jsonb_build_object('relation', s.relation)) FROM mediasweep.strays() s WHERE s.source = o.id)
                      at (row_)
           WHERE o.detached_at IS NULL) a
   CROSS JOIN LATERAL mediasweep.refs_of(a.options) one (ref)
$$;

-- Whether two name the same asset: by name, where a type that is not known matches every type.
CREATE OR REPLACE FUNCTION mediasweep.same_name(one text, another text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT format('%1$s.public_id = %2$s.public_id AND (%1$s.resource_type = %2$s.resource_type OR %2$s.resource_type IS NULL)'
                ' AND (%1$s.delivery_type = %2$s.delivery_type OR %2$s.delivery_type IS NULL)', one, another)
$$;

-- The part of `differing` that only our own library can tell, if there is one. A row that was changed since is left to the next time. A text that
-- Cloudinary has not is the application's own, unless Cloudinary was heard to have one.
CREATE OR REPLACE FUNCTION mediasweep.library_differing() RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN mediasweep.has_library() THEN format($q$
       UNION ALL
      SELECT %s, l.*, jsonb_strip_nulls(jsonb_build_object(
               'format', CASE WHEN m.format <> l.format THEN jsonb_build_array(m.format, l.format) END,
               'display_name', CASE WHEN m.display_name <> l.display_name THEN jsonb_build_array(m.display_name, l.display_name) END,
               'tags', CASE WHEN d.tags THEN jsonb_build_array(m.tags, l.tags) END,
               'alt_text', CASE WHEN d.alt THEN jsonb_build_array(m.alt_text, l.alt) END,
               'description', CASE WHEN d.caption THEN jsonb_build_array(m.description, l.caption) END))
        FROM public.media_assets m
        JOIN there l ON l.public_id = m.cloudinary_public_id::text COLLATE "C" AND l.resource_type = m.resource_type AND l.delivery_type = m.delivery_type
        LEFT JOIN mediasweep.asset heard ON heard.asset_id = l.asset_id
       CROSS JOIN LATERAL (
         SELECT NOT (m.tags @> l.tags AND m.tags <@ l.tags) AS tags,
                m.alt_text IS DISTINCT FROM left(l.alt, 500) AND (l.alt IS NOT NULL OR mediasweep.still(heard.said, 'context:alt') <> 'null') AS alt,
                m.description IS DISTINCT FROM l.caption AND (l.caption IS NOT NULL OR mediasweep.still(heard.said, 'context:caption') <> 'null') AS caption) d
       WHERE m.deleted_at IS NULL AND coalesce(greatest(m.updated_at, m.last_synced_at) < $1, true)
         AND (m.format <> l.format OR m.display_name <> l.display_name OR d.tags OR d.alt OR d.caption)$q$, a.id) ELSE '' END
    FROM (SELECT (SELECT a.id FROM mediasweep.attached a WHERE a.relation = to_regclass('public.media_assets') AND a.detached_at IS NULL)) a (id)
$$;

-- The differences, as findings without a run; and as rows of the kind `count`, how much of something there is (`bytes`).
-- `began`: when the listing did. An asset that is younger than `floor` may be one whose row is still to come.
CREATE OR REPLACE FUNCTION mediasweep.drift(began timestamptz, floor interval) RETURNS SETOF mediasweep.reconcile_finding
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off SET enable_nestloop = off SET jit = off
AS $$
BEGIN
  RETURN QUERY EXECUTE format($q$
    WITH may AS MATERIALIZED (%1$s),
    names AS MATERIALIZED (
      SELECT r.source_id, r.public_id, r.resource_type, r.delivery_type,
             substring(r.asset_id FROM '^[^[:space:]]+$') AS asset_id, r.version, r.file_size, r.folder
        FROM may r WHERE r.sure),
    there AS MATERIALIZED (SELECT l.* FROM mediasweep.reconcile_listed l WHERE NOT l.placeholder),
    lost AS MATERIALIZED (
      SELECT r.* FROM may r
       WHERE NOT EXISTS (SELECT FROM there l WHERE %2$s)
         AND NOT EXISTS (SELECT FROM there l WHERE l.asset_id = r.asset_id)),
    loose AS MATERIALIZED (
      SELECT l.* FROM there l
       WHERE l.delivery_type IN ('upload', 'private', 'authenticated')
         AND NOT EXISTS (SELECT FROM may r WHERE %2$s)
         AND NOT EXISTS (SELECT FROM may r WHERE r.asset_id = l.asset_id)),
    -- on its way out already, or gone since it was listed
    let_go AS MATERIALIZED (
      SELECT q.cloudinary_public_id COLLATE "C" AS public_id, q.resource_type, q.delivery_type, q.asset_id
        FROM mediasweep.cloudinary_cleanup_queue q
       WHERE q.processed_at IS NULL OR q.status = 'completed' AND q.processed_at >= $1),
    free AS MATERIALIZED (
      SELECT l.* FROM loose l
       WHERE NOT EXISTS (SELECT FROM let_go r WHERE %2$s)
         AND NOT EXISTS (SELECT FROM let_go r WHERE r.asset_id = l.asset_id)
         AND NOT EXISTS (SELECT FROM lost r WHERE r.public_id = l.public_id)),
    near AS MATERIALIZED (
      SELECT s.source_id, s.said, n.name, n.whole
        FROM (SELECT r.source_id, r.public_id AS said FROM lost r UNION SELECT t.source_id, t.said FROM (%4$s) t) s
       CROSS JOIN LATERAL mediasweep.nearly(s.said) n),
    ghost AS MATERIALIZED (
      SELECT DISTINCT ON (n.source_id, n.public_id, n.resource_type, n.delivery_type, n.asset_id) n.*
        FROM names n
       WHERE EXISTS (SELECT FROM lost r WHERE r.public_id = n.public_id AND r.resource_type IS NOT DISTINCT FROM n.resource_type
                        AND r.delivery_type IS NOT DISTINCT FROM n.delivery_type)
         AND NOT EXISTS (SELECT FROM there l WHERE l.asset_id = n.asset_id)),
    differing AS (
      -- under another type than the row says
      SELECT g.source_id, l.*, jsonb_strip_nulls(jsonb_build_object(
               'resource_type', CASE WHEN g.resource_type <> l.resource_type THEN jsonb_build_array(g.resource_type, l.resource_type) END,
               'delivery_type', CASE WHEN g.delivery_type <> l.delivery_type THEN jsonb_build_array(g.delivery_type, l.delivery_type) END)) AS detail
        FROM ghost g JOIN loose l ON l.public_id = g.public_id
       UNION ALL
      SELECT r.source_id, l.*, jsonb_strip_nulls(jsonb_build_object(
               'asset_id', CASE WHEN r.asset_id <> l.asset_id THEN jsonb_build_array(r.asset_id, l.asset_id) END,
               'version', CASE WHEN r.version < l.version THEN jsonb_build_array(r.version, l.version) END,
               'bytes', CASE WHEN r.file_size <> l.bytes THEN jsonb_build_array(r.file_size, l.bytes) END,
               'folder', CASE WHEN r.folder <> l.folder THEN jsonb_build_array(r.folder, l.folder) END))
        FROM names r JOIN there l ON %2$s
       WHERE (r.asset_id <> l.asset_id OR r.version < l.version OR r.file_size <> l.bytes OR r.folder <> l.folder)
         AND (r.version > l.version) IS NOT TRUE   -- else the row knows a later file
         AND (r.asset_id = l.asset_id OR r.resource_type IS NOT NULL AND r.delivery_type IS NOT NULL)
       UNION ALL
      SELECT r.source_id, l.*, jsonb_build_object('public_id', jsonb_build_array(r.public_id, l.public_id))
        FROM names r JOIN there l ON l.asset_id = r.asset_id
       WHERE r.public_id <> l.public_id%3$s)
    (SELECT DISTINCT ON (f.asset_id) NULL::bigint, NULL::bigint, 'orphan', n.source_id, NULL::text, f.public_id, f.resource_type, f.delivery_type,
           f.asset_id, f.version, f.bytes, f.made_at, CASE WHEN n.said <> '' THEN jsonb_build_object('public_id', jsonb_build_array(left(n.said, 300), f.public_id)) END,
           NULL::timestamptz, NULL::timestamptz, NULL::text, NULL::timestamptz
      FROM free f
     CROSS JOIN LATERAL mediasweep.alike(f.public_id) a
      LEFT JOIN near n ON n.name = a.name AND (n.whole OR a.whole)
     WHERE f.made_at <= $1 - $2
     ORDER BY f.asset_id, n.said)
     UNION ALL
    SELECT NULL, NULL, 'ghost', g.source_id, NULL, g.public_id, g.resource_type, g.delivery_type, g.asset_id, g.version, g.file_size,
           NULL, jsonb_build_object('backup', EXISTS (SELECT FROM mediasweep.reconcile_listed p WHERE p.placeholder AND p.public_id = g.public_id)),
           NULL, NULL, NULL, NULL
      FROM ghost g WHERE NOT EXISTS (SELECT FROM loose l WHERE l.public_id = g.public_id)
     UNION ALL
    SELECT NULL, NULL, 'mismatch', d.source_id, NULL, d.public_id, d.resource_type, d.delivery_type, d.asset_id,
           d.version, d.bytes, d.made_at, jsonb_object_agg(e.key, e.value), NULL, NULL, NULL, NULL
      FROM differing d CROSS JOIN LATERAL jsonb_each(d.detail) e
     WHERE d.made_at <= $1 - interval '1 hour'   -- what is newer may not have come to the row yet
     GROUP BY d.source_id, d.public_id, d.resource_type, d.delivery_type, d.asset_id, d.version, d.bytes, d.made_at
     UNION ALL
    SELECT NULL, NULL, 'count', NULL, NULL, c.name, NULL, NULL, NULL, NULL, c.n, NULL, NULL, NULL, NULL, NULL, NULL
      FROM (SELECT 'refs', (SELECT count(*) FROM may)
             UNION ALL SELECT 'waiting', (SELECT count(*) FROM loose) - (SELECT count(*) FROM free)
             UNION ALL SELECT 'young', (SELECT count(*) FROM free f WHERE f.made_at > $1 - $2)) c (name, n)
    $q$, mediasweep.all_refs(), mediasweep.same_name('l', 'r'), mediasweep.library_differing(),
    mediasweep.unusual_texts()) USING began, floor;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
