"""Chores: queue again what fell back, forget daemons that are gone, and look whether all is well.

Each chore is one statement that may be repeated at any time by any replica. A failure of the
database is left to the next round.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediasweep.postgres.pool import PASSING
from mediasweep.rules.events import DatabaseLost, FallbackRefilled, QueueUnhealthy

if TYPE_CHECKING:
    from datetime import timedelta

    from mediasweep.postgres.fleet import Fleet
    from mediasweep.postgres.queue import Queue
    from mediasweep.rules.events import Emit

REFILL_MOST = 1000


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """From how many on rows are too many: due and pending, and failed."""

    due_most: int = 20
    failed_most: int = 10


@dataclass(slots=True)
class Upkeep:
    """The chores of one daemon, every `interval`."""

    queue: Queue
    fleet: Fleet
    policy: HealthPolicy
    interval: timedelta
    emit: Emit

    async def run(self) -> None:
        """Do the chores until cancelled."""
        while True:
            try:
                await self.once()
            except PASSING as error:
                self.emit(DatabaseLost("upkeep", str(error) or type(error).__name__))
            await asyncio.sleep(self.interval.total_seconds())

    async def once(self) -> None:
        """Do each chore once."""
        while rows := await self.queue.refill(REFILL_MOST):
            self.emit(FallbackRefilled(rows))
        await self.fleet.forget_gone()
        problems = await self.problems()
        if problems:
            self.emit(QueueUnhealthy(problems))

    async def problems(self) -> tuple[str, ...]:
        """Return what the origin's health check warns of, in words."""
        due = await self.fleet.due()
        failed = (await self.fleet.counts()).get("failed", 0)
        found = []
        if due["rows"] > self.policy.due_most:
            found.append(
                f"{due['rows']} rows are due, the oldest for {due['oldest_seconds']:.0f} s"
            )
        if failed > self.policy.failed_most:
            found.append(f"{failed} rows have failed")
        return tuple(found)
