"""The key that is held only while asleep, and the waits in the key's own queue.

Owns one direct connection, because whoever waits in the queue cannot ask anything else meanwhile.
Who is refused the key asks who has it. Beside a sibling that sleeps it waits *shared*: that
disturbs nobody, and is granted the moment that the sibling wakes or dies. Beside an open enqueuer
it waits *exclusively*: that makes new enqueuers notify, and is granted when the last silent one has
ended. What fails is told to whoever made this, once, and then this is of no more use.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from mediasweep.postgres.pool import Connection, statements

SQL = statements(__file__)
SIBLING = timedelta(seconds=10)
BUSY_S = 0.1  # while rows come more often than that, an enqueuer is worth a look, not a place
ENQUEUERS_LONGEST_S = 5.0
AFTER_YOU_S = (0.02, 0.04)  # what the one that slept wakes up for, it does first


@dataclass(slots=True)
class Asleep:
    """One daemon's hold of the key. `patience_s` is how long a statement may take that waits for
    nobody; `turn` hears that a wait is over, `failed` of what ended one.
    """

    connection: Connection
    patience_s: float
    turn: Callable[[], None]
    failed: Callable[[BaseException], None]
    held: bool = False
    beside: str | None = None
    _waiting: asyncio.Task[None] | None = None

    async def take(self, idle_s: float) -> str:
        """Try to fall asleep: `armed`; beside whom it waits now: `enqueuer`, `sibling`; or `busy`.

        Refused by a sibling, or by an enqueuer when nothing has been found for a while (`idle_s`),
        it waits in the background, which is then named `beside`. `busy`: an enqueuer refused it,
        and it has no place in the queue. Nobody will wake it.
        """
        if self.held or self.beside:
            return self.beside or "armed"
        refused = str(await self.connection.fetchval(SQL["arm"], timeout=self.patience_s))
        self.held = refused == "armed"
        if refused == "enqueuer" and idle_s < BUSY_S:
            return "busy"
        if not self.held:
            self.beside = refused
            self._waiting = asyncio.create_task(self._wait(refused, idle_s), name=f"by {refused}")
            self._waiting.add_done_callback(self._waited)
        return refused

    async def give(self) -> None:
        """Be awake: enqueuers stop notifying."""
        if self.held:
            self.held = False
            await self.connection.fetchval(SQL["disarm"], timeout=self.patience_s)

    def drop(self) -> None:
        """Throw the connection away, and the key with it."""
        if self._waiting is not None:
            self._waiting.cancel()
        self.held, self.beside = False, None
        # terminate, not close: a close would wait for a peer that may never answer
        if not self.connection.is_closed():
            self.connection.terminate()

    async def _wait(self, refused: str, idle_s: float) -> None:
        if refused == "sibling":
            while not await self._in_queue("wait_for_sibling", SIBLING):
                pass
            await asyncio.sleep(random.uniform(*AFTER_YOU_S))
        else:
            wait_s = min(max(idle_s / 2, BUSY_S), ENQUEUERS_LONGEST_S)
            self.held = await self._in_queue("wait_for_enqueuers", timedelta(seconds=wait_s))

    def _waited(self, task: asyncio.Task[None]) -> None:
        self.beside = None
        if task.cancelled():
            return
        error = task.exception()
        self.turn() if error is None else self.failed(error)

    async def _in_queue(self, statement: str, wait: timedelta) -> bool:
        timeout_s = wait.total_seconds() + self.patience_s
        granted: bool = await self.connection.fetchval(SQL[statement], wait, timeout=timeout_s)
        return granted
