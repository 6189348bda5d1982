"""scheduler start, stop, restart, configure, status, force-cleanup."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from mediasweep.cli.output import cell, misused, print_json
from mediasweep.cli.session import database, do, who

app = typer.Typer(help="Steer all daemons at once.", no_args_is_help=True)
T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _ask(operation: Callable[..., Awaitable[T]], *args: object, **named: object) -> T:
    async def ask() -> T:
        async with database() as connection:
            return await operation(connection, *args, **named)

    return do(ask())


@app.command()
def start() -> None:
    """Begin to work again; the same as `mediasweep resume`."""
    from mediasweep.operations import scheduler

    typer.echo("started" if _ask(scheduler.start, who=who()) else "was not stopped", err=True)


@app.command()
def stop() -> None:
    """Stop all daemons from deleting; the same as `mediasweep pause`."""
    from mediasweep.operations import scheduler

    _ask(scheduler.stop, who=who())
    typer.echo("stopped; `mediasweep scheduler start` ends it", err=True)


@app.command()
def restart() -> None:
    """End a stop, and let gates that closed by themselves be tested now."""
    from mediasweep.operations import scheduler

    touched = _ask(scheduler.restart, who=who())
    typer.echo(f"restarted; gates: {', '.join(touched) or 'none was closed'}", err=True)


@app.command()
def configure(
    interval_minutes: Annotated[float | None, typer.Option(help="Minutes between sweeps.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows of a claim at the least.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="Attempts before a row fails.")] = None,
    health_check_interval: Annotated[
        float | None, typer.Option(help="Seconds between chores.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Calls at a time, of all.")] = None,
    reset: Annotated[
        bool, typer.Option(help="First take back everything that was set for all.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Set values for all daemons, over their own settings; prints what is in force."""
    from mediasweep.operations import scheduler

    told = {
        "interval_minutes": interval_minutes,
        "batch_size": batch_size,
        "max_retries": max_retries,
        "health_check_interval": health_check_interval,
        "concurrency": concurrency,
    }
    given = {name: value for name, value in told.items() if reset or value is not None}
    if not given:
        misused("give a value to set, or --reset")
    try:
        config = _ask(scheduler.configure, given, who=who())
    except ValueError as error:
        misused(str(error))
    _print(config, as_json=as_json)


@app.command()
def status(as_json: Json = False) -> None:
    """Show whether work is going on, what was done, and the configuration in force."""
    from mediasweep.operations import scheduler

    _print(_ask(scheduler.status), as_json=as_json)


@app.command()
def force_cleanup(
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows.")] = None,
) -> None:
    """Sweep once, also while stopped; passes a stop, and no other gate."""
    from mediasweep.operations import scheduler

    rows = _ask(scheduler.force_cleanup, who=who(), limit=limit)
    typer.echo(f"{rows} rows are let through a stop", err=True)


def _print(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        typer.echo(f"{name + ':':24}{cell(value)}")
