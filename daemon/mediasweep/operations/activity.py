"""What was done lately, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediasweep.postgres.activity import Activity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.journal import Entries


LOOKED_AT = 50_000  # entries, for one page


async def page(
    connection: Pool | Connection, wanted: Entries, *, before: int | None, limit: int
) -> tuple[Sequence[Mapping[str, Any]], int | None]:
    """Return such entries of the journal, the newest first, and before which the next page begins.

    Only so many are looked at; where fewer fit, the next page looks at the following ones.
    """
    journal = Activity(connection)
    until = await journal.reach(before, LOOKED_AT) if wanted.selects else None
    found = await journal.page(wanted, before, until, limit + 1)
    if len(found) > limit:
        return found[:limit], found[limit - 1]["id"]
    return found, until
