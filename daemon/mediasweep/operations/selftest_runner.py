"""A self-test that a request has begun; it goes on without who asked for it, in this daemon."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mediasweep.operations.background_task import BackgroundTask
from mediasweep.operations.selftest import run
from mediasweep.rules.selftest import SelftestReport

if TYPE_CHECKING:
    from mediasweep.cloudinary import Account
    from mediasweep.postgres.pool import Pool

CHECK = timedelta(seconds=20)  # that a check may wait


@dataclass(slots=True)
class SelftestRunner:
    """The last self-test of this daemon: what came of it so far, and when it was begun."""

    pool: Pool
    account: Account
    task: BackgroundTask[SelftestReport] = field(
        default_factory=lambda: BackgroundTask("a self-test")
    )
    report: SelftestReport = field(default_factory=SelftestReport)
    began_at: datetime | None = None

    def begin(self, who: str) -> None:
        """Begin; raises RefusedError as long as another one is under way."""
        self.task.begin(lambda: self._work(who))
        self.report, self.began_at = SelftestReport(), datetime.now(UTC)

    async def _work(self, who: str) -> SelftestReport:
        say = self.report.results.append
        return await run(self.pool, self.account, who=who, within=CHECK, say=say)
