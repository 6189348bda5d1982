"""Being woken: LISTEN on a connection of its own, and beside it that of the key (`asleep`).

Owns the two direct connections, never of the pool. A notification carries nothing and only sets
`heard`, and so does the key's queue; the queue is the truth and the sweep is the promise. When one
connection is lost, or does not hear the canary that another one sends, both are thrown away and
opened again, for ever; after each new LISTEN `heard` is set once, because anything may have been
missed. Until LISTEN is proven `up` is false, and whoever waits for work looks every two seconds
instead.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from typing import TYPE_CHECKING

from mediasweep.postgres.asleep import AFTER_YOU_S, SQL, Asleep
from mediasweep.postgres.echo import hears
from mediasweep.postgres.pool import PASSING, DatabaseError, connect, is_pooled
from mediasweep.rules.events import ListenerDown, ListenerUp
from mediasweep.rules.text import message

if TYPE_CHECKING:
    from datetime import timedelta

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.events import Emit

CHANNEL = "mediasweep"
RETRY_FIRST_S, RETRY_LAST_S = 0.1, 5.0


class Wake:
    """The listener of one daemon. `patience` is how long a canary may take.

    `proven_s` is when one was last heard, on the event loop's clock.
    """

    def __init__(self, dsn: str, pool: Pool, emit: Emit, *, patience: timedelta) -> None:
        """Prepare; nothing is opened before `run`."""
        self.heard = asyncio.Event()
        self.up = False
        self.tried = False  # whether it has been found out once if notifications arrive
        self.proven_s: float | None = None
        self._notified_s: float | None = None
        self.channel = f"{CHANNEL}_{secrets.token_hex(6)}"
        self._dsn = dsn
        self._pool = pool
        self._emit = emit
        self._patience_s = patience.total_seconds()
        self._connection: Connection | None = None
        self._asleep: Asleep | None = None
        self._lost = asyncio.Event()
        self._failure: BaseException | None = None
        self._reason = ""
        self._canaries: dict[str, asyncio.Future[None]] = {}

    async def run(self) -> None:
        """Listen for ever; only cancellation ends it."""
        wait_s, said = RETRY_FIRST_S, ""
        while True:
            self._reason = "the connection was lost"
            try:
                await self._listen()
                wait_s, said = RETRY_FIRST_S, ""
                await self._lost.wait()
                if self._failure is not None:
                    raise self._failure
            except (*PASSING, DatabaseError) as error:
                self._reason = message(error)
            finally:
                self._drop()
            self.tried = True
            if self._reason != said:  # once, not with every attempt
                self._emit(ListenerDown(self._reason))
            said = self._reason
            await asyncio.sleep(wait_s)
            wait_s = min(RETRY_LAST_S, wait_s * 2)

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

    def attend(self) -> float | None:
        """Forget what was heard so far, before a look at the queue.

        Returns when the first notification of it came, on the event loop's clock, if one did.
        """
        self.heard.clear()
        first_s, self._notified_s = self._notified_s, None
        return first_s

    @property
    def armed(self) -> bool:
        """Tell whether this daemon has the key: whoever queues something notifies."""
        return self._asleep is not None and self._asleep.held

    async def arm(self, idle_s: float) -> str:
        """Try to fall asleep, having found nothing for `idle_s`: `armed`, or why not.

        That is `enqueuer`, `sibling`, `busy` or `down`. After the first two `heard` is set when it
        is worth trying again; after the others nothing may be.
        """
        if not self.up or self._asleep is None:
            return "down"
        try:
            return await self._asleep.take(idle_s)
        except PASSING as error:
            self.give_up(message(error))
            return "down"

    async def disarm(self) -> None:
        """Be awake: enqueuers stop notifying."""
        try:
            if self._asleep is not None:
                await self._asleep.give()
        except PASSING as error:
            self.give_up(message(error))

    async def _listen(self) -> None:
        self._lost.clear()
        self._failure = None
        self._connection = connection = await connect(self._dsn, name="mediasweep listener")
        connection.add_termination_listener(lambda _: self._lost.set())
        await connection.add_listener(CHANNEL, self._on_wake)
        await connection.add_listener(self.channel, self._on_canary)
        if not await hears(connection, self._pool, self._patience_s):
            raise DatabaseError(await self._why_deaf(connection))
        await connection.execute(SQL["patient"])  # which is its own now, and no pooler's
        key = await connect(self._dsn, name=f"mediasweep asleep {os.getpid()}")
        self._asleep = Asleep(key, self._patience_s, self.heard.set, self._fail)
        key.add_termination_listener(lambda _: self._lost.set())
        await key.execute(SQL["patient"])
        self.up = self.tried = True
        self.proven_s = asyncio.get_running_loop().time()
        self.heard.set()
        self._emit(ListenerUp())

    async def _why_deaf(self, connection: Connection) -> str:
        if await is_pooled(connection):
            return (
                "notifications do not arrive through this transaction pooler: "
                "set MEDIASWEEP_LISTEN_URL to a direct (or session-mode) address"
            )
        return "a notification sent over another connection was not heard"

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._lost.set()

    def _on_wake(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        self._notified_s = self._notified_s or loop.time()
        if self._asleep is not None and self._asleep.beside == "sibling":
            loop.call_later(random.uniform(*AFTER_YOU_S), self.heard.set)
        else:
            self.heard.set()

    def _on_canary(self, _c: object, _pid: int, _channel: str, payload: object) -> None:
        canary = self._canaries.get(str(payload))
        if canary and not canary.done():
            self.proven_s = asyncio.get_running_loop().time()
            canary.set_result(None)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        asleep, self._asleep = self._asleep, None
        self.up = False
        if asleep is not None:
            asleep.drop()
        # terminate, not close: a close would wait for a peer that may never answer
        if connection is not None and not connection.is_closed():
            connection.terminate()
        self.heard.set()
