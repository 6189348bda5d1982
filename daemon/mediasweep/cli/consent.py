"""The consent of a person before a command acts, and what it says where nobody can be asked."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mediasweep.cli.output import misused

NOBODY = "There is no terminal to ask on: add --yes"
LOOK = ", or --dry-run to look only"
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def need_terminal(question: str, look: str = LOOK) -> None:
    """Exit with 2 unless somebody can be asked; for what is better found out before a long look.

    `look`: how one can see beforehand what would be done.
    """
    if not sys.stdin.isatty():
        misused(f"{question}? {NOBODY}{look}")


def agree(question: str, look: str = LOOK) -> None:
    """Ask, and go on after a yes; exits with 1 after a no, with 2 where nobody can be asked."""
    need_terminal(question, look)
    if not typer.confirm(f"{question}?", err=True):
        typer.echo("mediasweep: nothing was changed", err=True)
        raise typer.Exit(1)


def agree_by_name(question: str, name: str) -> None:
    """Go on after a name was typed; exits with 1 after any other, with 2 where nobody can type."""
    need_terminal(question)
    if typer.prompt(f"{question}? Type {name} to do it", err=True, default="") != name:
        typer.echo("mediasweep: nothing was changed", err=True)
        raise typer.Exit(1)
