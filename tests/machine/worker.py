"""A worker: the product's own sweep, taken one step at a time.

What `Sweep.run` does in three coroutines, a game does here in its own order: take what a claim
brings, send one of it, record some of what came back. Whether a job may still be sent, which gate
an answer closes and how long a row waits is decided by the sweep itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from mediasweep.daemon import BACKOFF_CAP, GATE_FIRST, GATE_LONGEST
from mediasweep.loops.claim_events import ClaimCall
from mediasweep.loops.config import Config
from mediasweep.loops.gating import Gating
from mediasweep.loops.slots import Slots
from mediasweep.loops.sweep import Sweep
from mediasweep.loops.ticket import SweepPolicy, Ticket
from mediasweep.postgres.gates import Gates
from mediasweep.postgres.queue import Claim, ClaimTerms, Queue
from mediasweep.postgres.wake import Wake
from mediasweep.rules.gate import GateKeeper, GatePolicy
from mediasweep.rules.outcome import Answer, Backoff
from tests.machine.account import Known
from tests.machine.world import Clock, World, longer_ago

LEASE = timedelta(seconds=60)
LONGEST_CALL = timedelta(seconds=20)  # which is the reserve of a lease, and settles a row
BRAKE_WINDOW = timedelta(minutes=10)
POLICY = SweepPolicy(
    concurrency=8,
    lease=LEASE,
    reserve=LONGEST_CALL,
    backoff=Backoff(timedelta(seconds=15), BACKOFF_CAP, settle=LONGEST_CALL),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What one game is played under."""

    workers: int = 2
    max_attempts: int = 3
    grace_s: int = 0
    by_asset_id: bool = True
    keeps_asset_id: bool = False
    brake_floor: int = 1000

    def terms(self, cloud: str) -> ClaimTerms:
        """Return what claims are made under."""
        grace = timedelta(seconds=self.grace_s)
        return ClaimTerms(
            lease=LEASE,
            grace=grace,
            settle=LONGEST_CALL,
            max_attempts=self.max_attempts,
            cloud=cloud,
            brake_floor=self.brake_floor,
            brake_share=0.05,
            brake_window=BRAKE_WINDOW,
        )


class Lagging(Queue):
    """The queue, of whose claims a worker hears after `lag_s` of the game's time."""

    clock: Clock
    lag_s = 0.0

    async def claim(self, batch: int, memory: str | None) -> Claim:
        """Claim as the product does, and let time pass."""
        claim = await super().claim(batch, memory)
        self.clock.now_s += self.lag_s
        return claim


class Worker(Sweep):
    """One daemon's sweep; `tickets` are what it holds, `answers` what it has not recorded yet."""

    work = POLICY

    def __init__(self, world: World, rules: Rules) -> None:
        self.id: UUID = uuid4()
        self.known = Known()
        self.tickets: list[Ticket] = []
        self.answers: list[tuple[Ticket, Answer]] = []
        slots = Slots(clock_s=world.clock)
        self.lagging = Lagging(world.pool, self.id, rules.terms(world.cloud.name))
        self.lagging.clock = world.clock
        super().__init__(
            queue=self.lagging,
            account=world.account,
            gating=Gating(
                gates=Gates(world.pool),
                keeper=GateKeeper(GatePolicy(GATE_FIRST, GATE_LONGEST)),
                slots=slots,
                fleet_limit=self.work.concurrency,
                who="a worker",
                emit=_nobody,
            ),
            wake=Wake(world.dsn, world.pool, _nobody, patience=timedelta(seconds=1)),
            policy=self.work,
            config=Config(timedelta(minutes=5), 10, timedelta(minutes=1)),
            slots=slots,
            emit=_nobody,
            stopping=asyncio.Event(),
            clock_s=world.clock,
        )
        self._world = world

    @property
    def memory(self) -> str:
        """What the last claim has found out."""
        assert self._memory is not None
        return self._memory

    def age(self, seconds: float) -> None:
        """Remember everything as so much longer ago; the clock has been put forward already."""
        self._memory = longer_ago(self._memory, seconds)

    async def take(self, batch: int) -> Claim:
        """Claim, and hold what it brought."""
        claim = await self._take(ClaimCall(batch, "the game", None))
        assert claim is not None, "the database did not answer"
        while not self._inbox.empty():
            self.tickets.append(self._inbox.get_nowait())
        return claim

    async def send(self, ticket: Ticket) -> Answer:
        """Send a job that it holds, or find that it must not be sent."""
        self.tickets.remove(ticket)
        self._world.account.lend(self.known)
        self.slots.set(1)
        await self.slots.take()
        await self._delete(ticket)
        self.known.asset_id_proven = self.account.asset_id_proven
        answered = self._outbox.get_nowait()
        self.answers.append(answered)
        return answered[1]

    async def record(self, most: int) -> tuple[set[UUID], set[UUID]]:
        """Record the oldest answers; returns the ids that moved and those whose claim was lost."""
        told, self.answers = self.answers[:most], self.answers[most:]
        results = [self._result(ticket, answer) for ticket, answer in told]
        recorded, lost = await self.queue.record(results)
        for ticket, answer in told:
            self._finish(ticket, answer, lost=ticket.job.id in lost)
        return recorded, lost


def _nobody(_: object) -> None:
    """Tell nobody."""
