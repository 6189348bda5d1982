"""Waiting for a reason to look at the queue: woken, due, tick or stop.

A notification is a hint and the tick is the promise: the wait always ends after at most the sweep
interval, and after two seconds while notifications cannot be relied on. Who waits says every second
that he does, so that a loop that hangs can be told from one that has nothing to do.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

TURN_S = 1.0
UNPROVEN_S = 2.0
HELD_FIRST_S = 0.005
HELD_LAST_S = 1.0
ENQUEUER_FIRST_S, ENQUEUER_LAST_S = 0.002, 0.02
SURE_TO_BE_WOKEN = {"armed", "sibling", "enqueuer"}


@dataclass(slots=True)
class Patience:
    """When something was last found, and growing waits for rows that the horizon holds."""

    found_s: float
    held_s: float = HELD_FIRST_S

    def found(self, now_s: float) -> None:
        """Take note that a claim brought something."""
        self.found_s = now_s
        self.reset()

    def reset(self) -> None:
        """Start small again."""
        self.held_s = HELD_FIRST_S

    def idle_s(self, now_s: float) -> float:
        """Return for how long nothing was found."""
        return now_s - self.found_s

    def held(self) -> float:
        """Return the next wait for held rows, 5 ms doubling to 1 s."""
        wait, self.held_s = self.held_s, min(HELD_LAST_S, self.held_s * 2)
        return wait


def longest_wait(
    refused: str,
    interval: timedelta,
    next_in: timedelta | None,
    held_s: float | None,
    idle_s: float,
) -> float:
    """Return how long to wait at most, in seconds, given how falling asleep went.

    `held_s` is the patience with rows that are held, `idle_s` how long nothing was found. Armed,
    beside a sibling, and in the queue behind enqueuers, one is sure to be woken. Who has no place
    there is not, however idle he has become since he was told so.
    """
    waits = [interval.total_seconds()]
    if refused == "busy":
        waits.append(min(ENQUEUER_LAST_S, ENQUEUER_FIRST_S + idle_s / 4))
    elif refused not in SURE_TO_BE_WOKEN:
        waits.append(UNPROVEN_S)
    if held_s is not None:
        waits.append(held_s)
    if next_in is not None:
        waits.append(max(0.0, next_in.total_seconds()))
    return min(waits)


async def pulse(
    heard: asyncio.Event, stopping: asyncio.Event, wait_s: float, turned: Callable[[], None]
) -> str:
    """Wait until woken, stopped, or `wait_s` have passed; returns `notify`, `stop` or `tick`.

    Calls `turned` at once, and every second of the wait.
    """
    waiters = [asyncio.ensure_future(event.wait()) for event in (heard, stopping)]
    try:
        while wait_s >= 0:
            turned()
            step_s, wait_s = min(wait_s, TURN_S), wait_s - TURN_S
            await asyncio.wait(waiters, timeout=step_s, return_when=asyncio.FIRST_COMPLETED)
            if heard.is_set() or stopping.is_set():
                break
    finally:
        for waiter in waiters:
            waiter.cancel()
    if stopping.is_set():
        return "stop"
    return "notify" if heard.is_set() else "tick"
