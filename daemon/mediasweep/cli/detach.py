"""detach, uninstall, and `sql detach`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mediasweep.cli.consent import Yes, agree, agree_by_name, need_terminal
from mediasweep.cli.session import database, do
from mediasweep.rules.number import counted

Which = Annotated[
    str,
    typer.Argument(metavar="TABLE|NUMBER", help="As `attach --list` shows it.", show_default=False),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the SQL, and change nothing.")]
WHOLE = "Take mediasweep away"


def detach(table: Which, yes: Yes = False, dry_run: DryRun = False) -> None:
    """Detach a table, and remove its triggers.

    Its rows keep no assets any more, and what it had let go of and is unfinished is not sent.
    """
    from mediasweep.operations import detach as operation

    async def run() -> None:
        async with database() as connection:
            found = await operation.look(connection, table)
            called = found["table"] or f"source {found['source']}, whose table is gone,"
            if found["unfinished"]:
                rows = counted(found["unfinished"], "unfinished row")
                _say(
                    f"{rows} of {called} would stay in the queue, unsent until it is attached again"
                )
            if dry_run:
                _print(found["statement"], found["drops"])
                _say("nothing was done")
                return
            if found["unfinished"] and not yes:
                agree("Detach it anyway")
            left = await operation.detach(connection, found, _say)
            _say(f"{called} was detached" + (f"; unsent: {counted(left, 'row')}" if left else ""))

    do(run())


def sql_detach(table: Which) -> None:
    """Print the SQL that detaches a table."""
    from mediasweep.operations import detach as operation

    async def ask() -> Mapping[str, Any]:
        async with database() as connection:
            return await operation.look(connection, table)

    found = do(ask())
    _print(found["statement"], found["drops"])


def uninstall(
    yes: Yes = False,
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Drop unfinished deletions, too.")] = False,
) -> None:
    """Detach every table and drop the schema.

    Your tables and their rows stay, public.media_assets too. Refused while rows are unfinished.
    """
    from mediasweep.operations import detach as operation

    async def run() -> None:
        async with database() as connection:
            found = await operation.survey(connection, force=force)
            if dry_run:
                _print(found["statement"], found["drops"])
            else:
                for one in found["drops"]:
                    _say(f"drops {one}")
            for one in found["keeps"]:
                _say(f"keeps {one} and its rows")
            if lost := found["unfinished"] + found["fallen"]:
                _say(f"loses {counted(lost, 'deletion')} that nobody has sent")
            if dry_run:
                _say("nothing was done")
                return
            if not yes:
                agree_by_name(WHOLE, found["database"])
            await operation.uninstall(connection, force=force, say=_say)
            _say("mediasweep is gone from this database")

    if not (yes or dry_run):
        need_terminal(WHOLE)
    do(run())


def _print(statement: str, drops: list[str]) -> None:
    typer.echo(f"{statement}\n\n-- It drops:")
    for one in drops:
        typer.echo(f"-- {one}")


def _say(line: str) -> None:
    typer.echo(line, err=True)
