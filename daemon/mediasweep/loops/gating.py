"""The gates as one daemon sees them: what its answers close and open, and what is shut just now.

A gate closed by an answer is shut here at once, before the database knows, so that nothing more is
sent meanwhile. It is told to the database between claims, never during one: a claim that looked at
the gates before must not be taken for one that found them open.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mediasweep.rules.events import GateClosed, GateOpened
from mediasweep.rules.outcome import Answer, Outcome

if TYPE_CHECKING:
    from mediasweep.loops.slots import Slots
    from mediasweep.loops.ticket import Ticket
    from mediasweep.postgres.gates import Gates
    from mediasweep.postgres.queue import Claim
    from mediasweep.rules.events import Emit
    from mediasweep.rules.gate import Closing, GateKeeper


@dataclass(slots=True)
class Gating:
    """`shut` says why nothing is sent, `paused` that it is for a pause alone.

    `claiming` is held by whoever claims or closes.
    `fleet_limit` is what the whole fleet may have out at a time, as this daemon was started.
    """

    gates: Gates
    keeper: GateKeeper
    slots: Slots
    fleet_limit: int
    who: str
    emit: Emit
    shut: str | None = None
    paused: bool = False
    claiming: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closings: int = 0

    def see(self, claim: Claim) -> None:
        """Learn from a claim: what it says is closed, is; what brought jobs is open."""
        if claim.news.closed:
            if not self._closings:
                self.paused = claim.news.paused
            self.shut = claim.news.closed
        elif claim.jobs and not self._closings:
            self.shut = None

    def stops(self, ticket: Ticket) -> str | None:
        """Return why this job must not be sent, as far as it is for the gates."""
        passes = ticket.probe or (ticket.forced and self.paused)
        return None if passes else self.shut

    async def judge(self, answer: Answer, *, probe: bool) -> None:
        """Close or open what an answer closes or opens; safe to repeat until it has worked."""
        closing = self.keeper.see(answer, probe=probe, now=datetime.now(UTC))
        if closing is not None:
            self.shut = f"{closing.name} gate closed: {closing.reason}"
            self.paused = False
            self._closings += 1
            try:
                async with self.claiming:
                    await self._close(closing, probe=probe)
            finally:
                self._closings -= 1
            self.emit(GateClosed(closing))
        elif probe and answer.outcome is not Outcome.UNSENT:
            opened = await self.gates.open_tested(self.who)
            if opened:  # not what was closed anew while the test was under way
                self.emit(GateOpened(opened))

    async def _close(self, closing: Closing, *, probe: bool) -> None:
        await self.gates.close(closing, self.who)
        too_many = closing.name == "rate_limit" and not probe
        if too_many and await self.gates.throttle(self.fleet_limit):
            self.slots.set(max(1, self.slots.limit // 2))
