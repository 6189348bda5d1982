"""The indexes that the guard wants on an attached table: which are missing, and building them.

They are built concurrently, so that writers go on. A build that is broken off leaves an invalid
index, which the next build knows by its name, drops, and builds again. Builders of one table take
turns, because the index of one that is at work looks the same. Whatever fails is raised as it is;
DatabaseError, with the statement, where only the owner of the table may do it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg

from mediasweep.postgres.migrate import refuse_pooler
from mediasweep.postgres.pool import DatabaseError, connect, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)
BUILD_S = 7 * 24 * 3600.0  # of a large table, behind long transactions
POLL_S = 0.5


async def missing(connection: Pool | Connection, oid: int) -> list[Mapping[str, Any]]:
    """Return the indexes of an attached table that are not there, or only half built."""
    return [dict(row) for row in await connection.fetch(SQL["indexes"], oid)]


async def build(dsn: str, oid: int, say: Callable[[str], None]) -> list[str]:
    """Build what is missing and can be built concurrently; returns the names of the indexes."""
    connection = await connect(dsn, name="mediasweep index", pooled=True)
    try:
        await refuse_pooler(connection, dsn, doing="building an index")
        await connection.execute(SQL["no_limits"])
        while not await connection.fetchval(SQL["turn"], oid):
            say("another is building indexes of this table: waiting for it")
            await asyncio.sleep(POLL_S)
        built: list[str] = []
        for one in await missing(connection, oid):
            if one["build"] is None:
                continue
            if one["drop"] is not None:
                say(f"{one['name']} was broken off: dropped, and built again")
                await connection.execute(one["drop"], timeout=BUILD_S)
            say(one["build"])
            try:
                await connection.execute(one["build"], timeout=BUILD_S)
            except asyncpg.InsufficientPrivilegeError as error:
                raise DatabaseError(
                    f"the index was not built: {error}; let the owner run: {one['statement']}"
                ) from error
            built.append(one["name"])
        return built
    finally:
        await connection.close(timeout=5)
