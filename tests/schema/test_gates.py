"""The gates: what a closed one stops, what it lets through as a test, and what force passes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.queue import Claim, claim, enqueue, rows

HOUR = timedelta(hours=1)
FORCE = "UPDATE mediasweep.scheduler SET forced = $1"
CLOSE = """
INSERT INTO mediasweep.gate (name, source_id, reason, closed_by, until, probe)
VALUES ($1, $2, 'a reason', 'ann', clock_timestamp() + $3::interval, $4)
"""


async def _close(
    db: Db,
    name: str,
    *,
    source: int | None = None,
    for_: timedelta | None = None,
    probe: timedelta | None = None,
) -> None:
    await db.execute(CLOSE, name, source, for_, probe)


@pytest.mark.parametrize(
    "name", ["pause", "breaker", "auth", "rate_limit", "brake", "environment", "failover"]
)
async def test_a_closed_gate_stops_everything(db: Db, name: str) -> None:
    """While a gate is closed nothing is claimed, and no row moves."""
    await enqueue(db, "a")
    await _close(db, name)
    claimed = await claim(db)
    assert claimed.brought_nothing
    assert claimed.next_in is None
    assert [row["status"] for row in await rows(db)] == ["pending"]


async def test_a_gate_that_opens_by_itself_says_when(db: Db) -> None:
    """A gate that is closed for a time says for how long still."""
    await enqueue(db, "a")
    await _close(db, "rate_limit", for_=HOUR)
    next_in = (await claim(db)).next_in
    assert next_in is not None
    assert HOUR - timedelta(minutes=1) < next_in <= HOUR


async def test_a_gate_whose_time_is_over_is_open(db: Db) -> None:
    """A gate that was closed for a time and is not to be tested is open afterwards."""
    await enqueue(db, "a", "b")
    await _close(db, "pause", for_=-HOUR)
    claimed = await claim(db)
    assert (claimed.assets, claimed.probing) == (["a", "b"], False)


async def test_force_passes_a_pause(db: Db) -> None:
    """A forced sweep goes through a pause."""
    await enqueue(db, "a")
    await _close(db, "pause")
    await db.execute(FORCE, 10)
    assert (await claim(db)).assets == ["a"]


@pytest.mark.parametrize(
    "name", ["breaker", "auth", "rate_limit", "brake", "environment", "failover"]
)
async def test_force_passes_nothing_else(db: Db, name: str) -> None:
    """A forced sweep is stopped by every other gate, paused or not."""
    await enqueue(db, "a")
    await _close(db, "pause")
    await _close(db, name)
    await db.execute(FORCE, 10)
    assert (await claim(db)).brought_nothing


async def test_a_half_open_gate_lets_one_row_through(db: Db, connect: Connect) -> None:
    """Of several daemons that come when a gate is to be tested one gets one row, once a probe."""
    await enqueue(db, *(f"a{n}" for n in range(50)))
    await _close(db, "breaker", for_=-HOUR, probe=HOUR)
    daemons = [await connect() for _ in range(4)]
    async with asyncio.timeout(30):
        claims = await asyncio.gather(*(_claim_until_clear(daemon) for daemon in daemons))
    sent = [claimed for claimed in claims if claimed.jobs]
    assert [(len(claimed.jobs), claimed.probing) for claimed in sent] == [(1, True)]
    assert (await claim(db)).brought_nothing


async def _claim_until_clear(db: Db) -> Claim:
    """Claim until nothing is held back by the others' open transactions."""
    claimed = await claim(db)
    while claimed.held:
        claimed = await claim(db, memory=claimed.memory)
    return claimed


async def test_the_next_test_comes_a_probe_later(db: Db) -> None:
    """A gate that let one row through stays closed until the next test is due."""
    await enqueue(db, "a", "b")
    await _close(db, "breaker", for_=-HOUR, probe=HOUR)
    assert len((await claim(db)).jobs) == 1
    next_in = (await claim(db)).next_in
    assert next_in is not None
    assert HOUR - timedelta(minutes=1) < next_in <= HOUR
    await db.execute("UPDATE mediasweep.gate SET until = clock_timestamp()")
    assert len((await claim(db)).jobs) == 1


async def test_a_test_of_a_batch_of_one_is_known_as_one(db: Db) -> None:
    """A daemon that claims row by row learns that its row tests a gate."""
    await enqueue(db, "a", "b")
    await _close(db, "breaker", for_=-HOUR, probe=HOUR)
    assert (await claim(db, batch=1)).probing


async def test_a_test_is_not_spent_on_an_empty_queue(db: Db) -> None:
    """A gate that is to be tested waits for a row to test it with."""
    await _close(db, "breaker", for_=-HOUR, probe=HOUR)
    await claim(db)
    await enqueue(db, "a")
    assert (await claim(db)).assets == ["a"]


async def test_a_half_open_gate_behind_a_closed_one_lets_nothing_through(db: Db) -> None:
    """One closed gate is enough, whatever another would allow."""
    await enqueue(db, "a")
    await _close(db, "breaker", for_=-HOUR, probe=HOUR)
    await _close(db, "auth")
    assert (await claim(db)).brought_nothing


async def test_a_gate_of_one_source_stops_only_that_source(db: Db) -> None:
    """A source's own gate holds its rows back and no other's."""
    await enqueue(db, "a", source=1)
    await enqueue(db, "b", source=0)
    await _close(db, "brake", source=1)
    assert (await claim(db)).assets == ["b"]
    await db.execute("DELETE FROM mediasweep.gate")
    assert (await claim(db)).assets == ["a"]


async def test_force_does_not_pass_the_gate_of_a_source(db: Db) -> None:
    """A forced sweep leaves a source alone whose own gate is closed."""
    await enqueue(db, "a", source=1)
    await _close(db, "brake", source=1)
    await db.execute(FORCE, 10)
    assert (await claim(db)).brought_nothing
