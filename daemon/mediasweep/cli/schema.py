"""migrate, sql."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mediasweep.postgres.migrate import Roles

WithRoles = Annotated[
    bool, typer.Option("--roles", help="Also create three roles: owner, daemon and reader.")
]
Owner = Annotated[str, typer.Option(metavar="ROLE", help="The role that owns the schema.")]
Daemon = Annotated[str, typer.Option(metavar="ROLE", help="The role of daemons and operators.")]
Reader = Annotated[str, typer.Option(metavar="ROLE", help="The role of status and dashboards.")]
NAMES = ("mediasweep_owner", "mediasweep_daemon", "mediasweep_reader")
WithLibrary = Annotated[
    bool,
    typer.Option("--with-library", help="Also create the table public.media_assets and attach it."),
]
TakeOver = Annotated[
    bool,
    typer.Option(
        "--take-over", help="Also take over public.cloudinary_cleanup_queue and its triggers."
    ),
]
IN_THE_WAY = (
    "public.media_assets is a table of your own: as a library it lacks {lacks}. So that what it "
    "lets go of is deleted, attach it: `mediasweep attach --suggest` says how. For a library, as "
    "uploads, notifications and the self-test need, rename it. Nothing was done"
)
OPEN = (
    "public.media_assets is a table of your own without row-level security, which the library has: "
    "every role but its owner would see no row of it any more. Attach it as it is, by `mediasweep "
    "attach`; or, for a library, first make policies for those who use it, and ALTER TABLE "
    "public.media_assets ENABLE ROW LEVEL SECURITY. Nothing was done"
)
SUGGESTED = (
    "here is {what}, of an earlier system: "
    "`mediasweep migrate --take-over --dry-run` says what taking it over would change"
)


def migrate(
    with_library: WithLibrary = False,
    take_over: TakeOver = False,
    roles: WithRoles = False,
    owner: Owner = NAMES[0],
    daemon: Daemon = NAMES[1],
    reader: Reader = NAMES[2],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print SQL, or what --take-over would change.")
    ] = False,
) -> None:
    """Create or upgrade the schema.

    Safe to run at any time, and by any number at once.
    """
    from mediasweep.postgres import migrate as runner
    from mediasweep.postgres import takeover
    from mediasweep.settings import load

    _check(with_library=with_library, take_over=take_over)
    names = _names(roles, owner, daemon, reader)
    dsn = load().direct_dsn()
    if take_over and not asyncio.run(takeover.possible(dsn)):
        raise typer.BadParameter(
            "here is no earlier system to take over: leave out --take-over, and nothing was done"
        )
    if with_library:
        _room_for_the_library(dsn)
    if dry_run and not take_over:
        files = asyncio.run(runner.pending(dsn, with_library=with_library))
        for part in runner.script(roles=names, only=files):
            typer.echo(part, nl=False)
        return
    done = not dry_run and bool(
        asyncio.run(runner.migrate(dsn, with_library=with_library, roles=names, say=_say)) or names
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
        built = "the schema is up to date; guard and capture functions were rebuilt"
        _say("nothing to do" if dry_run else built)


def sql(
    context: typer.Context,
    with_library: WithLibrary = False,
    take_over: TakeOver = False,
    roles: WithRoles = False,
    owner: Owner = NAMES[0],
    daemon: Daemon = NAMES[1],
    reader: Reader = NAMES[2],
) -> None:
    """Print the schema as SQL.

    It is what `migrate` would run where there is no such schema yet.
    """
    from mediasweep.postgres.migrate import script

    if context.invoked_subcommand:
        return
    _check(with_library=with_library, take_over=take_over)
    names = _names(roles, owner, daemon, reader)
    for part in script(with_library=with_library, take_over=take_over, roles=names):
        typer.echo(part, nl=False)


def _names(roles: bool, owner: str, daemon: str, reader: str) -> Roles | None:
    from mediasweep.postgres.migrate import Roles

    if not roles and (owner, daemon, reader) != NAMES:
        raise typer.BadParameter("the names of roles are for --roles: give it as well")
    if not all((owner, daemon, reader)):
        raise typer.BadParameter("a role needs a name")
    return Roles(owner, daemon, reader) if roles else None


def _check(*, with_library: bool, take_over: bool) -> None:
    """Refuse options that do not go together."""
    if with_library and take_over:
        raise typer.BadParameter(
            "--take-over makes the library of the table that is there: leave out --with-library"
        )


def _room_for_the_library(dsn: str) -> None:
    """Refuse to make it where a table of yours, or of an earlier system, has its name."""
    from mediasweep.postgres import takeover
    from mediasweep.postgres.library import lacking, would_be_closed
    from mediasweep.rules.finding import some

    if left := asyncio.run(takeover.found(dsn)):
        raise typer.BadParameter(SUGGESTED.format(what=", ".join(left)))
    if lacks := asyncio.run(lacking(dsn)):
        raise typer.BadParameter(IN_THE_WAY.format(lacks=some(lacks)))
    if asyncio.run(would_be_closed(dsn)):
        raise typer.BadParameter(OPEN)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
