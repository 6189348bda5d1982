"""The events of a claim: what it brought, or why nothing, and what else it found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediasweep.rules.events import (
    BrakeClosed,
    ClaimedNothing,
    Configured,
    GuardFailed,
    Held,
    Released,
    Swept,
)

if TYPE_CHECKING:
    from mediasweep.loops.config import Config
    from mediasweep.postgres.queue import Claim
    from mediasweep.rules.events import Emit


@dataclass(frozen=True, slots=True)
class ClaimCall:
    """One call for rows: how many at most, and what led to it. Times by the event loop's clock.

    `notified_s` is when the first notification since the last call came, if one did.
    """

    batch: int
    woken_by: str
    notified_s: float | None


@dataclass(slots=True)
class ClaimEvents:
    """Tells of the claims of one daemon; `held` is which gates hold everything, as last told."""

    emit: Emit
    config: Config
    held: str | None = None

    def nothing(self, call: ClaimCall, seconds: float, result: str) -> None:
        """Tell of a claim that brought nothing, unless it asked for nothing."""
        if call.batch:
            self.emit(ClaimedNothing(result, seconds, call.woken_by))

    def claimed(self, claim: Claim, call: ClaimCall, seconds: float, now_s: float) -> None:
        """Tell of a claim that is over."""
        closed = claim.news.closed
        if closed != self.held and not claim.probing:  # a test releases nobody yet
            self.emit(Held(closed) if closed else Released())
            self.held = closed
        if self.config.obey(claim.news.config):
            self.emit(Configured(dict(self.config.common)))
        for stopped in claim.news.braked:
            self.emit(BrakeClosed.told(stopped))
        if claim.guard_error:
            self.emit(GuardFailed(claim.guard_error))
        if not claim.brought_something:
            held = claim.held or closed
            result = "failed" if claim.guard_error else "held" if held else "empty"
            self.nothing(call, seconds, result)
            return
        self.emit(
            Swept(
                claimed=len(claim.jobs),
                skipped=claim.skipped,
                failed=claim.failed,
                in_doubt=sum(job.in_doubt for job in claim.jobs),
                seconds=seconds,
                woken_by=call.woken_by,
                handed_over=claim.news.handed_over,
                since_notified=None if call.notified_s is None else now_s - call.notified_s,
                kept=claim.news.kept,
            )
        )
