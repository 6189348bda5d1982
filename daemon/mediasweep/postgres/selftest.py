"""What the self-test does to the database, and looks for in it.

Each method is one statement in its own transaction. On failure it raises what asyncpg raised.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)


class Traces:
    """The throw-away rows, and what became of them."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def delete(self, row: UUID, *, softly: bool) -> None:
        """Delete a row of the library, as an application would."""
        await self._connection.execute(SQL["delete"], row, softly)

    async def captured(self, asset_id: str) -> UUID | None:
        """Return the row of the queue by which an asset was let go of."""
        row: UUID | None = await self._connection.fetchval(SQL["captured"], asset_id)
        return row

    async def queue(
        self, public_id: str, resource_type: str, delivery_type: str, asset_id: str
    ) -> UUID:
        """Queue an asset by hand."""
        given = (public_id, resource_type, delivery_type, asset_id)
        row: UUID = await self._connection.fetchval(SQL["queue"], *given)
        return row

    async def finished(self, row: UUID) -> Mapping[str, Any] | None:
        """Return how a row of the queue ended, as soon as it has."""
        ended = await self._connection.fetchrow(SQL["finished"], row)
        return dict(ended) if ended else None

    async def told_as(self, asset_id: str, since: datetime) -> list[str]:
        """Return the types of the notifications that Cloudinary has sent of an asset."""
        return [row[0] for row in await self._connection.fetch(SQL["told_as"], asset_id, since)]

    async def row(self, row: UUID) -> Mapping[str, Any]:
        """Return a live row of the library; nothing in it if there is none."""
        return dict(await self._connection.fetchrow(SQL["row"], row) or {})

    async def unindexed(self) -> list[str]:
        """Return the statements that make the indexes which the guard lacks on the library."""
        return [row["statement"] for row in await self._connection.fetch(SQL["unindexed"])]

    async def clean(self, folder: str, made: Sequence[Sequence[str | None]]) -> None:
        """Delete what a run made, and what one has left that was killed.

        `made`: public id, types and, if known, asset id of what has to go also if no row is left.
        """
        await self._connection.execute(SQL["clean"], folder, json.dumps(made))

    async def left(self, folder: str) -> Mapping[str, Any]:
        """Return what there is of a run: listed, unfinished, failed."""
        [row] = await self._connection.fetch(SQL["left"], folder)
        return dict(row)
