"""A standby is promoted and takes its primary's place: with all that was deleted, or without."""

from __future__ import annotations

import json
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.copies import copied
from tests.daemons import INSERT_ASSETS, Daemon, environment, finished, spawn, until

IMPATIENT = ("-m", "tests.programs", "impatient")
BEFORE, AFTER = ["a0", "a1", "a2"], ["a3", "a4"]
DELETE = "DELETE FROM media_assets WHERE cloudinary_public_id = ANY ($1)"
EVENTS = """
SELECT j.public_id FROM mediasweep.journal j WHERE j.event = $1 ORDER BY j.public_id
"""
LIVE = "SELECT count(*) FROM media_assets WHERE cloudinary_public_id = ANY ($1)"
HAS_LOOKED = """
SELECT EXISTS (SELECT FROM mediasweep.daemon d
                WHERE mediasweep.is_alive(d) AND d.last_sweep > (SELECT max(q.queued_at) FROM
                      mediasweep.cloudinary_cleanup_queue q))
"""
PENDING = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'pending'"


@pytest.fixture
async def primary(cloud: Cloud) -> AsyncIterator[Cluster]:
    """Give a server with ten assets in its library."""
    with Cluster(durable=False) as cluster:
        await migrate(cluster.dsn(), with_library=True)
        await to_thread(cloud.fill, "a", 10)
        async with _connected(cluster.dsn()) as db:
            await db.execute(INSERT_ASSETS, "a", 10)
        yield cluster


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Db]:
    db = await asyncpg.connect(dsn)
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def _daemon(env: dict[str, str]) -> AsyncIterator[Daemon]:
    """Run a daemon that looks again soon after a failover."""
    daemon = await spawn(env, IMPATIENT)
    try:
        await daemon.seen("listener_up")
        yield daemon
    finally:
        await daemon.stop()


def _env(server: Cluster, cloud: Cloud) -> dict[str, str]:
    return environment(server.dsn(), cloud.url, MEDIASWEEP_HEALTH_CHECK_INTERVAL="0.5")


async def _destroyed(cloud: Cloud) -> list[str]:
    return sorted(call["public_id"] for call in await to_thread(cloud.calls))


async def _delete(db: Db, public_ids: list[str]) -> None:
    await db.execute(DELETE, public_ids)
    await finished(db)


async def test_a_failover_that_lost_nothing_is_held_for_a_while_only(
    primary: Cluster, cloud: Cloud
) -> None:
    """The promoted server has all deletions: nothing is in use again, and all goes on by itself."""
    async with _daemon(_env(primary, cloud)) as daemon:
        async with _connected(primary.dsn()) as db:
            await _delete(db, BEFORE)
        with copied(primary) as standby:
            await to_thread(standby.take_over)
            assert "the timeline was 1, is 2" in (await daemon.seen("held"))["reason"]
            looked = await daemon.seen("looked_again")
            assert (looked["looked"], looked["found"]) == (3, 0)
            await daemon.seen("released")
            async with _connected(standby.dsn()) as db:
                await _delete(db, AFTER)
                assert await _of(db, "recalled") == []
            await daemon.stop()
    assert await _destroyed(cloud) == BEFORE + AFTER


async def test_a_failover_that_lost_deletions_is_told_and_stops_everything(
    primary: Cluster, cloud: Cloud
) -> None:
    """Rows are live again whose assets are gone, and only the daemon knows: it tells, and waits."""
    async with _daemon(_env(primary, cloud)) as daemon:
        with copied(primary) as standby:
            async with _connected(primary.dsn()) as db:
                await _delete(db, BEFORE)
            await to_thread(standby.take_over)
            assert (await daemon.seen("recalled"))["deletions"] == 3
            looked = await daemon.seen("looked_again")
            assert (looked["looked"], looked["found"], looked["assets"]) == (3, 3, BEFORE)
            async with _connected(standby.dsn()) as db:
                assert await db.fetchval(LIVE, BEFORE) == 3
                assert await _of(db, "completed") == []
                assert await _of(db, "recalled") == await _of(db, "used_after_deletion") == BEFORE
                await db.execute(DELETE, AFTER)
                await until(db, HAS_LOOKED)
                assert await db.fetchval(PENDING) == 2
                assert await _destroyed(cloud) == BEFORE
                await _is_told_and_adopted(_env(standby, cloud), db)
            await daemon.stop()
    assert await _destroyed(cloud) == BEFORE + AFTER


async def _is_told_and_adopted(env: dict[str, str], db: Db) -> None:
    status = json.loads((await mediasweep(env, "status", "--json")).out)
    [gate] = [gate for gate in status["gates"] if gate["name"] == "failover"]
    assert "deleted assets are in use again: 3, among them a0, a1, a2" in gate["reason"]
    plan = await mediasweep(env, "restore", "--dry-run", "--since", "1h", "--json")
    assert sorted(one["public_id"] for one in json.loads(plan.out)["rows"]) == BEFORE
    assert (await mediasweep(env, "adopt", "--yes")).code == 0
    assert await finished(db) == {"completed": 2}


async def test_without_the_daemon_that_sent_them_lost_deletions_are_not_known(
    primary: Cluster, cloud: Cloud
) -> None:
    """A new daemon finds nothing to look at, so it is the other's memory that tells."""
    async with _daemon(_env(primary, cloud)) as daemon:
        with copied(primary) as standby:
            async with _connected(primary.dsn()) as db:
                await _delete(db, BEFORE)
            await daemon.stop()
            await to_thread(standby.take_over)
            async with _daemon(_env(standby, cloud)) as new:
                looked = await new.seen("looked_again")
                assert (looked["looked"], looked["found"]) == (0, 0)
                await new.stop()


async def _of(db: Db, event: str) -> list[str]:
    """Return the assets of these events of the journal."""
    return [row["public_id"] for row in await db.fetch(EVENTS, event)]
