"""Is this daemon alive, and is it able to work? Each "no" comes with its reason.

Liveness asks only this process: that its event loop answers, and its work gets on. systemd is told
the same by each turn of the path, and what it is at. Readiness asks what work needs: that the
database answered last, that a beat reached it, that the queue was looked at. An unproven listener,
a capture that falls back, closed gates and a schema of a later release are told but make no replica
unready: it polls, takes notifications and serves the pages, and a restart would mend none of them.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediasweep.loops.boot_clock import boot_s

if TYPE_CHECKING:
    from mediasweep.loops.heartbeat import Heartbeat
    from mediasweep.loops.reconcile import ReconcileLoop
    from mediasweep.loops.sweep import Sweep
    from mediasweep.loops.upkeep import Upkeep
    from mediasweep.postgres.wake import Wake

BEAT_OLDEST_S = 15.0
LOOK_LATE_S = 60.0
HANGS_S = 60.0  # as the watchdog of deploy/systemd; an outage of the database is no silence


@dataclass(frozen=True, slots=True)
class Standing:
    """How this daemon stands: calls `in_flight` of the `limit` that it may have out.

    The age of a canary that was never heard is infinite; who does not reconcile by itself does so
    every 0 s.
    """

    canary_age_s: float
    in_flight: int
    limit: int
    database_up: bool
    capture_broken: bool
    reconcile_every_s: float


@dataclass(slots=True)
class Health:
    """What one running daemon knows of itself."""

    wake: Wake
    sweep: Sweep
    heartbeat: Heartbeat
    upkeep: Upkeep
    stopping: asyncio.Event
    enabled: bool = True
    reconcile: ReconcileLoop | None = None
    since_s: float = field(default_factory=boot_s)
    turned_s: float = field(default_factory=boot_s)  # when the work loop last did

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Return whether this daemon can work, and each check as `ok` or its reason."""
        beat_s = self.heartbeat.beat_s
        checks = {
            "running": "stopping" if self.stopping.is_set() else "ok",
            "database": self.sweep.database_trouble or "ok",
            "beat": "ok"
            if beat_s is not None and boot_s() - beat_s < BEAT_OLDEST_S
            else "no beat reached the database lately",
        }
        late_s = self.sweep.config.interval.total_seconds() + LOOK_LATE_S
        looked_s = self.sweep.tally.swept_s
        working = self.enabled and beat_s is not None and self.sweep.slots.limit > 0
        if working and boot_s() - (looked_s or self.since_s) > late_s:
            checks["sweep"] = "no look at the queue lately"
        ready = all(said == "ok" for said in checks.values())
        checks["listener"] = "ok" if self.wake.up else "not proven; looking every two seconds"
        checks["capture"] = self.upkeep.capture or "ok"
        newer = f"a later release has brought {self.upkeep.newer}: upgrade this daemon"
        checks["schema"] = newer if self.upkeep.newer else "ok"
        if self.enabled:  # who deletes nothing does not ask
            held = self.sweep.claim_events.held
            checks["gates"] = f"closed: {held}" if held else "ok"
        return ready, checks

    def hangs(self) -> bool:
        """Return whether the work is stuck, which only a new process mends; stopping, it is not."""
        silent = boot_s() - self.turned_s > HANGS_S
        return not self.stopping.is_set() and (silent or not self.moves())

    def moves(self) -> bool:
        """Return whether what was claimed comes back: within its lease, or the path is stuck."""
        return self.sweep.stands_still_s < self.sweep.policy.lease.total_seconds()

    def doing(self) -> str:
        """Return in a line what this daemon does, without asking the database."""
        sweep, tally = self.sweep, self.sweep.tally
        listener = "proven" if self.wake.up else "not proven, looking every two seconds"
        return (
            f"{self._state_of_work()}; {sweep.in_flight} in flight, {tally.completed} completed, "
            f"{tally.failed} failed since the start; listener {listener}"
        )

    def _state_of_work(self) -> str:
        sweep = self.sweep
        if not self.enabled:
            return "deleting nothing (not enabled, or a dry run)"
        if sweep.database_trouble:
            return f"waiting for the database: {sweep.database_trouble}"
        if sweep.claim_events.held:
            return f"held: {sweep.claim_events.held}"
        if not sweep.slots.limit:
            return "standing by: other daemons have all the calls"
        return "working" if sweep.in_flight else "idle"

    def standing(self) -> Standing:
        """Return how this daemon stands now."""
        heard_s = self.wake.proven_s
        return Standing(
            math.inf if heard_s is None else asyncio.get_running_loop().time() - heard_s,
            self.sweep.slots.busy,
            self.sweep.slots.limit,
            self.sweep.database_trouble is None and self.heartbeat.reached,
            self.upkeep.capture is not None,
            self.reconcile.every.total_seconds() if self.reconcile else 0,
        )
