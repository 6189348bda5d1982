"""Uploads, as the database knows them. The rules are in its functions.

Each method is one statement in its own transaction. On failure it raises what asyncpg raised.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mediasweep.postgres.pool import statements
from mediasweep.rules.text import storable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.notification import Change
    from mediasweep.rules.upload import UploadOptions

SQL = statements(__file__)


class Uploads:
    """What is queued for the case that an upload is broken off."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def look(self, public_id: str, wanted: UploadOptions) -> tuple[str | None, bool]:
        """Return why no upload may have this name, if so, and whether the library has it."""
        [row] = await self._connection.fetch(SQL["look"], public_id, *_named(wanted))
        return row["refused"], row["listed"]

    async def begin(
        self, public_id: str, wanted: UploadOptions, later: timedelta, who: str
    ) -> tuple[UUID | None, str | None]:
        """Queue a name; returns the row, or why not."""
        given = (public_id, *_named(wanted), storable(wanted.filename), later, who)
        [row] = await self._connection.fetch(SQL["begin"], *given)
        return row["id"], row["refused"]

    async def hold(self, row: UUID, later: timedelta) -> bool:
        """Put a row off; tells whether it still is what it was."""
        return bool(await self._connection.fetchval(SQL["hold"], row, later))

    async def drop(self, row: UUID, who: str, why: str) -> bool:
        """Give a row up, because nothing was stored; tells whether that was in time."""
        return bool(await self._connection.fetchval(SQL["drop"], row, who, storable(why)))

    async def finish(
        self, row: UUID, change: Change, owner: Mapping[str, object]
    ) -> tuple[UUID | None, bool]:
        """List what was uploaded; returns its row of the library, if it has one, and whether what
        was queued was lost.
        """
        given = (row, json.dumps(change.as_json()), json.dumps(owner, default=str))
        [told] = await self._connection.fetch(SQL["finish"], *given)
        return told["listed"], told["lost"]


def _named(wanted: UploadOptions) -> tuple[str | None, str, bool]:
    return wanted.resource_type, wanted.delivery_type, wanted.overwrite
