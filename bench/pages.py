"""How soon the first byte of each GET route comes, over a large library and a long queue.

Twice: once the queue is done with, and once a tenth of it waits behind a pause. One visitor, one
request at a time, after a first one that fills the caches; the daemon beats meanwhile.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx

from bench.figures import database, environment, percentile
from bench.serving import serving
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_MS = 150.0
LIBRARY = """
INSERT INTO public.media_assets (cloudinary_public_id, original_filename, display_name, file_size, mime_type, format,
  width, height, folder, tags, description, alt_text, secure_url, url, resource_type, created_at, updated_at)
SELECT 'f' || n % 200 || '/asset ' || n, 'IMG_' || n || '.jpg', md5(n::text), 1000 + n % 100000, 'image/jpeg', 'jpg', 800, 600,
       'f' || n % 200, ARRAY['t' || n % 50, 'all'], repeat('word ', 20) || md5(n::text), 'a picture of ' || n,
       'https://res.cloudinary.com/demo/f' || n % 200 || '/' || n, 'http://res.cloudinary.com/demo/' || n,
       (ARRAY['image', 'image', 'image', 'video', 'raw'])[1 + n % 5], now() - n * interval '7 s', now() - n * interval '5 s'
  FROM generate_series(1, $1::integer) n
"""
QUEUE = """
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, resource_type, delivery_type, source_id, status, queued_at, due_at, processed_at, claim_no,
   cloudinary_response, deletion_reason, trigger_source)
SELECT 'gone/' || n, 'image', 'upload', 1, CASE WHEN n % 50 = 0 THEN 'skipped' ELSE 'completed' END,
       now() - n * interval '2 s', now() - n * interval '2 s', now() - n * interval '2 s', 1, '{"result": "ok"}', 'row_deleted', 'trigger'
  FROM generate_series(1, $1::integer) n
"""
FAILED = """
WITH failed AS (
  UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'failed', error_message = 'gave up'
   WHERE cloudinary_public_id IN (SELECT 'gone/' || n * 1999 FROM generate_series(1, 100) n) RETURNING id)
INSERT INTO mediasweep.failed (id) SELECT f.id FROM failed f
"""
JOURNAL = """
INSERT INTO mediasweep.journal (at, event, queue_id, source_id, public_id, resource_type, status, outcome, claim_no, actor)
SELECT q.processed_at, 'recorded', q.id, q.source_id, q.cloudinary_public_id, q.resource_type, q.status, 'deleted', 1, 'daemon'
  FROM mediasweep.cloudinary_cleanup_queue q
"""
WAITING = """
INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, resource_type, delivery_type, source_id)
SELECT 'waits/' || n, 'image', 'upload', 1 FROM generate_series(1, $1::integer) n
"""


PAUSE = "INSERT INTO mediasweep.gate (name, source_id, reason, closed_by) VALUES ('pause', 0, 'to measure', 'bench')"
ROW = "SELECT id FROM mediasweep.cloudinary_cleanup_queue ORDER BY due_at DESC LIMIT 1"
MIDDLE = "SELECT id FROM mediasweep.journal ORDER BY id OFFSET 500000 LIMIT 1"
ASKED = {
    "/api/cloudinary/media": (
        *("?page=1000", "?page=2000", "?page=1990&limit=50&sort_by=display_name&sort_order=asc"),
        *("?folder=f7", "?tags=t7", "?tags=t7,all&page=40", "?resource_type=raw&page=300"),
        *("?search=12345", "?search=no such thing at all", "?search=word&sort_by=file_size"),
        *("?sort_by=original_filename&page=500", "?search=a*z&folder=f7"),
    ),
    "/api/queue": (
        *("?status=failed", "?status=skipped", "?status=pending", "?public_id=gone/99*", "?since=2h"),
        *("?public_id=no*such", "?source=manual", "?status=completed&until=20h", "?actor=nobody"),
        *("?in_doubt=true", "?app=nobody", "?reason=nothing", "?status=failed&since=30d"),
    ),
    "/api/activity": ("?before=500000", "?limit=200"),
    "/api/sync/verify": ("?limit=1000",),
}


async def fill(dsn: str, media: int, queue: int) -> None:
    """Fill library, queue and journal."""
    db = await asyncpg.connect(dsn)
    for sql, *given in ((LIBRARY, media), (QUEUE, queue), (FAILED,), (JOURNAL,)):
        await db.execute(sql, *given)
    for table in ("public.media_assets", "mediasweep.cloudinary_cleanup_queue", "mediasweep.journal"):
        await db.execute(f"VACUUM ANALYZE {table}")
    await db.execute(PAUSE)
    await db.close()


async def pages(cluster: Cluster, cloud: Cloud, media: int, queue: int, times: int = 15) -> None:
    """Measure and print."""
    dsn = await database(cluster)
    await fill(dsn, media, queue)
    async with serving(environment(dsn, cloud.url)) as (_, address):
        for waiting in (0, queue // 10):
            db = await asyncpg.connect(dsn)
            await db.execute(WAITING, waiting)
            await db.execute("VACUUM ANALYZE mediasweep.cloudinary_cleanup_queue")
            id_ = await db.fetchval(ROW)
            await db.close()
            print(f"First byte, {media} rows of the library, {queue} of the queue, {waiting} wait:")
            async with httpx.AsyncClient(base_url=address, timeout=60) as client:
                for path in await _paths(client, str(id_)):
                    took = [await _first_byte_ms(client, path) for _ in range(times + 1)][1:]
                    p50, most = percentile(took, 0.5), max(took)
                    print(f"  {path:75} p50 {p50:7.1f}  max {most:7.1f} ms")


async def _paths(client: httpx.AsyncClient, id_: str) -> list[str]:
    described = (await client.get("/api/openapi.json")).json()["paths"]
    found = ["/metrics"]
    for path, methods in described.items():
        if "get" in methods and "{digest}" not in path:
            plain = path.replace("{id_}", id_)
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
