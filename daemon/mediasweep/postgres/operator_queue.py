"""The queue as its operators see it: list, show, retry, cancel.

Every method is one statement in its own transaction. It raises what asyncpg raised; a move whose
commit is in doubt may be asked for again, and then says that there was nothing left to move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements
from mediasweep.rules.filter import Filter, Source, like
from mediasweep.rules.reason import Why

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.cursor import Cursor
    from mediasweep.rules.job import ByHand

SQL = statements(__file__)
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class MoveResult:
    """What became of one id: moved where `refused` is None; `busy`: somebody else holds its row."""

    id: UUID
    refused: str | None
    busy: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A row, what keeps it if it is unfinished, and everything that happened to it, in order."""

    row: Mapping[str, Any]
    reasons: Sequence[Why]
    timeline: Sequence[Mapping[str, Any]]


class OperatorQueue:
    """The queue in an operator's hands."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def sources(self, number: int | None) -> list[Source]:
        """Return the tables that are attached or were; and the source of that number, if any row
        has it.
        """
        return [Source(**row) for row in await self._connection.fetch(SQL["sources"], number)]

    async def reasons(self) -> list[str]:
        """Return every deletion_reason that a row of queue or journal has; reads all of them."""
        found = await self._connection.fetch(SQL["reasons"], timeout=PATIENCE_S)
        return [row["reason"] for row in found]

    async def rows(self, filter_: Filter, limit: int) -> list[Mapping[str, Any]]:
        """Return matching rows, the newest first."""
        found = await self._connection.fetch(SQL["list"], *_parameters(filter_), limit)
        return [dict(row) for row in found]

    async def page(
        self, filter_: Filter, after: Cursor | None, limit: int, until: datetime | None
    ) -> list[Mapping[str, Any]]:
        """Return matching rows that come after a place, the newest first, not beyond a time."""
        there = (after.at, after.id) if after else (None, None)
        given = (*_parameters(filter_), *there, limit, until)
        return [dict(row) for row in await self._connection.fetch(SQL["page"], *given)]

    async def reach(self, filter_: Filter, after: Cursor | None, most: int) -> datetime | None:
        """Return how far back so many rows of a source after a place go; None: that is all."""
        window = filter_.window
        given = (filter_.statuses or None, filter_.source, window.since, window.until)
        at: datetime | None = await self._connection.fetchval(
            SQL["reach"], *given, after.at if after else None, most
        )
        return at

    async def count(self, filter_: Filter) -> int:
        """Return how many rows match."""
        return int(await self._connection.fetchval(SQL["count"], *_parameters(filter_)))

    async def oldest(self, filter_: Filter, limit: int) -> list[UUID]:
        """Return the ids of matching rows, the oldest first."""
        found = await self._connection.fetch(SQL["oldest"], *_parameters(filter_), limit)
        return [row["id"] for row in found]

    async def preview(self, ids: Sequence[UUID], move: ByHand) -> list[Mapping[str, Any]]:
        """Return these rows, the oldest first, each with why the move would be `refused`; and those
        that would be moved along.
        """
        return [dict(row) for row in await self._connection.fetch(SQL[f"would_{move}"], ids)]

    async def kept(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return which of these rows a claim would keep now, each with the reason.

        Raises what the guard raises where it cannot answer.
        """
        return {row["id"]: row["why"] for row in await self._connection.fetch(SQL["kept"], ids)}

    async def retry(self, ids: Sequence[UUID], who: str) -> list[MoveResult]:
        """Put failed and skipped rows back to pending."""
        return [MoveResult(**row) for row in await self._connection.fetch(SQL["retry"], ids, who)]

    async def cancel(self, ids: Sequence[UUID], who: str, why: str | None) -> list[MoveResult]:
        """Skip pending rows that were never sent; the answer also has the others of their assets,
        which go with them.
        """
        return [
            MoveResult(**row) for row in await self._connection.fetch(SQL["cancel"], ids, who, why)
        ]

    async def show(self, id_: UUID) -> Shown | None:
        """Return all there is to know of a row; None: there is no such row."""
        row = await self._connection.fetchrow(SQL["show"], id_)
        if row is None:
            return None
        reasons = await self._connection.fetch(SQL["why"], id_)
        timeline = await self._connection.fetch(SQL["timeline"], id_)
        return Shown(
            dict(row),
            [Why(**reason) for reason in reasons],
            [dict(moved) for moved in timeline],
        )


def _parameters(filter_: Filter) -> tuple[object, ...]:
    globs = (filter_.public_id, filter_.filename)
    public_id, filename = (None if glob is None else like(glob) for glob in globs)
    return (
        filter_.statuses or None,
        filter_.source,
        public_id,
        filter_.reason,
        filter_.app,
        filter_.actor,
        filter_.window.since,
        filter_.window.until,
        filter_.in_doubt,
        filename,
        filter_.own,
    )
