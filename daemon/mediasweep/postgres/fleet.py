"""The registry of daemons and the state of the whole installation, in single statements."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)


@dataclass(frozen=True, slots=True)
class Beat:
    """What a daemon says of itself with every beat; `swept_ago` is None before its first sweep."""

    version: str
    concurrency: int
    listening: bool
    completed: int
    failed: int
    swept_ago: timedelta | None


class Fleet:
    """All daemons of this database."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def beat(
        self, daemon: UUID, beat: Beat, *, channel: str, token: str, patience: timedelta
    ) -> None:
        """Beat, and send `token` to `channel` from here, so that the listener can be proven."""
        await self._connection.execute(
            SQL["beat"],
            daemon,
            beat.listening,
            beat.completed,
            beat.failed,
            beat.swept_ago,
            channel,
            token,
            socket.gethostname(),
            os.getpid(),
            beat.version,
            beat.concurrency,
            timeout=patience.total_seconds(),
        )

    async def leave(self, daemon: UUID) -> None:
        """Take this process out of the registry."""
        await self._connection.execute(SQL["leave"], daemon)

    async def forget_gone(self) -> None:
        """Drop the registry rows of daemons that have not beaten for a day."""
        await self._connection.execute(SQL["forget_gone"])

    async def daemons(self) -> list[Mapping[str, Any]]:
        """Return every registered daemon; `alive` is false for those that stopped beating."""
        return [dict(row) for row in await self._connection.fetch(SQL["daemons"])]

    async def counts(self) -> dict[str, int]:
        """Return the number of rows in each status that has any."""
        return {row["status"]: row["rows"] for row in await self._connection.fetch(SQL["counts"])}

    async def due(self) -> Mapping[str, Any]:
        """Return what is claimable by now: rows, oldest_seconds, in_doubt; and fallback rows."""
        row = await self._connection.fetchrow(SQL["due"])
        return dict(row) if row else {}

    async def install(self, cloud_name: str) -> Mapping[str, Any]:
        """Write down where this installation lives, if nobody has; returns what stands there."""
        await self._connection.execute(SQL["install"], cloud_name)
        row = await self._connection.fetchrow(SQL["installation"])
        return dict(row) if row else {}

    async def prove_asset_id(self, cloud_name: str) -> None:
        """Remember that this account deletes by asset id, if it is the one of the installation."""
        await self._connection.execute(SQL["prove_asset_id"], cloud_name)
