-- The options of `attach`, checked before anything is done: what cannot be meant is refused with what to write instead.

-- Every name must be one of ours, and every ref must say where its public id stands.
CREATE OR REPLACE FUNCTION mediasweep.check_options(relation regclass, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  unknown  text;
  ref      jsonb;
BEGIN
  IF jsonb_typeof(options) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'mediasweep.attach: the options are an object, as in {"public_id": "cover_id"}';
  END IF;
  IF options ? 'refs' AND (jsonb_typeof(options -> 'refs') <> 'array' OR options -> 'refs' = '[]'
                           OR EXISTS (SELECT FROM jsonb_array_elements(options -> 'refs') e WHERE jsonb_typeof(e) <> 'object'))
  THEN
    RAISE EXCEPTION 'mediasweep.attach: "refs" is an array of objects, as in [{"public_id": "avatar_id"}, {"public_id": "cover_id"}]';
  END IF;
  SELECT string_agg(given, ', ') INTO unknown
    FROM (SELECT jsonb_object_keys(options) EXCEPT SELECT unnest(mediasweep.table_options() || mediasweep.ref_options())) o (given);
  IF unknown IS NULL AND options ? 'refs' THEN
    SELECT string_agg(given, ', ') INTO unknown
      FROM (SELECT jsonb_object_keys(e) FROM jsonb_array_elements(options -> 'refs') e EXCEPT SELECT unnest(mediasweep.ref_options())) o (given);
  END IF;
  IF unknown IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: there is no option %', unknown;
  END IF;
  PERFORM mediasweep.check_table(relation, options);
  IF options ? 'references' AND options -> 'references' NOT IN ('"refuse"', '"wait"') THEN
    RAISE EXCEPTION 'mediasweep.attach: "references" is "refuse" or "wait", not %', options -> 'references';
  END IF;
  PERFORM mediasweep.check_deleted(relation, options);
  FOR ref IN SELECT mediasweep.refs_of(options) LOOP
    IF coalesce(mediasweep.column_of(ref -> 'public_id'), '') = '' THEN
      RAISE EXCEPTION 'mediasweep.attach: say which column of % holds the public id, as in {"public_id": "cover_id"}', relation;
    END IF;
    PERFORM mediasweep.check_terms(relation, ref);
    PERFORM mediasweep.check_public_id(relation, ref);
  END LOOP;
  PERFORM mediasweep.check_filter(relation, options);
END $$;

-- It must be a table, and what says how it is treated must mean something.
CREATE OR REPLACE FUNCTION mediasweep.check_table(relation regclass, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  kind   text := (SELECT CASE c.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view' WHEN 'f' THEN 'a foreign table'
                                        WHEN 'r' THEN NULL WHEN 'p' THEN NULL ELSE 'no table' END
                    FROM pg_class c WHERE c.oid = relation);
  passes boolean := (SELECT c.relpersistence = 't' FROM pg_class c WHERE c.oid = relation);
  grace  interval;
  name   text;
BEGIN
  IF kind IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: % is %, of which nothing can be captured: attach the tables that hold its rows', relation, kind;
  ELSIF passes THEN
    RAISE EXCEPTION 'mediasweep.attach: % is temporary, and no other session could ask it: attach a table that stays', relation;
  END IF;
  BEGIN
    grace := options ->> 'grace';
  EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
    grace := '-1 s';
  END;
  IF jsonb_typeof(options -> 'grace') IN ('object', 'array', 'boolean') OR grace < interval '0' OR grace > interval '100 years' THEN
    RAISE EXCEPTION 'mediasweep.attach: "grace" is how long the rows of a table rest, as in "1 hour", and not %', options -> 'grace';
  END IF;
  FOREACH name IN ARRAY '{strict,notify}'::text[] LOOP
    IF jsonb_typeof(options -> name) <> 'boolean' THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" is true or false, and not %', name, options -> name;
    END IF;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.constants(option_ text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE option_ WHEN 'resource_type' THEN 'image, video, raw' WHEN 'delivery_type' THEN 'upload, private, authenticated' END $$;

-- Every column that a ref names must be there, every constant type one that Cloudinary knows, and every host a name: with a port, say, it
-- would be that of no URL, and what its rows name would be in nobody's use.
CREATE OR REPLACE FUNCTION mediasweep.check_terms(relation regclass, ref jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  option_   record;
  allowed   text[];
BEGIN
  IF EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(ref -> 'host') WHEN 'array' THEN ref -> 'host'
                                              ELSE jsonb_build_array(ref -> 'host') END) h
              WHERE ref ? 'host' AND (jsonb_typeof(h) <> 'string' OR h #>> '{}' !~ '^[^][:space:]:/?#@,;"''[]+$')) THEN
    RAISE EXCEPTION 'mediasweep.attach: "host" is a name or an array of names, without scheme, port and path, as in "images.shop.example", and not %',
      ref -> 'host';
  END IF;
  FOR option_ IN
    SELECT o.key, o.value, mediasweep.column_of(o.value) AS called, o.value ->> 'value' AS constant
      FROM jsonb_each(ref) o WHERE o.key NOT IN ('host', 'cloud') ORDER BY o.key <> 'public_id', o.key
  LOOP
    allowed := CASE option_.key WHEN 'public_id' THEN '{column,path,key,url}' WHEN 'resource_type' THEN '{column,value,url,key}'
                 WHEN 'delivery_type' THEN '{column,value,url,key}' WHEN 'version' THEN '{column,value,url,key}'
                 ELSE '{column,value,key}' END;
    IF jsonb_typeof(option_.value) NOT IN ('string', 'object')
       OR jsonb_typeof(option_.value) = 'object' AND option_.value - allowed <> '{}'
       OR jsonb_typeof(option_.value) = 'object' AND option_.key <> 'public_id' AND (SELECT count(*) FROM jsonb_object_keys(option_.value)) <> 1
    THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" cannot be %; it is a column, or an object with one of %', option_.key, option_.value,
        array_to_string(allowed, ', ');
    ELSIF option_.called IS NOT NULL AND mediasweep.column_type(relation, option_.called) IS NULL THEN
      RAISE EXCEPTION 'mediasweep.attach: % has no column "%" (%); for the same value in all rows write {"value": "%"}%',
        relation, option_.called, option_.key, coalesce(split_part(mediasweep.constants(option_.key), ', ', 1), option_.called),
        coalesce(', of ' || mediasweep.constants(option_.key), '')
        USING COLUMN = option_.called;  -- by which a program can tell it
    ELSIF option_.key = 'resource_type' AND option_.constant IS NOT NULL AND mediasweep.resource_type(option_.constant) IS NULL
       OR option_.key = 'delivery_type' AND option_.constant IS NOT NULL AND mediasweep.delivery_type(option_.constant) IS NULL
    THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" is no % of Cloudinary, which are %', option_.constant, option_.key,
        mediasweep.constants(option_.key);
    ELSIF option_.key = 'version' AND mediasweep.column_type(relation, option_.called) ~ '^(json|bytea|boolean|date|time|uuid)|\[\]$'
       AND NOT (jsonb_typeof(option_.value) = 'object' AND option_.value ? 'url') THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" is %, and a version is a number', option_.called,
        mediasweep.column_type(relation, option_.called);
    ELSIF jsonb_typeof(option_.value) = 'object' AND option_.value ? 'key'
       AND NOT (jsonb_typeof(ref -> 'public_id') = 'object' AND ref -> 'public_id' ? 'key')
    THEN
      RAISE EXCEPTION 'mediasweep.attach: {"key": …} (%) reads the object that the path of "public_id" finds, whose id is a "key" of it too',
        option_.key
        USING HINT = 'As in {"public_id": {"column": "data", "path": "$.images[*]", "key": "publicId"}, "resource_type": {"key": "type"}}.';
    END IF;
  END LOOP;
END $$;

-- A public id must be held in a way that can be read.
CREATE OR REPLACE FUNCTION mediasweep.check_public_id(relation regclass, ref jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  said    jsonb := CASE jsonb_typeof(ref -> 'public_id') WHEN 'object' THEN ref -> 'public_id' ELSE '{}' END;
  called  text := mediasweep.column_of(ref -> 'public_id');
  type    text := mediasweep.column_type(relation, called);
BEGIN
  IF said ? 'url' AND jsonb_typeof(said -> 'url') <> 'boolean' THEN
    RAISE EXCEPTION 'mediasweep.attach: "url" says whether the column holds URLs, as in {"column": "%", "url": true}', called;
  ELSIF type IN ('json', 'jsonb') AND NOT said ? 'path' THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is %: say where in it the public id stands, as in {"column": "%", "path": "$.images[*].publicId"}',
      called, type, called;
  ELSIF said ? 'path' AND type NOT IN ('json', 'jsonb') THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is %, and only json and jsonb have a path', called, type;
  ELSIF said ? 'key' AND NOT said ? 'path' THEN
    RAISE EXCEPTION 'mediasweep.attach: "key" needs a "path" that finds the objects which have it';
  ELSIF type LIKE '%[]' AND type NOT IN ('text[]', 'character varying[]') OR type ~ '^(bytea|date|time|interval|bool|numeric|real|double)' THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is %, and public ids are text', called, type;
  END IF;
  IF mediasweep.is_url(ref) AND EXISTS (SELECT FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
                                         WHERE a.attrelid = relation AND a.attname = called AND NOT c.collisdeterministic)
  THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" has a collation that is not deterministic, under which no URL can be read', called;
  END IF;
  IF said ? 'path' THEN
    BEGIN
      PERFORM mediasweep.items_path(ref)::jsonpath, mediasweep.any_of(mediasweep.items_path(ref), '{a}');
    EXCEPTION WHEN syntax_error OR data_exception THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" is no SQL/JSON path: %', said ->> 'path', SQLERRM;
    END;
  END IF;
  IF mediasweep.is_url(ref) AND NOT ref ? 'cloud' AND NOT EXISTS (SELECT FROM mediasweep.installation) THEN
    RAISE EXCEPTION 'mediasweep.attach: no daemon has run on this database yet, so it is not known which cloud''s URLs are yours'
      USING HINT = 'Start the daemon once, or name the cloud: "cloud": "my-cloud".';
  END IF;
END $$;

-- When a row counts as gone must be beyond doubt: a number or a text has a value that means "not deleted".
CREATE OR REPLACE FUNCTION mediasweep.check_deleted(relation regclass, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  rule      jsonb := coalesce(options -> 'deleted', options -> 'deleted_at');
  name      text := CASE WHEN options ? 'deleted' THEN 'deleted' ELSE 'deleted_at' END;
  called    text := mediasweep.column_of(rule);
  category  "char";
BEGIN
  IF rule IS NULL THEN
    RETURN;
  ELSIF options ? 'deleted' AND options ? 'deleted_at' THEN
    RAISE EXCEPTION 'mediasweep.attach: "deleted_at" is an older name of "deleted": give one of them';
  ELSIF called IS NULL OR jsonb_typeof(rule) = 'object' AND (rule - '{column,in}'::text[] <> '{}'
        OR rule ? 'in' AND (jsonb_typeof(rule -> 'in') <> 'array' OR rule -> 'in' = '[]')) THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is a column, or {"column": "status", "in": ["deleted"]}, not %', name, rule;
  ELSIF mediasweep.column_type(relation, called) IS NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: % has no column "%" (%)', relation, called, name USING COLUMN = called;
  END IF;
  SELECT t.typcategory INTO category FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
   WHERE a.attrelid = relation AND a.attname = called;
  IF category NOT IN ('B', 'D', 'U') AND NOT (jsonb_typeof(rule) = 'object' AND rule ? 'in') THEN
    RAISE EXCEPTION 'mediasweep.attach: "%" is %: say which of its values mean that the row is gone, as in {"column": "%", "in": ["deleted"]}',
      called, mediasweep.column_type(relation, called), called
      USING HINT = 'For any other rule there is "filter": an expression over columns that holds for the rows which count.';
  END IF;
  IF jsonb_typeof(rule) = 'object' AND rule ? 'in' THEN
    EXECUTE format('SELECT %L::text[]::%s[]', ARRAY(SELECT jsonb_array_elements_text(rule -> 'in')), mediasweep.column_type(relation, called));
  END IF;
EXCEPTION WHEN data_exception THEN
  RAISE EXCEPTION 'mediasweep.attach: "%" is %, which has no such value: %', called, mediasweep.column_type(relation, called), SQLERRM;
END $$;

-- The columns that a trigger sees: not those that are computed when they are read, nor those of the system.
CREATE OR REPLACE FUNCTION mediasweep.captured_columns(relation regclass) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
   WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
$$;

-- What can be read and not be captured would never be queued, or fail the statements of its users.
CREATE OR REPLACE FUNCTION mediasweep.check_captured(relation regclass, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  wrong  text;
BEGIN
  SELECT string_agg(DISTINCT quote_ident(a.attname), ', ') INTO wrong
    FROM mediasweep.refs_of(options) ref
   CROSS JOIN LATERAL jsonb_each(ref || jsonb_build_object('deleted', coalesce(options -> 'deleted', options -> 'deleted_at'))) o
    JOIN pg_attribute a ON a.attrelid = relation AND a.attname = mediasweep.column_of(o.value) AND a.attgenerated = 'v'
   WHERE o.key NOT IN ('host', 'cloud');
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: % of % is computed when it is read, and a trigger does not see it: make it STORED', wrong, relation;
  END IF;
  SELECT string_agg(f.inhrelid::regclass::text, ', ') INTO wrong
    FROM mediasweep.parts(relation) p JOIN pg_inherits f ON f.inhparent = p.part JOIN pg_class c ON c.oid = f.inhrelid AND c.relkind = 'f';
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: % has foreign tables among its parts (%), and PostgreSQL refuses to delete from them where there are triggers like ours',
      relation, wrong USING HINT = 'Attach the other parts, each by itself, and the foreign ones where they are.';
  END IF;
END $$;

-- The filter must be one boolean expression over the columns, whose answer only a change of the row can change: nothing else is
-- captured. Just that is what PostgreSQL asks of the predicate of an index.
CREATE OR REPLACE FUNCTION mediasweep.check_filter(relation regclass, options jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF options ? 'filter' THEN
    EXECUTE format(E'SELECT FROM (SELECT %1$s FROM %2$s) AS r WHERE (%3$s\n) IS TRUE AND CASE WHEN %3$s\n THEN true END LIMIT 0',
                   mediasweep.captured_columns(relation), relation, options ->> 'filter');
    EXECUTE format('CREATE TABLE mediasweep."filter" (LIKE %s)', relation);
    EXECUTE format(E'CREATE INDEX ON mediasweep."filter" ((1)) WHERE %s', options ->> 'filter');
    RAISE SQLSTATE 'MS003';   -- neither of them stays
  END IF;
EXCEPTION
  WHEN SQLSTATE 'MS003' OR read_only_sql_transaction THEN
    NULL;
  WHEN syntax_error_or_access_rule_violation OR feature_not_supported OR object_not_in_prerequisite_state THEN
    RAISE EXCEPTION 'mediasweep.attach: "filter" must be a boolean expression over the columns of %: %', relation,
      replace(SQLERRM, 'index predicate', 'filter')
      USING HINT = 'As in "filter": "provider = ''cloudinary''". Name functions and types with their schema, unless they are PostgreSQL''s own.';
END $$;

-- What lets a role see all rows of a table: it is enough that it owns it, unless that is overruled.
CREATE OR REPLACE FUNCTION mediasweep.show_rows(relation regclass, role name) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format(CASE WHEN c.relforcerowsecurity AND pg_has_role(role, c.relowner, 'USAGE') THEN 'ALTER TABLE %s NO FORCE ROW LEVEL SECURITY'
                     ELSE 'ALTER ROLE %2$I BYPASSRLS' END, relation, role)
    FROM pg_class c WHERE c.oid = show_rows.relation
$$;

-- Who attaches must be able to make triggers, and whoever owns our functions must see every row. Says exactly what is missing.
CREATE OR REPLACE FUNCTION mediasweep.check_rights(relation regclass) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  part     record;
  missing  text[] := '{}';
BEGIN
  FOR part IN SELECT p.part, c.relowner::regrole AS owner, n.oid AS schema_ FROM mediasweep.parts(relation) p
                JOIN pg_class c ON c.oid = p.part JOIN pg_namespace n ON n.oid = c.relnamespace
  LOOP
    IF NOT has_schema_privilege(part.schema_, 'USAGE') THEN
      missing := missing || format('GRANT USAGE ON SCHEMA %s TO %I;', part.schema_::regnamespace, current_user);
    END IF;
    IF NOT has_table_privilege(part.part, 'SELECT') OR NOT has_table_privilege(part.part, 'TRIGGER') THEN
      missing := missing || format('GRANT SELECT, TRIGGER ON %s TO %I;', part.part, current_user);
    END IF;
    IF row_security_active(part.part) THEN
      missing := missing || format('%s;  -- row-level security hides rows from the guard', mediasweep.show_rows(part.part, current_user));
    END IF;
  END LOOP;
  IF missing <> '{}' THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('mediasweep.attach: %s may not attach %s, which %s owns', current_user, relation,
                       (SELECT c.relowner::regrole FROM pg_class c WHERE c.oid = relation)),
      HINT = E'As the owner, or as a superuser:\n' || array_to_string(missing, E'\n');
  END IF;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
