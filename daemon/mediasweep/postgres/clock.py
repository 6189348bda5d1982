"""The database's clock, by which everything in it was written. It raises what asyncpg raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mediasweep.postgres.pool import statements

if TYPE_CHECKING:
    from datetime import datetime

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)


async def now(connection: Pool | Connection) -> datetime:
    """Return the time there; two calls in one transaction differ."""
    now: datetime = await connection.fetchval(SQL["now"])
    return now
