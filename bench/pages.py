"""How soon the first byte of each GET route and page comes, over a large library and a long queue.

Twice: once the queue is done with, and once a tenth of it waits behind a pause. One visitor, one
request at a time, after a first one that fills the caches; the daemon beats meanwhile.
"""

from __future__ import annotations

import time

import asyncpg
import httpx

from bench.figures import database, environment, percentile
from bench.serving import serving
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import statements

SQL = statements(__file__)
FIRST = 5  # requests that are not counted


ASKED = {
    "/api/cloudinary/media": (
        *("?page=1000", "?page=2000", "?page=1990&limit=50&sort_by=display_name&sort_order=asc"),
        *("?folder=f7", "?tags=t7", "?tags=t7,all&page=40", "?resource_type=raw&page=300"),
        *("?search=12345", "?search=no such thing at all", "?search=word&sort_by=file_size"),
        *("?sort_by=original_filename&page=500", "?search=a*z&folder=f7"),
    ),
    "/api/queue": (
        *("?status=failed", "?status=skipped", "?status=pending", "?status=failed&since=30d"),
        *("?status=completed&until=20h", "?since=2h", "?public_id=gone/99*", "?public_id=no*such"),
        *("?source=manual", "?source=media_assets&public_id=no*such", "?in_doubt=true"),
        *("?actor=nobody", "?app=nobody", "?own=true", "?own=false", "?filename=no*such"),
    ),
    "/api/activity": (
        *("?before=500000", "?limit=200", "?event=gate_closed", "?actor=nobody&before=500000"),
        *("?own=true", "?own=false", "?event=gate_closed&actor=nobody&own=true"),
    ),
    "/api/sync/verify": ("?limit=1000",),
}
NAMED = {"/api/cloudinary/media/plan": "?public_ids=no/such"}  # asked in no other way
ADMIN = (
    *("/", "/gates", "/reconcile", "/tables", "/selftest", "/activity", "/library/upload"),
    *("/library", "/library?page=1400", "/library?folder=f7", "/library?tags=t7"),
    *("/library?type=raw", "/library?search=12345", "/library/deleted"),
    *("/activity?event=gate_closed", "/activity?own=false", "/queue?own=false"),
    *("/queue", "/queue?status=failed", "/queue?status=pending", "/queue?status=completed"),
)


async def fill(dsn: str, media: int, queue: int) -> None:
    """Fill library, queue and journal."""
    db = await asyncpg.connect(dsn)
    await db.execute(SQL["library"], media)
    await db.execute(SQL["queue"], queue)
    for name in ("failed", "journal", "pause"):
        await db.execute(SQL[name])
    await db.execute("VACUUM ANALYZE")
    await db.close()


async def pages(cluster: Cluster, cloud: Cloud, media: int, queue: int, times: int = 15) -> None:
    """Measure and print."""
    dsn = await database(cluster)
    await fill(dsn, media, queue)
    async with serving(environment(dsn, cloud.url)) as (_, address):
        for waiting in (0, queue // 10):
            db = await asyncpg.connect(dsn)
            await db.execute(SQL["waiting"], waiting)
            await db.execute("VACUUM ANALYZE")
            id_ = await db.fetchval(SQL["newest"])
            await db.close()
            print(f"First byte, {media} rows of the library, {queue} of the queue, {waiting} wait:")
            async with httpx.AsyncClient(base_url=address, timeout=60) as client:
                for path in await _paths(client, str(id_)):
                    all_took = [await _first_byte_ms(client, path) for _ in range(FIRST + times)]
                    took = all_took[FIRST:]
                    p50, most = percentile(took, 0.5), max(took)
                    print(f"  {path:75} p50 {p50:7.1f}  max {most:7.1f} ms")


async def _paths(client: httpx.AsyncClient, id_: str) -> list[str]:
    described = (await client.get("/api/openapi.json")).json()["paths"]
    found = ["/metrics", *ADMIN, f"/queue/{id_}"]
    for path, methods in described.items():
        if "get" in methods and "{digest}" not in path:
            plain = path.replace("{id_}", id_) + NAMED.get(path, "")
            found += [plain, *(plain + query for query in ASKED.get(path, ()))]
    return found


async def _first_byte_ms(client: httpx.AsyncClient, path: str) -> float:
    began_s = time.perf_counter()
    async with client.stream("GET", path) as answer:
        async for _ in answer.aiter_raw():
            took_s = time.perf_counter() - began_s
            break
        assert answer.status_code == 200, (path, answer.status_code)
    return 1000 * took_s
