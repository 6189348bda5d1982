"""The path: claim → delete → record. A NOTIFY and the sweep take the same one.

Three coroutines and two queues between them. `claim` takes rows only while there is room for them;
`delete` sends as many at a time as this daemon has slots, each only while its lease has time and
its guard is fresh; `record` writes whatever came back meanwhile in one commit. No transaction is
open during HTTP. What a crash leaves behind has a lease that ends, and the next claim takes it
over. When Postgres fails, claiming waits and results are kept until they can be recorded; when
Cloudinary fails, that is an answer, and a gate may close.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from mediasweep.loops.boot_clock import boot_s
from mediasweep.loops.claim_events import ClaimCall, ClaimEvents
from mediasweep.loops.config import Config
from mediasweep.loops.outage import RETRY_S, Outage
from mediasweep.loops.pulse import Patience, longest_wait, pulse
from mediasweep.loops.recent_deletions import RecentDeletions
from mediasweep.loops.slots import Slots, nobody
from mediasweep.loops.ticket import SweepPolicy, Tally, Ticket, come_back
from mediasweep.postgres.pool import WAITED_OUT
from mediasweep.postgres.queue import Claim, Queue, Result
from mediasweep.rules.batch import Pace
from mediasweep.rules.events import Answered, ClaimLost, Recorded
from mediasweep.rules.job import Move
from mediasweep.rules.outcome import Answer, Outcome

if TYPE_CHECKING:
    from mediasweep.cloudinary import Account
    from mediasweep.loops.gating import Gating
    from mediasweep.postgres.wake import Wake
    from mediasweep.rules.events import Emit

LOOK_S = 1.0  # what an operator wants to be known is asked for so often, busy or not
FRESH_S = 2.0  # what a guard saw is acted on within this time, or asked again
OPEN_MOST = 300
STILL_S = 0.001  # long enough for a thread to enter the SDK


@dataclass(slots=True)
class Sweep:
    """One daemon's share of the work."""

    queue: Queue
    account: Account
    gating: Gating
    wake: Wake
    policy: SweepPolicy
    config: Config
    slots: Slots
    emit: Emit
    stopping: asyncio.Event
    turned: Callable[[], None] = nobody
    clock_s: Callable[[], float] = boot_s
    tally: Tally = field(default_factory=Tally)
    recent: RecentDeletions = field(default_factory=RecentDeletions)
    _inbox: asyncio.Queue[Ticket] = field(default_factory=asyncio.Queue)
    _outbox: asyncio.Queue[tuple[Ticket, Answer]] = field(default_factory=asyncio.Queue)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _settled: asyncio.Event = field(default_factory=asyncio.Event)
    _memory: str | None = None
    _open: int = 0
    _moved_s: float = 0.0
    _pace: Pace = field(init=False)
    _outage: Outage = field(init=False)
    claim_events: ClaimEvents = field(init=False)

    def __post_init__(self) -> None:
        """Begin small, and hear when this daemon may do more."""
        self._pace = Pace(self.config.batch)
        self._outage = Outage(self.emit, self.clock_s, self.turned)
        self.claim_events = ClaimEvents(self.emit, self.config)
        self.slots.changed = self._look

    async def run(self) -> None:
        """Work until `stopping`; ends when everything that was claimed has been recorded."""
        async with asyncio.TaskGroup() as group:
            others = [
                group.create_task(self._record(), name="record"),
                group.create_task(self._hand_out(group), name="hand out"),
            ]
            await self._claim()
            await self._all_recorded()
            for task in others:
                task.cancel()

    @property
    def database_trouble(self) -> str | None:
        """Return why the last call to the database failed, with no more than what is missing."""
        return self._outage.trouble

    @property
    def in_flight(self) -> int:
        """How many claimed rows have not been recorded yet."""
        return self._open

    @property
    def stands_still_s(self) -> float:
        """For how long nothing of what is in flight has come back, while the database worked."""
        since_s = max(self._moved_s, self._outage.failed_s)
        return self.clock_s() - since_s if self._open else 0.0

    # -- claim ------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        """Claim while there is something and room; sleep only after an armed, empty look."""
        woken_by, streak, patience = "start", 0, Patience(self.clock_s())
        while not self.stopping.is_set():
            self.turned()
            has_room = await self._wait_for_room()
            notified_s = self.wake.attend()  # before the look: what comes meanwhile is remembered
            armed = self.wake.armed
            batch = self._pace.batch if has_room else 0  # then only for what there is to know
            if (claim := await self._take(ClaimCall(batch, woken_by, notified_s))) is None:
                wait_s = random.uniform(RETRY_S, 10 * RETRY_S)
                woken_by = await pulse(asyncio.Event(), self.stopping, wait_s, self.turned)
            elif claim.brought_something:
                full = len(claim.jobs) == batch
                self._pace.next_batch(self.config.batch, self.slots.limit, full=full)
                streak, woken_by = streak + 1, "backlog"
                patience.found(self.clock_s())
                if full or streak > 1:  # one row now and then is not worth waking up for
                    await self.wake.disarm()
            elif not has_room:
                if not self.slots.limit:  # standing by; who works should not have to be notified
                    await self.wake.disarm()
                    woken_by = await self._rest("standing by", claim, patience)
            elif armed:
                streak, woken_by = 0, await self._rest("armed", claim, patience)
            elif (refused := await self.wake.arm(patience.idle_s(self.clock_s()))) == "armed":
                woken_by = "arming"  # and look once more: what was committed meanwhile said nothing
                patience.reset()
            else:
                streak, woken_by = 0, await self._rest(refused, claim, patience)

    async def _take(self, call: ClaimCall) -> Claim | None:
        started_s = self.clock_s()
        async with self.gating.claiming:
            try:
                claim = await self.queue.claim(call.batch, self._memory)
            except WAITED_OUT as error:
                self._memory = None  # the next claim looks where it is
                self._outage.failed("claim", error)
                self.claim_events.nothing(call, self.clock_s() - started_s, "failed")
                return None
            committed_s = asyncio.get_running_loop().time()
            self._outage.over()
            self._memory = self.tally.memory = claim.memory
            self.gating.see(claim)
        # the lease is counted from before the claim, the guard's answer from after it: else one
        # that takes long would be too old the moment that it comes
        claimed_s = self.clock_s()
        send_before_s = started_s + (self.policy.lease - self.policy.reserve).total_seconds()
        if not self._open:
            self._moved_s = claimed_s
        for job in claim.jobs:
            self._open += 1
            ticket = Ticket(job, claimed_s, send_before_s, claim.probing, claim.news.forced)
            self._inbox.put_nowait(ticket)
        if claim.jobs:  # goes out first: the threads that send it cannot run while this one does
            await asyncio.sleep(STILL_S)
        self.claim_events.claimed(claim, call, claimed_s - started_s, committed_s)
        self.tally.swept_s = claimed_s
        return claim

    async def _rest(self, refused: str, claim: Claim, patience: Patience) -> str:
        """Wait for a notification, for what falls due next, or for as long as the wait may be."""
        held_s = patience.held() if claim.held else None
        idle_s = patience.idle_s(self.clock_s())
        wait_s = longest_wait(refused, self.config.interval, claim.next_in, held_s, idle_s)
        return await pulse(self.wake.heard, self.stopping, wait_s, self.turned)

    async def _wait_for_room(self) -> bool:
        """Tell whether there is room, having waited for it, but not for long."""
        if self.slots.limit and not self._has_room():
            self._room.clear()
            with suppress(TimeoutError):
                # wait_for, up to Python 3.11, swallows a cancellation that comes as it ends
                async with asyncio.timeout(LOOK_S):
                    await self._room.wait()
        return self._has_room()

    def _look(self) -> None:
        """Wake up, from whichever wait."""
        self._room.set()
        self.wake.heard.set()

    def _has_room(self) -> bool:
        waiting = min(self.slots.limit, max(1, self._pace.batch // 2))
        return self._inbox.qsize() < waiting and self._open < OPEN_MOST

    # -- delete -----------------------------------------------------------------------------------

    async def _hand_out(self, group: asyncio.TaskGroup) -> None:
        """Begin with one job after the other, as slots come free."""
        while True:
            ticket = await self._inbox.get()
            self._room.set()
            if await self.slots.take():
                group.create_task(self._delete(ticket), name="delete")
            else:  # a lease that ran out in here would put the row in doubt
                self._outbox.put_nowait((ticket, Answer(Outcome.UNSENT, "not sent: no slots")))

    async def _delete(self, ticket: Ticket) -> None:
        """Send one job, unless it must not be sent: then it goes back."""
        started_s = self.clock_s()
        may_not = partial(self._reason_not_to_send, ticket)
        try:
            answer = await self.account.destroy(ticket.job.asset, may_not)
            if answer.calls:
                self._pace.answered(self.clock_s() - started_s)
        finally:
            self.slots.give()
        self.emit(Answered(ticket.job, answer, self.clock_s() - started_s))
        await self._outage.until_it_works(
            "gate", partial(self.gating.judge, answer, probe=ticket.probe)
        )
        self._outbox.put_nowait((ticket, answer))

    def _reason_not_to_send(self, ticket: Ticket) -> str | None:
        """Return why a job must not be sent now; asked before every call, also the later ones."""
        now_s = self.clock_s()
        if self.stopping.is_set():
            return "the daemon is stopping"
        if reason := self.gating.stops(ticket):
            return reason
        if now_s - ticket.claimed_s > FRESH_S:
            return "its use was checked too long ago"
        return None if now_s < ticket.send_before_s else "its lease has too little time"

    # -- record -----------------------------------------------------------------------------------

    async def _record(self) -> None:
        """Record what has come back, all of it in one commit, until the database has taken it."""
        while True:
            left = come_back(self._outbox, await self._outbox.get())
            results = [self._result(ticket, answer) for ticket, answer in left.values()]
            call = partial(self.queue.record, results)
            recorded, lost = await self._outage.until_it_works("record", call)
            self._moved_s = self.clock_s()
            for id_ in recorded | lost:
                self._finish(*left.pop(id_), lost=id_ in lost)
            for held in left.values():  # somebody holds the row; the others must not wait for it
                asyncio.get_running_loop().call_later(RETRY_S, self._outbox.put_nowait, held)

    def _result(self, ticket: Ticket, answer: Answer) -> Result:
        job = ticket.job
        wait = self.policy.backoff.wait(answer, job.attempt, job.max_attempts, random.random())
        return Result(job, answer, wait)

    def _finish(self, ticket: Ticket, answer: Answer, *, lost: bool) -> None:
        self._open -= 1
        self._settled.set()
        self._room.set()
        self.recent.note(ticket.job, answer, lost=lost)
        if lost:
            self.emit(ClaimLost(ticket.job, answer))
            return
        if answer.outcome.move in {Move.REFUSED, Move.UNKNOWN}:
            self.wake.heard.set()  # it falls due before the sleeper knew it would
        self.tally.completed += answer.outcome.move is Move.COMPLETED
        self.tally.failed += answer.outcome.move is Move.FAILED
        since_claim = timedelta(seconds=self.clock_s() - ticket.claimed_s)
        self.emit(Recorded(ticket.job, answer, ticket.job.waited + since_claim))

    async def _all_recorded(self) -> None:
        while self._open:
            self._settled.clear()
            await self._settled.wait()
