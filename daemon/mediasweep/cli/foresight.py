"""How a dry run tells what would be kept although it is let go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from mediasweep.cli.output import cell, in_a_line
from mediasweep.rules.number import number

if TYPE_CHECKING:
    from mediasweep.operations.foresight import Foresight

NAMED = 10


def plain(found: Foresight) -> dict[str, Any]:
    """Return it as programs read it."""
    kept = [{"id": id_, "why": why} for id_, why in found.kept.items()]
    return {"looked": found.looked, "kept": kept, "guard": found.error}


def say_kept(found: Foresight, rows: int) -> None:
    """Say on stderr which rows would be kept, of so many that would move, naming the first few."""
    if found.error:
        said = in_a_line(found.error)
        typer.echo(
            f"mediasweep: the guard cannot answer, so nothing would be sent: {said}", err=True
        )
        return
    of = "of these" if found.looked == rows else f"of the first {number(found.looked)}"
    typer.echo(f"{of}, {number(len(found.kept))} would be kept now, in use or protected", err=True)
    for id_, why in list(found.kept.items())[:NAMED]:
        typer.echo(f"  {id_} {cell(why)}", err=True)
    if len(found.kept) > NAMED:
        typer.echo(f"  and {number(len(found.kept) - NAMED)} more", err=True)
