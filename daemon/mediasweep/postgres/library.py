"""What stands in the way of the library: a table of the user's that has its name.

Nothing here writes. On failure it raises what asyncpg raised, or DatabaseError.
"""

from __future__ import annotations

from mediasweep.postgres.migrate import LIBRARY, pending
from mediasweep.postgres.pool import connect, statements

SQL = statements(__file__)


async def lacking(dsn: str) -> list[str]:
    """Return the columns that a table public.media_assets which is here lacks to be the library."""
    connection = await connect(dsn, name="mediasweep migrate", pooled=True)
    try:
        return [row["name"] for row in await connection.fetch(SQL["lacking"])]
    finally:
        await connection.close(timeout=5)


async def would_be_closed(dsn: str) -> bool:
    """Tell whether making the library would switch on the row-level security of such a table."""
    if LIBRARY not in [file.name for file in await pending(dsn, with_library=True)]:
        return False
    connection = await connect(dsn, name="mediasweep migrate", pooled=True)
    try:
        return bool(await connection.fetchval(SQL["open"]))
    finally:
        await connection.close(timeout=5)
