-- What `mediasweep doctor` and other commands ask of the schema that their own role could not see: with the owner's eyes, and without a change.

-- What a role is measured by: as a reader, if it is one and could be no more.
CREATE OR REPLACE FUNCTION mediasweep.kind_of(role name) RETURNS text
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce((SELECT min(r.kind) FROM mediasweep.roles() r WHERE pg_has_role(kind_of.role, r.name, 'USAGE') HAVING min(r.kind) = 'reader'),
                  'daemon')
$$;

-- What keeps the guard from answering at all, as an error. It is asked about nothing, so whoever may not ask it otherwise learns
-- no more than that.
CREATE OR REPLACE FUNCTION mediasweep.ask_guard() RETURNS void
LANGUAGE plpgsql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM mediasweep.uses('{}');
END $$;

-- What a person is told of each table that is or was attached, beside what stands in its row.
CREATE OR REPLACE FUNCTION mediasweep.described()
RETURNS TABLE (source integer, parts bigint, missing_indexes text[], shape text[], unserved boolean)
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT a.id, (SELECT count(*) FROM mediasweep.parts(a.relation)),
         CASE WHEN a.detached_at IS NULL THEN ARRAY(SELECT m.statement FROM mediasweep.missing_indexes(a) m ORDER BY 1) ELSE '{}' END,
         ARRAY(SELECT concat_ws(' ', CASE WHEN mediasweep.is_url(ref) THEN 'URLs' END, mediasweep.held_in(a.relation, ref),
                                mediasweep.column_of(ref -> 'public_id'),
                                CASE jsonb_typeof(ref -> 'public_id') WHEN 'object' THEN ref -> 'public_id' ->> 'path' END)
                 FROM mediasweep.refs_of(a.options) ref),
         EXISTS (SELECT FROM mediasweep.refs_of(a.options) ref CROSS JOIN mediasweep.prefilter(a.relation, ref, 'public_id') pre
                  WHERE pre.index IS NULL)
    FROM mediasweep.attached a
$$;

-- What the role lacks of all that a daemon does, or a reader, if it is one. With the grants alone a role sees no row: the policies name the three roles.
CREATE OR REPLACE FUNCTION mediasweep.lacks(role name) RETURNS TABLE (verb text, object text)
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  WITH asked AS (
    SELECT p.verb, p.object, p.columns, to_regclass('mediasweep.' || quote_ident(p.object)) AS relation
      FROM mediasweep.privileges() p WHERE p.kind = mediasweep.kind_of(lacks.role))
  SELECT a.verb, a.object
    FROM asked a
   WHERE a.verb <> 'EXECUTE'
     AND NOT CASE WHEN a.columns IS NULL THEN has_table_privilege(lacks.role, a.relation, a.verb)
                  ELSE (SELECT bool_and(has_column_privilege(lacks.role, a.relation, btrim(c), a.verb))
                          FROM string_to_table(a.columns, ',') c) END
   UNION ALL
  SELECT a.verb, a.object
    FROM asked a JOIN pg_proc f ON f.proname = a.object AND f.pronamespace = 'mediasweep'::regnamespace
   WHERE a.verb = 'EXECUTE' AND NOT has_function_privilege(lacks.role, f.oid, 'EXECUTE')
   UNION ALL
  SELECT 'SELECT', 'the rows of any table'
    FROM pg_roles r JOIN pg_class c ON c.oid = 'mediasweep.cloudinary_cleanup_queue'::regclass
   WHERE r.rolname = lacks.role AND c.relrowsecurity AND NOT (r.rolsuper OR r.rolbypassrls) AND NOT pg_has_role(lacks.role, c.relowner, 'USAGE')
     AND NOT EXISTS (SELECT FROM mediasweep.roles() d WHERE d.kind <> 'owner' AND pg_has_role(lacks.role, d.name, 'USAGE'))
$$;

-- The attached tables of which the guard cannot see every row, and what would mend it.
CREATE OR REPLACE FUNCTION mediasweep.hidden() RETURNS TABLE (relation text, cause text, statement text)
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT c.oid::regclass::text, h.cause, h.statement
    FROM mediasweep.attached a
    JOIN pg_class c ON c.oid = a.relation
   CROSS JOIN LATERAL (VALUES
     ('schema', NOT has_schema_privilege(c.relnamespace, 'USAGE'),
      format('GRANT USAGE ON SCHEMA %s TO %I', c.relnamespace::regnamespace, current_user)),
     ('select', NOT has_table_privilege(c.oid, 'SELECT'), format('GRANT SELECT ON %s TO %I', c.oid::regclass, current_user)),
     ('rows', row_security_active(c.oid), mediasweep.show_rows(c.oid, current_user))) h (cause, holds, statement)
   WHERE a.detached_at IS NULL AND h.holds
$$;

-- The large attached tables that the guard reads from end to end. What was never analyzed is judged by its size.
CREATE OR REPLACE FUNCTION mediasweep.unindexed(least_rows bigint) RETURNS TABLE (relation text, rows bigint, statement text)
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT a.relation::text, size.rows, m.statement
    FROM mediasweep.attached a
    JOIN pg_class t ON t.oid = a.relation
   CROSS JOIN LATERAL (
     SELECT sum(CASE WHEN c.reltuples < 0 THEN pg_relation_size(c.oid) / 100 ELSE c.reltuples END)::bigint AS rows
       FROM mediasweep.parts(a.relation) p JOIN pg_class c ON c.oid = p.part WHERE NOT p.branch) size
   CROSS JOIN LATERAL mediasweep.missing_indexes(a) m
   WHERE a.detached_at IS NULL AND size.rows >= least_rows
$$;

-- What each attached table is safe with: whether all that it names has an asset id, for how long its rows rest, whether it
-- looks before it begins to use an asset, and whether deletions go by asset id. The release before did not tell the last.
DROP FUNCTION IF EXISTS mediasweep.contract();
CREATE OR REPLACE FUNCTION mediasweep.contract()
RETURNS TABLE (relation text, by_asset_id boolean, rests interval, looks boolean, nameless boolean)
LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT a.relation::text, (SELECT bool_and(ref ? 'asset_id') FROM mediasweep.refs_of(a.options) ref), a.grace + fleet.grace,
         a.options ? 'references', mediasweep.names_tell_nothing()
    FROM mediasweep.attached a CROSS JOIN mediasweep.fleet_at_work() fleet
   WHERE a.detached_at IS NULL
   ORDER BY a.id
$$;

-- The transactions for which rows may wait, the oldest first. Since when one is open is not told to everybody.
CREATE OR REPLACE FUNCTION mediasweep.holding() RETURNS TABLE (about text, writes boolean, prepared text, lasts interval)
LANGUAGE sql VOLATILE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT t.about, t.writes, p.gid, clock_timestamp() - t.since
    FROM mediasweep.open_transactions() t
    LEFT JOIN pg_prepared_xact() p ON p.transaction = t.xact
   ORDER BY t.place
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
