"""Where the installation lives, and the second look after a failover, in single statements.

All of it may be repeated at any time by any number of daemons. On failure it raises what asyncpg
raised; on a standby that is ReadOnlySQLTransactionError.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from mediasweep.postgres.pool import PASSING, SLOW, statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)


@dataclass(frozen=True, slots=True)
class Look:
    """What one step of the second look brought.

    `state`: open, busy, holding, failed, looking, found or clean, as schema/functions/failover.sql
    has them. `looked`: deletions that all steps so far have looked at; `in_use`: public ids that
    this step found in use again.
    """

    state: str
    looked: int
    in_use: Sequence[str]
    error: str | None


class Environment:
    """The installation of this database."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def server(self) -> str:
        """Return what tells this server process from another one."""
        return str(await self._connection.fetchval(SQL["server"]))

    async def recall(self, daemon: UUID, deletions: Sequence[Mapping[str, Any]]) -> int:
        """Write down again what the journal does not know of; returns how many that were."""
        return int(await self._connection.fetchval(SQL["recall"], daemon, json.dumps(deletions)))

    async def look_again(self, hold: timedelta, most: int) -> Look:
        """Take one step of the second look, if there is one to be taken."""
        row = await self._connection.fetchrow(SQL["look_again"], hold, most)
        if row is None:
            raise TypeError("look_again() returned no row")
        return Look(**row)

    async def differences(self, cloud: str | None) -> list[Mapping[str, Any]]:
        """Return what differs from the installation: what, was, is; of the cloud, if it is told."""
        found = await self._connection.fetch(SQL["differences"], _terms(cloud))
        return [dict(row) for row in found]

    async def guard_error(self) -> str | None:
        """Return why the guard cannot answer, whatever it is asked; None: it can."""
        try:
            await self._connection.execute(SQL["guard"])
        except SLOW as error:
            return str(error) or "it takes too long"
        except PASSING:
            raise
        except asyncpg.PostgresError as error:
            return "; ".join(str(error).splitlines())
        return None

    async def gates(self) -> list[Mapping[str, Any]]:
        """Return the gates environment and failover that are closed: gate, reason, closed_at."""
        return [dict(row) for row in await self._connection.fetch(SQL["gates"])]

    async def adopt(self, cloud: str, who: str) -> list[Mapping[str, Any]]:
        """Make this the installation's place and open the gates; returns what was different."""
        found = await self._connection.fetch(SQL["adopt"], _terms(cloud), who)
        return [dict(row) for row in found]


def _terms(cloud: str | None) -> str:
    return json.dumps({"cloud": cloud, "host": socket.gethostname()})
