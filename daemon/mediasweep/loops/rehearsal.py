"""The dry run: everything but sending. What would be deleted is told once, as it falls due.

It makes the same claim as the sweep, horizon, gates, brake and guard included, and takes it back:
nothing is written, and no other daemon is held up for longer than a claim takes. What it cannot
foresee is Cloudinary's answer. When Postgres fails, it waits and goes on where it was.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediasweep.loops.outage import RETRY_S, Outage
from mediasweep.loops.pulse import UNPROVEN_S, pulse
from mediasweep.postgres.pool import WAITED_OUT
from mediasweep.rules.batch import MOST
from mediasweep.rules.events import (
    BrakeClosed,
    GuardFailed,
    Held,
    Rehearsed,
    Released,
    WouldDelete,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from mediasweep.loops.config import Config
    from mediasweep.postgres.queue import Claim, Queue
    from mediasweep.postgres.wake import Wake
    from mediasweep.rules.events import Emit

TOLD_MOST = 100_000  # what was told before these may be told again


@dataclass(slots=True)
class Rehearsal:
    """One daemon that only says what it would do."""

    queue: Queue
    wake: Wake
    config: Config
    emit: Emit
    stopping: asyncio.Event
    turned: Callable[[], None]
    _memory: str | None = None
    _told: dict[UUID, None] = field(default_factory=dict)
    _braked: set[str] = field(default_factory=set)
    _said: str | None = None
    _outage: Outage = field(init=False)

    def __post_init__(self) -> None:
        """Begin with all well."""
        self._outage = Outage(self.emit)

    async def run(self) -> None:
        """Look whenever the sweep would, until `stopping`."""
        while not self.stopping.is_set():
            self.wake.heard.clear()
            try:
                held = await self._pass()
            except WAITED_OUT as error:
                self._outage.failed("dry run", error)
                wait_s = random.uniform(RETRY_S, 10 * RETRY_S)
                await pulse(asyncio.Event(), self.stopping, wait_s, self.turned)
                continue
            self._outage.over()
            interval_s = self.config.interval.total_seconds()
            # it sleeps without the asleep lock, so that nobody has to notify for its sake
            wait_s = UNPROVEN_S if held or not self.wake.up else interval_s
            if await pulse(self.wake.heard, self.stopping, wait_s, self.turned) == "tick":
                self._memory = None  # from the start: what was held back stands before the cursor

    async def _pass(self) -> bool:
        """Go through what is due since the last pass; tells whether anything was held back."""
        rows = kept = size = 0
        while not self.stopping.is_set():
            self.turned()
            claim = await self.queue.rehearse(MOST, self._memory)
            self._memory = claim.memory
            self._say(claim)
            if not claim.brought_something:
                break
            new = [job for job in claim.jobs if job.id not in self._told]
            for job in new:
                self.emit(WouldDelete(job))
            self._told.update(dict.fromkeys(job.id for job in new))
            rows, kept = rows + len(new), kept + claim.skipped + claim.failed
            size += await self.queue.bytes_of(new)
        while len(self._told) > TOLD_MOST:
            del self._told[next(iter(self._told))]
        if rows:
            self.emit(Rehearsed(rows, kept, size))
        return claim.held

    def _say(self, claim: Claim) -> None:
        if claim.guard_error:
            self.emit(GuardFailed(claim.guard_error))
        for stopped in claim.news.braked:  # each time anew: the gate is taken back with the claim
            event = BrakeClosed.told(stopped)
            if event.source not in self._braked:
                self.emit(event)
            self._braked.add(event.source)
        self.config.obey(claim.news.config)
        if claim.news.closed != self._said and not claim.probing:
            self.emit(Held(claim.news.closed) if claim.news.closed else Released())
            self._said = claim.news.closed
