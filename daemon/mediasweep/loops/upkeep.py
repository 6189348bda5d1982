"""Chores: queue again what fell back, look again after a failover, brake what is lost slowly,
forget daemons that are gone and gates whose time has passed, drop what is finished and old, look
whether all is well, and first whether capture is.

Each chore is one statement that may be repeated at any time by any replica. A failure of the
database is left to the next round.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import BROKEN, WAITED_OUT
from mediasweep.rules.events import (
    BrakeClosed,
    DatabaseLost,
    FallbackRefilled,
    GateOpened,
    Pruned,
    QueueUnhealthy,
)
from mediasweep.rules.text import message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from mediasweep.loops.config import Config
    from mediasweep.loops.second_look import SecondLook
    from mediasweep.postgres.fleet import Fleet
    from mediasweep.postgres.gates import Gates
    from mediasweep.postgres.inbox import Inbox
    from mediasweep.postgres.queue import Queue
    from mediasweep.rules.events import Emit

REFILL_MOST = 1000
PRUNE_MOST = 1000
PRUNE_STEPS = 100  # a round; what is left waits for the next one


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """From how many on rows are too many: due and pending, and failed."""

    due_most: int = 20
    failed_most: int = 10


@dataclass(slots=True)
class Upkeep:
    """The chores of one daemon, every health check; `look` makes the sweep look at the queue, and
    `files` are those of its schema.
    """

    queue: Queue
    inbox: Inbox
    fleet: Fleet
    gates: Gates
    config: Config
    retention: timedelta
    files: Sequence[str]
    second_look: SecondLook
    look: Callable[[], None]
    emit: Emit
    policy: HealthPolicy = field(default_factory=HealthPolicy)
    capture: str | None = None  # what was wrong with it when it was last looked at
    newer: str | None = None  # what a later release has brought into the schema, likewise

    async def run(self) -> None:
        """Do the chores until cancelled."""
        while True:
            try:
                await self.once()
            except WAITED_OUT as error:
                self.emit(DatabaseLost("upkeep", message(error)))
                if isinstance(error, BROKEN):
                    self.capture = self.capture or str(error)
            await asyncio.sleep(self.config.health_check.total_seconds())

    async def once(self) -> None:
        """Do each chore once."""
        # before the refill: what it mends is told for one round all the same
        self.capture = "; ".join(await self.fleet.capture_trouble()) or None
        self.newer = await self.fleet.newer(self.files)
        while rows := await self.queue.refill(REFILL_MOST):
            self.emit(FallbackRefilled(rows))
        await self.second_look.once()
        for stopped in await self.queue.dribbled():
            self.emit(BrakeClosed.told(stopped))
        await self.queue.forget_acknowledgements()
        await self.fleet.forget_gone()
        if opened := await self.gates.expire():
            self.emit(GateOpened(opened))
        await self._prune()
        due = await self.fleet.due()
        if due["rows"]:
            self.look()  # a lease that ended in another daemon's hands announces itself to nobody
        if found := problems(self.policy, due):
            self.emit(QueueUnhealthy(found))

    async def _prune(self) -> None:
        """Drop what is old, in steps between which others get their turn."""
        queue_rows = journal_rows = notifications = 0
        for _ in range(PRUNE_STEPS):
            gone = await self.queue.prune(self.retention, PRUNE_MOST)
            queue_rows, journal_rows = queue_rows + gone[0], journal_rows + gone[1]
            told = await self.inbox.prune(self.retention, PRUNE_MOST)
            notifications += told
            if max(*gone, told) < PRUNE_MOST:
                break
        if queue_rows or journal_rows or notifications:
            self.emit(Pruned(queue_rows, journal_rows, notifications))


def problems(policy: HealthPolicy, due: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a health check warns of, in words."""
    found = []
    if due["rows"] > policy.due_most:
        found.append(f"{due['rows']} rows are due, the oldest for {due['oldest_seconds']:.0f} s")
    if due["failed"] > policy.failed_most:
        found.append(f"{due['failed']} rows have failed")
    return tuple(found)
