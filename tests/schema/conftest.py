"""What the tests of the schema share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.schema.roles import stranger


@pytest.fixture
async def role(database: str) -> AsyncIterator[str]:
    """Give a role that may log in and has been granted nothing."""
    async with stranger(database) as login:
        yield login.name
