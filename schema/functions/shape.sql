-- The shape of a table's references: from the options of `attach` to the SQL that reads the assets of its rows.
--
-- A table has one or more refs, each an object that says where a public id stands and what is known beside it. A ref is
-- read in two ways. For capture: only what is certain. For the guard: everything that may be meant. So what nobody can
-- tell is neither deleted nor let go of.

-- Of the release before, with other parameters.
DROP FUNCTION IF EXISTS mediasweep.term(jsonb, text, text), mediasweep.refs_query(mediasweep.attached, text, text);

-- The refs of a table: those in "refs", each with what stands beside "refs" as its default, or the options themselves.
CREATE OR REPLACE FUNCTION mediasweep.refs_of(options jsonb) RETURNS SETOF jsonb
LANGUAGE sql IMMUTABLE
AS $$
  SELECT (options - mediasweep.table_options()) || one.ref
    FROM jsonb_array_elements(CASE WHEN options ? 'refs' THEN options -> 'refs' ELSE jsonb_build_array('{}'::jsonb) END)
         WITH ORDINALITY AS one (ref, n)
   ORDER BY one.n
$$;

CREATE OR REPLACE FUNCTION mediasweep.table_options() RETURNS text[]
LANGUAGE sql IMMUTABLE
AS $$ SELECT '{refs,deleted,deleted_at,filter,grace,strict,notify,brake,references}'::text[] $$;

CREATE OR REPLACE FUNCTION mediasweep.ref_options() RETURNS text[]
LANGUAGE sql IMMUTABLE
AS $$ SELECT '{public_id,resource_type,delivery_type,asset_id,version,original_filename,file_size,folder,host,cloud}'::text[] $$;

-- The type of a column as it is written, and of a domain what it is made of; NULL if there is no such column.
CREATE OR REPLACE FUNCTION mediasweep.column_type(relation regclass, called text) RETURNS text
LANGUAGE sql STABLE
AS $$
  WITH RECURSIVE base (id, domain_over) AS (
    SELECT t.oid, t.typbasetype FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = relation AND a.attname = called AND a.attnum > 0 AND NOT a.attisdropped
     UNION ALL
    SELECT t.oid, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.domain_over)
  SELECT format_type(b.id, NULL) FROM base b WHERE b.domain_over = 0
$$;

-- The column that an option names, if it names one: "c", {"column": "c"} or {"url": "c"}.
CREATE OR REPLACE FUNCTION mediasweep.column_of(said jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE jsonb_typeof(said) WHEN 'string' THEN said #>> '{}'
              ELSE coalesce(said ->> 'column', CASE jsonb_typeof(said -> 'url') WHEN 'string' THEN said ->> 'url' END) END
$$;

-- How a public id is held: in a column of its own, in an array, or in JSON.
CREATE OR REPLACE FUNCTION mediasweep.held_in(relation regclass, ref jsonb) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN ref -> 'public_id' ? 'path' AND jsonb_typeof(ref -> 'public_id') = 'object' THEN 'json'
              WHEN mediasweep.column_type(relation, mediasweep.column_of(ref -> 'public_id')) LIKE '%[]' THEN 'array'
              ELSE 'column' END
$$;

CREATE OR REPLACE FUNCTION mediasweep.is_url(ref jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$ SELECT coalesce(ref -> 'public_id' -> 'url' = 'true', false) $$;

-- The JSON path of a ref. Leniently, an array where one value was expected stands for its elements.
CREATE OR REPLACE FUNCTION mediasweep.items_path(ref jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT ref -> 'public_id' ->> 'path' || CASE WHEN ref -> 'public_id' ->> 'path' ~ '^\s*strict\M' THEN '' ELSE '[*]' END
$$;

CREATE OR REPLACE FUNCTION mediasweep.hosts(ref jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT format('%L::text[]', ARRAY(
    SELECT lower(h #>> '{}') FROM jsonb_array_elements(CASE jsonb_typeof(ref -> 'host') WHEN 'array' THEN ref -> 'host'
                                                       ELSE jsonb_build_array(ref -> 'host') END) h
     WHERE jsonb_typeof(h) = 'string'))
$$;

-- What one option of a ref comes to, as SQL over the row r, or for JSON over the item that was found.
CREATE OR REPLACE FUNCTION mediasweep.term(ref jsonb, name text, type text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN ref -> name ? 'key' AND jsonb_typeof(ref -> name) = 'object'
      THEN format('(r."mediasweep item" ->> %L)::%s', ref -> name ->> 'key', type)
    WHEN jsonb_typeof(ref -> name -> 'url') = 'string'
      THEN format('(SELECT u.%I::%s FROM mediasweep.delivered(r.%I::text, %s) u LIMIT 1)',
                  name, type, ref -> name ->> 'url', mediasweep.hosts(ref))
    WHEN mediasweep.column_of(ref -> name) IS NOT NULL THEN format('r.%I::%s', mediasweep.column_of(ref -> name), type)
    WHEN ref -> name ? 'value' THEN format('%L::%s', ref -> name ->> 'value', type)
    WHEN mediasweep.is_url(ref) AND name IN ('resource_type', 'delivery_type', 'version')
      THEN format('(r."mediasweep url").%I::%s', name, type)
    ELSE format('NULL::%s', type) END
$$;

-- What a ref holds as text, before a URL is read: over the row, or over the item.
CREATE OR REPLACE FUNCTION mediasweep.held_text(relation regclass, ref jsonb) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE mediasweep.held_in(relation, ref)
    WHEN 'json' THEN CASE WHEN ref -> 'public_id' ? 'key' THEN format('(r."mediasweep item" ->> %L)', ref -> 'public_id' ->> 'key')
      ELSE 'CASE WHEN jsonb_typeof(r."mediasweep item") IN (''string'', ''number'') THEN r."mediasweep item" #>> ''{}'' END' END
    WHEN 'array' THEN 'r."mediasweep item"'
    ELSE format('r.%I::text', mediasweep.column_of(ref -> 'public_id')) END
$$;

-- Whether the row r counts as gone. Never NULL: what is unknown is not gone.
CREATE OR REPLACE FUNCTION mediasweep.gone_expression(relation regclass, options jsonb) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE
    WHEN said.rule IS NULL THEN 'false'
    WHEN said.rule ? 'in' AND jsonb_typeof(said.rule) = 'object'
      THEN format('coalesce(r.%I::text = ANY (%L::text[]), false)', mediasweep.column_of(said.rule),
                  ARRAY(SELECT jsonb_array_elements_text(said.rule -> 'in')))
    WHEN mediasweep.column_type(relation, mediasweep.column_of(said.rule)) = 'boolean'
      THEN format('r.%I IS TRUE', mediasweep.column_of(said.rule))
    ELSE format('r.%I IS NOT NULL', mediasweep.column_of(said.rule)) END
    FROM (SELECT coalesce(options -> 'deleted', options -> 'deleted_at')) said (rule)
$$;

-- Which rows are read: `capture`, those that surely use what they name; `use`, those that may; `dead`, those that are gone.
CREATE OR REPLACE FUNCTION mediasweep.live_expression(relation regclass, options jsonb, purpose text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE purpose WHEN 'dead' THEN gone ELSE concat_ws(' AND ', CASE WHEN gone = 'false' THEN 'true' ELSE 'NOT ' || gone END,
           E'(' || (options ->> 'filter') || E'\n) IS ' || CASE purpose WHEN 'capture' THEN 'TRUE' ELSE 'NOT FALSE' END) END
    FROM mediasweep.gone_expression(relation, options) gone
$$;

-- The rows of `rows_from` for which `condition` holds, with an item for each element and for each reading of a URL;
-- `wanted` is SQL for the ids that `wanted_readings` is to look for.
CREATE OR REPLACE FUNCTION mediasweep.items_query(
  relation regclass, ref jsonb, rows_from text, condition text, more text, wanted text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN mediasweep.is_url(ref)
              THEN format('(SELECT r.*, mediasweep.wanted_readings(%s, %s, %s) AS "mediasweep url" FROM %s) AS r',
                          mediasweep.held_text(relation, ref), mediasweep.hosts(ref), wanted, inner_.sql)
              ELSE inner_.sql END
    FROM (SELECT CASE mediasweep.held_in(relation, ref)
      WHEN 'column' THEN CASE WHEN mediasweep.is_url(ref) OR more <> ''
                              THEN format('(SELECT r.*%s FROM %s AS r WHERE %s) AS r', more, rows_from, condition)
                              ELSE format('%s AS r', rows_from) END
      WHEN 'array' THEN format('(SELECT r.*%s, unnest(r.%I)::text AS "mediasweep item" FROM %s AS r WHERE %s) AS r',
                               more, mediasweep.column_of(ref -> 'public_id'), rows_from, condition)
      ELSE format('(SELECT r.*%s, jsonb_path_query(r.%I::jsonb, %L, ''{}'', true) AS "mediasweep item" FROM %s AS r WHERE %s) AS r',
                  more, mediasweep.column_of(ref -> 'public_id'), mediasweep.items_path(ref), rows_from, condition) END) inner_ (sql)
$$;

-- Whose URL it must be: that of the option "cloud", or of the account that the daemons work for. A use is one in doubt, too.
CREATE OR REPLACE FUNCTION mediasweep.is_ours(ref jsonb, certain boolean) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT format('((r."mediasweep url").cloud IS NULL OR coalesce(replace(lower((r."mediasweep url").cloud), ''_'', ''-'') = %s, %s))',
    CASE WHEN ref ? 'cloud' THEN format('%L', replace(lower(ref ->> 'cloud'), '_', '-'))
         ELSE '(SELECT replace(lower(i.cloud_name), ''_'', ''-'') FROM mediasweep.installation i)' END, (NOT certain)::text)
$$;

-- Whether what a ref names is surely an asset of ours, as SQL over the row: a URL that can be read in one way, and no address where a public id
-- was to stand, by which it is not ours to delete.
CREATE OR REPLACE FUNCTION mediasweep.surely_named(relation regclass, ref jsonb) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT CASE WHEN mediasweep.is_url(ref) THEN mediasweep.is_ours(ref, true) || ' AND (r."mediasweep url").certain'
              ELSE format('NOT mediasweep.is_an_address(%s)', mediasweep.held_text(relation, ref)) END
$$;

-- The assets that one ref names, a row of mediasweep.ref each.
CREATE OR REPLACE FUNCTION mediasweep.ref_query(
  relation regclass, ref jsonb, rows_from text, condition text, certain boolean, more text DEFAULT '', named text DEFAULT '')
RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format('SELECT %s AS public_id, mediasweep.resource_type(%s) AS resource_type, mediasweep.delivery_type(%s) AS delivery_type,'
                ' %s AS asset_id, mediasweep.whole_number(%s) AS version, %s AS original_filename,'
                ' mediasweep.whole_number(%s) AS file_size, %s AS folder%s FROM %s WHERE %s <> ''''%s',
    id.sql, mediasweep.term(ref, 'resource_type', 'text'), mediasweep.term(ref, 'delivery_type', 'text'),
    -- as it stands for the guard, so that an index serves; what has blanks in it is no asset id
    format(CASE WHEN certain THEN 'substring(%s COLLATE "C" FROM ''^[^[:space:]]+$'')' ELSE '%s' END, mediasweep.term(ref, 'asset_id', 'text')),
    mediasweep.term(ref, 'version', 'text'),
    mediasweep.term(ref, 'original_filename', 'text'), mediasweep.term(ref, 'file_size', 'text'), mediasweep.term(ref, 'folder', 'text'),
    named, mediasweep.items_query(relation, ref, rows_from, condition, more,
      CASE WHEN certain THEN '''{}''' WHEN condition LIKE '%"mediasweep tokens"%' THEN '"mediasweep ids"' ELSE 'NULL' END), id.sql,
    CASE WHEN certain THEN ' AND ' || mediasweep.surely_named(relation, ref)
         WHEN mediasweep.is_url(ref) THEN ' AND ' || mediasweep.is_ours(ref, false) ELSE '' END
    -- of the rows of a statement, no megabytes are compared; for the guard, an index has to serve
    || CASE WHEN NOT mediasweep.is_url(ref) AND rows_from <> relation::text THEN format(' AND octet_length(%s) <= 1000', id.sql) ELSE '' END
    || CASE WHEN more = '' AND NOT mediasweep.is_url(ref) AND mediasweep.held_in(relation, ref) = 'column' AND condition <> 'true'
            THEN format(' AND (%s)', condition) ELSE '' END)
    FROM (SELECT CASE WHEN mediasweep.is_url(ref) THEN '(r."mediasweep url").public_id' ELSE mediasweep.held_text(relation, ref) END) id (sql)
$$;

-- What cannot be a public id, which has 255 characters at the most: an address, or a file itself. Its length is looked at first, because that takes no
-- reading of megabytes.
CREATE OR REPLACE FUNCTION mediasweep.is_an_address(said text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN octet_length(said) > 1000 THEN true ELSE said COLLATE "C" ~ '^((https?:)?//|data:)' END $$;

-- The assets that the rows of `rows_from` name, all refs of a row as one set.
CREATE OR REPLACE FUNCTION mediasweep.refs_query(a mediasweep.attached, rows_from text, purpose text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT string_agg(mediasweep.ref_query(a.relation, ref, rows_from, mediasweep.live_expression(a.relation, a.options, purpose),
                                         purpose = 'capture'), E'\n      UNION ALL ')
    FROM mediasweep.refs_of(a.options) ref
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
