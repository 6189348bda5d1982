"""What a loop says of itself while the database is away."""

from __future__ import annotations

import asyncio

from mediasweep.loops.outage import Outage
from mediasweep.rules.events import DatabaseBack, DatabaseLost, Event


async def test_each_call_that_fails_is_a_turn_of_who_waits_for_it() -> None:
    """The claim may wait behind twenty that close a gate on a dead line, and does not look hung."""
    events: list[Event] = []
    turns: list[None] = []
    left = iter((True, True, True, False))

    async def call() -> str:
        if next(left):
            raise TimeoutError
        return "done"

    outage = Outage(events.append, turned=lambda: turns.append(None))
    async with asyncio.timeout(30):
        assert await outage.until_it_works("gate", call) == "done"
    assert len(turns) == 3
    assert [type(event) for event in events] == [DatabaseLost, DatabaseBack]
