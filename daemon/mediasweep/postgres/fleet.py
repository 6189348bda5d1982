"""The registry of daemons and the state of the whole installation, in single statements."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.pool import statements
from mediasweep.rules.reason import Why

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.postgres.queue import ClaimTerms

SQL = statements(__file__)


@dataclass(frozen=True, slots=True)
class Beat:
    """What a daemon says of itself with every beat.

    `limit` is what it was started with for the whole fleet, `held` how many calls it may have out
    until it hears its share; `swept_s_ago` is None before its first sweep, `config` what else it
    was started with.
    """

    version: str
    limit: int
    held: int
    listening: bool
    completed: int
    failed: int
    swept_s_ago: float | None
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """How many calls a daemon may have out, and how many once all others have taken theirs."""

    calls: int
    fair: int


class Fleet:
    """All daemons of this database."""

    def __init__(self, connection: Pool | Connection) -> None:
        """Use a connection or a pool."""
        self._connection = connection

    async def beat(
        self, daemon: UUID, beat: Beat, *, channel: str, token: str, patience: timedelta
    ) -> Share:
        """Beat, send `token` to `channel` so that the listener can be proven, get the share."""
        here = {"host": socket.gethostname(), "pid": os.getpid()}
        said = json.dumps(asdict(beat) | here | {"channel": channel, "token": token})
        row = await self._connection.fetchrow(
            SQL["beat"], daemon, said, timeout=patience.total_seconds()
        )
        if row is None:
            raise TypeError("beat() returned no row")
        return Share(**row)

    async def leave(self, daemon: UUID) -> None:
        """Take this process out of the registry."""
        await self._connection.execute(SQL["leave"], daemon)

    async def forget_gone(self) -> None:
        """Drop the registry rows of daemons that have not beaten for a day."""
        await self._connection.execute(SQL["forget_gone"])

    async def daemons(self) -> list[Mapping[str, Any]]:
        """Return every registered daemon; `alive` is false for those that stopped beating."""
        rows = await self._connection.fetch(SQL["daemons"])
        return [dict(row) | {"config": json.loads(row["config"])} for row in rows]

    async def at_work(self) -> list[Mapping[str, Any]]:
        """Return the daemons that are alive and delete, the oldest first."""
        return [one for one in await self.daemons() if one["alive"] and one["works"]]

    async def figures(self) -> dict[str, int]:
        """Return the number of rows in every status, in a long queue estimated of what is done."""
        row = await self._connection.fetchrow(SQL["figures"])
        return dict(row) if row else {}

    async def due(self) -> Mapping[str, Any]:
        """Return what a claim could take but for gates: rows, oldest_seconds, in_doubt; fallback;
        failed.

        The last two are how many captures are not in the queue yet, and how many rows have failed.
        """
        row = await self._connection.fetchrow(SQL["due"])
        return dict(row) if row else {}

    async def standing(self) -> Mapping[str, Any]:
        """Return due, oldest_due_s, in_doubt, failed; reconciled_at (None: never) and drift."""
        [row] = await self._connection.fetch(SQL["standing"])
        return dict(row)

    async def state(self) -> dict[str, Any] | None:
        """Return the fleet in figures, as last counted, `age_s` ago; None before the first count.

        Counts itself if that is too long ago and nobody else does so just now.
        """
        row = await self._connection.fetchrow(SQL["state"])
        if row is None or row["state"] is None:
            return None
        state: dict[str, Any] = json.loads(row["state"])
        return state | {"age_s": row["age_s"]}

    async def waiting(self) -> list[Why]:
        """Return what the unfinished rows wait for, each row counted once, the most first."""
        found = await self._connection.fetch(SQL["waiting"])
        return [Why(**row) for row in found]

    async def strays(self) -> list[Mapping[str, Any]]:
        """Return tables that carry our triggers, and are no part `of` an attached one any more."""
        return [dict(row) for row in await self._connection.fetch(SQL["strays"])]

    async def capture_trouble(self) -> list[str]:
        """Return what keeps capture from queueing, or has lately; empty if all is well."""
        return [row["says"] for row in await self._connection.fetch(SQL["capture_trouble"])]

    async def newer(self, files: Sequence[str]) -> str | None:
        """Return the last file of a later release, which these are not; None if there is none."""
        found: str | None = await self._connection.fetchval(SQL["newer"], files)
        return found

    async def protected(self) -> list[Mapping[str, Any]]:
        """Return the prefixes of public ids that are never deleted."""
        return [dict(row) for row in await self._connection.fetch(SQL["protected"])]

    async def install(self, daemon: UUID, terms: ClaimTerms) -> Mapping[str, Any]:
        """Compare where this daemon is with where the installation is; returns the latter.

        The first daemon writes it down. Where something differs, a gate is closed from now on.
        """
        await self._connection.execute(SQL["install"], daemon, terms.as_json())
        return await self.installation()

    async def installation(self) -> Mapping[str, Any]:
        """Return where this installation lives; empty as long as no daemon has run on it."""
        row = await self._connection.fetchrow(SQL["installation"])
        return dict(row) if row else {}

    async def prove_asset_id(self, cloud_name: str) -> None:
        """Remember that this account deletes by asset id, if it is the one of the installation."""
        await self._connection.execute(SQL["prove_asset_id"], cloud_name)
