"""From COMMIT to `destroy` entered, and to received by the emulator, on an idle system.

Beside it, in the same run: a bare asyncpg loop that is notified for every row and claims a batch
with one statement. Both run in processes of their own and note the time (one clock for all
processes) at which they have a row in hand; the deleter commits one row every 50 ms, in turn for
the one and the other.
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio import to_thread
from asyncio.subprocess import PIPE, Process

import asyncpg

from bench.figures import INSERT_ASSETS, database, environment, line, percentile
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud

GAP_S = 0.05


async def latency(cluster: Cluster, cloud: Cloud, samples: int) -> None:
    """Measure and print."""
    dsn = await database(cluster)
    db = await asyncpg.connect(dsn)
    await db.execute("CREATE TABLE public.bare (id text PRIMARY KEY, taken boolean DEFAULT false)")
    await db.execute(INSERT_ASSETS, "a", samples)
    await to_thread(cloud.fill, "a", samples)
    env = environment(dsn, cloud.url)
    daemon, bare = await _spawn(env, "bench.entered"), await _spawn(env, "bench.bare")
    await asyncio.sleep(2)
    committed: dict[str, int] = {}
    try:
        for n in range(samples):
            await asyncio.sleep(GAP_S)
            await db.execute("DELETE FROM media_assets WHERE cloudinary_public_id = $1", f"a{n}")
            committed[f"a{n}"] = time.time_ns()
            await asyncio.sleep(GAP_S)
            async with db.transaction():
                await db.execute("INSERT INTO bare (id) VALUES ($1)", f"b{n}")
                await db.execute("SELECT pg_notify('bare', '')")
            committed[f"b{n}"] = time.time_ns()
        await asyncio.sleep(1)
    finally:
        seen = await _entered(daemon) | await _entered(bare)
        await db.close()
    calls = await to_thread(cloud.calls)
    received = {call["public_id"]: call["received_ns"] for call in calls}
    _print(committed, seen, received)


def _print(committed: dict[str, int], seen: dict[str, int], received: dict[str, int]) -> None:
    def after(times: dict[str, int], kind: str) -> list[float]:
        return [(t - committed[k]) / 1e6 for k, t in times.items() if k.startswith(kind)]

    ours, bare = after(seen, "a"), after(seen, "b")
    print(f"Idle latency, {len(ours)} and {len(bare)} samples:")
    print(line("commit → destroy entered", ours))
    print(line("commit → received by the emulator", after(received, "a")))
    print(line("bare loop: commit → one batch claimed", bare))
    print(f"  ratio of the medians: {percentile(ours, 0.5) / percentile(bare, 0.5):.2f}")


async def _spawn(env: dict[str, str], module: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, env=env, stdout=PIPE, stdin=asyncio.subprocess.DEVNULL
    )


async def _entered(process: Process) -> dict[str, int]:
    """Stop a process and return what it noted: id and time in nanoseconds, a line each."""
    process.terminate()
    out, _ = await process.communicate()
    pairs = (text.split() for text in out.decode().splitlines())
    return {id_: int(ns) for id_, ns in pairs}
