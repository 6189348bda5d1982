"""Postgres away, restarted, or cut off: the daemon comes back by itself, and is fast again."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from collections.abc import Iterator

import asyncpg
import pytest

from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Server
from tests.daemons import INSERT_ASSETS, Daemon, environment, finished, running, spawn, until
from tests.proxy import Proxy

BACK_WITHIN_S = 15.0
TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE application_name = 'mediasweep listener' AND datname = current_database()
"""


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """Give a server of the test's own, whose commits survive an immediate stop."""
    with Cluster() as cluster:
        yield cluster


# the key is held in a session that was opened after the listener's: an older one may still be dying
ASLEEP = """
SELECT EXISTS (
  SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
   WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted
     AND a.datname = current_database() AND a.application_name LIKE 'mediasweep asleep%'
     AND a.backend_start > ALL (
       SELECT backend_start FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'mediasweep listener'))
"""


async def _one_more(db: Db, cloud: Cloud, daemon: Daemon, name: str) -> str:
    """Delete one while it sleeps; gone before any look of its own. Returns what woke it."""
    await to_thread(cloud.fill, name, 1)
    await db.execute(INSERT_ASSETS, name, 1)
    await until(db, ASLEEP, within_s=BACK_WITHIN_S)
    await db.execute("DELETE FROM media_assets")
    gone = await daemon.seen("recorded", where=lambda r: r["public_id"] == f"{name}0")
    assert gone["gone_after_s"] < 2
    claimed = [r for r in daemon.log[: daemon.log.index(gone)] if r["event"] == "swept"][-1]
    return str(claimed["woken_by"])


async def _is_fast(db: Db, cloud: Cloud, daemon: Daemon) -> None:
    """Once it sleeps again, deletes wake it by NOTIFY.

    One may meet the look that follows falling asleep, or the commit of a beat; not all three.
    """
    woken_by = [await _one_more(db, cloud, daemon, name) for name in ("fast", "faster", "fastest")]
    assert "notify" in woken_by


async def test_a_database_that_is_down_at_the_start_is_waited_for(
    own_cluster: Cluster, cloud: Cloud
) -> None:
    """The daemon starts before Postgres does, and works once it is there."""
    await migrate(own_cluster.dsn(), with_library=True)
    await to_thread(own_cluster.stop)
    daemon = await spawn(environment(own_cluster.dsn(), cloud.url))
    await daemon.seen("database_lost")
    await to_thread(own_cluster.start)
    await daemon.seen("listener_up")
    db = await asyncpg.connect(own_cluster.dsn())
    await _is_fast(db, cloud, daemon)
    await db.close()
    assert await daemon.stop() == 0


@pytest.mark.timeout(120)  # it may wait longer than the usual limit, for two thousand assets
@pytest.mark.parametrize("mode", ["immediate", "fast"])
async def test_three_restarts_under_load_lose_nothing(
    own_cluster: Cluster, cloud: Cloud, mode: str
) -> None:
    """Postgres goes away three times while two thousand assets go: all gone, none failed."""
    await migrate(own_cluster.dsn(), with_library=True)
    await to_thread(cloud.fill, "a", 2000)
    db = await asyncpg.connect(own_cluster.dsn())
    await db.execute(INSERT_ASSETS, "a", 2000)
    env = environment(own_cluster.dsn(), cloud.url)
    async with running(env) as daemon:
        await db.execute("DELETE FROM media_assets")
        for crash in range(1, 4):
            await until(db, COMPLETED_AT_LEAST, crash * 300)
            await db.close()
            mark = len(daemon.log)
            await to_thread(own_cluster.restart, mode)
            await daemon.seen("listener_up", after=mark)
            db = await asyncpg.connect(own_cluster.dsn())
        assert await finished(db, within_s=50) == {"completed": 2000}
        await _is_fast(db, cloud, daemon)
        await db.close()
    assert await to_thread(cloud.assets) == set()


async def test_a_terminated_listener_is_back_at_once(database: str, db: Db, cloud: Cloud) -> None:
    """Its backend is terminated: noticed, opened again, and a notification wakes it."""
    async with running(environment(database, cloud.url)) as daemon:
        mark = len(daemon.log)
        await db.execute(TERMINATE)
        await daemon.seen("listener_down", after=mark)
        await daemon.seen("listener_up", after=mark)
        await _is_fast(db, cloud, daemon)


async def test_terminated_sessions_do_not_end_the_daemon(
    database: str, db: Db, cloud: Cloud
) -> None:
    """All its sessions are terminated ten times, at rest: it opens them again and works."""
    async with running(environment(database, cloud.url)) as daemon:
        for _ in range(10):
            await until(db, ASLEEP, within_s=BACK_WITHIN_S)
            mark = len(daemon.log)
            await db.execute(TERMINATE.replace("= 'mediasweep listener'", "LIKE 'mediasweep%'"))
            await daemon.seen("listener_up", after=mark)
        await _is_fast(db, cloud, daemon)


async def test_a_black_holed_link_is_noticed_and_healed(
    server: Server, database: str, db: Db, cloud: Cloud
) -> None:
    """A line that swallows everything is found out by the beat; once healed all is fast again."""
    async with Proxy(server.address()) as proxy:
        through = proxy.dsn(database)
        async with running(environment(through, cloud.url)) as daemon:
            mark = len(daemon.log)
            proxy.hole()
            await daemon.seen("listener_down", after=mark)
            await proxy.heal()
            async with asyncio.timeout(BACK_WITHIN_S):
                await daemon.seen("listener_up", after=mark)
            await _is_fast(db, cloud, daemon)


async def test_a_daemon_that_hears_nothing_looks_every_two_seconds(
    database: str, db: Db, cloud: Cloud
) -> None:
    """With a queue row that came without any notification, the sweep finds it."""
    env = environment(database, cloud.url, MEDIASWEEP_INTERVAL_MINUTES="0.03")
    async with running(env):
        await to_thread(cloud.fill, "quiet", 1)
        await db.execute(
            "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, resource_type)"
            " VALUES ('quiet0', 'image')"
        )
        assert await finished(db) == {"completed": 1}


COMPLETED_AT_LEAST = (
    "SELECT count(*) >= $1 FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'completed'"
)
