"""What Supabase's database linter looks for, as our own queries after its published rules.

Each returns what it finds, in words. A schema is exposed if the API serves it (`pgrst.db_schemas`);
the roles of the API are anon and authenticated.
"""

from __future__ import annotations

from mediasweep.postgres.pool import Connection as Db

# what is the database's own, or Supabase's
OTHERS = "'pg_catalog', 'information_schema', 'pg_toast', 'auth'"
RULES = {
    # policies that ask for the user once a row: a sub-select is asked once a statement
    "0003": rf"""
SELECT format('%s on %s', p.policyname, p.tablename)
  FROM pg_policies p
 CROSS JOIN LATERAL regexp_replace(
         coalesce(p.qual, '') || ' ' || coalesce(p.with_check, ''),
         '\(\s*SELECT (auth\.\w+\(\)|current_setting\([^)]*\))[^)]*\)', '', 'gi') AS rest (text)
 WHERE p.schemaname NOT IN ({OTHERS}) AND rest.text ~ 'auth\.\w+\(|current_setting\('
""",
    # row-level security that nobody wrote a policy for: is that meant?
    "0008": f"""
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT IN ({OTHERS}) AND c.relkind IN ('r', 'p') AND c.relrowsecurity
   AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
""",
    # views that show what their owner sees
    "0010": f"""
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT IN ({OTHERS}) AND c.relkind = 'v'
   AND NOT EXISTS (SELECT FROM unnest(c.reloptions) o WHERE o ~ '^security_invoker=(true|on|1)$')
""",
    # functions whose names mean what their caller's search path says
    "0011": f"""
SELECT f.proname::text FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
 WHERE n.nspname NOT IN ({OTHERS})
   AND NOT EXISTS (SELECT FROM unnest(f.proconfig) c WHERE c LIKE 'search_path=%')
""",
    # tables that the API serves without row-level security
    "0013": """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY (string_to_array(replace(current_setting('pgrst.db_schemas'), ' ', ''), ','))
   AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
""",
    # queues that the API's roles can put something into
    "0019": f"""
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname NOT IN ({OTHERS}) AND c.relkind IN ('r', 'p')
   AND c.relname ~ '(^|_)q(ueue)?(_|$)'
   AND (NOT c.relrowsecurity OR has_table_privilege('anon', c.oid, 'INSERT')
        OR has_table_privilege('authenticated', c.oid, 'INSERT'))
""",
} | {
    # functions that anybody, or any user, can have run with their owner's rights
    rule: f"""
SELECT f.oid::regprocedure::text FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
 WHERE n.nspname NOT IN ({OTHERS}) AND f.prosecdef
   AND has_function_privilege('{role}', f.oid, 'EXECUTE')
"""
    for rule, role in (("0028", "anon"), ("0029", "authenticated"))
}


async def findings(db: Db) -> dict[str, list[str]]:
    """Return what each rule finds; rules without a finding are left out."""
    found = {rule: sorted(row[0] for row in await db.fetch(sql)) for rule, sql in RULES.items()}
    return {rule: names for rule, names in found.items() if names}
