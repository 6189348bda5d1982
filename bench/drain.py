"""How fast a backlog goes, from the COMMIT of one bulk delete to the last recorded row."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio import to_thread

import asyncpg

from bench.figures import INSERT_ASSETS, database, environment
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud

DONE = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'completed'"


async def drain(cluster: Cluster, cloud: Cloud, rows: int) -> None:
    """Measure and print, with the default concurrency of 8."""
    dsn = await database(cluster)
    db = await asyncpg.connect(dsn)
    await db.execute(INSERT_ASSETS, "d", rows)
    await to_thread(cloud.fill, "d", rows)
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediasweep", "run", env=environment(dsn, cloud.url)
    )
    await asyncio.sleep(2)
    started = time.monotonic()
    await db.execute("DELETE FROM media_assets")
    deleted_s = time.monotonic() - started
    while await db.fetchval(DONE) < rows:
        await db.execute("SELECT pg_sleep(0.05)")
    seconds = time.monotonic() - started
    daemon.terminate()
    await daemon.wait()
    await db.close()
    calls = (await to_thread(cloud.state))["calls"]["destroy"]
    print(f"Drain of {rows} rows (the DELETE itself took {deleted_s:.2f} s), {calls} calls:")
    print(f"  {seconds:.1f} s, {rows / seconds:.0f} a second")
