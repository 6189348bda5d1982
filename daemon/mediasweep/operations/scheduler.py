"""The scheduler: start, stop, restart, configure, status and force_cleanup, for the whole fleet.

To stop is to pause: both are one gate. What is set reaches a daemon that listens at once, and one
that does not within two seconds. What cannot be set is a ValueError whose text says why.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mediasweep.operations import fleet
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.gates import Gates, Pause
from mediasweep.postgres.scheduler import Forced, Scheduler
from mediasweep.rules.settable import LIMITS, SETTABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediasweep.postgres.pool import Connection, Pool


async def start(connection: Pool | Connection, *, who: str) -> bool:
    """Begin to work again; tells whether it had been stopped."""
    return await fleet.resume(connection, who=who)


async def stop(
    connection: Pool | Connection,
    *,
    who: str,
    reason: str | None = None,
    duration: timedelta | None = None,
) -> Pause:
    """Stop all daemons from sending, for a time or until somebody starts them; what is out is
    finished. Returns what it replaced as well.
    """
    said = reason or "the scheduler was stopped"
    return await fleet.pause(connection, reason=said, who=who, duration=duration)


async def restart(connection: Pool | Connection, *, who: str) -> list[str]:
    """Begin anew: end a stop, and test now what closed by itself; returns the gates it touched.

    The brake, the environment and a failover stay closed: they are for a person to look at.
    """
    opened = ["pause"] if await start(connection, who=who) else []
    return opened + await Scheduler(connection).test_now(who)


async def configure(
    connection: Pool | Connection, given: Mapping[str, Any], *, who: str
) -> dict[str, Any]:
    """Set values for all daemons, None taking one back; returns the configuration in force.

    `enabled` starts or stops, as it does where each daemon is set, and None takes a stop back;
    `auto_start` is for the next daemon that starts alone. Raises ValueError for the rest.
    """
    checked = {name: _checked(name, value) for name, value in given.items() if name != "enabled"}
    enabled = given.get("enabled")  # None: each daemon is as it was started, which is not stopped
    if enabled is not None and not isinstance(enabled, bool):
        raise ValueError("enabled is true or false")
    if checked:
        await Scheduler(connection).configure(checked, who)
    if enabled is False:
        await stop(connection, who=who)
    elif "enabled" in given:
        await start(connection, who=who)
    config: dict[str, Any] = (await status(connection))["config"]
    return config


def _checked(name: str, value: object) -> float | int | None:
    if name not in SETTABLE:
        raise ValueError(
            f"{name} cannot be set for all daemons: choose among {', '.join(SETTABLE)}, enabled; "
            "the rest is each daemon's own setting"
        )
    if name not in LIMITS:
        if value is None or isinstance(value, bool):
            return value
        raise ValueError(f"{name} is true or false, not {value!r}")
    kind, least, most = LIMITS[name]
    if value is None:
        return None
    numeric = isinstance(value, int) or (kind is float and isinstance(value, float))
    if isinstance(value, bool) or not numeric or not least <= value <= most:  # type: ignore[operator]  # is a number here
        raise ValueError(f"{name} is a number from {least:g} to {most:g}, not {value!r}")
    return value  # type: ignore[return-value]  # as above


async def force_cleanup(
    connection: Pool | Connection, *, who: str, limit: int | None = None
) -> Forced:
    """Sweep once, also while stopped; returns how many rows may go, and what stays behind a gate.

    It passes a stop, and no other gate: nothing that these hold goes once they open, either.
    """
    return await Scheduler(connection).force(limit, who)


async def status(connection: Pool | Connection) -> dict[str, Any]:
    """Return whether work is going on, what was done, and the configuration in force: what is set
    for all, over what the oldest daemon was started with. `only_looking`: so many daemons are
    alive and delete nothing, because each of them was started like that.
    """
    counts = await Fleet(connection).figures()
    alive = [d for d in await Fleet(connection).daemons() if d["alive"]]
    daemons = [d for d in alive if d["works"]]
    common = await Scheduler(connection).config()
    own = daemons[0]["config"] if daemons else {}  # of the oldest
    config = {name: own.get(name) if common[name] is None else common[name] for name in SETTABLE}
    paused = any(gate["name"] == "pause" for gate in await Gates(connection).list())
    last_run = max((d["last_sweep"] for d in daemons if d["last_sweep"]), default=None)
    done, failed = (sum(d[name] for d in daemons) for name in ("completed", "failed"))
    interval = config.get("interval_minutes")
    running = bool(daemons) and not paused
    since = min((d["started_at"] for d in daemons), default=None)
    return {
        "is_running": running,
        "last_run": last_run,
        "next_run": last_run + timedelta(minutes=interval)
        if running and last_run and interval
        else None,
        "total_processed": done + failed,
        "total_failed": failed,
        "success_rate": round(100 * done / (done + failed), 2) if done + failed else 100.0,
        "queue_size": counts.get("pending", 0) + counts.get("processing", 0),
        "uptime_minutes": round((datetime.now(UTC) - since) / timedelta(minutes=1), 2)
        if since
        else 0.0,
        "daemons": len(daemons),
        "only_looking": len(alive) - len(daemons),
        "config": config | {"enabled": not paused and bool(daemons or not alive)},
        "set_for_all": [name for name in SETTABLE if common[name] is not None],
        "queue_stats": {name: rows for name, rows in counts.items() if rows},
    }
