"""Copies of a database beside their original, with the same account: they destroy nothing."""

from __future__ import annotations

import json
from asyncio import to_thread
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud, Emulator
from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.conftest import Server
from tests.copies import copied, dump_into
from tests.daemons import INSERT_ASSETS, environment, finished, running, until

DELETE_SOME = "DELETE FROM media_assets WHERE cloudinary_public_id IN ('a0', 'a1', 'a2')"
DELETE_MORE = "DELETE FROM media_assets WHERE cloudinary_public_id IN ('a3', 'a4')"
ALL_LEFT = """
SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'pending'
"""
HAS_LOOKED = """
SELECT EXISTS (SELECT FROM mediasweep.daemon d
                WHERE mediasweep.is_alive(d) AND d.last_sweep > (SELECT max(q.queued_at) FROM
                      mediasweep.cloudinary_cleanup_queue q))
"""
CLOSED_AGAIN = """
SELECT EXISTS (SELECT FROM mediasweep.gate g WHERE g.name = 'environment' AND g.closed_at >
                 (SELECT max(j.at) FROM mediasweep.journal j WHERE j.event = 'adopted'))
"""
ALWAYS_HOME = """
CREATE OR REPLACE FUNCTION mediasweep.recognise(daemon uuid, terms jsonb) RETURNS integer
LANGUAGE sql AS 'SELECT mediasweep.home()'
"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Cluster]:
    """Start another server, for restored dumps."""
    with Cluster(durable=False) as cluster:
        yield cluster


@pytest.fixture
def own() -> Iterator[Cluster]:
    """Start a server that may be copied."""
    with Cluster(durable=False) as cluster:
        yield cluster


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Db]:
    db = await asyncpg.connect(dsn)
    try:
        yield db
    finally:
        await db.close()


async def _backlog(dsn: str, cloud: Cloud) -> None:
    """Let a daemon have run here, and leave three rows of ten assets to be deleted."""
    await to_thread(cloud.fill, "a", 10)
    async with running(environment(dsn, cloud.url)):
        pass
    async with _connected(dsn) as db:
        await db.execute(INSERT_ASSETS, "a", 10)
        await db.execute(DELETE_SOME)


async def _destroyed(cloud: Cloud) -> list[str]:
    """Return what the emulator was asked to destroy."""
    return sorted(call["public_id"] for call in await to_thread(cloud.calls))


async def _observes(dsn: str, cloud: Cloud, what: str) -> None:
    """Run a copy's daemon: it says what is another and claims nothing, and captures go on."""
    env = environment(dsn, cloud.url)
    async with _connected(dsn) as db, running(env) as daemon:
        reason = (await daemon.seen("held"))["reason"]
        assert reason.startswith("environment: ")
        assert f"{what} was " in reason
        assert "mediasweep adopt" in reason
        await db.execute(DELETE_MORE)
        await until(db, HAS_LOOKED)
        assert await db.fetchval(ALL_LEFT) == 5
        status = json.loads((await mediasweep(env, "status", "--json")).out)
        assert [gate["name"] for gate in status["gates"]] == ["environment"]
        assert status["gates"][0]["reason"] in reason


async def _adopted(dsn: str, cloud: Cloud) -> None:
    """Adopt a copy while its daemon runs: it goes on by itself."""
    env = environment(dsn, cloud.url)
    async with _connected(dsn) as db, running(env) as daemon:
        await daemon.seen("held")
        assert (await mediasweep(env, "adopt", "--yes")).code == 0
        await daemon.seen("released")
        assert await finished(db) == {"completed": 5}


async def test_a_restored_dump_destroys_nothing_until_it_is_adopted(
    elsewhere: Cluster, database: str, cloud: Cloud
) -> None:
    """Beside an original that works it observes; adopted, it does what it was told."""
    await _backlog(database, cloud)
    await _copy_by_dump(database, elsewhere)
    async with running(environment(database, cloud.url)), _connected(database) as db:
        await _observes(elsewhere.dsn(), cloud, "server")
        assert await finished(db) == {"completed": 3}
    assert await _destroyed(cloud) == ["a0", "a1", "a2"]
    await _adopted(elsewhere.dsn(), cloud)
    assert await _destroyed(cloud) == ["a0", "a0", "a1", "a1", "a2", "a2", "a3", "a4"]


async def test_without_the_safeguard_a_restored_dump_destroys(
    elsewhere: Cluster, database: str, cloud: Cloud
) -> None:
    """If the copy does not look where it is, the original's assets go, which is what is tested."""
    await _backlog(database, cloud)
    await _copy_by_dump(database, elsewhere)
    async with _connected(elsewhere.dsn()) as db:
        await db.execute(ALWAYS_HOME)
        async with running(environment(elsewhere.dsn(), cloud.url)):
            assert await finished(db) == {"completed": 3}
    assert await _destroyed(cloud) == ["a0", "a1", "a2"]


async def _copy_by_dump(original: str, server: Cluster) -> None:
    async with _connected(server.dsn()) as db:
        await db.execute("DROP SCHEMA IF EXISTS mediasweep CASCADE")
        await db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await to_thread(dump_into, original, server.dsn(), server)
    await migrate(server.dsn())  # the guard knows tables by their number, which is another here


async def test_a_base_backup_destroys_nothing_until_it_is_adopted(
    own: Cluster, cloud: Cloud
) -> None:
    """A physical copy at another port has everything of its original but the place."""
    await migrate(own.dsn(), with_library=True)
    await _backlog(own.dsn(), cloud)
    with copied(own) as copy:
        await to_thread(copy.start)
        async with running(environment(own.dsn(), cloud.url)), _connected(own.dsn()) as db:
            await _observes(copy.dsn(), cloud, "place")
            assert await finished(db) == {"completed": 3}
        assert await _destroyed(cloud) == ["a0", "a1", "a2"]
        await _adopted(copy.dsn(), cloud)
        assert await _destroyed(cloud) == ["a0", "a0", "a1", "a1", "a2", "a2", "a3", "a4"]


async def test_a_restarted_server_is_the_same(own: Cluster, cloud: Cloud) -> None:
    """After the server and all daemons were restarted nothing is held back."""
    await migrate(own.dsn(), with_library=True)
    await _backlog(own.dsn(), cloud)
    await to_thread(own.restart)
    async with running(environment(own.dsn(), cloud.url)) as daemon, _connected(own.dsn()) as db:
        assert await finished(db) == {"completed": 3}
        assert daemon.count("held") == 0


async def test_a_renamed_database_is_observed(server: Server, database: str, cloud: Cloud) -> None:
    """Under another name it is held until it is adopted."""
    await _backlog(database, cloud)
    name = database.rpartition("/")[2]
    await server.sql(f"ALTER DATABASE {name} RENAME TO {name}_2")
    try:
        await _observes(server.dsn(f"{name}_2"), cloud, "database")
        assert await _destroyed(cloud) == []
        await _adopted(server.dsn(f"{name}_2"), cloud)
    finally:
        await server.sql(f"ALTER DATABASE {name}_2 RENAME TO {name}")


async def test_a_daemon_with_another_account_sends_nothing(
    database: str, db: Db, emulator: Emulator, cloud: Cloud
) -> None:
    """It stops all, however often the right account is adopted, until it is gone."""
    await _backlog(database, cloud)
    other = await to_thread(emulator.cloud)
    await to_thread(other.fill, "a", 10)
    right, wrong = environment(database, cloud.url), environment(database, other.url)
    async with running(right) as daemon:
        assert await finished(db) == {"completed": 3}
        async with running(wrong) as stranger:
            reason = (await stranger.seen("held"))["reason"]
            assert f"cloud was {cloud.name}, is {other.name}" in reason
            await db.execute(DELETE_MORE)
            assert (await daemon.seen("held"))["reason"] == reason
            assert (await mediasweep(right, "adopt", "--yes")).code == 0
            await until(db, CLOSED_AGAIN)
        assert await to_thread(other.calls) == []
        assert (await mediasweep(right, "adopt", "--yes")).code == 0
        assert await finished(db) == {"completed": 5}
    assert await _destroyed(cloud) == ["a0", "a1", "a2", "a3", "a4"]
