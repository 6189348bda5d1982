"""Why a row is still here, where somebody's open transaction is the reason."""

from __future__ import annotations

from datetime import timedelta

from mediasweep.loops.heartbeat import horizon
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.reason import WaitReason
from tests.conftest import Connect
from tests.operations.standing import HOUR, NEXT, SET_ROW, beat, told, why
from tests.schema.queue import claim, enqueue, make_due
from tests.schema.roles import staffed


async def test_a_row_that_is_locked_says_by_whom(db: Db, connect: Connect) -> None:
    """An open transaction that holds the row is named with its pid and its application."""
    await beat(db)
    [id_] = await enqueue(db, "a")
    passed = horizon((await claim(db, grace=HOUR)).memory)
    other = await connect()
    await other.execute("SET application_name = 'a console'")
    async with other.transaction():
        await other.execute(SET_ROW + "error_message = 'mine'")
        named = f"pid {other.get_server_pid()} (a console)"
        assert await told(db, id_) == [("locked", named), ("writer", named)]
        await beat(db, horizon=passed)
        assert (await claim(db)).brought_nothing
    assert await told(db, id_) == [NEXT]


async def test_an_open_writer_is_named_until_it_ends(db: Db, connect: Connect) -> None:
    """A row that a writer holds says which, since when, and is next in line once it has ended."""
    await beat(db)
    writer = await connect()
    await writer.execute("SET application_name = 'app'")
    async with writer.transaction():
        await writer.execute("SELECT pg_current_xact_id()")
        [id_] = await enqueue(db, "a")
        await beat(db, horizon=horizon((await claim(db)).memory))
        [found] = await why(db, id_)
        assert found["reason"] == WaitReason.WRITER
        assert found["about"] == f"pid {writer.get_server_pid()} (app)"
        assert timedelta(0) < found["lasts"] < timedelta(minutes=1)
        assert (await claim(db)).held
    assert await told(db, id_) == [NEXT]
    assert (await claim(db)).assets == ["a"]


async def test_a_writer_that_came_later_holds_nothing(db: Db, connect: Connect) -> None:
    """Once a barrier was passed at which the row was due, an open transaction is no reason."""
    await beat(db)
    writer = await connect()
    ids = await enqueue(db, "a", "b")
    claimed = await claim(db, batch=1)
    left = ids[1]
    async with writer.transaction():
        await writer.execute("SELECT pg_current_xact_id()")
        assert [reason for reason, _ in await told(db, left)] == ["writer"]
        await beat(db, horizon=horizon(claimed.memory))
        assert await told(db, left) == [NEXT]
        assert (await claim(db, memory=claimed.memory)).assets == ["b"]


async def test_a_barrier_of_another_server_process_says_nothing(db: Db, connect: Connect) -> None:
    """After a restart what a daemon had passed before does not count any more."""
    writer = await connect()
    [id_] = await enqueue(db, "a")
    passed = horizon((await claim(db, grace=HOUR)).memory)
    await make_due(db)
    passed["free"]["at"] = passed["clear"]["at"] = "2999-01-01T00:00:00+00:00"
    async with writer.transaction():
        await writer.execute("SELECT pg_current_xact_id()")
        await beat(db, horizon=passed)
        assert await told(db, id_) == [NEXT]
        await beat(db, horizon=passed | {"server": "2001-01-01 00:00:00+00"})
        assert [reason for reason, _ in await told(db, id_)] == ["writer"]


async def test_a_reader_is_named_too(db: Db, connect: Connect) -> None:
    """A snapshot from before the capture holds the row for some seconds, and says so."""
    await beat(db)
    reader = await connect()
    async with reader.transaction(isolation="repeatable_read"):
        await reader.execute("SELECT FROM media_assets")
        [id_] = await enqueue(db, "a")
        assert (await claim(db)).held
        assert await told(db, id_) == [("reader", f"pid {reader.get_server_pid()} (unnamed)")]
    assert await told(db, id_) == [NEXT]


async def test_the_oldest_of_several_is_named(db: Db, connect: Connect) -> None:
    """Of all who hold a row, the one that has been there longest is the one to look at."""
    await beat(db)
    reader, first, second = await connect(), await connect(), await connect()
    async with reader.transaction(isolation="repeatable_read"):
        await reader.execute("SELECT FROM media_assets")
        async with first.transaction(), second.transaction():
            await first.execute("SELECT pg_current_xact_id()")
            await second.execute("SELECT pg_current_xact_id()")
            [id_] = await enqueue(db, "a")
            assert await told(db, id_) == [("writer", f"pid {first.get_server_pid()} (unnamed)")]


async def test_who_may_not_see_their_queries_sees_them_all_the_same(
    database: str, db: Db, connect: Connect
) -> None:
    """Where the schema's owner is no superuser, pid and application are told, not since when."""
    await beat(db)
    writer = await connect()
    async with staffed(database) as staff, writer.transaction():
        await writer.execute("SELECT pg_current_xact_id()")
        [id_] = await enqueue(db, "a")
        await db.execute(f"SET ROLE {staff.reader.name}")
        [found] = await why(db, id_)
        await db.execute("RESET ROLE")
    assert (found["about"], found["lasts"]) == (f"pid {writer.get_server_pid()} (unnamed)", None)
