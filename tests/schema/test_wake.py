"""Waking: a NOTIFY is sent exactly when somebody sleeps, and nobody falls asleep over open work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.daemons import until
from tests.schema.queue import insert_assets

SLEEP = "SELECT pg_advisory_lock(mediasweep.asleep_key())"
ARM = "SELECT mediasweep.arm()"


@asynccontextmanager
async def _heard(connect: Connect) -> AsyncIterator[list[str]]:
    """Collect what is sent meanwhile; notifications arrive in the order of their commits."""
    heard: list[str] = []
    listener, sender, over = await connect(), await connect(), asyncio.Event()

    def hear(_c: object, _pid: int, _channel: str, payload: object) -> None:
        over.set() if payload == "over" else heard.append(str(payload))

    await listener.add_listener("mediasweep", hear)
    yield heard
    await sender.execute("NOTIFY mediasweep, 'over'")
    async with asyncio.timeout(10):
        await over.wait()
    await listener.remove_listener("mediasweep", hear)


async def test_a_sleeper_is_notified(db: Db, connect: Connect) -> None:
    """While somebody holds the sleeper's key, a commit that queued something notifies once."""
    await insert_assets(db, "a", "b")
    await (await connect()).execute(SLEEP)
    async with _heard(connect) as heard:
        await db.execute("DELETE FROM media_assets")
    assert heard == [""]


async def test_nobody_is_notified_while_nobody_sleeps(db: Db, connect: Connect) -> None:
    """Without a sleeper a commit does not notify, so that commits need not wait for each other."""
    await insert_assets(db, "a")
    async with _heard(connect) as heard:
        await db.execute("DELETE FROM media_assets")
    assert heard == []


async def test_a_statement_that_queues_nothing_wakes_nobody(db: Db, connect: Connect) -> None:
    """A sleeper is left alone by an UPDATE that lets nothing go."""
    await insert_assets(db, "a")
    await (await connect()).execute(SLEEP)
    async with _heard(connect) as heard:
        await db.execute("UPDATE media_assets SET description = 'new'")
    assert heard == []


async def test_a_capture_that_fell_back_wakes_the_sleeper(db: Db, connect: Connect) -> None:
    """What fell back is announced too."""
    await insert_assets(db, "a")
    await db.execute("ALTER TABLE mediasweep.cloudinary_cleanup_queue RENAME TO lost")
    await (await connect()).execute(SLEEP)
    async with _heard(connect) as heard:
        await db.execute("DELETE FROM media_assets")
    assert heard == [""]


async def test_a_table_without_notify_wakes_nobody(db: Db, connect: Connect) -> None:
    """A table attached with notify off leaves its rows to the sweep."""
    await db.execute(
        "CREATE TABLE public.t (cover text); INSERT INTO t VALUES ('a');"
        """SELECT mediasweep.attach('public.t', '{"public_id": "cover", "notify": false}')"""
    )
    await (await connect()).execute(SLEEP)
    async with _heard(connect) as heard:
        await db.execute("DELETE FROM t")
    assert heard == []


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
async def test_nobody_falls_asleep_over_an_open_capture(
    db: Db, connect: Connect, ending: str
) -> None:
    """The key is refused while a transaction is open that will not notify, and given afterwards."""
    await insert_assets(db, "a")
    daemon = await connect()
    await db.execute("BEGIN; DELETE FROM media_assets")
    assert await daemon.fetchval(ARM) == "enqueuer"
    await db.execute(ending)
    assert await daemon.fetchval(ARM) == "armed"


async def test_one_sleeper_at_a_time_holds_the_key(connect: Connect) -> None:
    """A second daemon is told that a sibling sleeps, until that one is awake or gone."""
    first, second = await connect(), await connect()
    assert [await db.fetchval(ARM) for db in (first, second)] == ["armed", "sibling"]
    assert await first.fetchval("SELECT mediasweep.disarm()")
    assert await second.fetchval(ARM) == "armed"


async def test_a_capture_never_waits_for_the_sleeper(db: Db, connect: Connect) -> None:
    """An application's statement does not wait for the key, whoever holds or wants it."""
    await insert_assets(db, "a")
    await (await connect()).execute(SLEEP)
    waiting = asyncio.ensure_future((await connect()).execute(SLEEP))
    await db.execute("SET lock_timeout = '1ms'; DELETE FROM media_assets")
    waiting.cancel()
    await asyncio.wait([waiting])


WAIT = "SELECT mediasweep.wait_for_{}($1)"
SOON, LONG = timedelta(milliseconds=50), timedelta(seconds=30)


async def _stands_in_queue(db: Db) -> None:
    await until(
        db, "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
    )


async def test_beside_a_sibling_a_wait_ends_when_the_sibling_dies(db: Db, connect: Connect) -> None:
    """It is granted at once and keeps nothing; meanwhile captures go on notifying as before."""
    sibling, waiter = await connect(), await connect()
    await sibling.execute(SLEEP)
    assert not await waiter.fetchval(WAIT.format("sibling"), SOON)
    waiting = asyncio.create_task(waiter.fetchval(WAIT.format("sibling"), LONG))
    await _stands_in_queue(db)
    sibling.terminate()
    assert await waiting
    assert await db.fetchval(ARM) == "armed"


async def test_behind_an_enqueuer_a_wait_makes_others_notify_and_ends_with_it(
    db: Db, connect: Connect
) -> None:
    """Who comes behind the waiter notifies; when the silent one has ended, it has the key."""
    await insert_assets(db, "a", "b")
    silent, waiter = await connect(), await connect()
    silence = silent.transaction()
    await silence.start()
    await silent.execute("DELETE FROM media_assets WHERE cloudinary_public_id = 'a'")
    assert not await waiter.fetchval(WAIT.format("enqueuers"), SOON)
    waiting = asyncio.create_task(waiter.fetchval(WAIT.format("enqueuers"), LONG))
    await _stands_in_queue(db)
    async with _heard(connect) as heard:
        await db.execute("DELETE FROM media_assets WHERE cloudinary_public_id = 'b'")
    assert heard == [""]
    await silence.commit()
    assert await waiting
    assert await db.fetchval(ARM) == "sibling"
