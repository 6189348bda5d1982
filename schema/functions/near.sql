-- What a row nearly names: in other letters, with blanks, slashes or a format at an end of the id, or as a path or an address that is not
-- read as one here.
--
-- For the guard that is no use: a deletion that somebody wants is not put off for it. But an orphan nobody has wanted to delete, and whoever
-- writes names in a way of his own would lose every asset that he has; so one that is nearly named is told, and never deleted.

-- A name as people confuse it.
CREATE OR REPLACE FUNCTION mediasweep.folded(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT lower(btrim(CASE WHEN getdatabaseencoding() = 'UTF8' THEN normalize(name, NFKC) ELSE name END, E' /\t\r\n') COLLATE "default") COLLATE "C"
$$;

-- What a name is confused with: itself, and what it would be without a format. Two that are alike only without it are two.
CREATE OR REPLACE FUNCTION mediasweep.alike(said text) RETURNS TABLE (name text, whole boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT n.name, n.whole
    FROM (VALUES (mediasweep.folded(said), true), (mediasweep.folded(substring(said FROM '^(.*[^/])[.][A-Za-z0-9]{1,5}\s*$')), false)) n (name, whole)
   WHERE n.name <> ''
$$;

-- What a text may name that nothing is read from: as it stands, behind a version, or behind the types in a path, whatever is before them.
CREATE OR REPLACE FUNCTION mediasweep.nearly(said text) RETURNS TABLE (name text, whole boolean)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$   -- whose plans are kept
DECLARE
  start  text := left(said, 1000);
  plain  text := coalesce(mediasweep.unescaped(start), start);
BEGIN
  RETURN QUERY SELECT a.name, a.whole FROM mediasweep.alike(plain) a;
  IF plain ~ '[?#]|^\s*/?v[0-9]' THEN
    RETURN QUERY SELECT a.name, a.whole FROM mediasweep.alike(substring(plain FROM '^\s*/?(?:v[0-9]+/)?([^?#]+)')) a;
  END IF;
  IF said ~ '/(upload|private|authenticated)/' THEN
    RETURN QUERY
      SELECT DISTINCT a.name, a.whole
        FROM regexp_matches(said, '(?:image|video|raw)/(?:upload|private|authenticated)/[^[:space:]"''<>\\`]+', 'g') m (path)
       CROSS JOIN LATERAL (SELECT m.path[1] UNION SELECT regexp_replace(m.path[1], '[(),;|&][^/]*$', '')) p (path)
       CROSS JOIN LATERAL mediasweep.url_readings('https://res.cloudinary.com/-/' || p.path, '{}') u
       CROSS JOIN LATERAL mediasweep.alike(u.public_id) a;
  END IF;
END $$;

-- The texts in place of addresses that are not one of Cloudinary or of the table's own hosts, as a query over (source_id, said).
CREATE OR REPLACE FUNCTION mediasweep.unusual_texts() RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT coalesce(string_agg(format(
           'SELECT %1$s AS source_id, %2$s COLLATE "C" AS said FROM %3$s WHERE %4$s (split_part(%2$s, ''/'', 3) <> ALL (%5$s || ''res.cloudinary.com''::text) OR %2$s ~ ''\s'')',
           a.id, held.sql, mediasweep.items_query(a.relation, held.ref, a.relation::text, live.sql, '', 'NULL'),
           CASE WHEN mediasweep.held_in(a.relation, held.ref) = 'column' THEN '(' || live.sql || ') AND' ELSE '' END, mediasweep.hosts(url)), E'\n UNION ALL '),
         'SELECT NULL::integer AS source_id, NULL::text AS said WHERE false')
    FROM mediasweep.attached a
   CROSS JOIN mediasweep.refs_of(a.options) url
   CROSS JOIN LATERAL (
     SELECT p.ref, mediasweep.held_text(a.relation, p.ref) FROM (SELECT jsonb_set(url, '{public_id}', (url -> 'public_id') - 'url')) p (ref)) held (ref, sql)
   CROSS JOIN mediasweep.live_expression(a.relation, a.options, 'use') live (sql)
   WHERE a.detached_at IS NULL AND mediasweep.is_url(url)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
