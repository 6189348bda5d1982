"""The library: its rows page by page, its figures, and deleting from it.

Every method is one statement in its own transaction. On failure it raises what asyncpg raised.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements
from mediasweep.rules.filter import like
from mediasweep.rules.moment import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.cursor import Cursor
    from mediasweep.rules.page_request import PageRequest
    from mediasweep.rules.selection import Selection

SQL = statements(__file__)
TIMES = ("created_at", "updated_at", "cloudinary_created_at", "last_synced_at", "deleted_at")


class Media:
    """The library of this database."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def page(
        self, request: PageRequest, within: timedelta
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Return the rows of a page, and how many the filter leaves; None: there is no filter.

        Without a library there are no rows.

        Raises TimeoutError where the library is too large to be gone through so soon.
        """
        row = await self._connection.fetchrow(
            SQL["page"],
            *_filter(request),
            request.sort_by,
            request.descending,
            (request.page - 1) * request.limit,
            request.limit,
            timeout=within.total_seconds(),
        )
        if row is None:
            raise TypeError("media_found() returned no row")
        return [_decoded(item) for item in row["items"] or ()], row["total"]

    async def row(self, id_: UUID) -> dict[str, Any] | None:
        """Return a row, deleted or not; None: there is none."""
        said: str | None = await self._connection.fetchval(SQL["row"], id_)
        return None if said is None else _decoded(said)

    async def is_there(self) -> bool:
        """Tell whether there is a library of ours."""
        return bool(await self._connection.fetchval(SQL["is_there"]))

    async def figures(self) -> dict[str, Any] | None:
        """Return the whole library in figures; None: there is none."""
        said: str | None = await self._connection.fetchval(SQL["figures"])
        return None if said is None else _decoded(said)

    async def named(self, chosen: Selection) -> list[dict[str, Any]]:
        """Return the rows that are meant, `live` or, of those named by their ids, deleted."""
        found = await self._connection.fetch(
            SQL["named"],
            chosen.ids,
            chosen.public_ids,
            chosen.resource_type,
            chosen.delivery_type,
        )
        return [dict(row) for row in found]

    async def delete(self, meant: Mapping[UUID, str], who: str) -> list[dict[str, Any]]:
        """Delete and queue these rows, and return each that lived with its `queue_id`.

        `meant` tells the public id of each: a row that has another one by now stays as it is.
        """
        ids, public_ids = list(meant), list(meant.values())
        found = await self._connection.fetch(SQL["delete"], ids, who, public_ids)
        return [dict(row) for row in found]

    async def delete_again(self, ids: Sequence[UUID], who: str) -> list[UUID]:
        """Queue what these rows have deleted once more, and return the new rows."""
        return [row["id"] for row in await self._connection.fetch(SQL["delete_again"], ids, who)]

    async def plan(self, ids: Sequence[UUID], *, guarded: bool) -> list[dict[str, Any]]:
        """Return those of these rows that live, and what would keep the asset of each.

        Raises what the guard raises where it cannot answer, if it is to be asked.
        """
        return [dict(row) for row in await self._connection.fetch(SQL["plan"], ids, guarded)]

    async def deleted(
        self, ids: Sequence[str] | None, search: str | None, after: Cursor | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return deleted rows, the newest first, each with what became of its asset."""
        there = (after.at, after.id) if after else (None, None)
        pattern = like(f"*{search}*") if search else None
        found = await self._connection.fetch(SQL["deleted"], ids, pattern, *there, limit)
        return [dict(row) for row in found]

    async def completed(self, ids: Sequence[str]) -> dict[UUID, str]:
        """Return the queue rows that have deleted assets with these public ids, and which one."""
        found = await self._connection.fetch(SQL["completed"], ids)
        return {row["id"]: row["public_id"] for row in found}

    async def undelete(
        self, ids: Sequence[UUID], who: str, completed: Sequence[UUID]
    ) -> dict[UUID, str | None]:
        """Bring deleted rows back; returns of each why it stays deleted, None: it is back.

        Their assets are there, unless a row that is not among the `completed` has deleted them.
        """
        found = await self._connection.fetch(SQL["undelete"], ids, who, completed)
        return {row["id"]: row["refused"] for row in found}


def _decoded(said: str) -> dict[str, Any]:
    """Return what the library tells as JSON, its times as times."""
    told: dict[str, Any] = json.loads(said)
    return told | {name: from_json(told[name]) for name in TIMES if told.get(name)}


def _filter(request: PageRequest) -> tuple[object, ...]:
    search = f"*{request.search}*" if request.search else None
    return (
        request.folder,
        request.resource_type,
        None if search is None else like(search),
        list(request.tags) or None,
    )
