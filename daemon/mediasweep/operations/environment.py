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


async def look(connection: Pool | Connection, *, cloud: str) -> dict[str, Any]:
    """Return what an adoption by someone with this cloud in their settings would do.

    `differences`: what, was, is. `gates`: those that it would open: gate, reason, closed_at.
    """
    environment = Environment(connection)
    try:
        differences = await environment.differences(cloud)
    except asyncpg.ReadOnlySQLTransactionError as error:
        raise RefusedError(_standby(error)) from error
    return {"differences": differences, "gates": await environment.gates()}


async def adopt(connection: Pool | Connection, *, cloud: str, who: str) -> None:
    """Make here and this cloud the place of the installation, and open both gates."""
    try:
        await Environment(connection).adopt(cloud, who)
    except asyncpg.ReadOnlySQLTransactionError as error:
        raise RefusedError(_standby(error)) from error


def _standby(error: BaseException) -> str:
    return f"{error}; connect to the primary, or promote this one first"
