"""What a command works with: a connection to a database whose schema fits, and an account."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mediasweep.cloudinary import Account
    from mediasweep.postgres.pool import Connection

T = TypeVar("T")
AS_LONG_AS = 6  # times the timeout of a deletion: a call may be about a hundred assets


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


def cloud_name() -> str | None:
    """Return the cloud of the settings, if there is one in them."""
    from mediasweep.settings import SettingsError, load

    try:
        return load().credentials()["cloud_name"]
    except SettingsError:
        return None


@contextmanager
def account(patience: timedelta | None = None) -> Iterator[Account]:
    """Give the account of the settings, for one call at a time, each of which may take so long."""
    from mediasweep.settings import load

    settings = load()
    credentials = settings.credentials()
    for name in [name for name in os.environ if name.startswith("CLOUDINARY_")]:
        del os.environ[name]  # the SDK would read them too when it is imported, and differently
    from mediasweep.cloudinary import Account, Credentials

    timeout = patience or AS_LONG_AS * settings.seconds("http_timeout")
    opened = Account(Credentials(**credentials), threads=1, timeout=timeout)  # type: ignore[arg-type]  # checked there
    try:
        yield opened
    finally:
        opened.close()


def do(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(work)


def who() -> str:
    """Return the person at the keyboard, as the journal names them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # in a container a user may be only a number
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
