"""The inbox of notifications, as Python values. The rules are in the database's functions.

Each method is one statement in its own transaction, and may be repeated: a notification is written
down once, and changes nothing when it is applied again. On failure it raises what asyncpg raised.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediasweep.postgres.pool import statements
from mediasweep.rules.text import storable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.notification import Change

SQL = statements(__file__)


@dataclass(frozen=True, slots=True)
class Received:
    """A notification that was written down; `digest` is its body's SHA-256."""

    digest: bytes
    signed_at: datetime
    body: bytes = field(repr=False)


class Inbox:
    """The notifications that there are."""

    def __init__(self, pool: Pool | Connection) -> None:
        """Keep what to ask."""
        self._pool = pool

    async def receive(self, one: Received, notification_type: str, rest: timedelta) -> bool:
        """Write one down, to be applied after `rest`; tells whether it is new.

        When this has returned, it is committed to disk.
        """
        given = (one.digest, storable(notification_type), one.signed_at, one.body, rest)
        return bool(await self._pool.fetchval(SQL["receive"], *given))

    async def take(self, most: int) -> list[Received]:
        """Take what is due, oldest first; nobody else is given it for a while."""
        rows = await self._pool.fetch(SQL["take"], most)
        return [Received(row["digest"], row["signed_at"], row["body"]) for row in rows]

    async def apply(self, digest: bytes, changes: Sequence[Change]) -> str | None:
        """Apply what one says, all of it or nothing; returns the outcome, None if it was done."""
        said = json.dumps([change.as_json() for change in changes])
        outcome: str | None = await self._pool.fetchval(SQL["apply"], digest, said)
        return outcome

    async def put_back(self, digest: bytes, error: str) -> None:
        """Keep why one could not be applied; it is tried again when it falls due."""
        await self._pool.execute(SQL["put_back"], digest, storable(error))

    async def prune(self, retention: timedelta, most: int) -> int:
        """Drop up to `most` that were applied long ago, and what they said; returns how many."""
        return int(await self._pool.fetchval(SQL["prune"], retention, most))

    async def has(self, digest: bytes) -> bool:
        """Tell whether one was written down."""
        return bool(await self._pool.fetchval(SQL["has"], digest))

    async def state(self) -> list[Mapping[str, object]]:
        """Return how many there are by outcome, `waiting` and `failing` among them."""
        return [dict(row) for row in await self._pool.fetch(SQL["state"])]
