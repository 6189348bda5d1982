-- The indexes that the guard wants on an attached table, and building them.

-- name: turn
-- $1 table; false while another builds an index of it for the guard
SELECT pg_try_advisory_lock(hashtextextended('mediasweep index ' || $1::oid, 0))

-- name: no_limits
-- An index over a large table takes its time, and waits for transactions without making anybody wait.
SELECT set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false)

-- name: indexes
-- $1 table; those that the guard wants, under a name of their own, by which one that was half built is known.
-- Indexes of partitioned tables cannot be built concurrently: `build` is NULL.
SELECT m.statement, own.name,
       CASE WHEN m.statement LIKE 'CREATE INDEX CONCURRENTLY ON %'
            THEN format('CREATE INDEX CONCURRENTLY %I', own.name) || substr(m.statement, length('CREATE INDEX CONCURRENTLY ')) END AS build,
       CASE WHEN half.oid IS NOT NULL THEN format('DROP INDEX CONCURRENTLY IF EXISTS %s', half.oid::regclass) END AS drop
  FROM mediasweep.attached a
  JOIN pg_class c ON c.oid = a.relation
 CROSS JOIN LATERAL mediasweep.missing_indexes(a) m
 CROSS JOIN LATERAL (
   SELECT CASE WHEN octet_length(c.relname) > length(c.relname) THEN left(c.relname, 9) ELSE left(c.relname, 36) END
          || '_mediasweep_' || left(md5(substring(m.statement FROM position(' ON ' IN m.statement) + length(a.relation::text))), 8)) own (name)
  LEFT JOIN (SELECT h.oid, h.relname, i.indrelid FROM pg_index i JOIN pg_class h ON h.oid = i.indexrelid WHERE NOT i.indisvalid) half
    ON half.indrelid IN (SELECT p.part FROM mediasweep.parts(a.relation) p) AND half.relname = own.name
 WHERE a.relation = $1::oid AND a.detached_at IS NULL
 ORDER BY own.name
