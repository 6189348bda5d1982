"""What may be costly to ask for, as it was last heard: a page need not wait for it.

Where answers come soon, each is that of now. Where three in a row took longer than a page may wait,
whoever asks is told the last one, and the next one is fetched meanwhile, for others too.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from mediasweep.loops.boot_clock import boot_s

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
WITHIN_S = 0.1  # that a page waits
KEPT_S = 60.0  # after which an answer is too old to be told
REST = 5  # times as long as it took, until a costly one is asked for again


class CachedQuery(Generic[T]):
    """One question. What it raises is raised for those who wait for it."""

    def __init__(self, ask: Callable[[], Coroutine[object, object, T]]) -> None:
        """Keep how it is asked."""
        self._ask = ask
        self._heard: list[T] = []  # nothing, or the last answer
        self._heard_s = -math.inf
        self._took_s = deque[float](maxlen=3)
        self._asking: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return the answer, or the last one where it is known to take long."""
        long = len(self._took_s) == self._took_s.maxlen and min(self._took_s) > WITHIN_S
        age_s = boot_s() - self._heard_s
        if not long or age_s > KEPT_S:
            return await self._hear()
        if self._asking is None and age_s > REST * self._took_s[-1]:
            self._asking = asyncio.create_task(self._hear(), name="cached-query")
            self._asking.add_done_callback(self._asked)
        return self._heard[0]

    async def _hear(self) -> T:
        began_s = boot_s()
        heard = await self._ask()
        self._heard, self._heard_s = [heard], boot_s()
        self._took_s.append(self._heard_s - began_s)
        return heard

    def _asked(self, asking: asyncio.Task[T]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # of no interest: who asks once this is too old hears the next one

    def end(self) -> None:
        """Cancel what is being asked."""
        if self._asking is not None:
            self._asking.cancel()
