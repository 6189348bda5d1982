"""What the tests of the schema share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mediasweep.postgres.pool import Connection as Db
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
