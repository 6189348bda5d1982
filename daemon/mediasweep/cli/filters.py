"""The options by which the queue commands are told which rows: the same ones for all of them."""

from __future__ import annotations

from typing import Annotated

import typer

from mediasweep.rules.job import Status

Statuses = Annotated[list[Status] | None, typer.Option(help="Only this status; repeatable.")]
Source = Annotated[
    str | None,
    typer.Option(help="Only what this table let go of; `manual`: no table; or a source's number."),
]
PublicId = Annotated[
    str | None, typer.Option(help="Only this public id; * is any characters, ? any one.")
]
Reason = Annotated[str | None, typer.Option(help="Only this deletion_reason, as row_deleted.")]
App = Annotated[str | None, typer.Option(help="Only what this application_name let go of.")]
Actor = Annotated[str | None, typer.Option(help="Only what this database role let go of.")]
Since = Annotated[
    str | None, typer.Option(help="Only what was queued since: 1h, 2d, or a time in ISO 8601.")
]
Until = Annotated[str | None, typer.Option(help="Only what was queued before.")]
InDoubt = Annotated[
    bool | None,
    typer.Option("--in-doubt/--not-in-doubt", help="Only what may have been deleted already."),
]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many rows.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
