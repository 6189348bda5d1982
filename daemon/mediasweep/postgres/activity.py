"""The journal from its end, for who wants to know what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.journal import Entries

SQL = statements(__file__)


class Activity:
    """What was done, the newest first."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def page(
        self, wanted: Entries, before: int | None, until: int | None, limit: int
    ) -> list[Mapping[str, Any]]:
        """Return such entries older than one, None: the newest; not beyond another one."""
        given = (wanted.event, wanted.actor, wanted.own, before, until, limit)
        return [dict(row) for row in await self._connection.fetch(SQL["page"], *given)]

    async def reach(self, before: int | None, most: int) -> int | None:
        """Return how far so many entries older than one go; None: that is all."""
        last: int | None = await self._connection.fetchval(SQL["reach"], before, most)
        return last

    async def done(self, since: datetime, until: datetime) -> list[Mapping[str, Any]]:
        """Return how many were deleted, absent and failed in each five minutes that had any."""
        return [dict(row) for row in await self._connection.fetch(SQL["done"], since, until)]
