"""The fleet: its state in one look, pause and resume.

An operation opens nothing and closes nothing: it is given a connection. It raises what asyncpg
raised; the caller knows how to say it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mediasweep.operations.environment import compare
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.gates import Gates, Pause
from mediasweep.postgres.scheduler import Scheduler
from mediasweep.rules.gate import OPENED_BY
from mediasweep.rules.reason import brief

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from mediasweep.postgres.pool import Connection, Pool


async def status(connection: Pool | Connection, *, cloud: str | None = None) -> dict[str, Any]:
    """Return what `mediasweep status` shows: where it is, what is wrong with capture, tables
    that were parts of attached ones, rows, what they wait for, due, gates, daemons, and the
    protected prefixes.
    """
    fleet = Fleet(connection)
    return {
        "environment": await compare(connection, cloud=cloud),
        "capture": await fleet.capture_trouble(),
        "strays": await fleet.strays(),
        "rows": {status: rows for status, rows in (await fleet.figures()).items() if rows},
        "due": dict(await fleet.due()),
        "waiting": [asdict(why) | {"says": brief(why)} for why in await fleet.waiting()],
        "protected": await fleet.protected(),
        "gates": await still_closed(connection),
        "daemons": await fleet.daemons(),
    }


async def pause(
    connection: Pool | Connection, *, reason: str, who: str, duration: timedelta | None
) -> Pause:
    """Stop all daemons from sending; what is out is finished. They obey within two seconds.

    A pause that is in force is replaced, and returned with the new one.
    """
    return await Gates(connection).pause(reason, who, duration)


async def resume(connection: Pool | Connection, *, who: str) -> bool:
    """End a pause; tells whether there was one."""
    return await Gates(connection).open("pause", who)


async def still_closed(connection: Pool | Connection) -> list[Mapping[str, Any]]:
    """Return the gates that are closed, each with what it is `opened_by`."""
    gates = await Gates(connection).list()
    return [gate | {"opened_by": OPENED_BY[gate["name"]]} for gate in gates]


async def pause_if_alone(connection: Pool | Connection, *, who: str, auto_start: bool) -> bool:
    """Begin paused, unless daemons start by themselves, or one is at work; tells whether it did.

    `auto_start` is this daemon's own setting, which counts unless one is set for all.
    A pause that would end by itself has no end then, and keeps its reason.
    """
    common = (await Scheduler(connection).config()).get("auto_start")
    if common or (common is None and auto_start):
        return False
    paused = next((one for one in await Gates(connection).list() if one["name"] == "pause"), None)
    if await Fleet(connection).at_work() or (paused and paused["until"] is None):
        return False
    by = "MEDIASWEEP_AUTO_START is false" if common is None else "auto_start is false for all"
    if paused:  # it would end by itself
        by = f"{by}; before that: {paused['reason']}"
    await pause(connection, reason=by, who=who, duration=None)
    return True
