"""The reference trigger that waits: for the outcome, and no longer than that can be had."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.daemons import until
from tests.schema.queue import claim, end_leases, enqueue, make_due, record, result
from tests.schema.references import USE, claimed, photos, refused, without

WAITING = """
SELECT EXISTS (SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event = 'PgSleep')
"""


@pytest.mark.parametrize("move", ["refused", "completed"])
async def test_a_use_that_waits_hears_the_outcome(db: Db, connect: Connect, move: str) -> None:
    """It goes on if nothing was deleted, and is refused if it was; recording waits for nobody."""
    await photos(db, "wait")
    had = await claimed(db)
    user = await connect()
    use = asyncio.create_task(user.execute(USE))
    await until(db, WAITING)
    recorded, _ = await record(db, result(had.jobs[0], move, move))
    assert len(recorded) == 1
    if move == "refused":
        await use
        assert (await claim(db)).skipped == 1
    else:
        with pytest.raises(asyncpg.PostgresError, match="was deleted"):
            await use


async def _outlasts_the_lease(db: Db) -> bool:
    """Tell whether a use still waits when the lease of the claim that it waits for is over."""
    await enqueue(db, "a")
    await claim(db, lease=timedelta(seconds=0.3))
    await db.execute("SET statement_timeout = '3s'")
    with pytest.raises(asyncpg.PostgresError) as ended:
        await db.execute(USE)
    return ended.value.sqlstate != "MS001"


async def test_a_use_waits_no_longer_than_the_lease(db: Db) -> None:
    """Whoever takes the claim over may be waiting for the very transaction that waits."""
    await photos(db, "wait")
    assert not await _outlasts_the_lease(db)


async def test_without_the_limit_a_use_waits_for_ever(db: Db) -> None:
    """TRIGGER_LIMIT: nobody ends the wait, since the next claim's barrier waits for the waiter."""
    await photos(db, "wait")
    await without(db, "TRIGGER_LIMIT")
    assert await _outlasts_the_lease(db)


async def test_what_nobody_sends_is_not_waited_for(db: Db) -> None:
    """In doubt without a lease, only a claim could settle it, and that would wait for the use."""
    await photos(db, "wait")
    had = await claimed(db)
    await record(db, result(had.jobs[0], "unknown", "timeout"))
    await end_leases(db)
    await db.execute("SET statement_timeout = '1s'")
    await refused(db, "just being deleted")


async def test_whoever_has_locked_the_table_is_not_the_one_that_fails(
    db: Db, connect: Connect
) -> None:
    """A claim that waits for the table gives up its rows before both wait for each other."""
    await photos(db)
    await enqueue(db, "a")
    memory = (await claim(db, batch=0)).memory  # from now on no younger transaction is waited for
    user = await connect()
    async with user.transaction():
        await user.execute("LOCK TABLE photos")
        async with asyncio.timeout(5):
            had = await claim(db, memory=memory)
        assert "lock timeout" in (had.guard_error or "")
        await user.execute(USE, timeout=5)
    await make_due(db)
    assert (await claim(db)).skipped == 1
