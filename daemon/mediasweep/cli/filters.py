"""The options by which the queue commands are told which rows: the same ones for all of them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from mediasweep.cli.output import misused
from mediasweep.rules.job import Status

Statuses = Annotated[
    list[Status] | None,
    typer.Option(help=f"Only {', '.join(Status)}; repeatable.", metavar="STATUS"),
]
Source = Annotated[
    str | None,
    typer.Option(
        help="Only from this table; `manual`: from none; or a source's number.",
        metavar="TABLE",
    ),
]
PublicId = Annotated[
    str | None,
    typer.Option(help="Only this public id; * and ? are wildcards.", metavar="ID"),
]
Filename = Annotated[
    str | None,
    typer.Option(help="Only what was uploaded under this name; * and ? too.", metavar="NAME"),
]
Reason = Annotated[
    str | None, typer.Option(help="Only this deletion_reason, as row_deleted.", metavar="REASON")
]
App = Annotated[str | None, typer.Option(help="Only by this application_name.", metavar="NAME")]
Actor = Annotated[str | None, typer.Option(help="Only by this database role.", metavar="ROLE")]
Since = Annotated[
    str | None,
    typer.Option(help="Only what was queued since: 30m, 1h, 2d, or a time.", metavar="WHEN"),
]
Until = Annotated[
    str | None, typer.Option(help="Only what was queued before that moment.", metavar="WHEN")
]
InDoubt = Annotated[
    bool, typer.Option("--in-doubt", help="Only what may have been deleted already.")
]
NotInDoubt = Annotated[
    bool, typer.Option("--not-in-doubt", help="Only what was certainly not deleted.")
]
Own = Annotated[
    bool,
    typer.Option("--own", help="Only what mediasweep let go of itself: uploads, self-tests."),
]
NotOwn = Annotated[bool, typer.Option("--not-own", help="All but uploads and self-tests.")]
Limit = Annotated[
    int, typer.Option(min=1, max=100_000, help="At most N rows, the newest first.", metavar="N")
]
MoveLimit = Annotated[
    int,
    typer.Option(
        min=1,
        max=100_000,
        help="Move at most N of the matching rows, the oldest first.",
        metavar="N",
    ),
]

# as the command line has them, for those who gave none
NAMES = (
    "--status, --source, --public-id, --filename, --reason, --app, --actor, --since, --until, "
    "--in-doubt or --not-in-doubt, --own or --not-own"
)


def row_id(text: str) -> UUID:
    """Return the id of a row; whatever else it is, it is a typing error."""
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no id of a row, as `mediasweep queue list` shows them"
        ) from None


def either(name: str, yes: bool, no: bool) -> bool | None:
    """Return what a flag and its opposite say together: yes, no, or either; exits with 2 if they
    say both.
    """
    if yes and no:
        misused(f"no row is both {name} and not: give --{name}, --not-{name}, or neither")
    return True if yes else False if no else None
