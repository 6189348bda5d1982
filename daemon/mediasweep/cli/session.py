"""One connection for the length of a command, to a database whose schema fits."""

from __future__ import annotations

import asyncio
import getpass
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mediasweep.postgres.pool import Connection

T = TypeVar("T")


@asynccontextmanager
async def database() -> AsyncIterator[Connection]:
    """Yield a connection to the database of the settings."""
    from mediasweep.postgres.migrate import applied_files, check_fits, read_schema
    from mediasweep.postgres.pool import connect
    from mediasweep.settings import load

    connection = await connect(load().dsn(), name="mediasweep cli", pooled=True)
    try:
        check_fits(read_schema(), await applied_files(connection))
        yield connection
    finally:
        await connection.close(timeout=5)


def do(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(work)


def who() -> str:
    """Return the person at the keyboard, as the journal names them."""
    return f"{getpass.getuser()}@{socket.gethostname()}"
