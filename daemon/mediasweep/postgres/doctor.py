"""What the doctor asks of the database, one statement a question.

It writes nothing and sets nothing. On failure it raises what asyncpg raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)


async def ask(
    connection: Pool | Connection, question: str, *args: object
) -> list[Mapping[str, Any]]:
    """Return the answer to a question of doctor.sql, a mapping a row."""
    return [dict(row) for row in await connection.fetch(SQL[question], *args)]


def peer(connection: Connection) -> str | None:
    """Return the address at the other end of a connection; None over a unix socket."""
    found = connection._transport.get_extra_info("peername")  # type: ignore[attr-defined]  # noqa: SLF001  as the pool does
    return str(found[0]) if isinstance(found, tuple) else None
