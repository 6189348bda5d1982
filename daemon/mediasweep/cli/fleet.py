"""status, pause, resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediasweep.cli.attach import stray_says
from mediasweep.cli.output import Json, cell, in_a_line, misused, print_json, print_table
from mediasweep.cli.session import cloud_name, database, do, who
from mediasweep.rules.gate import NONE_DELETES, PAUSE_MINUTES
from mediasweep.rules.number import number
from mediasweep.rules.reason import ago

if TYPE_CHECKING:
    from mediasweep.postgres.gates import Pause


def status(
    as_json: Json = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Only ask the daemon of this host whether it is alive.")
    ] = False,
) -> None:
    """Show the queue, what it waits for, gates and daemons."""
    if probe:
        if as_json:
            misused("--probe says nothing but its exit code: leave out --json")
        from mediasweep.cli.liveness import check_liveness
        from mediasweep.settings import load

        check_liveness(*load().bind())
        return
    from mediasweep.operations import fleet

    async def ask() -> dict[str, Any]:
        async with database() as connection:
            return await fleet.status(connection, cloud=cloud_name())

    found = do(ask())
    if as_json:
        print_json(found)
        return
    _print_environment(found["environment"])
    for trouble in found["capture"]:
        typer.echo(f"capture is broken: {cell(trouble)}")
    for stray in found["strays"]:
        typer.echo(stray_says(stray))
    due = found["due"]
    counts = ", ".join(f"{number(rows)} {name}" for name, rows in sorted(found["rows"].items()))
    typer.echo(f"rows:     {counts or 'none'}")
    waits = " · ".join(str(cell(why["says"])) for why in found["waiting"])
    typer.echo(f"waiting:  {waits or 'nothing'}")
    oldest = f", the oldest for {ago(timedelta(seconds=due['oldest_seconds']))}"
    typer.echo(f"due:      {number(due['rows'])}{oldest if due['rows'] else ''}")
    typer.echo(f"in doubt: {number(due['in_doubt'])}")
    typer.echo(f"fallback: {number(due['fallback'])}")
    if found["protected"]:
        prefixes = " ".join(str(cell(one["prefix"])) for one in found["protected"])
        typer.echo(f"protected prefixes: {prefixes}")
    if found["gates"]:
        typer.echo("\nclosed gates:")
        columns = {"name": "gate", "source": "source", "reason": "reason", "closed_by": "by"}
        print_table(
            found["gates"],
            columns | {"closed_at": "since", "until": "until", "opened_by": "opened by"},
        )
    else:
        typer.echo("gates:    all open")
    _print_daemons(found["daemons"], copied=found["environment"]["copied"])


def _print_environment(found: Mapping[str, Any]) -> None:
    """Print what is to be known before anything else: where this is, whether it can work."""
    if found["standby"]:
        typer.echo("this server is a standby: mediasweep works on its primary\n")
    if found["differences"]:
        was = "; ".join(f"{d['what']} was {d['was']}, is {d['is']}" for d in found["differences"])
        typer.echo(f"this is not where mediasweep was installed: {cell(was)}")
        if found["copied"]:
            typer.echo("daemons delete nothing here until `mediasweep adopt`; is it a copy?\n")
        else:
            typer.echo("daemons with these settings delete nothing until `mediasweep adopt`\n")
    if found["guard"]:
        typer.echo(f"the guard cannot answer, so nothing is sent: {in_a_line(found['guard'])}\n")


def _print_daemons(daemons: Sequence[Mapping[str, Any]], *, copied: bool) -> None:
    alive = [daemon for daemon in daemons if daemon["alive"]]
    if alive and not any(daemon["works"] for daemon in alive):
        typer.echo(f"work:     {NONE_DELETES}")
    if not daemons:
        typer.echo("daemons:  none")
        return
    typer.echo(f"\ndaemons{' (possibly those of the original)' if copied else ''}:")
    columns = {"host": "host", "pid": "pid", "version": "version", "alive": "alive"}
    columns |= {"works": "deletes", "listening": "listening", "beat_at": "last beat"}
    columns |= {"completed": "completed"}
    print_table(daemons, columns)


def pause(
    reason: Annotated[
        str, typer.Option(help="The reason, for the journal.", metavar="TEXT")
    ] = "paused by hand",
    minutes: Annotated[
        float | None,
        typer.Option(
            min=PAUSE_MINUTES[0],
            max=PAUSE_MINUTES[1],
            help="End by itself after N minutes.",
            metavar="N",
        ),
    ] = None,
) -> None:
    """Stop all daemons from deleting; captures go on.

    What is out is finished, and capture goes on.
    """
    from mediasweep.operations import fleet

    if not reason.strip():
        misused("give a reason, or leave --reason out: whoever finds the pause should know why")
    if minutes is not None and isnan(minutes):
        misused("--minutes is a number")

    async def close() -> Pause:
        duration = None if minutes is None else timedelta(minutes=minutes)
        async with database() as connection:
            return await fleet.pause(connection, reason=reason, who=who(), duration=duration)

    paused = do(close())
    say_replaced(paused)
    until = f" until {cell(paused.until)}" if paused.until else ""
    typer.echo(f"paused{until}; `mediasweep resume` ends it", err=True)


def say_replaced(pause: Pause) -> None:
    """Say on stderr which pause was in force before this one, if there was one."""
    if (before := pause.replaced) is None:
        return
    end = f"until {cell(before.until)}" if before.until else "without an end"
    told = f"{cell(before.reason)}, by {cell(before.who)}, {end}"
    typer.echo(f"was paused already ({told}): that is replaced", err=True)


def resume() -> None:
    """End a pause."""
    from mediasweep.operations import fleet

    async def open_() -> tuple[bool, list[Mapping[str, Any]]]:
        async with database() as connection:
            resumed = await fleet.resume(connection, who=who())
            return resumed, await fleet.still_closed(connection)

    resumed, closed = do(open_())
    typer.echo("resumed" if resumed else "was not paused", err=True)
    say_closed(closed)


def say_closed(gates: Sequence[Mapping[str, Any]]) -> None:
    """Say on stderr which gates are closed all the same, and what opens each."""
    for gate in gates:
        of = f" ({gate['source']})" if gate["source"] else ""
        reason = f"{cell(gate['reason'])}, by {cell(gate['closed_by'])}"
        typer.echo(f"still closed: {gate['name']}{of}: {reason}", err=True)
        typer.echo(f"  opened by {gate['opened_by']}", err=True)
