"""Notifications that are lost, doubled and mixed up, and one reconciliation that sets all right."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio import to_thread
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

from bench.account import A_DAY_LATER, LIBRARY, there, work
from bench.figures import database, environment
from mediasweep.cloudinary import Account, Credentials
from mediasweep.demo.cluster import Cluster
from mediasweep.demo.processes import daemon
from mediasweep.emulator.client import Cloud
from mediasweep.operations.webhooks import register

STEP = 500
MISHAPS = {"hold": True, "drop": 0.1, "duplicate": 0.2, "seed": 7}
AT_ONCE = "UPDATE mediasweep.inbox SET due_at = now() WHERE done_at IS NULL"
WAITING = "SELECT count(*) FROM mediasweep.inbox WHERE done_at IS NULL"
QUEUED = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue"
ACT = ("--orphans=adopt", "--ghosts=mark", "--yes", "--json", "--limit", "0")


async def webhooks(cluster: Cluster, cloud: Cloud, least: int) -> None:
    """Measure and print: at least so many notifications, what came of them, what was left to do."""
    dsn = await database(cluster)
    db = await asyncpg.connect(dsn)
    await to_thread(cloud.switch, admin_limit=10**6)
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with daemon(log, dsn=dsn, cloudinary_url=cloud.url, port=0) as address:
            await _register(cloud, address)
            await to_thread(cloud.mishaps, **MISHAPS)
            chance = Random(7)
            while (await to_thread(cloud.state))["hooks"] < least:
                await to_thread(work, cloud, chance, STEP, least // 4)
            began_s = time.monotonic()
            await to_thread(cloud.release, "shuffled")
            await to_thread(cloud.wait_hooks, 0, 600.0)
            came_s = time.monotonic() - began_s
            await db.execute(AT_ONCE)
            while await db.fetchval(WAITING):
                await db.execute("SELECT pg_sleep(0.2)")
            done_s = time.monotonic() - began_s
    states = Counter(one["state"] for one in await to_thread(cloud.hooks))
    print(f"Webhooks: {states['delivered']} delivered, {states['dropped']} lost, in any order")
    print(f"  taken in {came_s:.1f} s, applied after {done_s:.1f} s")
    before = await _differ(db, cloud)
    destroyed = len(await to_thread(cloud.calls, "destroy"))
    await db.execute(A_DAY_LATER)
    told = await _reconcile(dsn, cloud)
    after = await _differ(db, cloud)
    destroyed = len(await to_thread(cloud.calls, "destroy")) - destroyed
    print(f"  then one reconciliation: {told['counts']['orphans']} orphans,", end=" ")
    print(f"{told['counts']['ghosts']} ghosts, {told['counts']['mismatches']} mismatches", end="; ")
    print(f"{told['acted']['adopted']} adopted, {told['acted']['marked']} marked")
    print(f"  rows that differ from the account: {before[0]}, then {after[0]} of {after[1]}")
    print(f"  queued {await db.fetchval(QUEUED)}, destroyed {destroyed}")
    await db.close()


async def _register(cloud: Cloud, address: str) -> None:
    given = Credentials(cloud.name, cloud.key, cloud.secret, cloud.api)
    account = Account(given, threads=1, timeout=timedelta(seconds=10))
    await register(account, address)
    account.close()


async def _differ(db: asyncpg.Connection[asyncpg.Record], cloud: Cloud) -> tuple[int, int]:
    """Return in how many rows library and account differ, and how many assets there are."""
    rows = {row["asset_id"]: dict(row) for row in await db.fetch(LIBRARY)}
    assets = {asset["asset_id"]: asset for asset in await to_thread(there, cloud)}
    return sum(rows.get(id_) != assets.get(id_) for id_ in {*rows, *assets}), len(assets)


async def _reconcile(dsn: str, cloud: Cloud) -> Any:  # noqa: ANN401  JSON
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mediasweep", "reconcile", *ACT),
        env=environment(dsn, cloud.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return json.loads((await process.communicate())[0])
