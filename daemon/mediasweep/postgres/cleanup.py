"""The rows that a cleanup on demand is about, and what became of them.

Every method is one statement in its own transaction. On failure it raises what asyncpg raised.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)


class Cleanup:
    """Rows in the eyes of who waits for them."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def due(self, limit: int) -> list[UUID]:
        """Return the ids of rows that are due, the first to be due first."""
        return [row["id"] for row in await self._connection.fetch(SQL["due"], limit)]

    async def became(self, ids: Sequence[UUID]) -> list[Mapping[str, Any]]:
        """Return id, public_id, status, error and cloudinary_response of these rows."""
        found = await self._connection.fetch(SQL["became"], ids)
        return [
            dict(row) | {"cloudinary_response": json.loads(row["cloudinary_response"] or "null")}
            for row in found
        ]
