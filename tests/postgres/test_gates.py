"""Gates that open by themselves: after a test of their own, or when their time has passed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mediasweep.postgres.gates import Gates
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.gate import Closing
from tests.conftest import Connect
from tests.schema.queue import claim, enqueue, events, until_someone_waits

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
OVER = timedelta(seconds=-1)


def _closing(name: str, wait: timedelta = HOUR) -> Closing:
    return Closing(name, "a reason", wait, SECOND)


async def _names(db: Db) -> set[str]:
    return {gate["name"] for gate in await Gates(db).list()}


async def _test_is_let_through(db: Db, *names: str) -> None:
    """Close gates whose time has come, and let a claim take one row as their test."""
    for name in names:
        await Gates(db).close(_closing(name, OVER), "a daemon")
    await enqueue(db, "a")
    assert (await claim(db)).probing


async def test_a_good_test_opens_all_that_were_tested(db: Db) -> None:
    """One row can test several gates, and its good answer opens each of them."""
    await _test_is_let_through(db, "breaker", "auth")
    assert set(await Gates(db).open_tested("a daemon")) == {"breaker", "auth"}
    assert await _names(db) == set()


async def test_a_gate_that_another_closes_during_the_test_stays_closed(db: Db) -> None:
    """What was closed while a test was under way was not tested by it, so it is not opened."""
    await _test_is_let_through(db, "breaker")
    await Gates(db).close(_closing("rate_limit"), "another daemon")
    assert await Gates(db).open_tested("a daemon") == ("breaker",)
    assert await _names(db) == {"rate_limit"}


async def test_a_gate_that_another_closes_again_during_its_test_stays_closed(db: Db) -> None:
    """A test that began before a gate was closed anew says nothing about that."""
    await _test_is_let_through(db, "auth")
    await Gates(db).close(_closing("auth"), "another daemon")
    assert await Gates(db).open_tested("a daemon") == ()
    assert await _names(db) == {"auth"}


async def test_no_test_opens_a_pause(db: Db) -> None:
    """A person's pause is not tested, however it came while one was under way."""
    await _test_is_let_through(db, "breaker")
    await Gates(db).pause("moving", "ann", HOUR)
    await Gates(db).open_tested("a daemon")
    assert await _names(db) == {"pause"}


async def test_a_pause_whose_time_has_passed_is_journalled_as_opened(db: Db) -> None:
    """The end of a pause stands in the journal like any other, once."""
    await Gates(db).pause("moving", "ann", OVER)
    assert await Gates(db).expire() == ("pause",)
    assert await Gates(db).expire() == ()
    assert await events(db, "event", "outcome", "detail") == [
        ("gate_closed", "pause", "moving"),
        ("gate_opened", "pause", "its time has passed"),
    ]


async def test_only_what_has_run_out_expires(db: Db) -> None:
    """A pause with time left or without an end, and gates that are to be tested, stay."""
    gates = Gates(db)
    await gates.pause("moving", "ann", HOUR)
    await gates.close(_closing("breaker", OVER), "a daemon")
    await db.execute(
        "INSERT INTO mediasweep.gate (name, source_id, reason, closed_by)"
        " VALUES ('brake', 1, 'x', 'y')"
    )
    assert await gates.expire() == ()
    assert await _names(db) == {"pause", "breaker", "brake"}


async def test_a_pause_that_is_made_longer_meanwhile_does_not_expire(
    db: Db, connect: Connect
) -> None:
    """A new pause over one that has run out is in force, also if the chore waited for it."""
    person, chore = await connect(), await connect()
    await Gates(db).pause("moving", "ann", OVER)
    async with asyncio.timeout(10):
        async with person.transaction():
            await Gates(person).pause("still moving", "bob", HOUR)
            expiring = asyncio.ensure_future(Gates(chore).expire())
            await until_someone_waits(db)
        assert await expiring == ()
    assert await _names(db) == {"pause"}
