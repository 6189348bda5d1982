"""A comparison of account and rows that a request has begun, and how one stands anywhere.

It goes on without who asked for it. What is known of it is in the database, so that each daemon
tells the same; only why it was broken off is told by the one that had begun it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from mediasweep.loops.reconcile import PATIENCE, Reconciler
from mediasweep.operations.background_task import BackgroundTask
from mediasweep.operations.reconcile import (
    ReconcileActions,
    ReconcileOptions,
    act,
    check,
    chosen,
    reconcile,
)
from mediasweep.operations.refusal import RefusedError
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.reconcile import Reconciliations
from mediasweep.rules.drift import Reconciled, ReconcileInterrupted, ReconcileWaits, in_figures
from mediasweep.rules.failures import AccountError
from mediasweep.rules.number import counted

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence

    from mediasweep.cloudinary import Account
    from mediasweep.postgres.pool import Pool
    from mediasweep.postgres.reconcile import Run
    from mediasweep.rules.events import Emit


@dataclass(frozen=True, slots=True)
class ReconcileState:
    """How the newest comparison stands, and the newest complete one.

    `acted`: for how many of the findings of the complete one each action was taken. `trouble`: why
    what was begun here came to nothing.
    """

    newest: Run | None
    complete: Run | None
    under_way: bool
    says: str
    acted: Mapping[str, int]
    trouble: str | None
    has_library: bool


@dataclass(slots=True)
class ReconcileRunner:
    """What this daemon was asked to compare; `share` of the hourly calls of the Admin API."""

    pool: Pool
    account: Account
    share: float
    stopping: asyncio.Event
    emit: Emit
    dry_run: bool
    task: BackgroundTask[ReconcileActions] = field(
        default_factory=lambda: BackgroundTask("a comparison")
    )
    _waits: ReconcileWaits | None = None

    async def begin(self, wanted: ReconcileOptions, who: str, run: int | None = None) -> None:
        """Begin to compare and to act; `run`: to act upon its report, without a new one.

        Raises RefusedError for what may not be done here, or while another one is under way.
        """
        runs = self._runs()
        await self._check(runs, wanted)
        seen = None if run is None else await self._seen(runs, run)
        self._waits = None
        self.task.begin(lambda: self._work(runs, wanted, who, seen))

    async def foresee(self, wanted: ReconcileOptions, run: int | None = None) -> tuple[int, int]:
        """Return how many orphans of a report would be acted upon, and their bytes."""
        runs = self._runs()
        await self._check(runs, wanted)
        return await chosen(runs, await self._seen(runs, run), wanted)

    async def state(self) -> ReconcileState:
        """Return how it stands."""
        runs, cloud = self._runs(), self.account.credentials.cloud_name
        newest = await runs.newest(cloud)
        complete = next((run for run in await runs.last(cloud) if run.state == "done"), None)
        under_way = self.task.under_way or await runs.under_way(cloud, PATIENCE)
        return ReconcileState(
            newest=newest,
            complete=complete,
            under_way=under_way,
            says=self._says(newest, under_way=under_way),
            acted=await runs.acted(complete.id) if complete else {},
            trouble=str(self.task.trouble) if self.task.trouble else None,
            has_library=await runs.has_library(),
        )

    async def left(self, run: int) -> Mapping[str, int]:
        """Return about how many findings of a run nothing was done, by their kinds."""
        return await self._runs().left(run)

    async def markable(self, run: int) -> int:
        """Return how many ghosts of a run can be marked: those of the library that are not."""
        return await self._runs().count_ghosts(run)

    async def findings(
        self, run: int, after: int, most: int, kind: str | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Return the findings of a run after this one, all or those of one kind."""
        return await self._runs().findings(run, after, most, kind)

    async def _work(
        self, runs: Reconciliations, wanted: ReconcileOptions, who: str, seen: Run | None
    ) -> ReconcileActions:
        reconciler = Reconciler(runs, self.account, self.share, self.stopping, self._say)
        try:
            run = seen or await self._compare(reconciler, wanted, who)
            return await act(reconciler, run, wanted, who, lambda _: None)
        except AccountError as error:
            self.emit(ReconcileInterrupted(str(error)))
            raise

    async def _compare(self, reconciler: Reconciler, wanted: ReconcileOptions, who: str) -> Run:
        run = await reconcile(reconciler, wanted, who)
        self.emit(Reconciled(run.id, run.state, run.asked_by, run.counts, run.reason))
        return run

    def _runs(self) -> Reconciliations:
        return Reconciliations(self.pool, uuid4())

    async def _check(self, runs: Reconciliations, wanted: ReconcileOptions) -> None:
        home = (await Fleet(self.pool).installation()).get("cloud_name")
        cloud = self.account.credentials.cloud_name
        await check(runs, wanted, cloud=cloud, home=home, dry_run=self.dry_run)

    async def _seen(self, runs: Reconciliations, wanted: int | None) -> Run:
        """Return the newest complete run; raises RefusedError if another one is meant."""
        for run in await runs.last(self.account.credentials.cloud_name):
            if run.state == "done" and wanted in {None, run.id}:
                return run
        raise RefusedError(
            "no complete comparison is known: have one made first"
            if wanted is None
            else f"report {wanted} is not the newest any more, or never was complete: look again"
        )

    def _say(self, news: Run | ReconcileWaits) -> None:
        self._waits = news if isinstance(news, ReconcileWaits) else None
        if self._waits:
            self.emit(self._waits)

    def _says(self, newest: Run | None, *, under_way: bool) -> str:
        """Return in a sentence how far it is."""
        if newest is None:
            return "nothing was compared yet"
        if not under_way and newest.finished_at is None:
            return "it was left, and is gone on with by the next one"
        if under_way and self.task.under_way and self._waits:
            return f"waiting until {self._waits.until:%H:%M:%S} UTC: {self._waits.reason}"
        if newest.finished_at is not None:
            found = newest.reason or in_figures(newest.counts)
            return "acting upon what was found" if under_way else found
        if place := newest.next_place:
            return f"{counted(newest.listed, 'asset')} listed, {place.resource_type} now"
        done = newest.state == "listing"
        return "comparing" if done else "looking once more at rows whose asset is not there"
