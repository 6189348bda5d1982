"""Who may do what with each object of the schema, read off the catalog, a line each.

`python -m tests.schema.privileges` prints it, for tests/schema/privileges.txt.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg

from mediasweep.demo.cluster import Cluster
from mediasweep.postgres.migrate import Roles, migrate
from mediasweep.postgres.pool import Connection as Db

GOLDEN = Path(__file__).with_name("privileges.txt")
# what was never granted nor revoked is NULL, and means the default, as EXECUTE for PUBLIC;
# MAINTAIN came with PostgreSQL 17
MATRIX = """
WITH object AS (
  SELECT 'schema' AS kind, n.nspname::text AS name, '' AS trait, n.nspowner AS owner,
         coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl
    FROM pg_namespace n WHERE n.nspname = 'mediasweep'
   UNION ALL
  SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, c.relname,
         CASE WHEN c.relrowsecurity THEN '' WHEN c.relkind = 'S' THEN '' ELSE ' (without RLS)' END,
         c.relowner,
         coalesce(c.relacl,
                  acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner))
    FROM pg_class c
   WHERE c.relnamespace = 'mediasweep'::regnamespace
     AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
   UNION ALL
  SELECT 'column', c.relname || '.' || a.attname, '', c.relowner, a.attacl
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
   WHERE c.relnamespace = 'mediasweep'::regnamespace AND a.attacl IS NOT NULL
   UNION ALL
  SELECT 'function', replace(f.oid::regprocedure::text, 'mediasweep.', ''),
         CASE WHEN f.prosecdef THEN ' (as the owner)' ELSE '' END
         || CASE WHEN EXISTS (SELECT FROM unnest(f.proconfig) c
                               WHERE c = 'search_path=pg_catalog, pg_temp')
                 THEN '' ELSE ' (under its caller''s path)' END,
         f.proowner, coalesce(f.proacl, acldefault('f', f.proowner))
    FROM pg_proc f WHERE f.pronamespace = 'mediasweep'::regnamespace),
granted AS (
  SELECT o.kind, o.name, o.trait, o.owner, acl.grantee,
         string_agg(acl.privilege_type || CASE WHEN acl.is_grantable THEN '*' ELSE '' END, ', '
                    ORDER BY acl.privilege_type) AS verbs
    FROM object o CROSS JOIN LATERAL aclexplode(o.acl) acl
   WHERE acl.privilege_type <> 'MAINTAIN'
   GROUP BY o.kind, o.name, o.trait, o.owner, acl.grantee)
SELECT format('%s %s%s | %s | %s', g.kind, g.name, g.trait,
              CASE WHEN g.grantee = 0 THEN 'PUBLIC'
                   ELSE coalesce((SELECT r.kind FROM mediasweep.role r
                                   WHERE r.name = pg_get_userbyid(g.grantee)),
                                 pg_get_userbyid(g.grantee)::text) END,
              g.verbs) AS line
  FROM granted g
"""


async def matrix(db: Db) -> list[str]:
    """Return the lines: object and what it is like, role, privileges; sorted."""
    return sorted(row["line"] for row in await db.fetch(MATRIX))


async def _print() -> None:
    with Cluster(durable=False) as cluster:
        await migrate(cluster.dsn(), with_library=True, roles=Roles())
        db = await asyncpg.connect(cluster.dsn())
        sys.stdout.write("".join(f"{line}\n" for line in await matrix(db)))
        await db.close()


if __name__ == "__main__":
    asyncio.run(_print())
