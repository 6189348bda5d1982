"""An outage of the database: said once when it begins and once when it ends, and waited out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from mediasweep.loops.boot_clock import boot_s
from mediasweep.loops.slots import nobody
from mediasweep.postgres.pool import BROKEN, WAITED_OUT
from mediasweep.rules.events import DatabaseBack, DatabaseLost
from mediasweep.rules.text import message

if TYPE_CHECKING:
    from mediasweep.rules.events import Emit

T = TypeVar("T")
RETRY_S = 0.1


@dataclass(slots=True)
class Outage:
    """What one loop knows of the database's health; `since_s` is None while all is well.

    `turned` hears of each failed call: who waits for the others' turn at a line that swallows
    everything could not say for a minute or more that he is no hang.
    `failed_s` is when a call last failed; `lacks` is what the database says is missing of ours, if
    that is it.
    """

    emit: Emit
    clock_s: Callable[[], float] = boot_s
    turned: Callable[[], None] = nobody
    since_s: float | None = None
    failed_s: float = float("-inf")
    lacks: str | None = None
    _said: str = ""

    @property
    def trouble(self) -> str | None:
        """Return why the last call failed, with no more than what is missing; None: it worked."""
        return None if self.since_s is None else self.lacks or "the last call failed"

    def failed(self, doing: str, error: BaseException) -> None:
        """Take note of a call that failed."""
        self.turned()
        self.failed_s = self.clock_s()
        if self.since_s is None:
            self.since_s = self.failed_s
        said = message(error)
        self.lacks = said if isinstance(error, BROKEN) else None
        if said != self._said:  # once, not with every attempt
            self.emit(DatabaseLost(doing, said))
        self._said = said

    def over(self) -> None:
        """Take note of a call that worked."""
        if self.since_s is not None:
            self.emit(DatabaseBack(timedelta(seconds=self.clock_s() - self.since_s)))
            self.since_s = self.lacks = None
        self._said = ""

    async def until_it_works(self, doing: str, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call that may be repeated until the database has taken it."""
        while True:
            try:
                done = await call()
            except WAITED_OUT as error:
                self.failed(doing, error)
                await asyncio.sleep(random.uniform(RETRY_S, 10 * RETRY_S))
            else:
                self.over()
                return done
