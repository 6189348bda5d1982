-- The runner's own statements.

-- name: try_lock
SELECT pg_try_advisory_lock(7882817126551222118)

-- name: encoding
SELECT current_setting('server_encoding')

-- name: has_ledger
SELECT to_regclass('mediasweep.migration') IS NOT NULL

-- name: applied
SELECT m.name, m.sha256 FROM mediasweep.migration m

-- name: library_dropped
SELECT NOT EXISTS (SELECT FROM mediasweep.attached a WHERE a.relation = to_regclass('public.media_assets'))

-- name: attach_again
-- What attaches the library again after it was detached, as it was.
SELECT format('SELECT mediasweep.attach(%L, %L);', 'public.media_assets', a.options)
  FROM mediasweep.attached a WHERE a.relation = to_regclass('public.media_assets') AND a.detached_at IS NOT NULL

-- name: set_timeouts
SELECT set_config('lock_timeout', '3s', false), set_config('statement_timeout', '0', false),
       set_config('check_function_bodies', 'off', false),
       set_config('default_transaction_isolation', 'read committed', false)

-- name: half_built
-- What a CREATE INDEX CONCURRENTLY that was broken off has left behind.
SELECT format('DROP INDEX CONCURRENTLY %s', i.indexrelid::regclass) AS drop
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE NOT i.indisvalid AND c.relnamespace = 'mediasweep'::regnamespace

-- name: remedy
-- What a role needs that is to make the schema, or who may renew the one that is there; NULL: it is not for want of that.
SELECT CASE WHEN n.nspowner IS NULL AND NOT has_database_privilege(current_database(), 'CREATE')
            THEN format('let its owner run: GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
            WHEN NOT pg_has_role(n.nspowner, 'USAGE')
            THEN format('run it as %s, who owns the schema mediasweep, or as a member of that role', n.nspowner::regrole) END
  FROM (SELECT to_regnamespace('mediasweep') AS oid) schema
  LEFT JOIN pg_namespace n ON n.oid = schema.oid

-- name: misplaced
-- What a person has to decide about attached tables.
SELECT m.says FROM mediasweep.attached a CROSS JOIN mediasweep.misplaced(a) m (says) WHERE a.detached_at IS NULL AND m.says IS NOT NULL

-- name: note
-- $1 file, $2 sha256
INSERT INTO mediasweep.migration (name, sha256) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, applied_at = clock_timestamp()

-- name: note_literal
-- For scripts that are pasted; both values are ours: a file name and hexadecimal digits.
INSERT INTO mediasweep.migration (name, sha256) VALUES ('{name}', '{sha256}')
ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, applied_at = clock_timestamp()

-- name: become_owner
-- What is made from here on belongs to the owner of the schema, if that is a role of its own and ours to act as.
DO $$
BEGIN
  IF to_regclass('mediasweep.role') IS NOT NULL THEN
    PERFORM set_config('role', p.rolname, false)
      FROM mediasweep.role r JOIN pg_roles p ON p.rolname = r.name
     WHERE r.kind = 'owner' AND p.rolname <> current_user AND pg_has_role(p.oid, 'MEMBER');
  END IF;
END $$

-- name: be_oneself
RESET ROLE

-- name: make_roles
-- The names come with their quotes doubled.
SELECT mediasweep.make_roles('{owner}', '{daemon}', '{reader}')
