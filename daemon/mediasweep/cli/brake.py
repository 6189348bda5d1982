"""brake show, ack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediasweep.cli.consent import Yes, agree
from mediasweep.cli.foresight import plain, say_kept
from mediasweep.cli.output import Json, cell, print_json, print_table
from mediasweep.cli.session import database, do, who
from mediasweep.rules.number import counted, number, size

if TYPE_CHECKING:
    from mediasweep.operations.foresight import Foresight

QUESTION = "Delete these assets"
app = typer.Typer(help="Review and release what the brake holds.", no_args_is_help=True)


@app.command()
def show(as_json: Json = False) -> None:
    """Show what is held, why, and its digest.

    For each source the rows that are held, by whom and why they were let go of.
    """
    from mediasweep.operations import brake

    async def ask() -> list[Mapping[str, Any]]:
        async with database() as connection:
            return await brake.show(connection)

    found = do(ask())
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo("no brake is closed", err=True)
    for n, held in enumerate(found):
        typer.echo("\n" * bool(n), nl=False)
        _print(held)
        typer.echo(f"\n{_what_opens(held)}")


@app.command()
def ack(
    digest: Annotated[str, typer.Argument(metavar="DIGEST", help="As `brake show` prints it.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be released.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Release the rows of a digest, and open the brake.

    Refused unless the rows are still exactly those.
    """
    from mediasweep.operations import brake

    async def look() -> tuple[Mapping[str, Any], Foresight]:
        async with database() as connection:
            held = await brake.look(connection, digest, who=who())
            return held, await brake.foresee(connection, digest)

    async def release() -> int:
        async with database() as connection:
            return await brake.acknowledge(connection, digest, who=who())

    if dry_run or not yes:
        held, foreseen = do(look())
        if as_json and dry_run:
            print_json(dict(held) | plain(foreseen))
            return
        _print(held, err=not dry_run)
        say_kept(foreseen, held["queue_rows"])
        if dry_run:
            typer.echo("would be released; nothing was done", err=True)
            return
        typer.echo(err=True)
        agree(QUESTION)
    rows = do(release())
    if as_json:
        print_json({"acknowledged": rows, "digest": digest})
    else:
        typer.echo(f"{counted(rows, 'row')} released", err=True)


def _what_opens(held: Mapping[str, Any]) -> str:
    """Return what there is to do, or nothing to do, about a brake."""
    command = f"  mediasweep brake ack {held['digest']}"
    if held["queue_rows"]:
        return f"To let exactly these go:\n{command}"
    if held["slow"]:
        return f"It holds what is yet to come, for up to a day. To open it before:\n{command}"
    return "Nothing that it held is left: it opens by itself at the next health check."


def _print(held: Mapping[str, Any], *, err: bool = False) -> None:
    """Print what one brake holds."""
    lines = {
        "source": held["source"],
        "stopped": f"{cell(held['closed_at'])}: {held['reason']}",
        "rows": number(held["queue_rows"]),
        "size": size(held["bytes"]),
    }
    if held["queue_rows"]:
        lines["queued"] = f"{cell(held['first_at'])} to {cell(held['last_at'])}"
        lines["such as"] = ", ".join(held["sample"])
    for name, value in lines.items():
        typer.echo(f"{name + ':':10}{cell(value)}", err=err)
    if held["by_whom"]:
        typer.echo(err=err)
        columns = {"rows": "rows", "actor": "by", "app": "application", "reason": "reason"}
        print_table(held["by_whom"], columns, err=err)
