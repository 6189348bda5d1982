"""What a loop says of itself while the database is away."""

from __future__ import annotations

import asyncio

from mediasweep.loops.outage import Outage
from mediasweep.rules.events import DatabaseBack, DatabaseLost, Event


async def test_each_call_that_fails_is_a_turn_of_who_waits_for_it() -> None:
    """Twenty that try to close a gate one after the other, on a line that swallows everything, keep
    the claim waiting for minutes: that must not look like a hang. What is told is told once.
    """
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
