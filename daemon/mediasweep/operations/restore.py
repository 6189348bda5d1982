"""Taking deletions back: which ones the journal knows, and bringing their assets back from backup.

A call is made for up to a hundred assets, and what became of each of them is written down before
the next call. Whatever stops in between, a second run goes on with the rest; nothing is locked, so
daemons may work meanwhile. What Cloudinary or the network did is in the report; only the database
raises, as asyncpg does.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mediasweep.operations import named
from mediasweep.postgres import clock
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.journal import Journal
from mediasweep.postgres.operator_queue import OperatorQueue
from mediasweep.rules.moment import window
from mediasweep.rules.outcome import Answer, Outcome
from mediasweep.rules.restore import (
    Batch,
    Deletion,
    RestoreFilter,
    RestoreResult,
    calls,
    unique,
    wait,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mediasweep.cloudinary import Account
    from mediasweep.postgres.pool import Connection, Pool


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What a run would bring back, newest deletion first, each asset once.

    `more`: there are older deletions than were looked at. Of what was named by an id, `already` is
    back since, and of `unknown` no deletion is known.
    """

    deletions: Sequence[Deletion]
    more: bool = False
    already: Sequence[str] = ()
    unknown: Sequence[str] = ()

    @property
    def bytes(self) -> int:
        """Return the size of all, as far as it is known."""
        return sum(one.bytes or 0 for one in self.deletions)


@dataclass(frozen=True, slots=True)
class RestoreProgress:
    """So many of all are done, `failed` of them in vain."""

    done: int
    failed: int
    of: int


@dataclass(frozen=True, slots=True)
class RestoreWaits:
    """The run goes on after a while, or when it is told to stop."""

    duration: timedelta
    why: str


@dataclass(slots=True)
class RestoreReport:
    """What a run did. `left` was not tried, or not answered, because of `stopped`.

    `refused`: Cloudinary does not know these credentials, or they may not restore.
    """

    results: list[RestoreResult] = field(default_factory=list)
    left: list[Deletion] = field(default_factory=list)
    stopped: str | None = None
    refused: bool = False

    @property
    def failed(self) -> list[RestoreResult]:
        """Return what could not be brought back."""
        return [result for result in self.results if result.why is not None]


async def plan(
    connection: Pool | Connection,
    wanted: RestoreFilter,
    *,
    source: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int,
) -> RestorePlan:
    """Look for deletions that fit, among the newest `limit`; raises FilterError or MomentError.

    `source` is told as people call it, in place of the one in `wanted`.
    """
    journal, queue = Journal(connection), OperatorQueue(connection)
    await named.reason(queue, wanted.reason)
    if source is not None:
        wanted = replace(wanted, source=await named.source(queue, source))
    between = window(since, until, await clock.now(connection))
    found = await journal.deletions(wanted, between, limit)
    called = {*map(str, wanted.ids), *wanted.public_ids}
    missing = called - _names(found)
    back = missing and await journal.deletions(wanted, between, limit, taken_back=True)
    already = missing & _names(back or [])
    return RestorePlan(
        unique(found),
        more=len(found) == limit,
        already=sorted(already),
        unknown=sorted(missing - already),
    )


def _names(deletions: Sequence[Deletion]) -> set[str]:
    return {name for one in deletions for name in (str(one.queue_id), one.public_id)}


async def restore(
    connection: Pool | Connection,
    account: Account,
    deletions: Sequence[Deletion],
    *,
    who: str,
    say: Callable[[RestoreProgress | RestoreWaits], None],
    stopping: asyncio.Event,
) -> RestoreReport:
    """Bring the assets back, call by call; `stopping` ends it after the call that is being made."""
    journal, report = Journal(connection), RestoreReport()
    here = await Fleet(connection).installation()
    proven = (
        here.get("cloud_name") == account.credentials.cloud_name
        and here.get("asset_id_proven_at") is not None
    )
    batches, hopeless = calls(deletions, by_asset_id=proven)

    async def note(results: Sequence[RestoreResult]) -> None:
        await journal.note_restores(results, who)
        report.results += results
        say(RestoreProgress(len(report.results), len(report.failed), len(deletions)))

    if hopeless:
        await note(hopeless)
    for number, batch in enumerate(batches):
        answer = await _ask(account, batch, say, stopping)
        if answer.ok:
            await note(batch.read(answer.response or {}, answer.request_id))
            continue
        why = answer.detail or answer.outcome
        failed = batch.fail(why, answer.request_id)
        if answer.outcome is Outcome.REJECTED:
            await note(failed)
            continue
        if answer.outcome in {Outcome.UNCLEAR, Outcome.LOCKED}:  # it was asked, so it is journalled
            await journal.note_restores(failed, who)
        report.left = [one for later in batches[number:] for one in later.deletions]
        report.refused = answer.outcome is Outcome.AUTH_REFUSED
        report.stopped = why
        break
    return report


async def _ask(
    account: Account,
    batch: Batch,
    say: Callable[[RestoreProgress | RestoreWaits], None],
    stopping: asyncio.Event,
) -> Answer:
    """Make one call, again where that is worth waiting for; UNSENT: it was told to stop."""
    tries = 0
    answer = Answer(Outcome.UNSENT, "told to stop")
    while not stopping.is_set():
        tries += 1
        answer = await account.restore(batch.ids, batch.types)
        pause = wait(answer, tries, datetime.now(UTC))
        if pause is None:
            break
        say(RestoreWaits(pause, answer.detail or answer.outcome))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause.total_seconds())
    return answer
