"""Work that is begun by a request and outlives it: one of its kind at a time in this process.

What it raises is kept, for who waits for it and for who looks later. It ends with the daemon.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mediasweep.operations.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class BackgroundTask(Generic[T]):
    """The last one that was begun, if any."""

    def __init__(self, name: str) -> None:
        """Name its kind."""
        self._name = name
        self._task: asyncio.Task[T] | None = None

    @property
    def under_way(self) -> bool:
        """Tell whether it is not at its end yet."""
        return self._task is not None and not self._task.done()

    @property
    def trouble(self) -> BaseException | None:
        """Return what the last one has failed of."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()

    def begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        """Begin; raises RefusedError as long as another one is under way."""
        if self.under_way:
            raise RefusedError(f"{self._name} is under way: wait until it is at its end")
        self._task = asyncio.create_task(work(), name=self._name)

    async def wait(self, within_s: float) -> T | None:
        """Return what it comes to, None if that takes longer; raises what it has raised."""
        if self._task is None:
            return None
        done, _ = await asyncio.wait({self._task}, timeout=within_s)
        return self._task.result() if done else None

    async def end(self) -> None:
        """Break it off, and wait until it has cleaned up."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({self._task})
