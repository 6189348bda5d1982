"""migrate, sql."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

WithLibrary = Annotated[
    bool,
    typer.Option("--with-library", help="Also make the table public.media_assets and attach it."),
]
TakeOver = Annotated[
    bool,
    typer.Option(
        "--take-over", help="Also take over public.cloudinary_cleanup_queue and its triggers."
    ),
]
SUGGESTED = (
    "here is {what}, of an earlier system: "
    "`mediasweep migrate --take-over --dry-run` says what taking it over would change"
)


def migrate(
    with_library: WithLibrary = False,
    take_over: TakeOver = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what --take-over would change.")
    ] = False,
) -> None:
    """Bring the database to this version's schema.

    Safe to run at any time, and by any number at once.
    """
    from mediasweep.postgres import migrate as runner
    from mediasweep.postgres import takeover
    from mediasweep.settings import load

    _check(with_library=with_library, take_over=take_over, dry_run=dry_run)
    dsn = load().direct_dsn()
    if with_library and (left := asyncio.run(takeover.found(dsn))):
        raise typer.BadParameter(SUGGESTED.format(what=", ".join(left)))
    done = bool(
        not dry_run and asyncio.run(runner.migrate(dsn, with_library=with_library, say=_say))
    )
    if take_over:
        changed = asyncio.run(takeover.take_over(dsn, rehearse=dry_run, say=_say))
        for line in changed:
            typer.echo(line)
        if changed:
            _say("nothing was done" if dry_run else "taken over")
            done = True
    elif left := asyncio.run(takeover.found(dsn)):
        _say(SUGGESTED.format(what=", ".join(left)))
    if not done:
        _say("nothing to do")


def sql(with_library: WithLibrary = False, take_over: TakeOver = False) -> None:
    """Print the schema as SQL, to paste or to save.

    It is what `migrate` would run where there is no such schema yet.
    """
    from mediasweep.postgres.migrate import script

    _check(with_library=with_library, take_over=take_over, dry_run=False)
    for part in script(with_library=with_library, take_over=take_over):
        typer.echo(part, nl=False)


def _check(*, with_library: bool, take_over: bool, dry_run: bool) -> None:
    """Refuse options that do not go together."""
    if with_library and take_over:
        raise typer.BadParameter(
            "--take-over makes the library of the table that is there: leave out --with-library"
        )
    if dry_run and not take_over:
        raise typer.BadParameter("--dry-run is for --take-over")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
