-- Reconciliations. Their steps are functions: schema/functions/reconcile.sql, drift.sql and settle.sql.

-- name: begin
-- $1 cloud, $2 asked by, $3 holder, $4 age floor, $5 patience, $6 whether it may be shrunken
SELECT r.* FROM mediasweep.reconcile_begin($1, $2, $3, $4, $5, $6) r

-- name: run
-- $1 run
SELECT r.* FROM mediasweep.reconcile_run r WHERE r.id = $1

-- name: last
-- $1 cloud. The newest run that has ended, and the newest complete one.
SELECT r.* FROM mediasweep.reconcile_run r
 WHERE r.cloud_name = $1
   AND r.id IN ((SELECT max(e.id) FROM mediasweep.reconcile_run e WHERE e.cloud_name = $1 AND e.finished_at IS NOT NULL),
                (mediasweep.last_reconciled($1)).id)
 ORDER BY r.id DESC

-- name: newest
-- $1 cloud
SELECT r.* FROM mediasweep.reconcile_run r WHERE r.cloud_name = $1 ORDER BY r.id DESC LIMIT 1

-- name: under_way
-- $1 cloud, $2 patience. Whether somebody is at work on one.
SELECT EXISTS (SELECT FROM mediasweep.reconcile_run r
                WHERE r.cloud_name = $1 AND r.finished_at IS NULL AND r.heard_at > clock_timestamp() - $2::interval)

-- name: acted
-- $1 run
SELECT f.action, count(*) AS rows FROM mediasweep.reconcile_finding f
 WHERE f.run_id = $1 AND f.action IS NOT NULL GROUP BY f.action

-- name: left
-- $1 run; the findings about which nothing was done, by their kinds
SELECT f.kind, count(*) AS rows FROM mediasweep.reconcile_finding f
 WHERE f.run_id = $1 AND f.action IS NULL GROUP BY f.kind

-- name: due
-- $1 cloud, $2 every so often. Whether no run that has ended began since, and this is the installation's cloud.
SELECT NOT EXISTS (SELECT FROM mediasweep.installation i WHERE i.cloud_name <> $1)
   AND NOT EXISTS (SELECT FROM mediasweep.reconcile_run r
                    WHERE r.cloud_name = $1 AND r.finished_at IS NOT NULL AND r.started_at > clock_timestamp() - $2::interval)

-- name: beat
-- $1 run, $2 holder, $3 whether it leaves
SELECT mediasweep.reconcile_beat($1, $2, $3)

-- name: page
-- $1 run, $2 holder, $3 resource type, $4 where it began, $5 where the next one begins, $6 assets
SELECT mediasweep.reconcile_page($1, $2, $3, $4, $5, $6::jsonb)

-- name: compare
-- $1 run, $2 holder, $3 whether it may be shrunken, $4 whether orphans are to be adopted
SELECT mediasweep.reconcile_compare($1, $2, $3, $4)

-- name: name_rows
-- $1 run, $2 holder, $3 after this finding, $4 at most so many
SELECT mediasweep.reconcile_name($1, $2, $3, $4)

-- name: looked
-- $1 run, $2 holder, $3 findings, $4 those of them that are there, $5 calls made
SELECT mediasweep.reconcile_looked($1, $2, $3, $4, $5)

-- name: finish
-- $1 run, $2 holder, $3 why it has failed
SELECT mediasweep.reconcile_finish($1, $2, $3)

-- name: unseen
-- $1 run, $2 at most so many: ghosts about which Cloudinary was not asked by itself
SELECT f.id, f.kind, f.public_id, f.resource_type, f.delivery_type, f.asset_id, f.version
  FROM mediasweep.reconcile_finding f
 WHERE f.run_id = $1 AND f.kind = 'ghost' AND f.looked_at IS NULL
 ORDER BY f.id LIMIT $2

-- name: chosen
-- $1 run, $2 under these prefixes (NULL: any), $3 orphans that may be deleted, or what a library can adopt; $4 at most so many,
-- $5 of this resource type or NULL
SELECT f.id, f.kind, f.public_id, f.resource_type, f.delivery_type, f.asset_id, f.version
  FROM mediasweep.chosen_findings($1, $2, $3) f
 WHERE $5::text IS NULL OR f.resource_type = $5
 ORDER BY f.id LIMIT $4

-- name: count_chosen
-- $1 run, $2 prefixes, $3 orphans that may be deleted, or what a library can adopt; $4 of this resource type or NULL
SELECT count(*) AS assets, coalesce(sum(f.bytes), 0)::bigint AS bytes
  FROM mediasweep.chosen_findings($1, $2, $3) f
 WHERE $4::text IS NULL OR f.resource_type = $4

-- name: findings
-- $1 run, $2 after this one, $3 at most so many, $4 of this kind or NULL
SELECT f.id, f.kind, f.public_id, f.resource_type, f.delivery_type, f.asset_id, f.version, f.bytes, f.made_at,
       mediasweep.source_name(f.source_id) AS source, f.row_name AS row, f.detail, f.sighted_at, f.action, f.acted_at
  FROM mediasweep.reconcile_finding f
 WHERE f.run_id = $1 AND f.id > $2 AND ($4::text IS NULL OR f.kind = $4)
 ORDER BY f.id LIMIT $3

-- name: first
-- $1 run, $2 at most so many of each kind, $3 only those about which something was done
SELECT f.id, f.kind, f.public_id, f.resource_type, f.delivery_type, f.asset_id, f.version, f.bytes, f.made_at,
       mediasweep.source_name(f.source_id) AS source, f.row_name AS row, f.detail, f.sighted_at, f.action, f.acted_at
  FROM (SELECT o.*, row_number() OVER (PARTITION BY o.kind ORDER BY o.public_id, o.id) AS place
          FROM mediasweep.reconcile_finding o WHERE o.run_id = $1 AND (o.action IS NOT NULL OR NOT $3)) f
 WHERE f.place <= $2
 ORDER BY f.kind, f.place

-- name: count_ghosts
-- $1 run; those of the library about which nothing was done yet
SELECT count(*)
  FROM mediasweep.reconcile_finding f JOIN mediasweep.attached a ON a.id = f.source_id
 WHERE f.run_id = $1 AND f.kind = 'ghost' AND f.action IS NULL AND a.relation = to_regclass('public.media_assets')

-- name: passed_over
-- $1 run, $2 owned prefixes; why orphans may not be deleted, and how many
SELECT count(*) FILTER (WHERE f.owned AND f.detail IS NOT NULL) AS nearly_named,
       count(*) FILTER (WHERE f.owned AND f.detail IS NULL AND f.sighted_at IS NULL) AS sighted_once,
       count(*) FILTER (WHERE NOT f.owned) AS elsewhere
  FROM (SELECT o.detail, o.sighted_at, EXISTS (SELECT FROM unnest($2::text[]) p (prefix) WHERE starts_with(o.public_id, p.prefix)) AS owned
          FROM mediasweep.reconcile_finding o WHERE o.run_id = $1 AND o.kind = 'orphan' AND o.action IS NULL) f

-- name: delete_orphans
-- $1 run, $2 findings, $3 owned prefixes, $4 who
SELECT mediasweep.delete_orphans($1, $2, $3, $4)

-- name: adopt_findings
-- $1 run, $2 findings, $3 changes
SELECT mediasweep.adopt_findings($1, $2, $3::jsonb)

-- name: leave_findings
-- $1 run, $2 findings
SELECT mediasweep.leave_findings($1, $2)

-- name: library_ghosts
-- $1 run, $2 at most so many, $3 of this resource type or NULL: those of the library about which nothing was done yet
SELECT f.id, f.kind, f.public_id, f.resource_type, f.delivery_type, f.asset_id, f.version
  FROM mediasweep.reconcile_finding f JOIN mediasweep.attached a ON a.id = f.source_id
 WHERE f.run_id = $1 AND f.kind = 'ghost' AND f.action IS NULL AND a.relation = to_regclass('public.media_assets')
   AND ($3::text IS NULL OR f.resource_type = $3)
 ORDER BY f.id LIMIT $2

-- name: mark_ghosts
-- $1 run, $2 findings
SELECT mediasweep.mark_ghosts($1, $2)

-- name: unmark_ghosts
-- $1 run, $2 at most so many
SELECT mediasweep.unmark_ghosts($1, $2)

-- name: away
-- The gates that say that this may not be the database that it was.
SELECT string_agg(g.reason, '; ' ORDER BY g.name) FROM mediasweep.gate g WHERE g.name IN ('environment', 'failover')
