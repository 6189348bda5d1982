"""What this daemon has deleted of late, in its own memory.

A promoted standby may lack the last commits of its primary, and with them every trace of a deletion
that was carried out. Then the only one who knows is the daemon that sent it. Bounded in number and
in age; lost with the process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediasweep.loops.boot_clock import boot_s
from mediasweep.rules.job import Move

if TYPE_CHECKING:
    from mediasweep.rules.job import Job
    from mediasweep.rules.outcome import Answer

MOST = 10_000
KEPT_S = 30 * 60.0  # much longer than a standby that is worth promoting lags behind
SENT = {Move.COMPLETED, Move.UNKNOWN}  # what was, or may have been, carried out


@dataclass(slots=True)
class RecentDeletions:
    """The last deletions, oldest first; `lost`: one has been noted whose claim was gone."""

    clock_s: Callable[[], float] = boot_s
    lost: bool = False
    _kept: deque[tuple[float, Job, Answer]] = field(default_factory=lambda: deque(maxlen=MOST))

    def note(self, job: Job, answer: Answer, *, lost: bool) -> None:
        """Remember an answer, if the asset may be gone; `lost`: it could not be recorded."""
        if answer.outcome.move in SENT:
            self._kept.append((self.clock_s(), job, answer))
            self.lost = self.lost or lost

    def deletions(self) -> list[dict[str, Any]]:
        """Return what is remembered, as schema/functions/failover.sql takes it."""
        now_s = self.clock_s()
        while self._kept and now_s - self._kept[0][0] > KEPT_S:
            self._kept.popleft()
        return [
            {
                "queue_id": str(job.id),
                "claim_no": job.claim_no,
                "outcome": answer.outcome.value,
                "public_id": job.asset.public_id,
                "resource_type": answer.resource_type or job.asset.resource_type,
                "delivery_type": answer.delivery_type or job.asset.delivery_type,
                "asset_id": job.asset.asset_id,
                "request_id": answer.request_id,
                "s_ago": round(now_s - noted_s, 3),
            }
            for noted_s, job, answer in self._kept
        ]
