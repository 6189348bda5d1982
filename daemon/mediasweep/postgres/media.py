"""The library: its rows page by page, its figures, and deleting from it.

Every method is one statement in its own transaction. On failure it raises what asyncpg raised.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements
from mediasweep.rules.filter import like

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.shelf import Shelf

SQL = statements(__file__)


class Media:
    """The library of this database."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def page(
        self, shelf: Shelf, within: timedelta
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Return the rows of a page, and how many the filter leaves; None: there is no filter.

        Raises TimeoutError where the library is too large to be gone through so soon.
        """
        row = await self._connection.fetchrow(
            SQL["page"],
            *_filter(shelf),
            shelf.sort_by,
            shelf.descending,
            (shelf.page - 1) * shelf.limit,
            shelf.limit,
            timeout=within.total_seconds(),
        )
        if row is None:
            raise TypeError("media_found() returned no row")
        return [json.loads(item) for item in row["items"]], row["total"]

    async def figures(self) -> dict[str, Any] | None:
        """Return the whole library in figures; None: there is none."""
        said: str | None = await self._connection.fetchval(SQL["figures"])
        return None if said is None else json.loads(said)

    async def delete(self, ids: Sequence[str], who: str) -> list[tuple[str, UUID | None]]:
        """Delete and queue, and return each public id with its queue row."""
        found = await self._connection.fetch(SQL["delete"], ids, who)
        return [(row["public_id"], row["queue_id"]) for row in found]

    async def delete_again(self, ids: Sequence[UUID], who: str) -> list[UUID]:
        """Queue what these rows have deleted once more, and return the new rows."""
        return [row["id"] for row in await self._connection.fetch(SQL["delete_again"], ids, who)]


def _filter(shelf: Shelf) -> tuple[object, ...]:
    search = f"*{shelf.search}*" if shelf.search else None
    return (
        shelf.folder,
        shelf.resource_type,
        None if search is None else like(search),
        list(shelf.tags) or None,
    )
