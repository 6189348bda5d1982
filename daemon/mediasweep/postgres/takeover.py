"""Taking over a database that runs the SQL of the earlier system: one transaction, or nothing.

What it does stands in schema/takeover.sql, which says it in notices. A rehearsal does all of it and
rolls it back, so that what it says is what would happen. Locks that busy tables do not give are
tried for a few times, briefly; a table of another shape is a DatabaseError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediasweep.postgres.migrate import (
    applied_files,
    check_fits,
    patiently,
    read_schema,
    refuse_pooler,
    takeover,
    wait_for_turn,
)
from mediasweep.postgres.pool import connect, statements

if TYPE_CHECKING:
    from collections.abc import Callable

SQL = statements(__file__)
MARK = "take-over: "


async def found(dsn: str) -> list[str]:
    """Return what there is of an earlier system; empty once it has been taken over."""
    connection = await connect(dsn, name="mediasweep migrate", pooled=True)
    try:
        rows = await connection.fetch(SQL["found"])
        return [row["what"] for row in rows]
    finally:
        await connection.close(timeout=5)


async def possible(dsn: str) -> bool:
    """Tell whether there is something to take over, or was: our schema is there already."""
    connection = await connect(dsn, name="mediasweep migrate", pooled=True)
    try:
        return bool(await connection.fetch(SQL["found"]) or await applied_files(connection))
    finally:
        await connection.close(timeout=5)


async def take_over(dsn: str, *, rehearse: bool, say: Callable[[str], None]) -> list[str]:
    """Take the earlier system over and return what that changed, a line each.

    `rehearse`: undo it all. Raises SchemaError unless the schema of this version is there.
    """
    lines: list[str] = []

    def hear(_: object, notice: object) -> None:
        said = getattr(notice, "message", None) or ""
        if said.startswith(MARK):
            lines.append(said.removeprefix(MARK))

    connection = await connect(dsn, name="mediasweep migrate", pooled=True)
    try:
        await refuse_pooler(connection, dsn)
        await wait_for_turn(connection, say)
        check_fits(read_schema(), await applied_files(connection))
        connection.add_log_listener(hear)
        if rehearse:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await patiently(connection, "takeover.sql", takeover())
            finally:
                await transaction.rollback()
        else:
            await patiently(connection, "takeover.sql", takeover())
    finally:
        await connection.close(timeout=5)
    return lines
