"""The queue as one daemon sees it, as Python values. The rules of the moves are in the database's
functions; what operators see and do is in `operator_queue.py`.

Every method is one statement in its own transaction; none is open while anything else happens. On
failure it raises what asyncpg raised, and the caller may call again: claims are leased, records are
compare-and-set, so a call whose commit is in doubt is safe to repeat.
"""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements
from mediasweep.postgres.storable_json import storable_json
from mediasweep.rules.asset import Asset
from mediasweep.rules.job import Job
from mediasweep.rules.text import storable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    import asyncpg

    from mediasweep.postgres.pool import Pool
    from mediasweep.rules.outcome import Answer

SQL = statements(__file__)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim brought: jobs to send, and when to look again if there were none.

    `memory` is opaque and goes into the next claim of this daemon. `probing`: a gate lets one row
    through as a test. `held`: rows are due but an open transaction may still bring their asset
    back.
    """

    jobs: list[Job]
    skipped: int
    failed: int
    probing: bool
    held: bool
    next_in: timedelta | None
    guard_error: str | None
    memory: str
    news: News

    @property
    def brought_something(self) -> bool:
        """Tell whether any row moved, so that there may be more."""
        return bool(self.jobs or self.skipped or self.failed)


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """What a claim is made under: how long it holds, how long new rows rest, how many tries.

    `settle` is the time after which a request that was given up can no longer take effect; `cloud`
    is the account that would be asked, `host` the machine that asks. The brake stops a source of
    which more than `brake_floor` rows, and more than `brake_share` of its assets, are queued in
    `brake_window`.
    """

    lease: timedelta
    grace: timedelta
    settle: timedelta
    max_attempts: int
    cloud: str
    brake_floor: int
    brake_share: float
    brake_window: timedelta
    host: str = field(default_factory=socket.gethostname)

    def as_json(self) -> str:
        """Return them as the database reads them."""
        return json.dumps(asdict(self), default=lambda time: f"{time.total_seconds()} s")


@dataclass(frozen=True, slots=True)
class News:
    """What a claim found out beside its rows.

    `closed`: why nothing is being sent, if so; `paused`: for no other reason than a pause.
    `forced`: its rows go through a pause, because somebody asked for a sweep. `braked`: the sources
    that it stopped. `config`: what an operator has set for all daemons. `handed_over`: so many rows
    had been claimed before, and nobody said what came of it. `kept`: skipped rows by why.
    """

    closed: str | None = None
    paused: bool = False
    forced: bool = False
    braked: Sequence[Mapping[str, Any]] = ()
    handed_over: int = 0
    kept: Mapping[str, int] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """An answer to be recorded for a claim; `due_in` says when the row may be claimed again."""

    job: Job
    answer: Answer
    due_in: timedelta


class Queue:
    """The queue as one daemon sees it."""

    def __init__(self, pool: Pool, daemon: UUID, terms: ClaimTerms) -> None:
        """Remember on whose behalf rows are claimed and recorded."""
        self._pool = pool
        self._daemon = daemon
        self._terms = terms.as_json()

    async def claim(self, batch: int, memory: str | None) -> Claim:
        """Claim up to `batch` rows; what it returns is committed and ours until the lease ends."""
        row = await self._pool.dedicated.fetchrow(
            SQL["claim"], self._daemon, batch, self._terms, memory
        )
        return _claim(row)

    async def rehearse(self, batch: int, memory: str | None) -> Claim:
        """Make a claim and take it back; the next one goes on after its rows."""
        terms = json.dumps(json.loads(self._terms) | {"once": True})
        row = await self._pool.dedicated.fetchrow(
            SQL["claim"], self._daemon, batch, terms, memory, undone=True
        )
        return _claim(row)

    async def bytes_of(self, jobs: Sequence[Job]) -> int:
        """Return how many bytes these jobs' assets have, as far as that was captured."""
        return int(await self._pool.fetchval(SQL["bytes_of"], [job.id for job in jobs]))

    async def record(self, results: Sequence[Result]) -> tuple[set[UUID], set[UUID]]:
        """Record answers; returns the ids that moved and those whose claim was lost.

        An id in neither is locked by somebody else just now and has to be recorded again.
        """
        rows = [_result(result) for result in results]
        row = await self._pool.fetchrow(SQL["record"], self._daemon, rows)
        if row is None:
            raise TypeError("record() returned no row")
        return set(row["recorded"]), set(row["lost"])

    async def refill(self, most: int) -> int:
        """Queue captures that fell back; returns how many."""
        return int(await self._pool.fetchval(SQL["refill"], most))

    async def dribbled(self) -> Sequence[Mapping[str, Any]]:
        """Close the brake of sources that lost too much over a long time; returns these."""
        told: list[Mapping[str, Any]] = json.loads(
            await self._pool.fetchval(SQL["brake_dribble"], self._terms)
        )
        return told

    async def forget_acknowledgements(self) -> int:
        """Drop acknowledgements that no row needs any more; returns how many."""
        return int(await self._pool.fetchval(SQL["forget_acknowledgements"], self._terms))

    async def prune(self, retention: timedelta, most: int) -> tuple[int, int]:
        """Drop up to `most` old finished rows and old journal rows; returns how many of each."""
        row = await self._pool.fetchrow(SQL["prune"], retention, most)
        if row is None:
            raise TypeError("prune returned no row")
        return row["queue_rows"], row["journal_rows"]


def _claim(row: asyncpg.Record | None) -> Claim:
    if row is None:
        raise TypeError("claim() returned no row")
    return Claim(
        jobs=[_job(job) for job in row["jobs"]],
        skipped=row["skipped"],
        failed=row["failed"],
        probing=row["probing"],
        held=row["held"],
        next_in=row["next_in"],
        guard_error=row["guard_error"],
        memory=row["memory"],
        news=_news(row["news"]),
    )


def _job(row: asyncpg.Record) -> Job:
    asset = Asset(row["public_id"], row["resource_type"], row["delivery_type"], row["asset_id"])
    return Job(
        row["id"],
        row["claim_no"],
        asset,
        row["attempt"],
        row["max_attempts"],
        row["in_doubt"],
        row["waited"],
    )


def _news(told: str) -> News:
    if told == "{}":
        return News()
    known = {field.name for field in fields(News)}
    return News(**{name: value for name, value in json.loads(told).items() if name in known})


def _result(result: Result) -> tuple[object, ...]:
    job, answer = result.job, result.answer
    return (
        job.id,
        job.claim_no,
        answer.outcome.move,
        answer.outcome,
        storable(answer.detail),
        None if answer.response is None else storable_json(answer.response),
        storable(answer.request_id),
        answer.resource_type,
        answer.delivery_type,
        result.due_in,
    )
