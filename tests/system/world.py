"""A small world that Prometheus watches: a database, an account and daemons of its own.

Owns its daemons, its connections and its database, which are gone when it is left.
"""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from mediasweep.emulator.client import Cloud, Emulator
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.conftest import Server, clone
from tests.daemons import INSERT_ASSETS, Daemon, environment, spawn
from tests.proxy import Proxy
from tests.system.monitoring import Monitoring

IMPATIENT = ("-m", "tests.programs", "impatient")  # gates that test themselves soon
DELETE = "DELETE FROM media_assets WHERE cloudinary_public_id LIKE $1 || '%'"
SOME = """
DELETE FROM media_assets WHERE cloudinary_public_id IN (SELECT m.cloudinary_public_id
  FROM media_assets m WHERE m.cloudinary_public_id LIKE $1 || '%' LIMIT 3)
"""
cloned = asynccontextmanager(clone)


@dataclass(slots=True)
class World:
    """`ports`: where its daemons answer, one each. `settings` are theirs, and its commands'."""

    job: str
    dsn: str
    cloud: Cloud
    ports: list[int]
    monitor: Monitoring
    starting: asyncio.Semaphore
    stack: AsyncExitStack
    db: Db = field(init=False)
    settings: dict[str, str] = field(default_factory=dict)

    async def connected(self) -> Db:
        """Return a connection to its database."""
        db = await asyncpg.connect(self.dsn)
        self.stack.push_async_callback(db.close)
        return db

    async def filled(self, prefix: str, count: int) -> None:
        """Have so many assets more, each with its row."""
        await to_thread(self.cloud.fill, prefix, count)
        await self.db.execute(INSERT_ASSETS, prefix, count)

    async def started(self, number: int = 0, **more: str) -> Daemon:
        """Start a daemon at one of the ports, and return when it works."""
        bind = {"MEDIASWEEP_HTTP_BIND": f"127.0.0.1:{self.ports[number]}"}
        async with self.starting:
            daemon = await spawn(self._env() | bind | more, IMPATIENT)
            self.stack.push_async_callback(daemon.stop)
            await daemon.seen("listener_up")
        return daemon

    async def watched(self) -> None:
        """Return when Prometheus has seen all its daemons, and is content."""
        await self.monitor.calm(self.job, len(self.ports))

    def _env(self) -> dict[str, str]:
        return environment(self.dsn, self.cloud.url) | self.settings

    async def told(self, *names: str) -> None:
        """Return when these alerts have been told."""
        await asyncio.gather(*(self.monitor.firing(name, self.job) for name in names))

    async def over(self, *names: str) -> None:
        """Return when their end has been told."""
        await asyncio.gather(*(self.monitor.over(name, self.job) for name in names))

    async def command(self, *words: str) -> str:
        """Run a command of mediasweep that succeeds, and return what it prints."""
        done = await mediasweep(self._env(), *words)
        assert done.code == 0, done
        return done.out

    @asynccontextmanager
    async def dripping(self, prefix: str) -> AsyncIterator[None]:
        """Let go of three assets at a time, again and again."""
        db = await self.connected()

        async def drip() -> None:
            while True:
                await db.execute(SOME, prefix)
                await db.execute("SELECT pg_sleep(0.2)")

        task = asyncio.create_task(drip())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})


@dataclass(slots=True)
class Scene:
    """What worlds are made of. A dozen daemons that start at once would all be late, so they take
    turns.
    """

    server: Server
    template: str
    emulator: Emulator
    monitor: Monitoring
    ports: dict[str, list[int]]
    starting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(3))

    @asynccontextmanager
    async def world(self, job: str, dsn: str = "", **settings: str) -> AsyncIterator[World]:
        """Give a world under the name of a job; without an address, with a database of its own."""
        cloud = await to_thread(self.emulator.cloud)
        async with AsyncExitStack() as stack:
            dsn = dsn or await stack.enter_async_context(cloned(self.server, self.template))
            world = World(job, dsn, cloud, self.ports[job], self.monitor, self.starting, stack)
            world.settings = settings
            world.db = await world.connected()
            yield world

    def proxy(self) -> Proxy:
        """Return a way to the server that can be broken."""
        return Proxy(self.server.address())
