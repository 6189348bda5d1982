"""The environment: what differs from the place of the installation, and adopting it.

An operation is given a connection. It raises RefusedError on a standby, and else what asyncpg
raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg

from mediasweep.operations.refusal import RefusedError
from mediasweep.postgres.environment import Environment

if TYPE_CHECKING:
    from mediasweep.postgres.pool import Connection, Pool

PLACES = {"server", "database", "place"}


async def look(connection: Pool | Connection, *, cloud: str) -> dict[str, Any]:
    """Return what an adoption by someone with this cloud in their settings would do.

    `differences`: what, was, is. `gates`: those that it would open: gate, reason, closed_at.
    `guard`: why the guard cannot answer, as in a restored dump, which an adoption does not mend.
    """
    environment = Environment(connection)
    try:
        differences = await environment.differences(cloud)
    except asyncpg.ReadOnlySQLTransactionError as error:
        raise RefusedError(_standby(error)) from error
    return {
        "differences": differences,
        "gates": await environment.gates(),
        "guard": await environment.guard_error(),
    }


async def compare(connection: Pool | Connection, *, cloud: str | None) -> dict[str, Any]:
    """Return where this database is, without writing anything, on a standby as well.

    `differences` as above; `copied`: they say that this is another server or database than the
    one in which the daemons beat; `standby`: it is one; `guard` as above.
    """
    environment = Environment(connection)
    guard = await environment.guard_error()
    try:
        differences = await environment.differences(cloud)
    except asyncpg.ReadOnlySQLTransactionError:
        return {"differences": [], "copied": False, "standby": True, "guard": guard}
    copied = any(one["what"] in PLACES for one in differences)
    return {"differences": differences, "copied": copied, "standby": False, "guard": guard}


async def adopt(connection: Pool | Connection, *, cloud: str, who: str) -> None:
    """Make here and this cloud the place of the installation, and open both gates."""
    try:
        await Environment(connection).adopt(cloud, who)
    except asyncpg.ReadOnlySQLTransactionError as error:
        raise RefusedError(_standby(error)) from error


def _standby(error: BaseException) -> str:
    return f"{error}; connect to the primary, or promote this one first"
