-- Attach a table: say once where its rows name assets, and capture and guard both follow from it.
-- Detach leaves the table as it was. Every name is quoted; nothing of the user's is altered but three triggers added.

-- options, each naming a column of the table, {"column": "c"}, or a constant, {"value": "v"}; a bare string is a column:
--   public_id (required), resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
--   deleted_at (soft delete: set means gone); grace (interval), strict, notify (booleans), and brake ({floor, share, window})
CREATE OR REPLACE FUNCTION mediasweep.term(options jsonb, name text, type text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE jsonb_typeof(options -> name)
    WHEN 'string' THEN format('r.%I::%s', options ->> name, type)
    WHEN 'object' THEN CASE WHEN options -> name ? 'column' THEN format('r.%I::%s', options -> name ->> 'column', type)
                            ELSE format('%L::%s', options -> name ->> 'value', type) END
    ELSE format('NULL::%s', type) END
$$;

CREATE OR REPLACE FUNCTION mediasweep.refs_expression(options jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT format('SELECT %s, mediasweep.resource_type(%s), mediasweep.delivery_type(%s), nullif(btrim(%s), ''''),'
                ' mediasweep.whole_number(%s), %s, mediasweep.whole_number(%s), %s',
    mediasweep.term(options, 'public_id', 'text'), mediasweep.term(options, 'resource_type', 'text'),
    mediasweep.term(options, 'delivery_type', 'text'), mediasweep.term(options, 'asset_id', 'text'),
    mediasweep.term(options, 'version', 'text'), mediasweep.term(options, 'original_filename', 'text'),
    mediasweep.term(options, 'file_size', 'text'), mediasweep.term(options, 'folder', 'text'))
$$;

CREATE OR REPLACE FUNCTION mediasweep.live_expression(options jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN options ? 'deleted_at'
              THEN format('r.%I IS NULL', coalesce(options -> 'deleted_at' ->> 'column', options ->> 'deleted_at'))
              ELSE 'true' END
$$;

-- (Re)build what is generated: the capture function of each attached table, and the guard over all of them.
CREATE OR REPLACE FUNCTION mediasweep.build() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  a  mediasweep.attached;
BEGIN
  PERFORM mediasweep.only_one_builder();
  FOR a IN
    SELECT t.* FROM mediasweep.attached t JOIN pg_class c ON c.oid = t.relation WHERE t.detached_at IS NULL ORDER BY t.id
  LOOP
    -- no nested loops: a plan that was made for one row must not be used for a hundred thousand
    EXECUTE format('CREATE OR REPLACE FUNCTION mediasweep.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER'
                   ' SET search_path = pg_catalog, pg_temp SET row_security = off SET enable_nestloop = off AS %L',
                   a.capture, mediasweep.capture_source(a));
    EXECUTE format('REVOKE ALL ON FUNCTION mediasweep.%I() FROM PUBLIC', a.capture);
  END LOOP;
  EXECUTE format('CREATE OR REPLACE FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[])'
                 ' RETURNS TABLE (id uuid, used_by text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER'
                 ' SET search_path = pg_catalog, pg_temp SET row_security = off AS %L', mediasweep.uses_source());
  REVOKE ALL ON FUNCTION mediasweep.uses(mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;
END $$;

-- Two who build at once could each leave out the other's table: one after the other, each seeing what the last left.
CREATE OR REPLACE FUNCTION mediasweep.only_one_builder() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'attach and detach need READ COMMITTED';
  END IF;
  LOCK TABLE mediasweep.attached IN SHARE ROW EXCLUSIVE MODE;
END $$;

-- Every column that the options name must be there, and every constant type one that Cloudinary knows.
CREATE OR REPLACE FUNCTION mediasweep.check_columns(relation regclass, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  option_  record;
BEGIN
  FOR option_ IN
    SELECT o.key, coalesce(o.value ->> 'column', CASE jsonb_typeof(o.value) WHEN 'string' THEN o.value #>> '{}' END) AS called,
           o.value ->> 'value' AS constant
      FROM jsonb_each(options) o WHERE o.key NOT IN ('grace', 'strict', 'notify', 'brake')
  LOOP
    IF option_.called IS NOT NULL AND NOT EXISTS (
      SELECT FROM pg_attribute a
       WHERE a.attrelid = relation AND a.attname = option_.called AND a.attnum > 0 AND NOT a.attisdropped)
    THEN
      RAISE EXCEPTION 'mediasweep.attach: % has no column "%" (%); for the same value in all rows write {"value": "%"}',
        relation, option_.called, option_.key, option_.called;
    ELSIF option_.key = 'resource_type' AND option_.constant IS NOT NULL AND mediasweep.resource_type(option_.constant) IS NULL
       OR option_.key = 'delivery_type' AND option_.constant IS NOT NULL AND mediasweep.delivery_type(option_.constant) IS NULL
    THEN
      RAISE EXCEPTION 'mediasweep.attach: "%" is no % of Cloudinary', option_.constant, option_.key;
    END IF;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.attach(relation regclass, options jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  attached_id  integer;
  function_    text;
  part         record;
  name         text;
  spec         text;
BEGIN
  IF coalesce(options ->> 'public_id', '') = '' THEN
    RAISE EXCEPTION 'mediasweep.attach: say which column of % holds the public id, as in {"public_id": "cover_id"}', relation;
  END IF;
  SELECT string_agg(given, ', ') INTO name FROM jsonb_object_keys(options) given
   WHERE given <> ALL ('{public_id,resource_type,delivery_type,asset_id,version,original_filename,file_size,folder,
                         deleted_at,grace,strict,notify,brake}');
  IF name IS NOT NULL THEN
    RAISE EXCEPTION 'mediasweep.attach: there is no option %', name;
  END IF;
  PERFORM mediasweep.check_columns(relation, options);
  PERFORM mediasweep.only_one_builder();
  IF EXISTS (SELECT FROM mediasweep.attached a WHERE a.relation = attach.relation AND a.detached_at IS NULL) THEN
    RAISE EXCEPTION 'mediasweep.attach: % is attached already', relation;
  END IF;
  -- a table that comes back keeps its number, so that its unfinished rows go on
  SELECT a.id INTO attached_id FROM mediasweep.attached a WHERE a.relation = attach.relation ORDER BY a.id DESC LIMIT 1;
  attached_id := coalesce(attached_id, nextval(pg_get_serial_sequence('mediasweep.attached', 'id')));
  function_ := 'trigger_cloudinary_cleanup'
    || CASE WHEN relation::text = 'public.media_assets' THEN '' ELSE '_' || attached_id END;
  DELETE FROM mediasweep.attached a WHERE a.id = attached_id;
  INSERT INTO mediasweep.attached (id, relation, capture, refs, live, options, grace, strict, notify, brake)
  OVERRIDING SYSTEM VALUE
  VALUES (attached_id, relation, function_, mediasweep.refs_expression(options), mediasweep.live_expression(options), options,
          coalesce((options ->> 'grace')::interval, '0'), coalesce((options ->> 'strict')::boolean, false),
          coalesce((options ->> 'notify')::boolean, true), mediasweep.brake_options(options -> 'brake'));
  PERFORM mediasweep.build();
  -- what cannot be read must be refused now, not found out by a capture that falls back
  EXECUTE (SELECT format('SELECT FROM %s AS r CROSS JOIN LATERAL (%s) AS ref WHERE %s LIMIT 0', a.relation, a.refs, a.live)
             FROM mediasweep.attached a WHERE a.id = attached_id);
  -- a statement fires the triggers of the table that it names, so every partition has its own; TRUNCATE goes down to leaves
  FOR part IN
    SELECT c.oid::regclass AS table_, c.relname::text AS called, c.relkind = 'p' AS branch FROM pg_class c
     WHERE c.oid = relation OR c.oid IN (SELECT t.relid FROM pg_partition_tree(relation) t)
  LOOP
    name := CASE WHEN octet_length(part.called) > length(part.called) THEN left(part.called, 9) ELSE left(part.called, 36) END
            || '_cleanup_trigger_';
    FOREACH spec IN ARRAY ARRAY[
      'CREATE TRIGGER %I AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.%I()',
      'CREATE TRIGGER %I AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
      ' FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.%I()',
      'CREATE TRIGGER %I BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.%I()']
    LOOP
      CONTINUE WHEN part.branch AND spec LIKE '%BEFORE TRUNCATE%';
      EXECUTE format(spec, name || lower(substring(spec FROM '(DELETE|UPDATE|TRUNCATE)')), part.table_, function_);
    END LOOP;
  END LOOP;
  RETURN attached_id;
END $$;

-- Detach by number, so that it also works for a table that is gone or has another name now.
CREATE OR REPLACE FUNCTION mediasweep.detach_number(attached_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  function_  text;
  trigger_   record;
BEGIN
  PERFORM mediasweep.only_one_builder();
  UPDATE mediasweep.attached a SET detached_at = clock_timestamp()
   WHERE a.id = attached_id AND a.detached_at IS NULL
  RETURNING a.capture INTO function_;
  IF function_ IS NULL THEN
    RAISE EXCEPTION 'mediasweep.detach: no attached table has number %', attached_id;
  END IF;
  FOR trigger_ IN
    SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger t
     WHERE t.tgfoid = to_regproc(format('mediasweep.%I', function_))
  LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', trigger_.tgname, trigger_.relation);
  END LOOP;
  EXECUTE format('DROP FUNCTION IF EXISTS mediasweep.%I()', function_);
  PERFORM mediasweep.build();
END $$;

CREATE OR REPLACE FUNCTION mediasweep.detach(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_  integer;
BEGIN
  SELECT a.id INTO found_ FROM mediasweep.attached a WHERE a.relation = detach.relation AND a.detached_at IS NULL;
  IF found_ IS NULL THEN
    RAISE EXCEPTION 'mediasweep.detach: % is not attached', relation;
  END IF;
  PERFORM mediasweep.detach_number(found_);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
