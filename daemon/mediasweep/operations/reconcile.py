"""Reconciling on somebody's word: what may be done about the findings, and doing it.

Nothing is done unless the run is complete, and each asset is looked at once more right before: what
is not the file that was sighted is left alone. Orphans are never deleted here: they are queued, and
guard, brake and horizon have their say. Each finding is marked in the transaction that does it, so
that whatever stops in between, the next one to come does the rest.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg

from mediasweep.loops.reconcile import LOOKED_AT, Reconciler, RunRequest
from mediasweep.operations.refusal import RefusedError, stay_home
from mediasweep.postgres.pool import PASSING
from mediasweep.rules.failures import AccountError, BusyError
from mediasweep.rules.notification import UPLOAD, Notification
from mediasweep.rules.number import number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from mediasweep.postgres.reconcile import Reconciliations, Run
    from mediasweep.rules.drift import ReconcileFinding
    from mediasweep.rules.notification import Change

LOCKED_TRIES = 20
LOCKED_WAIT_S = 0.5


class Orphans(StrEnum):
    """What is done about assets that no row uses."""

    REPORT = "report"
    ADOPT = "adopt"
    DELETE = "delete"


class Ghosts(StrEnum):
    """What is done about rows whose asset is not there."""

    REPORT = "report"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """What is wanted. `owned`: prefixes of public ids that are this database's own; `only`: the
    resource type of what is acted upon.
    """

    orphans: Orphans = Orphans.REPORT
    ghosts: Ghosts = Ghosts.REPORT
    owned: Sequence[str] = ()
    age_floor: timedelta = timedelta(hours=24)
    shrunken: bool = False
    only: str | None = None

    @property
    def acts(self) -> bool:
        """Tell whether it is more than a report."""
        return self.orphans is not Orphans.REPORT or self.ghosts is not Ghosts.REPORT


@dataclass(slots=True)
class ReconcileActions:
    """What was done: orphans queued, adopted or left because they changed; ghosts marked. The rows
    of the library that were brought in line count as adopted.
    """

    queued: int = 0
    adopted: int = 0
    left: int = 0
    marked: int = 0

    @property
    def says(self) -> str:
        """Return it in words."""
        words = {"queued": "queued", "adopted": "adopted", "left": "left alone", "marked": "marked"}
        told = [f"{number(many)} {words[name]}" for name, many in asdict(self).items() if many]
        return ", ".join(told) or "nothing to do"


async def check(
    runs: Reconciliations, wanted: ReconcileOptions, *, cloud: str, home: str | None, dry_run: bool
) -> None:
    """Raise RefusedError for what may not be done here; `home`: the cloud of the installation."""
    stay_home(home, cloud)
    if not wanted.acts:
        return
    if dry_run:
        raise RefusedError(
            "MEDIASWEEP_DRY_RUN is set, so nothing is done: only report, or unset it"
        )
    if away := await runs.away():
        raise RefusedError(f"nothing is done here, only reported: {away}")
    if wanted.orphans is Orphans.DELETE and not all([wanted.owned, *wanted.owned]):
        raise RefusedError(
            "say whose orphans may be deleted: --owned, with how your own public ids begin, as in "
            "--owned uploads/; what others keep in this account looks like an orphan, too"
        )
    library = wanted.orphans is Orphans.ADOPT or wanted.ghosts is Ghosts.MARK
    if library and not await runs.has_library():
        raise RefusedError(
            "there is no library here: it is made by mediasweep migrate --with-library"
        )


async def reconcile(reconciler: Reconciler, wanted: ReconcileOptions, who: str) -> Run:
    """Compare, and return the complete run; raises RefusedError, AccountError or BusyError."""
    adopting = wanted.orphans is Orphans.ADOPT
    run = await reconciler.run(RunRequest(who, wanted.age_floor, wanted.shrunken, adopting))
    if run.state == "refused":
        raise RefusedError(run.reason or run.state)
    if run.state == "failed":
        raise AccountError(run.reason or run.state)
    return run


async def chosen(runs: Reconciliations, run: Run, wanted: ReconcileOptions) -> tuple[int, int]:
    """Return how many assets would be acted upon, and their bytes."""
    if wanted.orphans is Orphans.DELETE:
        return await runs.count_chosen(run.id, wanted.owned, sighted=True, only=wanted.only)
    if wanted.orphans is Orphans.ADOPT:
        owned = wanted.owned or None
        return await runs.count_chosen(run.id, owned, sighted=False, only=wanted.only)
    return 0, 0


async def passed_over(runs: Reconciliations, run: Run, wanted: ReconcileOptions) -> list[str]:
    """Say of how many orphans that may not be deleted why that is, a sentence for each reason."""
    if wanted.orphans is not Orphans.DELETE:
        return []
    left = await runs.passed_over(run.id, wanted.owned)
    why = {
        "sighted_once": "were found by one comparison only: compare again, an hour after the first",
        "nearly_named": "are left alone, because a row nearly names them: see their detail",
        "elsewhere": "do not begin as --owned says",
    }
    return [
        f"of the orphans, {number(left[name])} {says}" for name, says in why.items() if left[name]
    ]


async def act(
    reconciler: Reconciler,
    run: Run,
    wanted: ReconcileOptions,
    who: str,
    say: Callable[[ReconcileActions], None],
) -> ReconcileActions:
    """Do what is wanted about the findings of the last complete run; `say` is told how far."""
    acted = ReconcileActions()
    runs = reconciler.runs
    if wanted.ghosts is Ghosts.MARK:
        await _mark(reconciler, run, wanted.only, acted)
    if wanted.orphans is Orphans.REPORT:
        return acted
    sighted = wanted.orphans is Orphans.DELETE
    owned = wanted.owned or None
    only = wanted.only
    while some := await runs.chosen(run.id, LOOKED_AT, owned, sighted=sighted, only=only):
        told = await reconciler.told(some)
        same = {one.id: asset for one in some for asset in told if one.is_same(asset)}
        changed = [one.id for one in some if one.id not in same]
        await runs.leave(run.id, changed)
        acted.left += len(changed)
        if wanted.orphans is Orphans.ADOPT:
            await _adopt(runs, run, [(one, same[one.id]) for one in some if one.id in same], acted)
        elif same:
            queued = await runs.delete(run.id, list(same), wanted.owned, who)
            if not queued:
                raise BusyError("a newer reconciliation has come to its end meanwhile")
            acted.queued += queued
        say(acted)
    return acted


async def _mark(
    reconciler: Reconciler, run: Run, only: str | None, acted: ReconcileActions
) -> None:
    """Mark the library's ghosts, except those that are there by now."""
    runs = reconciler.runs
    while some := await runs.library_ghosts(run.id, LOOKED_AT, only):
        told = await reconciler.told(some)
        there = [one.id for one in some if any(one.is_told(asset) for asset in told)]
        await runs.leave(run.id, there)
        acted.left += len(there)
        gone = [one.id for one in some if one.id not in there]
        acted.marked += await _unlocked(partial(runs.mark, run.id, gone))
    await runs.unmark(run.id)


async def _unlocked(call: Callable[[], Awaitable[int]]) -> int:
    """Change rows, again as long as somebody locks one of them."""
    for _ in range(LOCKED_TRIES - 1):
        with suppress(asyncpg.LockNotAvailableError):
            return await call()
        await asyncio.sleep(LOCKED_WAIT_S)
    return await call()


async def _adopt(
    runs: Reconciliations,
    run: Run,
    some: Sequence[tuple[ReconcileFinding, Mapping[str, Any]]],
    acted: ReconcileActions,
) -> None:
    """Adopt one by one, so that an asset which cannot be keeps out no other."""
    for one, asset in some:
        try:
            changes = _as_told(asset, run)
            adopted = await _unlocked(partial(runs.adopt, run.id, [one.id], changes))
        except asyncpg.PostgresError as error:
            if isinstance(error, PASSING):
                raise
            adopted = 0
            await runs.leave(run.id, [one.id])
        acted.adopted += adopted
        acted.left += 1 - adopted


def _as_told(asset: Mapping[str, Any], run: Run) -> list[Change]:
    """Return what notifications would have said: of its upload, and of how it is now.

    How it is now is said as of when the run began: whatever is heard of it since goes before.
    """
    made = datetime.fromtimestamp(int(asset["version"]), UTC)
    body = {**asset, "timestamp": made.isoformat()}
    uploaded = Notification(UPLOAD, body).changes(datetime.now(UTC))
    return uploaded + [one.since(run.started_at) for one in uploaded]
