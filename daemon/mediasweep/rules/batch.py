"""How many rows to claim at once: what can be sent soon, and no more.

A claimed row waits for its turn, and what its guard saw grows old meanwhile. So a batch is what the
account can be expected to take within half a second, as it has been answering lately.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST = 100
AHEAD_S = 0.5
WEIGHT = 0.2


@dataclass(slots=True)
class Pace:
    """The pace of the account; `answer_s` is a moving average of the seconds an answer takes."""

    batch: int
    answer_s: float = 0.05

    def answered(self, seconds: float) -> None:
        """Take an answer into the average."""
        self.answer_s += WEIGHT * (seconds - self.answer_s)

    def next_batch(self, floor: int, concurrency: int, *, full: bool) -> int:
        """Return the next batch: twice the last while they come back full, else the floor."""
        soon = concurrency * max(1, int(AHEAD_S / max(self.answer_s, 0.001)))
        wanted = self.batch * 2 if full else floor
        self.batch = max(1, min(MOST, soon, wanted))
        return self.batch
