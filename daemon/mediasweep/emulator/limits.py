"""What a cloud allows: so many calls at a time, so many in an hour. Counts, and refuses nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate

ENDLESS_NS = 2**63
NOTICED_WITHIN_NS = 10**9  # a call is noticed so soon after its first byte has come
SPANS_MOST = 50_000


@dataclass(slots=True)
class Turnstile:
    """Counts who is inside, and the peak of all who came, the refused included.

    The peak is exact: a call is inside from its first byte, although its turn comes later, until it
    is answered. What came and went between two turns of the event loop is counted as well.
    """

    inside: int = 0
    admitted: int = 0
    _spans: list[list[int]] = field(default_factory=list)
    _peak: int = 0

    @contextmanager
    def enter(self, limit: int, began_ns: int) -> Iterator[bool]:
        """Stay inside for as long as the block lasts; gives whether one was admitted.

        `began_ns`: when the first byte came, on the monotonic clock.
        """
        # decided on arrival: who was let in is not thrown out because others came later
        admitted = limit <= 0 or self.admitted < limit
        span = [began_ns, ENDLESS_NS]
        self._spans.append(span)
        self.inside += 1
        self.admitted += admitted
        try:
            yield admitted
        finally:
            self.inside -= 1
            self.admitted -= admitted
            span[1] = time.monotonic_ns()
            if len(self._spans) > SPANS_MOST:
                self._count()

    @property
    def most(self) -> int:
        """Return the peak."""
        self._count()
        return self._peak

    def _count(self) -> None:
        """Bring the peak up to date; forget those with whom no call to come can overlap."""
        steps = [(began, 1) for began, _ in self._spans] + [(end, -1) for _, end in self._spans]
        # at the same moment, who leaves goes first
        self._peak = max(self._peak, *accumulate(step for _, step in sorted(steps)), 0)
        since_ns = time.monotonic_ns() - NOTICED_WITHIN_NS
        self._spans = [span for span in self._spans if span[1] > since_ns]


@dataclass(slots=True)
class Quota:
    """The calls of the present window. Windows begin at the full hour, or whatever their length."""

    window: int = 0
    used: int = 0

    def spend(self, limit: int, window_s: int) -> int:
        """Count one more call; returns how many are left after it, below zero if it is too many."""
        window = int(time.time()) // window_s
        if window != self.window:
            self.window, self.used = window, 0
        self.used += 1
        return limit - self.used


def next_reset(window_s: int) -> int:
    """Return when the next window begins, in seconds since 1970."""
    return (int(time.time()) // window_s + 1) * window_s
