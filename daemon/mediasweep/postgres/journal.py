"""The journal in the hands of those who take something back: deletions, and what became of them.

Every method is one statement in its own transaction. On failure it raises what asyncpg raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements
from mediasweep.postgres.storable_json import storable_json
from mediasweep.rules.restore import Deletion, RestoreFilter, RestoreResult
from mediasweep.rules.selftest import FOLDER
from mediasweep.rules.text import storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.moment import Window

SQL = statements(__file__)
BIGINT_MOST = 2**63 - 1


class Journal:
    """What was done, and what was undone. Only ever added to."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def deletions(
        self, wanted: RestoreFilter, window: Window, limit: int, *, taken_back: bool = False
    ) -> list[Deletion]:
        """Return deletions newest first: those not taken back since or, if asked for, the others.

        The deletions of one asset, and several tries of one deletion, are each of them a row.
        """
        rows = await self._connection.fetch(
            SQL["deletions"],
            list(wanted.ids) or None,
            list(wanted.public_ids) or None,
            wanted.prefix,
            wanted.source,
            wanted.reason,
            wanted.actor,
            wanted.app,
            window.since,
            window.until,
            taken_back,
            limit,
            f"{FOLDER}/",
        )
        return [Deletion(**dict(row)) for row in rows]

    async def note_restores(self, results: Sequence[RestoreResult], who: str) -> None:
        """Write down what became of deletions that were to be taken back, all in one commit."""
        noted = [_noted(result) for result in results]
        if noted:
            columns = (list(column) for column in zip(*noted, strict=True))
            await self._connection.execute(SQL["note_restores"], *columns, who)


def _noted(result: RestoreResult) -> tuple[object, ...]:
    told: dict[str, Any] = dict(result.response or {}) if result.why is None else {}
    return (
        result.deletion.entry,
        "restored" if result.why is None else "restore_failed",
        storable(result.why),
        _text(told.get("format")),
        _number(told.get("bytes")),
        _text(told.get("asset_id")),
        None if result.response is None else storable_json(result.response),
        storable(result.request_id),
    )


def _text(value: object) -> str | None:
    return storable(value[:200]) if isinstance(value, str) else None


def _number(value: object) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= BIGINT_MOST
    return value if fits else None  # type: ignore[return-value]  # is an int here
