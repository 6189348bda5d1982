-- What the doctor looks at. Nothing here writes, and nothing sets anything: behind a pooler it would be set for others too.

-- name: server
-- What is told of a session by the server that it leads to.
SELECT current_user AS role, current_database() AS database, pg_postmaster_start_time() AS started_at,
       pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only')::boolean AS read_only,
       current_setting('default_transaction_isolation') AS isolation, clock_timestamp() AS now,
       coalesce((SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), false) AS encrypted,
       CASE WHEN pg_is_in_recovery() THEN 0 ELSE pg_notification_queue_usage() END AS notifications

-- name: rights
SELECT mediasweep.kind_of(current_user) AS kind

-- name: lacks
SELECT l.verb, l.object FROM mediasweep.lacks(current_user) l ORDER BY l.verb, l.object

-- name: hidden
SELECT h.relation, h.cause, h.statement FROM mediasweep.hidden() h ORDER BY h.relation, h.cause

-- name: uncovered
SELECT u.relation::text, u.part::text, u.missing, u.part <> u.relation AS below,
       'ALTER TABLE ' || u.part || (
         SELECT string_agg(format(' ENABLE TRIGGER %I', t.tgname), ',' ORDER BY t.tgname)
           FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
          WHERE t.tgrelid = u.part AND t.tgenabled IN ('D', 'R') AND f.pronamespace = to_regnamespace('mediasweep')) AS statement
  FROM mediasweep.uncovered() u
 ORDER BY u.relation, u.part

-- name: attached
SELECT count(*) AS tables FROM mediasweep.attached a WHERE a.detached_at IS NULL

-- name: replicas
-- Sessions in which the triggers of attached tables do not fire.
SELECT format('sessions of %s%s', coalesce('the role ' || nullif(s.setrole, 0)::regrole::text, 'every role'),
              CASE WHEN s.setdatabase = 0 THEN '' ELSE ' in this database' END) AS who,
       format('ALTER %s RESET session_replication_role',
              CASE WHEN s.setrole = 0 THEN format('DATABASE %I', current_database())
                   ELSE 'ROLE ' || s.setrole::regrole || CASE WHEN s.setdatabase = 0 THEN '' ELSE format(' IN DATABASE %I', current_database()) END
              END) AS statement
  FROM pg_db_role_setting s
 WHERE 'session_replication_role=replica' = ANY (s.setconfig)
   AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
 UNION ALL
SELECT format('what is replicated into %s', a.relation::regclass), format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', a.relation, min(t.tgname))
  FROM mediasweep.attached a
  JOIN pg_subscription_rel r ON r.srrelid = a.relation
  JOIN pg_trigger t ON t.tgrelid = a.relation AND t.tgenabled <> 'A' AND NOT t.tgisinternal
  JOIN pg_proc f ON f.oid = t.tgfoid AND f.pronamespace = to_regnamespace('mediasweep')
 WHERE a.detached_at IS NULL
 GROUP BY a.relation

-- name: published
SELECT p.pubname AS name FROM pg_publication p WHERE p.puballtables ORDER BY 1

-- name: unindexed
-- $1 rows of a table from which on it is large
SELECT u.relation, u.rows, u.statement FROM mediasweep.unindexed($1) u ORDER BY u.rows DESC, u.statement

-- name: unlogged
-- But for the listing of an account, which is unlogged on purpose.
SELECT c.oid::regclass::text AS relation, format('ALTER TABLE %s SET LOGGED', c.oid::regclass) AS statement
  FROM pg_class c
 WHERE c.relnamespace = to_regnamespace('mediasweep') AND c.relkind IN ('r', 'p') AND c.relpersistence <> 'p'
   AND c.relname <> 'reconcile_listed'
 ORDER BY c.relname

-- name: unvacuumed
SELECT 'the server' AS relation, 'ALTER SYSTEM SET autovacuum = on' AS statement
 WHERE current_setting('autovacuum') <> 'on' OR current_setting('track_counts') <> 'on'
 UNION ALL
SELECT c.oid::regclass::text, format('ALTER TABLE %s RESET (autovacuum_enabled)', c.oid::regclass)
  FROM pg_class c
 WHERE c.relnamespace = to_regnamespace('mediasweep') AND c.relkind = 'r'
   AND EXISTS (SELECT FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean)

-- name: stuck
-- Rows that have failed, that have been in doubt for an hour, and that no claim will take.
SELECT count(*) FILTER (WHERE q.status = 'failed') AS failed,
       count(*) FILTER (WHERE q.processed_at IS NULL AND q.in_doubt AND q.queued_at < clock_timestamp() - interval '1 hour') AS doubtful,
       count(*) FILTER (WHERE q.processed_at IS NULL AND q.source_id <> 0
         AND NOT EXISTS (SELECT FROM mediasweep.attached a WHERE a.id = q.source_id AND a.detached_at IS NULL)) AS sourceless,
       count(*) FILTER (WHERE q.processed_at IS NULL) AS unfinished
  FROM mediasweep.cloudinary_cleanup_queue q
 WHERE q.processed_at IS NULL OR q.status = 'failed'

-- name: fallback
SELECT count(*) FILTER (WHERE f.refused IS NULL) AS waiting, count(*) FILTER (WHERE f.refused IS NOT NULL) AS refused,
       max(f.error) FILTER (WHERE f.refused IS NULL) AS error, max(f.refused) AS why
  FROM mediasweep.fallback f

-- name: holding
SELECT h.about, h.writes, h.prepared, h.lasts, format('ROLLBACK PREPARED %L', h.prepared) AS statement FROM mediasweep.holding() h

-- name: kept
-- $1 retention; what is older by a day should have been pruned
SELECT (SELECT count(*) FROM (
          SELECT FROM mediasweep.cloudinary_cleanup_queue q
           WHERE q.source_id IN (SELECT a.id FROM mediasweep.attached a UNION ALL SELECT 0)
             AND q.status IN ('completed', 'skipped') AND q.queued_at < clock_timestamp() - $1::interval - interval '1 day'
             AND q.processed_at < clock_timestamp() - $1::interval - interval '1 day'
           LIMIT 10000) old) AS queue_rows,
       (SELECT j.at < clock_timestamp() - $1::interval - interval '1 day' FROM mediasweep.journal j ORDER BY j.id LIMIT 1) AS journal

-- name: contract
SELECT c.relation, c.by_asset_id, c.rests, c.looks, c.nameless, i.asset_id_proven_at IS NOT NULL AS proven
  FROM mediasweep.contract() c
  LEFT JOIN mediasweep.installation i ON true
