"""Reconciliation: list the whole account, have the database compare, look at each ghost once more.

Every page is committed with its cursor, so whatever stops in between, the next one to come goes on
there; and a page at a time is all that is in memory. A call that failed is made again, inside the
share of the hourly quota; what does not pass by itself ends the work and leaves the run, to be gone
on with. A listing that cannot be read makes it fail. The database raises as asyncpg does.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from mediasweep.postgres.pool import WAITED_OUT
from mediasweep.rules.drift import (
    ListingError,
    Question,
    Reconciled,
    ReconcileFinding,
    ReconcileInterrupted,
    ReconcileWaits,
    is_there,
    page,
    questions,
)
from mediasweep.rules.events import DatabaseLost
from mediasweep.rules.failures import AccountError, BusyError, StoppedError
from mediasweep.rules.outcome import Answer, Outcome
from mediasweep.rules.quota import Quota, read_quota
from mediasweep.rules.share import SLACK, next_hour, pause
from mediasweep.rules.text import message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mediasweep.cloudinary import Account, Told
    from mediasweep.postgres.reconcile import ListingPlace, Reconciliations, Run
    from mediasweep.rules.events import Emit

PATIENCE = timedelta(minutes=10)  # with a holder who is not heard of
BEAT_S = 20.0
TRIES = 5
LOOKED_AT = 100
CHECK_S = 60.0
STOPPED = "told to stop; what is listed is kept, and the next one goes on there"
OLD_CURSOR = "next_cursor"  # of which the answer to one that is not known any more speaks


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What was asked for, and by whom. `age_floor`: younger assets are no orphans."""

    by: str
    age_floor: timedelta
    shrunken: bool = False
    adopting: bool = False


@dataclass(slots=True)
class Reconciler:
    """Works on one run; `say` is told how far it is, and what it waits for."""

    runs: Reconciliations
    account: Account
    share: float
    stopping: asyncio.Event
    say: Callable[[Run | ReconcileWaits], None]
    quota: Quota | None = None
    _calls: int = 0  # since they were last written down
    _run: int = 0
    _anew: int = 0  # how often a listing had to begin anew

    async def run(self, asked: RunRequest) -> Run:
        """Begin a run or go on with one, and return it as it ended: done, refused or failed."""
        cloud = self.account.credentials.cloud_name
        run = await self.runs.begin(
            cloud, asked.by, asked.age_floor, PATIENCE, shrunken=asked.shrunken
        )
        if run.holder != self.runs.holder:
            raise BusyError(
                f"{run.asked_by} is at it, last heard of at {run.heard_at:%H:%M:%S} UTC; where "
                f"that is {PATIENCE.seconds // 60} minutes ago, run it again to go on with it"
            )
        self._run = run.id
        try:
            await self._work(run, asked)
        except ListingError as error:
            await self.runs.finish(run.id, str(error))
        finally:
            with suppress(*WAITED_OUT):  # nothing is lost: it is taken over a little later
                await self.runs.beat(run.id, leaves=True)
            self._run = 0
        ended = await self.runs.get(run.id)
        self._ours(ended.finished_at is not None)
        return ended

    async def _work(self, run: Run, asked: RunRequest) -> None:
        while run.state == "listing" and (place := run.next_place) is not None:
            self.say(run)
            await self._list(place)
            run = await self.runs.get(run.id)
        if run.state == "listing":
            self.say(run)
            await self.runs.compare(run.id, shrunken=asked.shrunken, adopting=asked.adopting)
            run = await self.runs.get(run.id)
        if run.state == "looking":
            self.say(run)
            await self.runs.name_rows(run.id)
            while ghosts := await self.runs.unseen(run.id, LOOKED_AT):
                await self._look(ghosts)
            await self.runs.finish(run.id)

    async def _list(self, place: ListingPlace) -> None:
        answer = await self._ask(lambda: self.account.listed(place.resource_type, place.cursor))
        if answer.outcome is Outcome.REJECTED:
            self._anew += 1
            if OLD_CURSOR not in (answer.detail or "") or self._anew > TRIES:
                raise ListingError(answer.detail or "the listing was refused")
            self._ours(await self.runs.keep(self._run, place, None, None))
            return
        body: Mapping[str, Any] = answer.response or {}
        following = body.get("next_cursor") or None
        if following is not None and following == place.cursor:
            raise ListingError("a page leads to itself")
        self._ours(await self.runs.keep(self._run, place, following, page(body)))

    async def _look(self, ghosts: list[ReconcileFinding]) -> None:
        told = await self.told(ghosts)
        there = [one.id for one in ghosts if any(one.is_told(asset) for asset in told)]
        calls, self._calls = self._calls, 0
        ids = [one.id for one in ghosts]
        self._ours(await self.runs.looked(self._run, ids, there, calls))

    async def told(self, findings: list[ReconcileFinding]) -> list[Mapping[str, Any]]:
        """Return what Cloudinary tells of these assets now: those that are there."""
        found: list[Mapping[str, Any]] = []
        self._calls = 0
        for question in questions(findings):
            answer = await self._ask(lambda q=question: self._told(q))  # type: ignore[misc]  # mypy knows no default of a lambda
            self._calls += 1
            listed = (answer.response or {}).get("resources")
            if answer.outcome is Outcome.REJECTED or not isinstance(listed, list):
                raise ListingError(answer.detail or f"no list of resources: {answer.response}")
            found += [asset for asset in listed if isinstance(asset, dict) and is_there(asset)]
        return found

    async def _told(self, question: Question) -> Told:
        return await self.account.told(question.ids, question.types)

    def _ours(self, still: bool) -> None:  # noqa: FBT001  what the database said
        if not still:
            raise BusyError("somebody else has taken over")

    async def _ask(self, call: Callable[[], Awaitable[Told]]) -> Answer:
        """Make one call, again where it is worth it; returns a good answer or REJECTED."""
        for attempt in range(TRIES):
            await self._keep_to_share()
            answer, headers = await call()
            if answer.outcome in {Outcome.DELETED, Outcome.REJECTED}:
                self.quota = read_quota(headers) or self.quota
                return answer
            if answer.outcome is Outcome.THROTTLED:
                now = datetime.now(UTC)
                until = answer.until or (self.quota and self.quota.reset_at) or next_hour(now)
                await self._wait(until - now + SLACK, answer.detail or "rate limited")
            elif answer.outcome is Outcome.AUTH_REFUSED or attempt == TRIES - 1:
                break
            else:
                await self._wait(timedelta(seconds=4**attempt / 4), answer.detail or answer.outcome)
        raise AccountError(answer.detail or answer.outcome)

    async def _keep_to_share(self) -> None:
        now = datetime.now(UTC)
        rest = pause(self.quota, self.share, now) if self.quota else timedelta(0)
        if rest and self.quota:
            left = self.quota.remaining
            await self._wait(
                rest,
                f"{left} of {self.quota.limit} calls are left to others, "
                "MEDIASWEEP_RECONCILE_SHARE",
            )
            self.quota = None  # of another hour
        if self.stopping.is_set():
            raise StoppedError(STOPPED)

    async def _wait(self, rest: timedelta, why: str) -> None:
        """Wait, and be heard of meanwhile; raises StoppedError when told to stop."""
        until = datetime.now(UTC) + rest
        self.say(ReconcileWaits(until, why))
        while (left_s := (until - datetime.now(UTC)).total_seconds()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), min(left_s, BEAT_S))
                raise StoppedError(STOPPED)
            if self._run:
                self._ours(await self.runs.beat(self._run))


@dataclass(slots=True)
class ReconcileLoop:
    """Reconciles every so often, by whichever daemon of the fleet comes first; only reports."""

    reconciler: Reconciler
    every: timedelta
    asked: RunRequest
    emit: Emit

    async def run(self) -> None:
        """Look whether it is time until cancelled."""
        while True:
            try:
                await self.once()
            except WAITED_OUT as error:
                self.emit(DatabaseLost("reconcile", message(error)))
            await asyncio.sleep(CHECK_S)

    async def once(self) -> None:
        """Reconcile if it is time."""
        cloud = self.reconciler.account.credentials.cloud_name
        if not await self.reconciler.runs.due(cloud, self.every):
            return
        try:
            run = await self.reconciler.run(self.asked)
        except (BusyError, StoppedError):
            return
        except WAITED_OUT:
            raise
        except (AccountError, asyncpg.PostgresError) as error:
            self.emit(ReconcileInterrupted(str(error)))
            return
        self.emit(Reconciled(run.id, run.state, run.asked_by, run.counts, run.reason))
