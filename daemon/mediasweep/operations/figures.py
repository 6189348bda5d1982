"""The fleet in figures, for who scrapes this daemon: asked of the database seldom, and remembered.

Where the database does not answer, it tells what it told, and how old that is.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediasweep.loops.boot_clock import boot_s
from mediasweep.postgres.pool import WAITED_OUT

if TYPE_CHECKING:
    from mediasweep.postgres.fleet import Fleet

KEPT_S = 2.0
WITHIN_S = 5.0  # less than a scraper waits
REST = 20  # times as long as a count that came to nothing has taken, as after one that did not


@dataclass(slots=True)
class Figures:
    """What this daemon has heard of the fleet."""

    fleet: Fleet
    _state: dict[str, Any] | None = None
    _counted_s: float = -math.inf
    _ask_s: float = -math.inf  # when to ask again
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def state(self) -> dict[str, Any] | None:
        """Return the figures as they were `age_s` ago; None as long as none are known.

        Asks at most every two seconds.
        """
        async with self._asking:  # many scrapes at a time must not take the pool from the beat
            if boot_s() >= self._ask_s:
                rest_s = await self._ask()
                self._ask_s = boot_s() + rest_s
        return self._state and self._state | {"age_s": boot_s() - self._counted_s}

    async def _ask(self) -> float:
        """Ask for the state; returns for how long not to ask again."""
        limit = asyncio.timeout(WITHIN_S)
        with contextlib.suppress(*WAITED_OUT):
            async with limit:
                state = await self.fleet.state()
            if state is not None:
                self._state, self._counted_s = state, boot_s() - state["age_s"]
        # what was given up has left no note of how long it takes, and would begin anew each time
        return REST * WITHIN_S if limit.expired() else KEPT_S
