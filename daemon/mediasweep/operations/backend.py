"""What operations are given on behalf of who asks over HTTP, and what they may fail of by no fault
of theirs.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediasweep.operations import cleanup, fleet, media, overview, scheduler
from mediasweep.operations.cached_query import CachedQuery
from mediasweep.operations.reconcile_runner import ReconcileRunner
from mediasweep.operations.selftest_runner import SelftestRunner
from mediasweep.postgres.pool import BROKEN, PASSING, DatabaseError, Pool
from mediasweep.postgres.user_errors import PostgresError, user_constraint, user_function
from mediasweep.rules.address import delivery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediasweep.cloudinary import Account
    from mediasweep.rules.events import Emit
    from mediasweep.settings import Settings

__all__ = [
    "BROKEN",
    "PASSING",
    "Backend",
    "DatabaseError",
    "PostgresError",
    "user_constraint",
    "user_function",
]

UPLOADS = 2  # at a time, each of which holds some 25 MiB


@dataclass(slots=True)
class Backend:
    """Connections that the work does not need, the account, and what was begun here and goes on.

    `stopping`: the daemon is.
    """

    pool: Pool
    account: Account
    settings: Settings
    stopping: asyncio.Event
    emit: Emit
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS))
    reconcile: ReconcileRunner = field(init=False)
    selftest: SelftestRunner = field(init=False)
    status: CachedQuery[dict[str, Any]] = field(init=False)
    scheduler: CachedQuery[dict[str, Any]] = field(init=False)
    figures: CachedQuery[Mapping[str, Any]] = field(init=False)
    rows: CachedQuery[dict[str, int]] = field(init=False)
    library: CachedQuery[Mapping[str, Any] | None] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what may be begun."""
        self.reconcile = ReconcileRunner(
            self.pool,
            self.account,
            self.settings.reconcile_share,
            self.stopping,
            self.emit,
            dry_run=self.settings.dry_run,
        )
        self.selftest = SelftestRunner(self.pool, self.account)
        self.status = CachedQuery(lambda: fleet.status(self.pool, cloud=self.cloud))
        self.scheduler = CachedQuery(lambda: scheduler.status(self.pool))
        self.figures = CachedQuery(lambda: overview.figures(self.pool))
        self.rows = CachedQuery(lambda: cleanup.rows(self.pool))
        self.library = CachedQuery(lambda: media.figures(self.pool))

    @property
    def upload_most(self) -> int:
        """Return how many bytes a file may have."""
        return self.settings.upload_most * 10**6

    @property
    def cloud(self) -> str:
        """Return the cloud of this daemon."""
        return self.account.credentials.cloud_name

    @property
    def delivery(self) -> str:
        """Return where its assets are delivered from, as a page's policy names it."""
        return delivery(self.account.credentials.upload_prefix)

    async def run(self) -> None:
        """Let what was begun go on until cancelled, and end it then."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.reconcile.task.end()
            await self.selftest.task.end()
            for asked in (self.status, self.scheduler, self.figures, self.rows, self.library):
                asked.end()
