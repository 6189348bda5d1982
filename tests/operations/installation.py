"""An installation that is well, how it is examined, and how a fault is planted in it."""

from __future__ import annotations

import json
import os
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from mediasweep import __version__
from mediasweep.cloudinary import Account, Credentials
from mediasweep.emulator.client import Cloud
from mediasweep.operations.doctor import DoctorReport, examine
from mediasweep.postgres.pool import Connection as Db
from mediasweep.settings import SettingsError, load
from tests.conftest import Server
from tests.daemons import environment
from tests.schema.queue import DAEMON

INSTALL = "SELECT mediasweep.recognise($1, jsonb_build_object('cloud', $2::text))"
BEAT = """
INSERT INTO mediasweep.daemon (id, host, pid, version, concurrency, listening, config)
VALUES ($1, 'here', 7, $2, 1, true, $3::jsonb)
"""
SHADOW = "CREATE FUNCTION public.{}"


@dataclass(slots=True)
class World:
    """A healthy installation: a database with a beat, an account, this host's clock."""

    server: Server
    dsn: str
    db: Db
    cloud: Cloud
    off: timedelta = timedelta(0)
    more: dict[str, str] = field(default_factory=dict)

    async def settle(self) -> None:
        """Let a daemon have installed itself, and beat."""
        await self.db.execute(BEAT, DAEMON, __version__, json.dumps({"works": True, "grace_s": 0}))
        await self.db.execute(INSTALL, DAEMON, self.cloud.name)

    async def report(self) -> DoctorReport:
        """Examine it."""
        env = environment(self.dsn, self.cloud.url) | self.more
        with patch.dict(os.environ, {name: value for name, value in env.items() if value}):
            settings = load()
        try:
            given = Credentials(**settings.credentials())  # type: ignore[arg-type]  # checked there
        except SettingsError:
            return await examine(settings, None, self._now)
        account = Account(given, threads=1, timeout=timedelta(seconds=2))
        try:
            return await examine(settings, account, self._now)
        finally:
            account.close()

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.off

    async def set(self, name: str, value: str) -> None:
        """Give every new session of the database a setting."""
        database = self.dsn.rpartition("/")[2]
        await self.server.sql(f"ALTER DATABASE {database} SET {name} = {value}")

    async def shadow(self, definition: str) -> None:
        """Put a function in the place of one of PostgreSQL's own, for this database."""
        await self.db.execute(SHADOW.format(definition))
        await self.set("search_path", "public, pg_catalog")


Plant = Callable[[World], Awaitable[object]]


def sql(*statements: str) -> Plant:
    """Return how to plant by statements."""

    async def plant(world: World) -> None:
        for statement in statements:
            await world.db.execute(statement)

    return plant


def shadowed(definition: str) -> Plant:
    """Return how to plant a function that says something else than PostgreSQL's own."""
    return lambda world: world.shadow(definition)


def given(**more: str) -> Plant:
    """Return how to plant other settings of the environment; an empty one is left out."""

    async def plant(world: World) -> None:
        world.more |= more

    return plant


def switched(**switches: object) -> Plant:
    """Return how to plant switches of the account."""
    return lambda world: to_thread(world.cloud.switch, **switches)


def set_to(name: str, value: str) -> Plant:
    """Return how to plant a setting of the database."""
    return lambda world: world.set(name, value)
