"""How soon a deletion is claimed by three daemons of which the one that sleeps is killed all along.

The daemons are processes of their own that look by themselves once an hour, so that nothing but the
asleep lock wakes them. Sixteen deleters commit one row at a time, each twentieth rolls back, and
one more stays open with its row for 5 to 20 s, again and again. Every few seconds the process that
holds the key is killed, and another one started. The horizon would hold every row for as long as
that one is open, so in this database it waits for nobody. Afterwards: what three idle daemons ask.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from asyncio.subprocess import Process
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg

from bench.figures import database, environment, line
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud

DAEMONS, DELETERS = 3, 16
PER_SECOND = 300
KILL_EVERY_S = 3.0
IDLE_S = 60
TABLE = """
CREATE TABLE public.things (id integer PRIMARY KEY, public_id text);
SELECT mediasweep.attach('public.things', '{"public_id": "public_id"}');
"""
THINGS = "INSERT INTO public.things SELECT n, n::text FROM generate_series($1::integer, $2) n"
DELETE = "DELETE FROM public.things WHERE id = $1"
ASLEEP = """
SELECT right(a.application_name, -length('mediasweep asleep '))::integer FROM pg_locks l
  JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND a.application_name LIKE 'mediasweep asleep %'
"""
CLAIMED = """
SELECT public_id::integer, min(at) AS at FROM mediasweep.journal WHERE event = 'claimed' GROUP BY 1
"""
LEFT = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE claim_no = 0"
COUNTED = """
SELECT funcname, calls FROM pg_stat_user_functions
 WHERE schemaname = 'mediasweep'
   AND funcname IN ('arm', 'disarm', 'claim', 'wait_for_sibling', 'wait_for_enqueuers')
"""
NO_HORIZON = """
CREATE OR REPLACE FUNCTION mediasweep.oldest(OUT writer bigint, OUT reader bigint)
LANGUAGE plpgsql AS 'BEGIN END'
"""
COUNT = "ALTER DATABASE {} SET track_functions = 'all'"


@dataclass(slots=True)
class Fleet:
    """The daemons that run, and how often one was killed."""

    env: dict[str, str]
    running: dict[int, Process] = field(default_factory=dict)
    kills: int = 0

    async def start(self) -> None:
        """Start one more."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.listener", env=self.env
        )
        self.running[process.pid] = process

    async def killed(self, db: asyncpg.Connection[asyncpg.Record]) -> None:
        """Kill who sleeps and start another one, for ever."""
        while True:
            await asyncio.sleep(KILL_EVERY_S * random.uniform(0.5, 1.5))
            while (asleep := await db.fetchval(ASLEEP)) not in self.running:
                await db.execute("SELECT pg_sleep(0.005)")
            process = self.running.pop(asleep)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            self.kills += 1
            await self.start()

    async def stop(self) -> None:
        """Stop them all."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            await process.wait()


async def wake(cluster: Cluster, cloud: Cloud, deletions: int) -> None:
    """Measure and print."""
    dsn = await database(cluster)
    db = await asyncpg.connect(dsn)
    await db.execute(COUNT.format(dsn.rpartition("/")[2]))
    await db.execute(TABLE)
    await db.execute(NO_HORIZON)
    fleet = Fleet(environment(dsn, cloud.url) | {"MEDIASWEEP_INTERVAL_MINUTES": "60"})
    for _ in range(DAEMONS):
        await fleet.start()
    await asyncio.sleep(5)
    committed: dict[int, float] = {}
    async with asyncio.TaskGroup() as group:
        beside = [
            group.create_task(_open_long(dsn)),
            group.create_task(fleet.killed(await asyncpg.connect(dsn))),
        ]
        size = deletions // DELETERS
        await db.execute(THINGS, 0, size * DELETERS - 1)
        deleters = [
            asyncio.create_task(_delete(dsn, range(n * size, (n + 1) * size), committed))
            for n in range(DELETERS)
        ]
        await asyncio.gather(*deleters)
        for task in beside:
            task.cancel()
    await asyncio.sleep(1)
    claimed = {row["public_id"]: row["at"].timestamp() for row in await db.fetch(CLAIMED)}
    after_ms = [(claimed[n] - at) * 1000 for n, at in committed.items() if n in claimed]
    print(
        f"Wake: {len(committed)} deletions, {DAEMONS} daemons, {fleet.kills} killed as they slept:"
    )
    print(line("commit → claimed", after_ms))
    print(f"  not claimed a second after the last: {await db.fetchval(LEFT)}")
    await _idle(db)
    await fleet.stop()
    await db.close()


async def _idle(db: asyncpg.Connection[asyncpg.Record]) -> None:
    await asyncio.sleep(10)
    before = await _counted(db)
    await asyncio.sleep(IDLE_S)
    asked = {name: calls - before.get(name, 0) for name, calls in (await _counted(db)).items()}
    print(f"  {DAEMONS} idle daemons asked in {IDLE_S} s: {asked}")


async def _counted(db: asyncpg.Connection[asyncpg.Record]) -> dict[str, int]:
    return {row["funcname"]: row["calls"] for row in await db.fetch(COUNTED)}


async def _delete(dsn: str, ids: range, committed: dict[int, float]) -> None:
    db = await asyncpg.connect(dsn)
    for n in ids:
        await asyncio.sleep(random.expovariate(PER_SECOND / DELETERS))
        transaction = db.transaction()
        await transaction.start()
        await db.execute(DELETE, n)
        await asyncio.sleep(random.uniform(0, 0.004))
        if random.random() < 0.05:
            await transaction.rollback()
        else:
            await transaction.commit()
            committed[n] = time.time()
    await db.close()


async def _open_long(dsn: str) -> None:
    db = await asyncpg.connect(dsn)
    with suppress(asyncio.CancelledError):
        for n in range(10_000_000, 20_000_000):
            await db.execute(THINGS, n, n)
            async with db.transaction():
                await db.execute(DELETE, n)
                await asyncio.sleep(random.uniform(5, 20))
    await db.close()
