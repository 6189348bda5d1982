"""What the tests of the schema share."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Server, clone
from tests.schema.origin import drop_roles, make
from tests.schema.places import install
from tests.schema.roles import stranger


@pytest.fixture
async def role(database: str) -> AsyncIterator[str]:
    """Give a role that may log in and has been granted nothing."""
    async with stranger(database) as login:
        yield login.name


@pytest.fixture
async def installed(db: Db) -> Db:
    """Give a database on which a daemon has run, with a row to be deleted."""
    await install(db)
    return db


@pytest.fixture(scope="session")
def earlier_template(server: Server) -> Iterator[str]:
    """Make a database with the earlier system and our schema beside it, to be cloned."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    asyncio.run(server.sql(f"CREATE DATABASE {name}"))
    asyncio.run(migrate(server.dsn(name)))
    asyncio.run(make(server.dsn(name)))
    yield name
    asyncio.run(server.sql(f"DROP DATABASE {name} WITH (FORCE)"))
    asyncio.run(drop_roles(server.dsn("postgres")))


@pytest.fixture
async def earlier(server: Server, earlier_template: str) -> AsyncIterator[str]:
    """Give a database of the test's own that runs the earlier system."""
    async for dsn in clone(server, earlier_template):
        yield dsn
