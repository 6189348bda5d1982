"""How much memory a daemon takes, with a small backlog and with a large one behind it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg

from bench.figures import database, environment
from bench.snapshot import QUEUE_ROWS
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud

SMALL = 1_000
LOOK_FOR_S = 15
LEFT = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE processed_at IS NULL"
DONE = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE processed_at IS NOT NULL"


async def memory(cluster: Cluster, cloud: Cloud, backlog: int) -> None:
    """Measure and print the largest resident size, after the same time of work on each backlog.

    What is done of it is filled up, so that both daemons do the same work.
    """
    sizes = {}
    for rows in (SMALL, backlog):
        dsn = await database(cluster)
        db = await asyncpg.connect(dsn)
        await db.execute(QUEUE_ROWS, rows)
        env = environment(dsn, cloud.url) | {"MEDIASWEEP_BRAKE_FLOOR": "100000000"}
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mediasweep", "run", env=env
        )
        sizes[rows] = 0.0
        for _ in range(LOOK_FOR_S * 10):
            await asyncio.sleep(0.1)
            await db.execute(QUEUE_ROWS, rows - await db.fetchval(LEFT))
            sizes[rows] = max(sizes[rows], resident_mib(daemon.pid))
        done = await db.fetchval(DONE)
        daemon.terminate()
        await daemon.wait()
        await db.close()
        print(f"Resident memory, {rows} rows behind, {done} done: {sizes[rows]:.1f} MiB")
    print(f"  large / small {sizes[backlog] / sizes[SMALL]:.2f}")


def resident_mib(pid: int) -> float:
    """Return the resident size of a process; nothing, if it has ended."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return (
        sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
    )
