"""scheduler start, stop, restart, configure, status, force-cleanup."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import typer

from mediasweep.cli.fleet import say_closed, say_replaced
from mediasweep.cli.output import Json, cell, misused, print_json, print_table
from mediasweep.cli.session import database, do, who
from mediasweep.rules.gate import NONE_DELETES
from mediasweep.rules.number import counted, number
from mediasweep.rules.reason import ago

app = typer.Typer(help="Start, stop and configure all daemons.", no_args_is_help=True)
T = TypeVar("T")


def _ask(operation: Callable[..., Awaitable[T]], *args: object, **named: object) -> T:
    async def ask() -> T:
        async with database() as connection:
            return await operation(connection, *args, **named)

    return do(ask())


@app.command()
def start() -> None:
    """End a stop, as `mediasweep resume` does."""
    from mediasweep.operations import fleet, scheduler

    typer.echo("started" if _ask(scheduler.start, who=who()) else "was not stopped", err=True)
    say_closed(_ask(fleet.still_closed))


@app.command()
def stop() -> None:
    """Stop all daemons, as `mediasweep pause` does."""
    from mediasweep.operations import scheduler

    say_replaced(_ask(scheduler.stop, who=who()))
    typer.echo("stopped; `mediasweep scheduler start` ends it", err=True)


@app.command()
def restart() -> None:
    """End a stop, and test closed gates now.

    Those that closed by themselves, that is: brake, environment and failover stay closed.
    """
    from mediasweep.operations import fleet, scheduler

    touched = _ask(scheduler.restart, who=who())
    opened = " and ".join(name if name == "pause" else f"{name} (tested now)" for name in touched)
    typer.echo(f"restarted; opened: {opened or 'nothing, for nothing was closed'}", err=True)
    say_closed([g for g in _ask(fleet.still_closed) if g["name"] not in touched])


@app.command()
def configure(
    *,
    interval_minutes: Annotated[float | None, typer.Option(help="Minutes between sweeps.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Minimum rows of a claim.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="Attempts before a row fails.")] = None,
    health_check_interval: Annotated[
        float | None, typer.Option(help="Seconds between health checks.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Concurrent calls, of all daemons together.")
    ] = None,
    auto_start: Annotated[
        bool | None, typer.Option(help="Whether a daemon that starts alone begins to work.")
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="First clear everything that was set.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Set values for all daemons.

    They go before each daemon's own settings. Prints what is in force.
    """
    from mediasweep.operations import scheduler

    told = {
        "interval_minutes": interval_minutes,
        "batch_size": batch_size,
        "max_retries": max_retries,
        "health_check_interval": health_check_interval,
        "concurrency": concurrency,
        "auto_start": auto_start,
    }
    given = {name: value for name, value in told.items() if reset or value is not None}
    if not given:
        misused("give a value to set, or --reset")
    try:
        config = _ask(scheduler.configure, given, who=who())
    except ValueError as error:
        misused(str(error))
    if as_json:
        print_json(config)
    else:
        _print_config(_ask(scheduler.status))


@app.command()
def status(as_json: Json = False) -> None:
    """Show the state and the configuration."""
    from mediasweep.operations import scheduler

    found = _ask(scheduler.status)
    if as_json:
        print_json(found)
        return
    counts = ", ".join(
        f"{number(rows)} {name}" for name, rows in sorted(found["queue_stats"].items())
    )
    lines = {
        "working": _working(found),
        "rows": counts or "none",
        "last sweep": cell(found["last_run"]) or "none yet",
        "next sweep": _next(found),
        "done": _done(found),
    }
    for name, value in lines.items():
        typer.echo(f"{name + ':':12}{value}")
    typer.echo()
    _print_config(found)


@app.command()
def force_cleanup(
    limit: Annotated[int | None, typer.Option(min=1, help="At most N rows.")] = None,
) -> None:
    """Sweep once, also while stopped.

    What is due now passes a stop, and no other gate.
    """
    from mediasweep.operations import fleet, scheduler

    forced = _ask(scheduler.force_cleanup, who=who(), limit=limit)
    rows = counted(forced.rows, "row")
    if forced.paused:
        typer.echo(f"let through the stop: {rows}", err=True)
    else:
        free = " and held by no gate" * bool(forced.behind)
        typer.echo(f"nothing is stopped: {rows} due{free}; daemons look at once", err=True)
    for gates, held in forced.behind.items():
        typer.echo(f"stay: {counted(held, 'row')} behind {cell(gates)}", err=True)
    if forced.behind:
        say_closed([g for g in _ask(fleet.still_closed) if g["name"] != "pause"])


def _working(found: dict[str, Any]) -> str:
    """Return whether work is going on, or what it lacks."""
    if not found["daemons"] and found["only_looking"]:
        return f"no, {NONE_DELETES}"
    if not found["config"]["enabled"]:
        return "no, it is paused: `mediasweep resume` ends that"
    if not found["daemons"]:
        return "no, no daemon that deletes is alive: start one by `mediasweep run`"
    up = ago(timedelta(minutes=found["uptime_minutes"]))
    return f"yes, daemons: {found['daemons']}, the oldest for {up}"


def _done(found: dict[str, Any]) -> str:
    done, failed = (number(found[f"total_{what}"]) for what in ("processed", "failed"))
    if not found["total_processed"]:
        return "nothing yet by these daemons"
    return (
        f"{done} by these daemons, {failed} of them failed ({found['success_rate']:g} % went well)"
    )


def _next(found: dict[str, Any]) -> str:
    if found["next_run"] is None:
        return "none"
    return f"{cell(found['next_run'])} at the latest; sooner with each notification"


def _value(value: float | bool | None) -> str:
    """Return a value as its setting would be written."""
    if isinstance(value, bool):
        return str(value).lower()
    return "not known" if value is None else f"{value:g}"


def _print_config(found: dict[str, Any]) -> None:
    """Print the configuration in force, and who has set what."""
    rows = [
        {
            "name": name,
            "value": _value(value),
            "set": "for all" if name in found["set_for_all"] else "by each daemon",
        }
        for name, value in found["config"].items()
        if name != "enabled"
    ]
    print_table(rows, {"name": "setting", "value": "value", "set": "set"})
