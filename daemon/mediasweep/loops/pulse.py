"""Waiting for a reason to look at the queue: woken, due, tick or stop.

A notification is a hint and the tick is the promise: the wait always ends after at most the sweep
interval, and after two seconds while notifications cannot be relied on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

UNPROVEN_S = 2.0
HELD_FIRST_S = 0.005
HELD_LAST_S = 1.0
ENQUEUER_FIRST_S = 0.005


@dataclass(slots=True)
class Patience:
    """Growing waits for what has no wake-up of its own: held rows, and an open enqueuer."""

    held_s: float = HELD_FIRST_S
    enqueuer_s: float = ENQUEUER_FIRST_S

    def reset(self) -> None:
        """Start small again; called whenever a claim brought something."""
        self.held_s = HELD_FIRST_S
        self.enqueuer_s = ENQUEUER_FIRST_S

    def held(self) -> float:
        """Return the next wait for rows that the horizon holds, 5 ms doubling to 1 s."""
        wait, self.held_s = self.held_s, min(HELD_LAST_S, self.held_s * 2)
        return wait

    def enqueuer(self) -> float:
        """Return the next wait beside an open enqueuer, 5 ms doubling to 2 s."""
        wait, self.enqueuer_s = self.enqueuer_s, min(UNPROVEN_S, self.enqueuer_s * 2)
        return wait


def longest_wait(
    armed: str, interval: timedelta, next_in: timedelta | None, patience: Patience, *, held: bool
) -> float:
    """Return how long to wait at most, in seconds, given how falling asleep went."""
    waits = [interval.total_seconds() if armed == "armed" else UNPROVEN_S]
    if armed == "enqueuer":
        waits.append(patience.enqueuer())
    if held:
        waits.append(patience.held())
    if next_in is not None:
        waits.append(max(0.0, next_in.total_seconds()))
    return min(waits)


async def pulse(heard: asyncio.Event, stopping: asyncio.Event, wait_s: float) -> str:
    """Wait until woken, stopped, or `wait_s` have passed; returns `notify`, `stop` or `tick`."""
    waiters = [asyncio.ensure_future(event.wait()) for event in (heard, stopping)]
    try:
        await asyncio.wait(waiters, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()
    if stopping.is_set():
        return "stop"
    return "notify" if heard.is_set() else "tick"
