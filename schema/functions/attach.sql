-- Attach a table: say once where its rows name assets, and capture and guard both follow from it.
-- Detach leaves the table as it was. Every name is quoted; nothing of the user's is altered but three triggers added.
-- docs/attaching.md describes the options. Whoever waits for a table has its writers wait as well, so nothing waits for long.

-- Earlier releases made these.
DROP FUNCTION IF EXISTS mediasweep.refs_expression(jsonb), mediasweep.live_expression(jsonb), mediasweep.check_columns(regclass, jsonb),
  mediasweep.use_conditions(mediasweep.attached);

-- (Re)build what is generated: the capture function of each attached table, and the guard over all of them.
CREATE OR REPLACE FUNCTION mediasweep.build() RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  a  mediasweep.attached;
BEGIN
  PERFORM mediasweep.only_one_builder();
  FOR a IN
    SELECT t.* FROM mediasweep.attached t JOIN pg_class c ON c.oid = t.relation WHERE t.detached_at IS NULL ORDER BY t.id
  LOOP
    PERFORM mediasweep.build_capture(a);
  END LOOP;
  PERFORM mediasweep.build_guard();
END $$;

CREATE OR REPLACE FUNCTION mediasweep.build_capture(a mediasweep.attached) RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  EXECUTE mediasweep.capture_statement(a);
  EXECUTE format('REVOKE ALL ON FUNCTION mediasweep.%I() FROM PUBLIC', a.capture);
  IF a.options ? 'references' THEN
    EXECUTE mediasweep.reference_statement(a);
    EXECUTE format('REVOKE ALL ON FUNCTION mediasweep.%I() FROM PUBLIC', mediasweep.reference_name(a));
  END IF;
  -- whole rows that could not be read by what it was before may be now
  UPDATE mediasweep.fallback f SET refused = NULL WHERE f.source_id = a.id AND f.ref ? 'row' AND f.refused IS NOT NULL;
END $$;

-- It gives up on a table that somebody has locked before the server looks for deadlocks: the reference trigger of whoever has it
-- may be waiting for the rows that the claim holds, and the error must not be his.
CREATE OR REPLACE FUNCTION mediasweep.build_guard() RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE mediasweep.attached t
     SET refs = mediasweep.refs_query(t, t.relation::text, 'capture'), live = mediasweep.live_expression(t.relation, t.options, 'use')
   WHERE t.detached_at IS NULL AND mediasweep.misplaced(t) IS NULL;
  EXECUTE format('CREATE OR REPLACE FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[])'
                 ' RETURNS TABLE (id uuid, used_by text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER'
                 ' SET search_path = pg_catalog, pg_temp SET row_security = off SET lock_timeout = ''500ms'' AS %L', mediasweep.uses_source());
  REVOKE ALL ON FUNCTION mediasweep.uses(mediasweep.cloudinary_cleanup_queue[]) FROM PUBLIC;
END $$;

-- No nested loops: a plan that was made for one row must not be used for a hundred thousand.
CREATE OR REPLACE FUNCTION mediasweep.capture_statement(a mediasweep.attached) RETURNS text
LANGUAGE sql STABLE
AS $$
  SELECT format('CREATE OR REPLACE FUNCTION mediasweep.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER'
                ' SET search_path = pg_catalog, pg_temp SET row_security = off SET enable_nestloop = off SET jit = off AS %L',
                a.capture, mediasweep.capture_source(a))
$$;

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

-- What would stand in `attached` for the table. A table that comes back keeps its number, so that its unfinished rows go on.
CREATE OR REPLACE FUNCTION mediasweep.planned(relation regclass, options jsonb, next_id integer) RETURNS mediasweep.attached
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  a        mediasweep.attached;
  number_  integer;
BEGIN
  PERFORM mediasweep.check_options(relation, options);
  PERFORM mediasweep.check_captured(relation, options);
  PERFORM mediasweep.check_rights(relation);
  IF EXISTS (SELECT FROM mediasweep.attached t WHERE t.relation = planned.relation AND t.detached_at IS NULL) THEN
    RAISE EXCEPTION 'mediasweep.attach: % is attached already', relation;
  END IF;
  SELECT t.id INTO number_ FROM mediasweep.attached t WHERE t.relation = planned.relation ORDER BY t.id DESC LIMIT 1;
  number_ := coalesce(number_, next_id);
  -- each has a function of its own: a library that is gone or renamed, and not detached yet, keeps the plain name
  a := ROW(number_, relation, 'trigger_cloudinary_cleanup' || CASE WHEN relation::text = 'public.media_assets' AND NOT EXISTS (
             SELECT FROM mediasweep.attached t WHERE t.capture = 'trigger_cloudinary_cleanup' AND t.detached_at IS NULL)
           THEN '' ELSE '_' || number_ END,
           '', mediasweep.live_expression(relation, options, 'use'), options, coalesce((options ->> 'grace')::interval, '0'),
           coalesce((options ->> 'strict')::boolean, false), coalesce((options ->> 'notify')::boolean, true),
           mediasweep.brake_options(options -> 'brake'), clock_timestamp(), NULL, false, false)::mediasweep.attached;
  a.refs := mediasweep.refs_query(a, relation::text, 'capture');
  RETURN a;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.attach(relation regclass, options jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
DECLARE
  a  mediasweep.attached;
BEGIN
  PERFORM mediasweep.only_one_builder();
  a := mediasweep.planned(relation, options, (SELECT coalesce(max(t.id), 0) + 1 FROM mediasweep.attached t));
  DELETE FROM mediasweep.attached t WHERE t.id = a.id;
  INSERT INTO mediasweep.attached OVERRIDING SYSTEM VALUE SELECT (a).*;
  PERFORM mediasweep.let_owner_read(a.id);
  PERFORM mediasweep.build_capture(a);
  PERFORM mediasweep.build_guard();
  -- what cannot be read must be refused now, not found out by a capture that falls back
  EXECUTE format('SELECT FROM (%s) ref LIMIT 0', a.refs);
  PERFORM mediasweep.advise(a);
  PERFORM mediasweep.drop_triggers(mediasweep.foreign_triggers(relation, a.id));
  PERFORM mediasweep.run_each(ARRAY(SELECT m.statement FROM mediasweep.missing_triggers(a) m ORDER BY m.part <> relation, m.part::oid));
  RETURN a.id;
END $$;

-- What `attach` would do, as text: the call, and as comments all that it makes. Refuses what attach refuses.
CREATE OR REPLACE FUNCTION mediasweep.attach_sql(relation regclass, options jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  a  mediasweep.attached := mediasweep.planned(relation, options, (SELECT coalesce(max(t.id), 0) + 1 FROM mediasweep.attached t));
BEGIN
  RETURN format(E'SELECT mediasweep.attach(%L, %L);\n\n-- It makes:\n', relation, jsonb_pretty(options))
    || regexp_replace(concat_ws(E';\n\n', mediasweep.capture_statement(a), mediasweep.reference_statement(a),
         (SELECT string_agg(m.statement, E';\n') FROM mediasweep.missing_triggers(a) m)) || ';', '^', '-- ', 'gn')
    || coalesce(E'\n\n-- The guard is faster with:\n' || (SELECT string_agg('-- ' || i.statement, E'\n') FROM mediasweep.missing_indexes(a) i), '')
    || E'\n';
END $$;

-- Detach by number, so that it also works for a table that is gone or has another name now.
CREATE OR REPLACE FUNCTION mediasweep.detach_number(attached_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
DECLARE
  gone       mediasweep.attached;
  functions  regproc[];
  function_  regproc;
BEGIN
  PERFORM mediasweep.only_one_builder();
  UPDATE mediasweep.attached a SET detached_at = clock_timestamp()
   WHERE a.id = attached_id AND a.detached_at IS NULL
  RETURNING a.* INTO gone;
  IF gone.id IS NULL THEN
    RAISE EXCEPTION 'mediasweep.detach: no attached table has number %', attached_id;
  END IF;
  functions := array_remove(ARRAY[to_regproc('mediasweep.' || quote_ident(gone.capture)),
                                  to_regproc('mediasweep.' || quote_ident(mediasweep.reference_name(gone)))], NULL);
  PERFORM mediasweep.let_owner_go(attached_id);
  -- locked in the order of statements: a table before its parts
  PERFORM mediasweep.drop_triggers(ARRAY(
    SELECT t.oid FROM pg_trigger t WHERE t.tgfoid = ANY (functions) ORDER BY t.tgrelid <> gone.relation, t.tgrelid, t.tgname));
  FOREACH function_ IN ARRAY functions LOOP
    EXECUTE format('DROP FUNCTION %s()', function_);
  END LOOP;
  -- what it is a part of captures for it again
  PERFORM mediasweep.run_each(ARRAY(
    SELECT m.statement FROM mediasweep.attached a CROSS JOIN mediasweep.missing_triggers(a) m
     WHERE a.detached_at IS NULL AND m.part IN (SELECT p.part FROM mediasweep.parts(gone.relation) p)));
  PERFORM mediasweep.build_guard();
END $$;

CREATE OR REPLACE FUNCTION mediasweep.detach(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '3s'
AS $$
DECLARE
  found_  integer;
BEGIN
  SELECT a.id INTO found_ FROM mediasweep.attached a WHERE a.relation = detach.relation AND a.detached_at IS NULL;
  IF found_ IS NOT NULL THEN
    PERFORM mediasweep.detach_number(found_);
  ELSIF EXISTS (SELECT FROM mediasweep.strays() s WHERE s.relation = detach.relation) THEN
    PERFORM mediasweep.drop_triggers(mediasweep.foreign_triggers(relation, 0));
  ELSE
    RAISE EXCEPTION 'mediasweep.detach: % is not attached', relation;
  END IF;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
