-- What each role may do, all of it in one list, and what makes it so: `secure`, which every migrate ends with.
--
-- Nothing is reachable by PUBLIC, nor by the roles of Supabase's API. Whoever is granted a table of ours by mistake finds no
-- row in it: row-level security is on everywhere, with a policy for what stands in the list and none else. The owner is not
-- subject to it. Queue, acknowledgements and safeguards are moved only by functions that run with the owner's rights.

-- `columns`: only these; `rows_`: only rows that fit. A function is named without its arguments.
CREATE OR REPLACE FUNCTION mediasweep.privileges()
RETURNS TABLE (kind text, verb text, object text, columns text, rows_ text)
LANGUAGE sql IMMUTABLE
AS $$
  SELECT k.kind, 'SELECT', t.object, t.columns, 'true'
    FROM unnest('{daemon,reader}'::text[]) k (kind)
   CROSS JOIN (VALUES
     ('cloudinary_cleanup_queue', NULL), ('journal', NULL), ('gate', NULL), ('scheduler', NULL), ('daemon', NULL),
     ('installation', NULL), ('migration', NULL), ('attached', NULL), ('protected', NULL), ('acknowledgement', NULL),
     ('inbox', NULL), ('failed', NULL), ('reconcile_run', NULL), ('reconcile_finding', NULL),
     -- `ref` may be a whole row of a table of yours
     ('fallback', 'id, at, source_id, reason, actor, app, error, refused')) t (object, columns)
   UNION ALL
  SELECT k.kind, 'EXECUTE', f.object, NULL, NULL
    FROM unnest('{daemon,reader}'::text[]) k (kind)
   CROSS JOIN unnest('{why,held,capture_trouble,unfinished,done_rows,failed_rows,fleet_at_work,is_alive,fleet_limit,matching,is_own,selftest_folder,sources_of,source_name,name_of,named_by,acknowledged,
                  differences,uncovered,strays,lacks,kind_of,ask_guard,described,hidden,unindexed,contract,holding,last_reconciled,has_library,chosen_findings}'::text[]) f (object)
   UNION ALL
  SELECT 'daemon', 'EXECUTE', f.object, NULL, NULL
    FROM unnest('{claim,counted,fleet_state,uses,record,refill,prune_queue,prune_journal,beat,throttle,arm,disarm,asleep_key,wait_for_enqueuers,wait_for_sibling,recognise,recall,look_again,
                  brake_dribble,forget_acknowledgements,retry,cancel,refusal,plan_cancel,same_assets,acknowledge,adopt,
                  receive,take_inbox,apply_notification,put_back,prune_inbox,
                  reconcile_begin,reconcile_beat,reconcile_page,reconcile_compare,reconcile_name,reconcile_looked,reconcile_finish,
                  delete_orphans,adopt_findings,leave_findings,mark_ghosts,unmark_ghosts,
                  look_for_upload,begin_upload,hold_upload,drop_upload,finish_upload,
                  selftest_row,selftest_delete,selftest_queue,selftest_clean,selftest_left,
                  media_found,media_row,media_figures,media_named,media_plan,media_deleted,delete_media,undelete_media,delete_again}'::text[])
         f (object)
   UNION ALL
  SELECT 'daemon', t.*
    FROM (VALUES
     -- these three gates close and open by functions only
     ('INSERT', 'gate', NULL, $q$name NOT IN ('brake', 'environment', 'failover')$q$),
     ('UPDATE', 'gate', NULL, $q$name NOT IN ('brake', 'environment', 'failover')$q$),
     ('DELETE', 'gate', NULL, $q$name NOT IN ('brake', 'environment', 'failover')$q$),
     -- moves of the queue are journalled by the functions that make them
     ('INSERT', 'journal', NULL,
      $q$event IN ('gate_closed', 'gate_opened', 'gate_hurried', 'configured', 'cleanup_forced', 'restored', 'restore_failed')$q$),
     ('UPDATE', 'scheduler', NULL, 'one'),
     ('UPDATE', 'installation', 'asset_id_proven_at', 'one'),
     ('DELETE', 'daemon', NULL, 'true')) t
$$;

-- The roles that there are, of those that were asked for: a dump that was restored elsewhere may name others.
CREATE OR REPLACE FUNCTION mediasweep.roles() RETURNS TABLE (kind text, name name)
LANGUAGE sql STABLE
AS $$ SELECT r.kind, p.rolname FROM mediasweep.role r JOIN pg_roles p ON p.rolname = r.name $$;

-- All that stands in the list is granted, and what does not is taken back.
CREATE OR REPLACE FUNCTION mediasweep.grant_all() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  role_     record;
  command_  text;
BEGIN
  FOR role_ IN
    SELECT NULL AS kind, 'PUBLIC' AS name
     UNION ALL
    SELECT NULL, quote_ident(p.rolname) FROM pg_roles p JOIN pg_namespace n ON n.nspname = 'mediasweep' AND n.nspowner <> p.oid
     WHERE p.rolname IN ('anon', 'authenticated', 'service_role')
     UNION ALL
    SELECT r.kind, quote_ident(r.name) FROM mediasweep.roles() r WHERE r.kind <> 'owner'
  LOOP
    FOREACH command_ IN ARRAY '{SCHEMA,ALL TABLES IN SCHEMA,ALL SEQUENCES IN SCHEMA,ALL ROUTINES IN SCHEMA}'::text[] LOOP
      EXECUTE format('REVOKE ALL ON %s mediasweep FROM %s', command_, role_.name);
    END LOOP;
    CONTINUE WHEN role_.kind IS NULL;
    EXECUTE format('GRANT USAGE ON SCHEMA mediasweep TO %s', role_.name);
    FOR command_ IN
      SELECT format('GRANT %s%s ON mediasweep.%I TO %s', p.verb, ' (' || p.columns || ')', p.object, role_.name)
        FROM mediasweep.privileges() p WHERE p.kind = role_.kind AND p.verb <> 'EXECUTE'
       UNION ALL
      SELECT format('GRANT EXECUTE ON FUNCTION %s TO %s', f.oid::regprocedure, role_.name)
        FROM mediasweep.privileges() p
        JOIN pg_proc f ON f.proname = p.object AND f.pronamespace = 'mediasweep'::regnamespace
       WHERE p.kind = role_.kind AND p.verb = 'EXECUTE'
    LOOP
      EXECUTE command_;
    END LOOP;
  END LOOP;
END $$;

-- The policies that the list asks for: one a table and verb. A table without any says that nobody sees a row of it.
CREATE OR REPLACE FUNCTION mediasweep.policies() RETURNS TABLE (relation regclass, name text, definition text)
LANGUAGE sql STABLE
AS $$
  WITH wanted AS (
    SELECT to_regclass('mediasweep.' || quote_ident(p.object)) AS relation, p.verb,
           format('FOR %s TO %s %s', p.verb, string_agg(quote_ident(r.name), ', ' ORDER BY r.kind),
                  CASE p.verb WHEN 'INSERT' THEN format('WITH CHECK (%s)', p.rows_) ELSE format('USING (%s)', p.rows_) END) AS definition
      FROM mediasweep.privileges() p JOIN mediasweep.roles() r ON r.kind = p.kind
     WHERE p.verb <> 'EXECUTE'
     GROUP BY p.object, p.verb, p.rows_)
  SELECT w.relation, lower(w.verb), w.definition FROM wanted w
   UNION ALL
  SELECT c.oid::regclass, 'nobody', 'FOR ALL TO PUBLIC USING (false)'
    FROM pg_class c
   WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind IN ('r', 'p')
     AND NOT EXISTS (SELECT FROM wanted w WHERE w.relation = c.oid)
$$;

-- Row-level security for each table. What is as it should be is not touched, because each change locks the table.
CREATE OR REPLACE FUNCTION mediasweep.hide_rows() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  name_     text;
  relation  text;
  said      text;
BEGIN
  FOR relation IN
    SELECT c.oid::regclass FROM pg_class c
     WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity ORDER BY c.relname
  LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
  END LOOP;
  FOR name_, relation IN
    SELECT p.polname, c.oid::regclass FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
     WHERE c.relnamespace = 'mediasweep'::regnamespace
       AND NOT EXISTS (SELECT FROM mediasweep.policies() w
                        WHERE w.relation = c.oid AND w.name = p.polname AND w.definition = obj_description(p.oid, 'pg_policy'))
  LOOP
    EXECUTE format('DROP POLICY %I ON %s', name_, relation);
  END LOOP;
  FOR relation, name_, said IN
    SELECT w.relation, w.name, w.definition FROM mediasweep.policies() w
     WHERE NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = w.relation AND p.polname = w.name)
  LOOP
    EXECUTE format('CREATE POLICY %I ON %s %s', name_, relation, said);
    EXECUTE format('COMMENT ON POLICY %I ON %s IS %L', name_, relation, said);
  END LOOP;
END $$;

-- Every function has a search path that nobody else can lead elsewhere. Without one are only those that are written into the
-- statements which call them, for what that saves: they run under the path of their caller, with nobody's rights but his.
CREATE OR REPLACE FUNCTION mediasweep.pin_paths() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  function_  regprocedure;
BEGIN
  FOR function_ IN
    SELECT f.oid FROM pg_proc f
     WHERE f.pronamespace = 'mediasweep'::regnamespace
       AND NOT EXISTS (SELECT FROM unnest(f.proconfig) c WHERE starts_with(c, 'search_path='))
       AND (f.prosecdef OR f.proname <> ALL ('{resource_type,delivery_type,whole_number,full_xid,is_alive,format_of,holds_others,
                                              without,let_go,matching,is_own}'))
  LOOP
    EXECUTE format('ALTER ROUTINE %s SET search_path = pg_catalog, pg_temp', function_);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION mediasweep.secure() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM mediasweep.only_one_builder();
  PERFORM mediasweep.hand_over(r.name) FROM mediasweep.roles() r WHERE r.kind = 'owner';
  PERFORM mediasweep.pin_paths();
  PERFORM mediasweep.grant_all();
  PERFORM mediasweep.hide_rows();
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
