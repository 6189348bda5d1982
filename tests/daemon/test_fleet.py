"""Several daemons, and one of the release before, share the work and the calls."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from asyncio import to_thread
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, ROOT, environment, finished, running, until

ROWS, LIMIT, OF_THE_OLD_ONE = 10_000, 8, 2
NEW_SINCE = "schema/migrations/0002_engine.sql"
DAEMONS = "SELECT count(DISTINCT daemon) FROM mediasweep.journal WHERE event = 'completed'"
SHARES = "SELECT sum(concurrency) = $1 AND min(concurrency) > 0 FROM mediasweep.daemon"


def _release_before(folder: Path) -> Path:
    """Unpack the last commit that had not got what the release before had not got."""

    def git(*args: str) -> bytes:
        return subprocess.run(
            ["git", "-C", str(ROOT), *args], check=True, capture_output=True
        ).stdout

    try:
        added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", NEW_SINCE).decode().strip()
        archive = git("archive", f"{added}^", "daemon", "schema")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the release before is taken from the history, and this is not a full clone")
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder


async def _delete_all(db: Db) -> None:
    async with db.transaction():
        await db.execute("DELETE FROM media_assets")
        # a daemon of the release before does not tell its brake, which then has the defaults
        await db.execute("SELECT mediasweep.confirm('media_assets', 'ann')")


@pytest.mark.timeout(240)
async def test_three_daemons_and_one_of_the_release_before_destroy_each_asset_once(
    blank_database: str, cloud: Cloud, tmp_path: Path
) -> None:
    """10,000 rows: 10,000 calls, no asset twice, all four take part, and never over the limit."""
    old = _release_before(tmp_path)
    await to_thread(cloud.fill, "a", ROWS)
    await to_thread(cloud.faults, {"latency_s": 0.003})
    env = environment(blank_database, cloud.url, MEDIASWEEP_CONCURRENCY=str(LIMIT))
    old_env = {name: value for name, value in env.items() if "BRAKE" not in name} | {
        "PYTHONPATH": str(old / "daemon"),
        "MEDIASWEEP_CONCURRENCY": str(OF_THE_OLD_ONE),
    }
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "mediasweep", "migrate", "--with-library", env=old_env, cwd=old
    )
    assert await made.wait() == 0
    db = await asyncpg.connect(blank_database)
    try:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running(old_env))
            await migrate(blank_database)
            for _ in range(3):
                await stack.enter_async_context(running(env))
            await until(db, SHARES, LIMIT - 1)
            await db.execute(INSERT_ASSETS, "a", ROWS)
            await _delete_all(db)
            assert await finished(db, within_s=200) == {"completed": ROWS}
            assert await db.fetchval(DAEMONS) == 4
    finally:
        await db.close()
    state = await to_thread(cloud.state)
    assert (state["assets"], state["calls"]["destroy"], state["deleted_twice"]) == (0, ROWS, [])
    assert state["destroying_most"] <= LIMIT
