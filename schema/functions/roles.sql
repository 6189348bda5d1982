-- Three roles: the owner of the schema, the daemon and the reader. None can log in; they are granted to those that can.
--
-- Made by whoever may: a superuser, or a role with CREATEROLE. From PostgreSQL 16 on, such a role administers what it made,
-- but has to grant itself the rest; before, it administers every role that is no superuser. Whoever runs migrate becomes a
-- member of the owner, or is the owner himself.

-- Make a role, unless there is one of this name: roles belong to the whole server, and may serve several databases.
CREATE OR REPLACE FUNCTION mediasweep.make_role(name text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = name) THEN
    EXECUTE format('CREATE ROLE %I NOLOGIN', name);
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN
    NULL;   -- another database was faster
  WHEN insufficient_privilege THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('%I may not create roles, and there is no role %I', current_user, name),
      HINT = format('Ask a role that may create roles to run: CREATE ROLE %I NOLOGIN; then run this again.', name);
END $$;

-- Be a member of the owner, with its rights and able to act as it. With BYPASSRLS, where it can be had, the guard sees every
-- row of the tables that it asks; without, it refuses to answer where rows might be hidden.
CREATE OR REPLACE FUNCTION mediasweep.join_owner(owner text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  new_  boolean := current_setting('server_version_num')::integer >= 160000;
BEGIN
  IF NOT pg_has_role(owner, 'USAGE') OR NOT pg_has_role(owner, CASE WHEN new_ THEN 'SET' ELSE 'MEMBER' END) THEN
    EXECUTE format('GRANT %I TO %I', owner, current_user) || CASE WHEN new_ THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
  END IF;
  BEGIN
    IF owner <> current_user AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner AND NOT r.rolbypassrls) THEN
      EXECUTE format('ALTER ROLE %I BYPASSRLS', owner);
    END IF;
  EXCEPTION WHEN insufficient_privilege THEN
    NULL;   -- let_owner_read says so, where it matters
  END;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE insufficient_privilege USING
    MESSAGE = format('%I may not make itself a member of %I', current_user, owner),
    HINT = format('Ask a role that may to run: GRANT %I TO %I; then run this again. Or keep what you are as the owner:'
                  ' mediasweep migrate --roles --owner %I', owner, current_user, current_user);
END $$;

-- Whatever of the schema belongs to somebody else is the owner's from now on.
CREATE OR REPLACE FUNCTION mediasweep.hand_over(owner name) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  thing  text;
BEGIN
  FOR thing IN
    SELECT 'SCHEMA mediasweep' FROM pg_namespace n WHERE n.nspname = 'mediasweep' AND n.nspowner <> quote_ident(owner)::regrole
     UNION ALL
    SELECT format('TABLE %s', c.oid::regclass) FROM pg_class c
     WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relowner <> quote_ident(owner)::regrole
     UNION ALL
    SELECT format('TYPE %s', t.oid::regtype) FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
     WHERE t.typnamespace = 'mediasweep'::regnamespace AND t.typowner <> quote_ident(owner)::regrole
       AND (t.typtype IN ('d', 'e') OR c.relkind = 'c')
     UNION ALL
    SELECT format('ROUTINE %s', f.oid::regprocedure) FROM pg_proc f
     WHERE f.pronamespace = 'mediasweep'::regnamespace AND f.proowner <> quote_ident(owner)::regrole
  LOOP
    EXECUTE format('ALTER %s OWNER TO %I', thing, owner);
  END LOOP;
END $$;

-- The captures and the guard run as the owner of the schema: let it read this table, as far as whoever attaches it may.
CREATE OR REPLACE FUNCTION mediasweep.let_owner_read(attached_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  owner  name := (SELECT r.name FROM mediasweep.roles() r WHERE r.kind = 'owner');
  table_ record;
BEGIN
  SELECT c.oid::regclass AS called, c.relnamespace, c.relowner, c.relrowsecurity AND (
           c.relforcerowsecurity OR NOT pg_has_role(owner, c.relowner, 'USAGE')) AS hides
    INTO table_
    FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation WHERE a.id = attached_id;
  IF owner IS NULL OR table_ IS NULL THEN
    RETURN;
  END IF;
  IF NOT has_schema_privilege(owner, table_.relnamespace, 'USAGE') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', table_.relnamespace::regnamespace, owner);
    UPDATE mediasweep.attached a SET granted_usage = true WHERE a.id = attached_id;
  END IF;
  IF NOT has_table_privilege(owner, table_.called, 'SELECT') THEN
    EXECUTE format('GRANT SELECT ON %s TO %I', table_.called, owner);
    UPDATE mediasweep.attached a SET granted = true WHERE a.id = attached_id;
  END IF;
  IF table_.called = to_regclass('public.media_assets') AND mediasweep.has_library()   -- what Cloudinary tells is written there, and the self-test deletes what it made
     AND NOT (has_table_privilege(owner, table_.called, 'INSERT') AND has_table_privilege(owner, table_.called, 'UPDATE')
              AND has_table_privilege(owner, table_.called, 'DELETE')) THEN
    EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO %I', table_.called, owner);
    UPDATE mediasweep.attached a SET granted = true WHERE a.id = attached_id;
  END IF;
  IF NOT has_schema_privilege(owner, table_.relnamespace, 'USAGE') OR NOT has_table_privilege(owner, table_.called, 'SELECT') THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('the owner of the schema mediasweep, %I, may not read %s', owner, table_.called),
      HINT = format('As %I run: GRANT USAGE ON SCHEMA %s TO %I; GRANT SELECT ON %s TO %3$I;', pg_get_userbyid(table_.relowner),
                    table_.relnamespace::regnamespace, owner, table_.called);
  ELSIF table_.hides AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner AND NOT r.rolbypassrls AND NOT r.rolsuper) THEN
    RAISE insufficient_privilege USING
      MESSAGE = format('%s has row-level security, and %I, the owner of the schema mediasweep, would not see all its rows',
                       table_.called, owner),
      HINT = format('Whoever may runs: %s; or choose another owner when the roles are made: mediasweep migrate --roles --owner %I',
                    mediasweep.show_rows(table_.called, owner), pg_get_userbyid(table_.relowner));
  END IF;
END $$;

-- Detach leaves the table as it was, and its schema, unless another table in it is attached.
CREATE OR REPLACE FUNCTION mediasweep.let_owner_go(attached_id integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  gone  record;
BEGIN
  SELECT c.oid::regclass AS called, c.relnamespace, a.granted, a.granted_usage, r.name AS owner INTO gone
    FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation JOIN mediasweep.roles() r ON r.kind = 'owner'
   WHERE a.id = attached_id;
  IF gone.granted THEN
    EXECUTE format('REVOKE SELECT, INSERT, UPDATE, DELETE ON %s FROM %I', gone.called, gone.owner);
  END IF;
  IF gone.granted_usage THEN
    UPDATE mediasweep.attached a SET granted_usage = true
     WHERE a.id = (SELECT o.id FROM mediasweep.attached o JOIN pg_class c ON c.oid = o.relation
                    WHERE o.detached_at IS NULL AND o.id <> attached_id AND c.relnamespace = gone.relnamespace LIMIT 1);
    IF NOT FOUND THEN
      EXECUTE format('REVOKE USAGE ON SCHEMA %s FROM %I', gone.relnamespace::regnamespace, gone.owner);
    END IF;
  END IF;
  UPDATE mediasweep.attached a SET granted = false, granted_usage = false WHERE a.id = attached_id;
END $$;

-- Make the roles, and hand over what is there. Run again, it only mends; for other names it is too late.
CREATE OR REPLACE FUNCTION mediasweep.make_roles(owner text, daemon_ text, reader text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  said  text;
BEGIN
  IF owner IN (daemon_, reader) OR daemon_ = reader THEN
    RAISE EXCEPTION 'owner, daemon and reader are three roles, not %, % and %', owner, daemon_, reader;
  ELSIF daemon_ = ANY ('{anon,authenticated,service_role}') OR reader = ANY ('{anon,authenticated,service_role}') THEN
    RAISE EXCEPTION '% and % cannot both be roles of mediasweep: those of the API are kept out of its schema', daemon_, reader;
  END IF;
  SELECT string_agg(format('%s %I', r.kind, r.name), ', ' ORDER BY r.kind) INTO said FROM mediasweep.role r;
  IF EXISTS (SELECT FROM mediasweep.role r JOIN (VALUES ('owner', owner), ('daemon', daemon_), ('reader', reader)) g (kind, name)
                      ON g.kind = r.kind AND g.name <> r.name) THEN
    RAISE EXCEPTION 'this database has its roles already: %', said USING HINT = 'Use these; ALTER ROLE … RENAME is not followed.';
  END IF;
  PERFORM mediasweep.make_role(r.name) FROM unnest(ARRAY[owner, daemon_, reader]) r (name);
  PERFORM mediasweep.join_owner(owner);
  INSERT INTO mediasweep.role (kind, name) VALUES ('owner', owner), ('daemon', daemon_), ('reader', reader) ON CONFLICT DO NOTHING;
  PERFORM mediasweep.let_owner_read(a.id) FROM mediasweep.attached a WHERE a.detached_at IS NULL;
  PERFORM mediasweep.secure();
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
