"""Connections to PostgreSQL, and the product's SQL as named statements.

Owns how a connection is opened (name, timeouts, keepalive, pooler or not) and what its failures
mean. It never retries: a caller that can wait does.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from mediasweep.rules.address import shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

# generic for the type checker only: at run time it cannot be subscripted
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

COMMAND_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5.0
ACQUIRE_TIMEOUT_S = 3.0
RESTS_S = 60.0  # after which a connection that nobody asks for is closed
NO_SOCKET = "no PostgreSQL server listens at the socket of its address: start it, or name a host"
KEEPALIVE = (
    (socket.SO_KEEPALIVE, 1, socket.SOL_SOCKET),
    (getattr(socket, "TCP_KEEPIDLE", None), 15, socket.IPPROTO_TCP),
    (getattr(socket, "TCP_KEEPINTVL", None), 5, socket.IPPROTO_TCP),
    (getattr(socket, "TCP_KEEPCNT", None), 3, socket.IPPROTO_TCP),
    (getattr(socket, "TCP_USER_TIMEOUT", None), 15_000, socket.IPPROTO_TCP),
)

# what passes by itself: the server is away, starting, stopping, or somebody cut the line
PASSING = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a call met the server's farewell before the end of the line
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,  # of a pool that was open: the password changes
)
# what somebody has taken away: capture falls back meanwhile, and a person puts it back. A process
# that ended could not say what is missing.
BROKEN = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,  # the type of a table goes with it
    *(asyncpg.InvalidSchemaNameError, asyncpg.InvalidCatalogNameError),  # of a pool that was open
    asyncpg.InsufficientPrivilegeError,
    asyncpg.DatatypeMismatchError,
)
# what a loop waits out
WAITED_OUT = (*PASSING, *BROKEN)
# what took too long, on a connection that is well
SLOW = (TimeoutError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
# what a person has to mend: no waiting helps
REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ClientConfigurationError,
    socket.gaierror,
    ValueError,
)


class DatabaseError(Exception):
    """The database cannot be used as it was given; the message says what to do."""


class Pool:
    """The working connections. Every call ends in time, also on a line that swallows everything.

    asyncpg waits without limit for a connection, and for giving one back that did not answer,
    unless both are bounded where it is acquired.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], dedicated: DedicatedConnection) -> None:
        """Take over an open pool; `dedicated` is one beside it, for the claims."""
        self._pool = pool
        self.dedicated = dedicated

    async def execute(self, sql: str, *args: object, timeout: float | None = None) -> str:  # noqa: ASYNC109  as asyncpg has it
        """Run a statement."""
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            return await connection.execute(sql, *args, timeout=timeout)

    async def fetch(
        self,
        sql: str,
        *args: object,
        timeout: float | None = None,  # noqa: ASYNC109  as asyncpg has it
    ) -> list[asyncpg.Record]:
        """Return all rows."""
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            return await connection.fetch(sql, *args, timeout=timeout)

    async def fetchrow(
        self,
        sql: str,
        *args: object,
        timeout: float | None = None,  # noqa: ASYNC109  as asyncpg has it
    ) -> asyncpg.Record | None:
        """Return the first row."""
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            return await connection.fetchrow(sql, *args, timeout=timeout)

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401  whatever a column holds
        """Return the first value of the first row."""
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            return await connection.fetchval(sql, *args)

    @contextlib.asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection]:
        """Yield a connection for several statements."""
        async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            yield connection  # type: ignore[misc]  # a proxy of one

    def terminate(self) -> None:
        """Drop every connection at once."""
        self.dedicated.terminate()
        self._pool.terminate()


class DedicatedConnection:
    """One connection kept for one loop, opened again after each failure.

    Not borrowing from the pool saves a good part of a millisecond a call.
    """

    def __init__(self, dsn: str, *, pooled: bool, patience_s: float) -> None:
        """Prepare; the connection is opened by the first call."""
        self._open = partial(connect, dsn, name="mediasweep", pooled=pooled)
        self._patience_s = patience_s
        self._connection: Connection | None = None

    async def fetchrow(
        self, sql: str, *args: object, undone: bool = False
    ) -> asyncpg.Record | None:
        """Return the first row; a connection that failed is not used again.

        `undone`: what the statement did is rolled back.
        """
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._open()
            if not undone:
                return await self._connection.fetchrow(sql, *args, timeout=self._patience_s)
            transaction = self._connection.transaction()
            await transaction.start()
            row = await self._connection.fetchrow(sql, *args, timeout=self._patience_s)
            await transaction.rollback()
            return row
        except DatabaseError as error:  # it was good enough to start with
            raise ConnectionError(str(error)) from error
        except TimeoutError:  # close, not terminate: the cancel request has to go out
            with contextlib.suppress(*PASSING):
                await asyncio.wait_for(self._close(), 2)
            raise
        except WAITED_OUT:
            self.terminate()
            raise

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout=1)

    def terminate(self) -> None:
        """Drop the connection at once."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None


@contextlib.asynccontextmanager
async def patient(given: Pool | Connection, patience_s: float) -> AsyncIterator[Connection]:
    """Yield a connection in a READ COMMITTED transaction whose statements may take so long.

    For what a person asks for and waits for: the pool's own limit is that of a claim.
    """
    borrowed = given.borrow() if isinstance(given, Pool) else contextlib.nullcontext(given)
    async with borrowed as connection, connection.transaction(isolation="read_committed"):
        await connection.fetchval(SQL["be_patient"], str(round(patience_s * 1000)))
        yield connection


def statements(module: str) -> dict[str, str]:
    """Read the `.sql` file beside a module: each statement under its `-- name:` line."""
    text = Path(module).with_suffix(".sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))


async def connect(dsn: str, *, name: str, pooled: bool | None = None) -> Connection:
    """Open one connection of its own; raises DatabaseError for what waiting does not mend.

    What waiting may mend is PASSING: of OSError ConnectionError and TimeoutError, which no file is.
    `pooled` None: whether a pooler sits between is not known, and nothing depends on it.
    """
    try:
        connection: Connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            **_options(name, pooled=pooled),
        )
    except (ConnectionError, TimeoutError):
        raise
    except FileNotFoundError as error:
        raise ConnectionError(NO_SOCKET) from error
    except REFUSED as error:
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            # no name server answers, as while a host boots: that says nothing of the name
            raise ConnectionError(str(error)) from error
        raise DatabaseError(f"cannot use the database at {shown(dsn)}: {error}") from error
    except OSError as error:
        raise ConnectionError(str(error)) from error
    _keep_alive(connection)
    return connection


def _options(name: str, *, pooled: bool | None) -> dict[str, Any]:
    """Return what a connection is opened with; a pooler takes no settings and no prepared names."""
    server_settings = {"application_name": name}
    if pooled is False:  # the claim insists on it
        server_settings["default_transaction_isolation"] = "read committed"
        # the server must give up before we do: then a guard that is too slow says so itself
        server_settings["statement_timeout"] = "8000"
    cache = {"statement_cache_size": 0} if pooled else {}
    return {"server_settings": server_settings, **cache}


async def is_pooled(connection: Connection) -> bool:
    """Tell whether a pooler sits between: then the backend is not the process that was greeted."""
    backend_pid: int = await connection.fetchval(SQL["backend_pid"])
    return connection.get_server_pid() != backend_pid


async def open_pool(dsn: str, *, size: int, patience: timedelta, kept: bool = True) -> Pool:
    """Open a pool, also through a transaction pooler; `kept`: a connection may rest for ever."""
    first = await connect(dsn, name="mediasweep", pooled=True)
    try:
        pooled = await is_pooled(first)
    finally:
        await first.close(timeout=CONNECT_TIMEOUT_S)
    pool = await asyncpg.create_pool(
        dsn,
        min_size=1 if kept else 0,
        max_size=size,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=patience.total_seconds(),
        max_inactive_connection_lifetime=0 if kept else RESTS_S,
        init=_init,
        reset=_no_reset,
        **_options("mediasweep", pooled=pooled),
    )
    return Pool(pool, DedicatedConnection(dsn, pooled=pooled, patience_s=patience.total_seconds()))


async def _init(connection: Connection) -> None:
    _keep_alive(connection)


async def _no_reset(_: Connection) -> None:
    """Nothing to reset: no statement of ours leaves state in a session of the pool."""


def _keep_alive(connection: Connection) -> None:
    # asyncpg sets none of these, and without them a cut line goes unnoticed for hours
    raw = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # noqa: SLF001
    if raw is None or raw.family == getattr(socket, "AF_UNIX", None):
        return
    for option, value, level in KEEPALIVE:
        if option is not None:
            raw.setsockopt(level, option, value)


SQL = statements(__file__)
