"""The calls to Cloudinary that this daemon may have out at a time: its share of the fleet's limit.

The beat sets the limit, and may lower it below what is out: then nothing new begins until enough
has come back. A limit is good for a while only: a daemon that could not beat, or was frozen, has
been taken for dead, and its share given to others. With a limit of 0 it stands by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from mediasweep.loops.boot_clock import boot_s

GOOD_FOR_S = 15.0  # less than the time after which the registry takes a silent daemon for dead


def nobody() -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Slots:
    """`limit` calls at the most, of which `busy` are out; `changed` hears of each new limit."""

    busy: int = 0
    changed: Callable[[], None] = nobody
    clock_s: Callable[[], float] = boot_s
    _limit: int = 0
    _until_s: float = 0.0
    _free: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def limit(self) -> int:
        """How many calls may be out now."""
        return self._limit if self.clock_s() < self._until_s else 0

    def set(self, limit: int) -> None:
        """Set the limit, good from now on and for a while."""
        before = self.limit
        self._limit, self._until_s = limit, self.clock_s() + GOOD_FOR_S
        self._free.set()
        if limit != before:
            self.changed()

    async def take(self) -> bool:
        """Return when one more call may begin, which counts from now on; False: none may, for this
        daemon stands by, and nobody knows for how long.
        """
        while self.busy >= (limit := self.limit):
            if not limit:
                return False
            self._free.clear()
            await self._free.wait()
        self.busy += 1
        return True

    def give(self) -> None:
        """Take note that a call is over."""
        self.busy -= 1
        self._free.set()
