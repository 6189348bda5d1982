"""How fast rows are claimed while somebody keeps an old snapshot open, from the first to the last.

What is done leaves its entries in the index behind, because the snapshot might still want them; a
claim that walked over them would be slower with every row. Claims of 100, each recorded at once, by
one connection and without Cloudinary: what is measured is the queue.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

import asyncpg

from bench.figures import database
from mediasweep.demo.cluster import Cluster
from mediasweep.postgres.pool import open_pool
from mediasweep.postgres.queue import ClaimTerms, Queue, Result
from mediasweep.rules.outcome import Answer, Outcome

BATCH = 100
NOTHING = timedelta(0)
TERMS = ClaimTerms(
    timedelta(minutes=1), NOTHING, NOTHING, 3, "demo", 10_000_000, 1.0, timedelta(minutes=10)
)
QUEUE_ROWS = """
INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, resource_type, delivery_type)
SELECT 's' || n, 'image', 'upload' FROM generate_series(1, $1::integer) n
"""
OLD = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue"


async def snapshot(cluster: Cluster, rows: int) -> None:
    """Measure and print claims a second in each tenth, with and without the snapshot."""
    print(f"Drain of {rows} rows in claims of {BATCH}, claims a second in each tenth:")
    for open_ in (False, True):
        dsn = await database(cluster)
        old = await asyncpg.connect(dsn)
        reading = old.transaction(isolation="repeatable_read", readonly=True)
        if open_:
            await reading.start()
            await old.fetchval(OLD)
        tenths = await _drain(dsn, rows)
        await old.close()
        name = "a REPEATABLE READ snapshot open" if open_ else "nothing else open"
        shown = " ".join(f"{rate:.0f}" for rate in tenths)
        print(f"  {name}: {shown}; last / first {tenths[-1] / tenths[0]:.2f}")


async def _drain(dsn: str, rows: int) -> list[float]:
    pool = await open_pool(dsn, size=1, patience=timedelta(seconds=30))
    db = await asyncpg.connect(dsn)
    await db.execute(QUEUE_ROWS, rows)
    queue = Queue(pool, uuid.uuid4(), TERMS)
    memory, done = None, 0
    tenths: list[float] = []
    answer = Answer(Outcome.DELETED, response={"result": "ok"})
    seconds = 0.0
    while done < rows:
        started = time.perf_counter()
        claim = await queue.claim(BATCH, memory)
        memory = claim.memory
        if not claim.jobs:  # held by the horizon, for the first seconds
            await db.execute("SELECT pg_sleep(0.2)")
            continue
        await queue.record([Result(job, answer, NOTHING) for job in claim.jobs])
        seconds += time.perf_counter() - started
        done += len(claim.jobs)
        if done >= rows * (len(tenths) + 1) // 10:
            tenths.append(rows / 10 / BATCH / seconds)
            seconds = 0.0
    await db.close()
    pool.terminate()
    return tenths
