"""The fleet: its state in one look, pause and resume.

An operation opens nothing and closes nothing: it is given a connection. It raises what asyncpg
raised; the caller knows how to say it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.gates import Gates

if TYPE_CHECKING:
    from datetime import timedelta

    from mediasweep.postgres.pool import Connection, Pool


async def status(connection: Pool | Connection) -> dict[str, Any]:
    """Return what `mediasweep status` shows: rows by status, what is due, gates, daemons."""
    fleet = Fleet(connection)
    return {
        "rows": await fleet.counts(),
        "due": dict(await fleet.due()),
        "gates": await Gates(connection).list(),
        "daemons": await fleet.daemons(),
    }


async def pause(
    connection: Pool | Connection, *, reason: str, who: str, duration: timedelta | None
) -> None:
    """Stop all daemons from sending; what is out is finished. They obey within two seconds."""
    await Gates(connection).pause(reason, who, duration)


async def resume(connection: Pool | Connection, *, who: str) -> bool:
    """End a pause; tells whether there was one."""
    return await Gates(connection).open("pause", who)


async def pause_if_alone(connection: Pool | Connection, *, who: str) -> bool:
    """Begin paused, unless another daemon is at work already; tells whether it did."""
    if any(daemon["alive"] for daemon in await Fleet(connection).daemons()):
        return False
    await pause(connection, reason="MEDIASWEEP_AUTO_START is false", who=who, duration=None)
    return True
