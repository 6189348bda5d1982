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
        help="Only what this table let go of; `manual`: no table; or a source's number.",
        metavar="TABLE",
    ),
]
PublicId = Annotated[
    str | None,
    typer.Option(help="Only this public id; * is any characters, ? any one.", metavar="ID"),
]
Reason = Annotated[
    str | None, typer.Option(help="Only this deletion_reason, as row_deleted.", metavar="REASON")
]
App = Annotated[
    str | None, typer.Option(help="Only what this application_name let go of.", metavar="NAME")
]
Actor = Annotated[
    str | None, typer.Option(help="Only what this database role let go of.", metavar="ROLE")
]
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
Limit = Annotated[
    int, typer.Option(min=1, max=100_000, help="At most so many rows, the newest.", metavar="N")
]
MoveLimit = Annotated[
    int,
    typer.Option(
        min=1, max=100_000, help="Of those that fit, move only the oldest so many.", metavar="N"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# as the command line has them, for those who gave none
NAMES = (
    "--status, --source, --public-id, --reason, --app, --actor, --since, --until, --in-doubt or "
    "--not-in-doubt"
)


def row_id(text: str) -> UUID:
    """Return the id of a row; whatever else it is, it is a typing error."""
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no id of a row, as `mediasweep queue list` shows them"
        ) from None


def doubt(in_doubt: bool, not_in_doubt: bool) -> bool | None:
    """Return what two flags say together: yes, no, or either; exits with 2 if they say both."""
    if in_doubt and not_in_doubt:
        misused("no row is both in doubt and not: give --in-doubt, --not-in-doubt, or neither")
    return True if in_doubt else False if not_in_doubt else None
