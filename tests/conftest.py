"""The test's own server, database and account. Nothing of the environment reaches a test.

One PostgreSQL server a test process, one database a test, cloned from a template that was migrated
once. A test that leaves a task or a connection behind fails.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud, Emulator
from mediasweep.postgres.migrate import migrate
from tests.daemons import Daemon

SERVER = os.environ.get("MEDIASWEEP_TEST_DATABASE_URL")
FOREIGN = ("DATABASE_URL", "CLOUDINARY_", "NEXT_PUBLIC_", "SUPABASE_", "PG", "MEDIASWEEP_")
for _name in list(os.environ):
    if _name.startswith(FOREIGN):
        del os.environ[_name]

LEFT_OPEN_S = 3.0
MEMORY = Path("/dev/shm")  # noqa: S108  in which a private folder is made
ROOM = 2 << 30  # bytes; a server takes some 100 MB, and there may be eight
Connect = Callable[[], Awaitable["asyncpg.Connection[asyncpg.Record]"]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put in front what may take longer than others, so that no process is left with it alone."""
    items.sort(key=_patience_s, reverse=True)


def _patience_s(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0.0


class Server:
    """The PostgreSQL server of this test process."""

    def __init__(self, dsn: str, cluster: Cluster | None) -> None:
        self._dsn = urlsplit(dsn)
        self.cluster = cluster

    def dsn(self, database: str) -> str:
        """Return the address of one of its databases."""
        return urlunsplit(self._dsn._replace(path=f"/{database}"))

    def address(self) -> tuple[str, int]:
        """Return host and port."""
        return self._dsn.hostname or "127.0.0.1", self._dsn.port or 5432

    @asynccontextmanager
    async def superuser(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Yield a connection that may do everything; each costs 6 ms of CPU."""
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            yield connection
        finally:
            await connection.close()

    async def sql(self, *statements: str) -> None:
        """Run statements as the superuser, each in a transaction of its own."""
        async with self.superuser() as connection:
            for statement in statements:
                await connection.execute(statement)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Start the server of this test process, or use the one that was named."""
    if SERVER:
        yield Server(SERVER, None)
        return
    settings = {"max_connections": "200"}
    with Cluster(durable=False, settings=settings, folder=_in_memory()) as cluster:
        yield Server(cluster.dsn(), cluster)


def _in_memory() -> Path | None:
    """Return a folder in memory, if there is one with room: a clone takes a disk ten times as long.

    Programs have to run from it, because the server's may have to be copied.
    """
    try:
        free, flags = shutil.disk_usage(MEMORY).free, os.statvfs(MEMORY).f_flag
    except OSError:
        return None
    return MEMORY if free >= ROOM and not flags & os.ST_NOEXEC else None


@pytest.fixture(scope="session")
def template(server: Server) -> Iterator[str]:
    """Make a database with the schema and the library, to be cloned."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    asyncio.run(server.sql(f"CREATE DATABASE {name}"))
    asyncio.run(migrate(server.dsn(name), with_library=True))
    yield name
    asyncio.run(server.sql(f"DROP DATABASE {name} WITH (FORCE)"))


async def clone(server: Server, template: str) -> AsyncIterator[str]:
    """Yield the address of a copy of a database, and drop it afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await server.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield server.dsn(name)
    finally:
        async with server.superuser() as admin:
            try:
                await _nothing_left_open(admin, name)
            finally:
                await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(server: Server, template: str) -> AsyncIterator[str]:
    """Give a migrated database of the test's own; it must not be connected to afterwards."""
    async for dsn in clone(server, template):
        yield dsn


@pytest.fixture
async def blank_database(server: Server) -> AsyncIterator[str]:
    """Give an empty database of the test's own."""
    async for dsn in clone(server, "template0"):
        yield dsn


async def _nothing_left_open(admin: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    """Fail if a backend of the database does not go away by itself."""
    for _ in range(int(LEFT_OPEN_S / 0.05)):
        open_ = await admin.fetch(
            "SELECT application_name, state, query FROM pg_stat_activity"
            " WHERE datname = $1 AND backend_type = 'client backend'",
            name,
        )
        if not open_:
            return
        await admin.execute("SELECT pg_sleep(0.05)")
    pytest.fail(f"connections were left open: {[dict(row) for row in open_]}")


@pytest.fixture(autouse=True)
async def _no_task_left() -> AsyncIterator[None]:
    """Fail a test that leaves an asyncio task running."""
    before = asyncio.all_tasks()
    yield
    for daemon in list(Daemon.alive):  # a test that failed had no time to stop it
        await daemon.kill()
    new = asyncio.all_tasks() - before - {asyncio.current_task()}
    left = [task for task in new if not task.done()]
    assert not left, f"tasks were left running: {left}"


@pytest.fixture
async def connect(database: str) -> AsyncIterator[Connect]:
    """Give a function that opens connections to the test's database; they are closed afterwards."""
    opened: list[asyncpg.Connection[asyncpg.Record]] = []

    async def open_() -> asyncpg.Connection[asyncpg.Record]:
        opened.append(await asyncpg.connect(database))
        return opened[-1]

    yield open_
    for connection in opened:
        if not connection.is_closed():
            await connection.close()


@pytest.fixture
async def db(connect: Connect) -> asyncpg.Connection[asyncpg.Record]:
    """Give one connection to the test's database: the application's."""
    return await connect()


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """Start the Cloudinary emulator of this test process."""
    with Emulator() as running:
        yield running


@pytest.fixture
def cloud(emulator: Emulator) -> Cloud:
    """Give a cloud of the test's own."""
    return emulator.cloud()
