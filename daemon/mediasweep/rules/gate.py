"""When an answer is about the account or the service, and not about the row that met it.

Such an answer closes a gate for the whole fleet. Opening and closing moves no queue row. A gate
that closes by itself also tests by itself: when its time has come, one row goes through, and its
answer opens the gate or closes it again for longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mediasweep.rules.outcome import Answer, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

# what opens a gate, for those who would have it open
OPENED_BY = {
    "pause": "`mediasweep resume`",
    "auth": "a good answer: mend key or clock; `mediasweep scheduler restart` tests it at once",
    "rate_limit": "a good answer; `mediasweep scheduler restart` tests it at once",
    "breaker": "a good answer; `mediasweep scheduler restart` tests it at once",
    "brake": "`mediasweep brake ack`, once `mediasweep brake show` has shown what it holds",
    "environment": "`mediasweep adopt`",
    "failover": "the second look after it, if all is well, or `mediasweep adopt`",
}
# of a fleet of which no gate is closed, and which deletes nothing all the same
NONE_DELETES = "no daemon that is alive deletes: they are disabled, or on a dry run"
PAUSE_MINUTES = (0.01, 5_256_000.0)  # the shortest, and the longest that has an end: ten years
_FAILURES = {Outcome.UNCLEAR, Outcome.UNREACHABLE}
_GOOD = {Outcome.DELETED, Outcome.ABSENT, Outcome.REJECTED, Outcome.LOCKED}


@dataclass(frozen=True, slots=True)
class Closing:
    """A gate to close: for how long, how often to test it afterwards, and why."""

    name: str
    reason: str
    wait: timedelta
    probe: timedelta


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """How patient the gates are. The first wait doubles with each test that fails, up to the
    longest.

    `breaker_after` counts answers in a row that say the service, not the row, is in trouble.
    """

    first: Mapping[str, timedelta]
    longest: timedelta
    breaker_after: int = 5


@dataclass(slots=True)
class GateKeeper:
    """Sees every answer of this daemon and says which gate to close."""

    policy: GatePolicy
    failures: int = 0
    tests_failed: int = 0

    def see(self, answer: Answer, *, probe: bool, now: datetime) -> Closing | None:
        """Return the gate that this answer closes, if any; `probe`: it was the test of a gate."""
        if answer.outcome in _GOOD:
            self.failures = self.tests_failed = 0
            return None
        if answer.outcome is Outcome.UNSENT:
            return None
        self.tests_failed += probe
        self.failures += answer.outcome in _FAILURES
        name = self._gate_of(answer.outcome, probe=probe)
        if name is None:
            return None
        wait = min(self.policy.longest, self.policy.first[name] * 2 ** min(self.tests_failed, 16))
        if answer.until and now < answer.until <= now + timedelta(hours=1, minutes=5):
            wait = answer.until - now
        return Closing(name, answer.detail or answer.outcome, wait, min(wait, self.policy.longest))

    def _gate_of(self, outcome: Outcome, *, probe: bool) -> str | None:
        if outcome in {Outcome.AUTH_REFUSED, Outcome.CLOCK_SKEWED}:
            return "auth"
        if outcome is Outcome.THROTTLED:
            return "rate_limit"
        if probe or self.failures >= self.policy.breaker_after:
            return "breaker"
        return None
