"""The gate table: close, open, list. A closed gate is a row; opening deletes the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.gate import Closing

SQL = statements(__file__)


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause: why, by whom, until when (None: until it is ended), and the one that it replaced."""

    reason: str
    who: str
    until: datetime | None
    replaced: Pause | None = None


class Gates:
    """The fleet's gates."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def close(self, closing: Closing, who: str) -> None:
        """Close a gate that will test itself, or move its time on."""
        await self._connection.execute(
            SQL["close"], closing.name, closing.reason, who, closing.wait, closing.probe
        )

    async def throttle(self, limit: int) -> bool:
        """Halve the fleet's calls at a time; tells whether it was done just now."""
        return bool(await self._connection.fetchval(SQL["throttle"], limit))

    async def pause(self, reason: str, who: str, duration: timedelta | None) -> Pause:
        """Close the pause, for a time or until it is opened; one that is in force is replaced."""
        [row] = await self._connection.fetch(SQL["close"], "pause", reason, who, duration, None)
        replaced = None
        if row["reason_before"] is not None:
            replaced = Pause(row["reason_before"], row["closed_by_before"], row["until_before"])
        return Pause(reason, who, row["until"], replaced)

    async def open(self, name: str, who: str) -> bool:
        """Open a gate; tells whether it was closed."""
        return bool(await self._connection.fetch(SQL["open"], [name], who))

    async def open_tested(self, who: str) -> tuple[str, ...]:
        """Open the gates that let a row through as a test, now that it came back well."""
        return tuple(row["name"] for row in await self._connection.fetch(SQL["open_tested"], who))

    async def expire(self) -> tuple[str, ...]:
        """Open the gates that were closed for a time which has passed; nothing waited for this."""
        return tuple(row["name"] for row in await self._connection.fetch(SQL["expire"]))

    async def list(self) -> list[dict[str, Any]]:
        """Return the closed and the testing gates, oldest first."""
        return [dict(row) for row in await self._connection.fetch(SQL["list"])]
