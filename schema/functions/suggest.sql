-- Which tables look as if their rows name Cloudinary assets: by the names of their columns, and by a look at some values.
-- Only a suggestion, to be read by a person; where SELECT is not allowed, the names have to do.

-- What a column seems to hold: `id`, `url`, `text` with URLs in it, `json`, or NULL. Sampled where that is possible and the name
-- alone does not tell.
CREATE OR REPLACE FUNCTION mediasweep.looks_like(relation regclass, name text, type text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  plain    text := lower(replace(name, '_', ''));
  alone    boolean;
  keyed    boolean;
BEGIN
  IF type NOT IN ('text', 'character varying', 'text[]', 'character varying[]', 'json', 'jsonb') THEN
    RETURN NULL;
  END IF;
  IF type NOT IN ('json', 'jsonb') AND plain !~ '^(removed|deleted|old)'
     AND (plain ~ '(publicid|cloudinaryid|cloudid)s?$' OR type LIKE '%[]' AND plain ~ '(photo|image|picture|video|media|asset)ids$') THEN
    RETURN 'id';
  END IF;
  IF has_column_privilege(relation, name, 'SELECT') AND NOT row_security_active(relation) THEN
    EXECUTE format('SELECT bool_or(mediasweep.stands_alone(v.said)) FILTER (WHERE v.said ~ %3$L), bool_or(v.said ~* %4$L)'
                   ' FROM (SELECT left(t.%1$I::text, 2000) AS said FROM %2$s t LIMIT 1000) v',
                   name, relation, '(res(-[0-9]+)?[.]cloudinary[.]com|-res(-[0-9]+)?[.]cloudinary[.]com)/',
                   '"(public_?id|cloudinary_?id)s?"\s*:')
       INTO alone, keyed;
    IF type IN ('json', 'jsonb') THEN
      RETURN CASE WHEN alone IS NOT NULL OR keyed THEN 'json' END;
    ELSIF alone IS NOT NULL THEN
      RETURN CASE WHEN alone OR type LIKE '%[]' THEN 'url' ELSE 'text' END;
    END IF;
  END IF;
  RETURN NULL;
END $$;

-- What can be told of an asset by the other columns of its table.
CREATE OR REPLACE FUNCTION mediasweep.looks_beside(relation regclass) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
  SELECT coalesce(jsonb_object_agg(found.option_, found.name), '{}') FROM (
    SELECT DISTINCT ON (o.option_) o.option_, a.attname AS name
      FROM pg_attribute a
      JOIN pg_type t ON t.oid = a.atttypid
      JOIN (VALUES ('resource_type', '^(cloudinary)?resourcetype$', 'SE'), ('delivery_type', '^(cloudinary)?deliverytype$', 'SE'),
                   ('asset_id', '^cloudinaryassetid$', 'S'), ('version', '^cloudinaryversion$', 'NS'),
                   ('original_filename', '^(originalfilename|originalname)$', 'S'), ('file_size', '^(filesize|bytes)$', 'N'),
                   ('folder', '^folder$', 'S'), ('deleted', '^(deletedat|isdeleted)$', 'DB')) o (option_, pattern, categories)
        ON lower(replace(a.attname, '_', '')) ~ o.pattern AND position(t.typcategory IN o.categories) > 0
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY o.option_, a.attnum) found
$$;

CREATE OR REPLACE FUNCTION mediasweep.suggest() RETURNS TABLE (relation regclass, options jsonb, why text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  table_  record;
  ids     text[];
  urls    text[];
  texts   text[];
  docs    text[];
BEGIN
  FOR table_ IN
    SELECT c.oid::regclass AS name, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
       AND n.nspname <> ALL ('{pg_catalog,information_schema,mediasweep,auth,storage,realtime,vault,extensions,supabase_migrations}')
       AND NOT EXISTS (SELECT FROM mediasweep.attached a WHERE a.relation = c.oid AND a.detached_at IS NULL)
     ORDER BY n.nspname, c.relname
  LOOP
    SELECT array_agg(l.name) FILTER (WHERE l.kind = 'id'), array_agg(l.name) FILTER (WHERE l.kind IN ('url', 'text')),
           array_agg(l.name) FILTER (WHERE l.kind = 'text'), array_agg(l.name) FILTER (WHERE l.kind = 'json')
      INTO ids, urls, texts, docs
      FROM (SELECT a.attname::text AS name, mediasweep.looks_like(table_.name, a.attname, format_type(a.atttypid, NULL)) AS kind
              FROM pg_attribute a WHERE a.attrelid = table_.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) l;
    relation := table_.name;
    -- where the id is known, the URL beside it says nothing more
    IF ids IS NOT NULL THEN
      options := CASE WHEN cardinality(ids) = 1 THEN jsonb_build_object('public_id', ids[1])
                      ELSE jsonb_build_object('refs', (SELECT jsonb_agg(jsonb_build_object('public_id', i)) FROM unnest(ids) i)) END;
      why := 'the name of ' || array_to_string(ids, ', ');
    ELSIF urls IS NOT NULL THEN
      options := CASE WHEN cardinality(urls) = 1 THEN jsonb_build_object('public_id', jsonb_build_object('column', urls[1], 'url', true))
                      ELSE jsonb_build_object('refs', (SELECT jsonb_agg(jsonb_build_object('public_id', jsonb_build_object('column', u, 'url', true)))
                                                         FROM unnest(urls) u)) END;
      why := 'Cloudinary URLs in ' || array_to_string(urls, ', ')
        || coalesce('; in ' || array_to_string(texts, ', ') || ' they stand inside a text, where they keep what they name, and queue nothing', '');
    ELSIF docs IS NOT NULL THEN
      options := NULL;   -- where in the document is for a person to say
      why := 'Cloudinary URLs or public ids somewhere in ' || array_to_string(docs, ', ') || ': give their "path"';
    END IF;
    IF coalesce(ids, urls, docs) IS NOT NULL THEN
      options := options || (mediasweep.looks_beside(relation) - CASE WHEN ids IS NULL THEN '{resource_type,delivery_type,asset_id,version}' ELSE '{}' END::text[]);
      RETURN NEXT;
    END IF;
  END LOOP;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
