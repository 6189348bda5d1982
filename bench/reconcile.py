"""What it takes to compare a large account with as many rows, and whether it finds what differs."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import asyncpg

from bench.figures import database, environment
from bench.memory import resident_mib
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud

KINDS = ("orphans", "ghosts", "mismatches")
OLD_S = 3 * 86400
# one of a hundred rows is in an array, one of ten in JSON; of the rest every thousandth is wrong
ROWS = """
CREATE TABLE posts (id bigint PRIMARY KEY, gallery text[]);
CREATE TABLE pages (id bigint PRIMARY KEY, data jsonb);
SELECT mediasweep.attach('posts', '{"public_id": "gallery", "resource_type": {"value": "image"}}');
SELECT mediasweep.attach('pages', '{"public_id": {"column": "data", "path": "$.images[*]",
  "key": "id"}, "resource_type": {"key": "type"}}');
"""
FILL = """
WITH one AS (SELECT n, 'p/' || lpad(n::text, $2::integer, '0') AS name
               FROM generate_series(0, $1::bigint - 1) n WHERE n % 1000 <> 1),
in_array AS (
  INSERT INTO posts SELECT min(o.n), array_agg(o.name) FROM one o WHERE o.n % 100 = 50
   GROUP BY o.n / 1000),
in_json AS (
  INSERT INTO pages SELECT o.n, jsonb_build_object('images', jsonb_build_array(
    jsonb_build_object('id', o.name, 'type', 'image'))) FROM one o WHERE o.n % 10 = 7)
INSERT INTO public.media_assets (cloudinary_public_id, cloudinary_version, file_size, mime_type,
  secure_url, url, format, updated_at)
SELECT o.name, 4000000000, 7, 'image/png', 'u', 'u', CASE o.n % 1000 WHEN 3 THEN 'jpg' END, NULL
  FROM one o WHERE o.n % 100 <> 50 AND o.n % 10 <> 7
"""
SPENT = "SELECT active_time FROM pg_stat_database WHERE datname = current_database()"


async def reconcile(cluster: Cluster, cloud: Cloud, size: int) -> None:
    """Measure and print: so many assets, as many rows, a thousandth of each kind of difference."""
    dsn = await database(cluster)
    db = await asyncpg.connect(dsn)
    await db.execute(ROWS)
    await db.execute("ALTER TABLE public.media_assets DISABLE TRIGGER USER")
    await db.execute(FILL, size, len(str(size - 1)), timeout=600)
    await db.execute("ANALYZE")
    missing = range(5, size, 1000)
    await asyncio.to_thread(cloud.plant, "p/", size, age_s=OLD_S, missing=missing)
    await asyncio.to_thread(cloud.switch, admin_limit=10**6)
    before, began_s, sizes = await _spent_s(db), time.monotonic(), [0.0]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mediasweep", "reconcile", "--json", "--limit", "0"),
        env=environment(dsn, cloud.url),
        stdout=asyncio.subprocess.PIPE,
    )
    answer = asyncio.create_task(process.communicate())
    while not answer.done():
        sizes.append(resident_mib(process.pid))
        await asyncio.wait({answer}, timeout=0.2)
    told = json.loads((await answer)[0])
    counts = told["counts"]
    took_s, database_s = time.monotonic() - began_s, await _spent_s(db) - before
    await db.close()
    print(f"Reconcile, {counts['assets']} assets and {counts['refs']} references: {took_s:.1f} s")
    half, whole = max(sizes[: len(sizes) // 2]), max(sizes)
    print(f"  database {database_s:.1f} s, {told['calls']} calls", end=", ")
    print(f"resident {whole:.1f} MiB at the most, {half:.1f} in the first half")
    expected = -(-size // 1000)
    print("  " + ", ".join(f"{counts[kind]} {kind} of {expected}" for kind in KINDS))


async def _spent_s(db: asyncpg.Connection[asyncpg.Record]) -> float:
    await db.execute("SELECT pg_stat_force_next_flush()")
    return float(await db.fetchval(SPENT)) / 1000
