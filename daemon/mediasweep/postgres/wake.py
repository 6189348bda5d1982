"""Being woken: LISTEN on a connection of its own, and the key that is held only while asleep.

Owns one direct connection, never one of the pool. A notification carries nothing and only sets
`heard`; the queue is the truth and the sweep is the promise. When the connection is lost, or does
not hear the canary that another connection sends, it is thrown away and opened again, for ever;
after each new LISTEN `heard` is set once, because anything may have been missed. Until LISTEN is
proven `up` is false, and whoever waits for work looks every two seconds instead.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from mediasweep.postgres.echo import hears
from mediasweep.postgres.pool import PASSING, DatabaseError, connect, is_pooled, statements
from mediasweep.rules.events import ListenerDown, ListenerUp

if TYPE_CHECKING:
    from datetime import timedelta

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.events import Emit

SQL = statements(__file__)
CHANNEL = "mediasweep"
CLOSE_TIMEOUT_S = 1.0


class Wake:
    """The listener of one daemon. `patience` is how long a canary may take."""

    def __init__(self, dsn: str, pool: Pool, emit: Emit, *, patience: timedelta) -> None:
        """Prepare; nothing is opened before `run`."""
        self.heard = asyncio.Event()
        self.up = False
        self.armed = False
        self.channel = f"{CHANNEL}_{secrets.token_hex(6)}"
        self._dsn = dsn
        self._pool = pool
        self._emit = emit
        self._patience_s = patience.total_seconds()
        self._connection: Connection | None = None
        self._lost = asyncio.Event()
        self._reason = ""
        self._canaries: dict[str, asyncio.Future[None]] = {}

    async def run(self) -> None:
        """Listen for ever; only cancellation ends it."""
        wait_s, said = 0.1, ""
        while True:
            self._reason = "the connection was lost"
            try:
                await self._listen()
                wait_s, said = 0.1, ""
                await self._lost.wait()
            except (*PASSING, DatabaseError) as error:
                self._reason = str(error) or type(error).__name__
            finally:
                self._drop()
            if self._reason != said:  # once, not with every attempt
                self._emit(ListenerDown(self._reason))
            said = self._reason
            await asyncio.sleep(wait_s)
            wait_s = min(5.0, wait_s * 2)

    def expect(self, token: str) -> asyncio.Future[None]:
        """Return a future that is done when the canary `token` is heard; cancel it to forget it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._canaries[token] = future
        future.add_done_callback(lambda _: self._canaries.pop(token, None))
        return future

    def give_up(self, reason: str) -> None:
        """Throw the connection away, so that `run` opens a new one."""
        self._reason = reason
        self._drop()
        self._lost.set()

    async def arm(self) -> str:
        """Try to fall asleep: `armed`, or who refused it: `enqueuer`, `sibling`, `down`."""
        refused = await self._say(SQL["arm"])
        self.armed = refused == "armed"
        return refused or "down"

    async def disarm(self) -> None:
        """Be awake: enqueuers stop notifying."""
        if self.armed:
            self.armed = False
            await self._say(SQL["disarm"])

    async def _say(self, sql: str) -> str | None:
        """Run a statement on the listener's connection; None if there is none that answers."""
        if not self.up or self._connection is None:
            return None
        try:
            return str(await self._connection.fetchval(sql, timeout=self._patience_s))
        except PASSING as error:
            self.give_up(str(error) or type(error).__name__)
            return None

    async def _listen(self) -> None:
        self._lost.clear()
        self._connection = connection = await connect(self._dsn, name="mediasweep listener")
        connection.add_termination_listener(lambda _: self._lost.set())
        await connection.add_listener(CHANNEL, self._on_wake)
        await connection.add_listener(self.channel, self._on_canary)
        if not await hears(connection, self._pool, self._patience_s):
            raise DatabaseError(await self._why_deaf(connection))
        self.up = True
        self.heard.set()
        self._emit(ListenerUp())

    async def _why_deaf(self, connection: Connection) -> str:
        if await is_pooled(connection):
            return (
                "notifications do not arrive through this transaction pooler: "
                "set MEDIASWEEP_LISTEN_URL to a direct (or session-mode) address"
            )
        return "a notification sent over another connection was not heard"

    def _on_wake(self, *_: object) -> None:
        self.heard.set()

    def _on_canary(self, _c: object, _pid: int, _channel: str, payload: object) -> None:
        canary = self._canaries.get(str(payload))
        if canary and not canary.done():
            canary.set_result(None)

    def _drop(self) -> None:
        # terminate, not close: a close would wait for a peer that may never answer
        connection, self._connection = self._connection, None
        self.up = self.armed = False  # the key went with the connection
        if connection is not None and not connection.is_closed():
            connection.terminate()
        self.heard.set()
