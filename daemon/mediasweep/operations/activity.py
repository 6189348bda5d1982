"""What was done lately, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediasweep.postgres.activity import Activity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediasweep.postgres.pool import Connection, Pool


async def page(
    connection: Pool | Connection, *, before: int | None, limit: int
) -> tuple[Sequence[Mapping[str, Any]], int | None]:
    """Return entries of the journal, the newest first, and before which the next page begins."""
    found = await Activity(connection).page(before, limit + 1)
    rows = found[:limit]
    return rows, rows[-1]["id"] if len(found) > limit else None
