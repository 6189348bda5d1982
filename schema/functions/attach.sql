-- Attach a table: say once where its rows name assets, and capture and guard both follow from it.
-- Detach leaves the table as it was. Every name is quoted; nothing of the user's is altered but three triggers added.

-- options, each naming a column of the table, {"column": "c"}, or a constant, {"value": "v"}; a bare string is a column:
--   public_id (required), resource_type, delivery_type, asset_id, version, original_filename, file_size, folder,
--   deleted_at (soft delete: set means gone)
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
  SELECT format('SELECT %s, mediasweep.resource_type(%s), lower(%s), %s, %s, %s, %s, %s',
    mediasweep.term(options, 'public_id', 'text'), mediasweep.term(options, 'resource_type', 'text'),
    mediasweep.term(options, 'delivery_type', 'text'), mediasweep.term(options, 'asset_id', 'text'),
    mediasweep.term(options, 'version', 'bigint'), mediasweep.term(options, 'original_filename', 'text'),
    mediasweep.term(options, 'file_size', 'bigint'), mediasweep.term(options, 'folder', 'text'))
$$;

CREATE OR REPLACE FUNCTION mediasweep.live_expression(options jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE WHEN options ? 'deleted_at' THEN format('r.%I IS NULL', options ->> 'deleted_at') ELSE 'true' END
$$;

-- (Re)build what is generated: the capture function of each attached table, and the guard over all of them.
CREATE OR REPLACE FUNCTION mediasweep.build() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  a  mediasweep.attached;
BEGIN
  FOR a IN SELECT * FROM mediasweep.attached t WHERE t.detached_at IS NULL ORDER BY t.id LOOP
    EXECUTE format('CREATE OR REPLACE FUNCTION mediasweep.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER'
                   ' SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS %L',
                   mediasweep.capture_name(a.id), mediasweep.capture_source(a));
    EXECUTE format('REVOKE ALL ON FUNCTION mediasweep.%I() FROM PUBLIC', mediasweep.capture_name(a.id));
  END LOOP;
  EXECUTE format('CREATE OR REPLACE FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[])'
                 ' RETURNS TABLE (id uuid, used_by text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER'
                 ' SET search_path = pg_catalog, pg_temp SET row_security = off AS %L', mediasweep.uses_source());
  REVOKE ALL ON FUNCTION mediasweep.uses(mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;
  -- a column that does not exist must be refused now, not found out by a capture that falls back
  PERFORM mediasweep.uses(ARRAY[]::mediasweep.cloudinary_cleanup_queue[]);
END $$;

CREATE OR REPLACE FUNCTION mediasweep.trigger_name(relation regclass, operation text) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT left(c.relname, 36) || '_cleanup_trigger_' || lower(operation) FROM pg_class c WHERE c.oid = relation
$$;

CREATE OR REPLACE FUNCTION mediasweep.attach(relation regclass, options jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  attached_id  integer;
  trigger_     text;
BEGIN
  IF coalesce(options ->> 'public_id', '') = '' THEN
    RAISE EXCEPTION 'mediasweep.attach: say which column of % holds the public id, as in {"public_id": "cover_id"}', relation;
  END IF;
  INSERT INTO mediasweep.attached (relation, refs, live, options, grace, strict, notify)
  VALUES (relation, mediasweep.refs_expression(options), mediasweep.live_expression(options), options,
          coalesce((options ->> 'grace')::interval, '0'), coalesce((options ->> 'strict')::boolean, false),
          coalesce((options ->> 'notify')::boolean, true))
  RETURNING id INTO attached_id;
  PERFORM mediasweep.build();
  FOREACH trigger_ IN ARRAY ARRAY[
    'delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows',
    'update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows',
    'truncate BEFORE TRUNCATE ON %s']
  LOOP
    EXECUTE format('CREATE TRIGGER %I ' || substring(trigger_ FROM ' (.*)$') || ' FOR EACH STATEMENT EXECUTE FUNCTION mediasweep.%I()',
                   mediasweep.trigger_name(relation, split_part(trigger_, ' ', 1)), relation,
                   mediasweep.capture_name(attached_id));
  END LOOP;
  RETURN attached_id;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.detach(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  attached_id  integer;
  operation    text;
BEGIN
  SELECT a.id INTO attached_id FROM mediasweep.attached a
   WHERE a.relation = detach.relation AND a.detached_at IS NULL;
  IF attached_id IS NULL THEN
    RAISE EXCEPTION 'mediasweep.detach: % is not attached', relation;
  END IF;
  FOREACH operation IN ARRAY ARRAY['delete', 'update', 'truncate'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', mediasweep.trigger_name(relation, operation), relation);
  END LOOP;
  EXECUTE format('DROP FUNCTION mediasweep.%I()', mediasweep.capture_name(attached_id));
  UPDATE mediasweep.attached a SET detached_at = clock_timestamp() WHERE a.id = attached_id;
  PERFORM mediasweep.build();
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
