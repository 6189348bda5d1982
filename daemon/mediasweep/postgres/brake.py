"""The closed brakes as Python values: what they hold, and the release of it.

Each method is one transaction. Listing and acknowledging walk over every row that is held, ten
million of them if need be, so they may take minutes, also where a claim has to end within seconds.
On failure they raise what asyncpg raised.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import patient, statements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    import asyncpg

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)
PATIENCE_S = 600.0


class Brake:
    """The brake of each source."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def closed(self) -> list[Mapping[str, Any]]:
        """Return each closed brake with what it holds and the digest of that, the oldest first."""
        async with patient(self._connection, PATIENCE_S) as connection:
            rows = await connection.fetch(SQL["closed"], None, timeout=PATIENCE_S)
        return [_held(row) for row in rows]

    async def held(self, digest: str) -> Mapping[str, Any] | None:
        """Return what a closed brake holds of the list that a digest names; None: it is open."""
        async with patient(self._connection, PATIENCE_S) as connection:
            row = await connection.fetchrow(SQL["closed"], digest, timeout=PATIENCE_S)
        return None if row is None else _held(row)

    async def first_held(self, digest: str, most: int) -> list[UUID]:
        """Return the ids of the first rows of those."""
        rows = await self._connection.fetch(SQL["first_held"], digest, most)
        return [row["id"] for row in rows]

    async def acknowledge(
        self, digest: str, who: str, *, really: bool
    ) -> tuple[int | None, str | None]:
        """Release what a digest names; returns how many rows, and why not, if it was refused.

        Not `really`: only find out whether it would be refused.
        """
        async with patient(self._connection, PATIENCE_S) as connection:
            row = await connection.fetchrow(
                SQL["acknowledge"], digest, who, really, timeout=PATIENCE_S
            )
        if row is None:
            raise TypeError("acknowledge() returned no row")
        return row["queue_rows"], row["refused"]


def _held(row: asyncpg.Record) -> Mapping[str, Any]:
    return dict(row) | {"by_whom": json.loads(row["by_whom"])}
