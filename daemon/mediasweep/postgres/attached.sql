-- Attached tables, as a person attaches, lists and detaches them. What is done, the functions do: schema/functions/.

-- name: set_place
-- For this transaction: locks are waited for briefly, and names are read as the functions read them.
SELECT set_config('lock_timeout', '3s', true), set_config('search_path', 'pg_catalog, pg_temp', true)

-- name: as_typed
-- $1 a name as SQL has it; the table's oid, or NULL
SELECT to_regclass($1)::oid

-- name: tables
-- Every table of the user's, and what is like one: oid, name with its schema, as SQL has it, kind.
SELECT c.oid, c.relname AS name, n.nspname || '.' || c.relname AS qualified, c.relkind::text AS kind,
       format('%I.%I', n.nspname, c.relname) AS shown
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
   AND n.nspname <> ALL ('{pg_catalog,information_schema,pg_toast,mediasweep}')
 ORDER BY 3

-- name: columns
-- $1 table
SELECT a.attname AS name FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum

-- name: look
-- $1 table, $2 options; what attach would find
SELECT l.looked, l.whole, l.about, l.named, l.unread, l.example, l.unserved,
       ARRAY(SELECT i.statement FROM mediasweep.missing_indexes(p) i ORDER BY 1) AS missing
  FROM mediasweep.planned($1::oid::regclass, $2::jsonb, 0) p CROSS JOIN LATERAL mediasweep.holdings(p) l

-- name: script
-- $1 table, $2 options
SELECT mediasweep.attach_sql($1::oid::regclass, $2::jsonb)

-- name: attach
-- $1 table, $2 options; its number
SELECT mediasweep.attach($1::oid::regclass, $2::jsonb)

-- name: attached
-- $1 table; its number, and whether its options are $2
SELECT a.id, a.options = $2::jsonb AS same FROM mediasweep.attached a WHERE a.relation = $1::oid AND a.detached_at IS NULL

-- name: cover
SELECT mediasweep.cover()

-- name: list
-- Attached tables, and those that were, while rows of theirs are unfinished.
SELECT a.id AS source, CASE WHEN c.oid IS NOT NULL THEN a.relation::text END AS "table", a.options::text AS options,
       a.detached_at IS NULL AS attached, coalesce(left_.rows_, 0) AS unfinished,
       d.parts,
       ARRAY(SELECT format('%s: %s', u.part, u.missing) FROM mediasweep.uncovered() u WHERE u.source = a.id ORDER BY 1) AS uncovered,
       d.missing_indexes, d.shape, d.unserved
  FROM mediasweep.attached a
  JOIN mediasweep.described() d ON d.source = a.id
  LEFT JOIN pg_class c ON c.oid = a.relation
  LEFT JOIN LATERAL (SELECT count(*) AS rows_ FROM mediasweep.cloudinary_cleanup_queue q
                      WHERE q.source_id = a.id AND q.processed_at IS NULL) left_ ON true
 WHERE a.detached_at IS NULL OR left_.rows_ > 0
 ORDER BY a.id

-- name: suggest
SELECT s.relation::text AS "table", s.options::text AS options, s.why FROM mediasweep.suggest() s

-- name: detachable
-- $1 number; what detaching it would leave behind, drop, and the statement for it; no row: it is not attached
SELECT a.id AS source, CASE WHEN c.oid IS NOT NULL THEN a.relation::text END AS "table",
       (SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue q WHERE q.source_id = a.id AND q.processed_at IS NULL) AS unfinished,
       ARRAY(SELECT format('trigger %I on %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger t
              WHERE t.tgfoid = to_regproc(format('mediasweep.%I', a.capture)) ORDER BY t.tgrelid, t.tgname)
         || format('function mediasweep.%I()', a.capture) AS drops,
       CASE WHEN c.oid IS NOT NULL THEN format('SELECT mediasweep.detach(%L::regclass);', a.relation)
            ELSE format('SELECT mediasweep.detach_number(%s);', a.id) END AS statement
  FROM mediasweep.attached a
  LEFT JOIN pg_class c ON c.oid = a.relation
 WHERE a.id = $1 AND a.detached_at IS NULL

-- name: stray
-- $1 what it is called; what detaching it would drop, as `detachable` says it
SELECT NULL::integer AS source, s.relation::text AS "table", 0::bigint AS unfinished,
       ARRAY(SELECT format('trigger %I on %s', t.tgname, t.tgrelid::regclass) FROM pg_trigger t
              WHERE t.oid = ANY (mediasweep.foreign_triggers(s.relation, 0)) ORDER BY t.tgrelid, t.tgname) AS drops,
       format('SELECT mediasweep.detach(%L::regclass);', s.relation) AS statement
  FROM mediasweep.strays() s JOIN pg_class c ON c.oid = s.relation JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE $1::text IN (c.relname, n.nspname || '.' || c.relname, s.relation::text)

-- name: detach_stray
-- $1 what it is called, as SQL has it
SELECT mediasweep.detach($1::text::regclass)

-- name: detach
-- $1 number
SELECT mediasweep.detach_number($1)

-- name: left_behind
-- $1 number
SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue q WHERE q.source_id = $1 AND q.processed_at IS NULL

-- name: to_uninstall
-- $1 by force
SELECT CASE WHEN $1 THEN 'SELECT mediasweep.uninstall(force => true);' ELSE 'SELECT mediasweep.uninstall();' END AS statement,
       current_database() AS database, l.unfinished, l.fallen, l.alive, mediasweep.dependents() AS dependents,
       ARRAY(SELECT format('trigger %I on %s', t.tgname, t.tgrelid::regclass)
               FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid
              WHERE f.pronamespace = 'mediasweep'::regnamespace AND c.relnamespace <> 'mediasweep'::regnamespace AND t.tgparentid = 0
              ORDER BY t.tgrelid, t.tgname)
       || ARRAY(SELECT format('table %s', c.oid::regclass) FROM pg_class c
                 WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname)
       || (SELECT format('the %s functions of the schema mediasweep, and the schema', count(*)) FROM pg_proc p
            WHERE p.pronamespace = 'mediasweep'::regnamespace) AS drops,
       ARRAY(SELECT DISTINCT a.relation::text FROM mediasweep.attached a JOIN pg_class c ON c.oid = a.relation ORDER BY 1) AS keeps
  FROM mediasweep.left_to_do() l

-- name: uninstall
-- $1 also what is unfinished
SELECT mediasweep.uninstall($1)
