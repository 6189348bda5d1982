"""The scheduler's row: the configuration of all daemons, and a sweep that passes a pause."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)


@dataclass(frozen=True, slots=True)
class Forced:
    """What a sweep that was asked for does: `rows` that are due may go; `paused`: through a pause.

    `behind`: what stays, by the gates that hold it, as in `brake (posts)`.
    """

    paused: bool
    rows: int
    behind: dict[str, int]


class Scheduler:
    """What the daemons are told in common."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def configure(self, given: Mapping[str, Any], who: str) -> None:
        """Set values for all daemons; None takes one back."""
        await self._connection.execute(SQL["configure"], json.dumps(given), who)

    async def config(self) -> Mapping[str, Any]:
        """Return what is set, by whom, and what is left of a forced sweep."""
        row = await self._connection.fetchrow(SQL["config"])
        return dict(row) if row else {}

    async def force(self, limit: int | None, who: str) -> Forced:
        """Let what is due now through a pause, and tell what stays."""
        [row] = await self._connection.fetch(SQL["force"], limit, who)
        return Forced(row["paused"], row["rows"], json.loads(row["behind"]))

    async def test_now(self, who: str) -> list[str]:
        """Let gates that test themselves do so at once; returns their names."""
        return [row["name"] for row in await self._connection.fetch(SQL["test_now"], who)]
