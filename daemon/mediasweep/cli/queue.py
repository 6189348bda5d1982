"""queue list, show, retry, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from mediasweep.cli import moves
from mediasweep.cli.filters import (
    Actor,
    App,
    Filename,
    InDoubt,
    Limit,
    NotInDoubt,
    NotOwn,
    Own,
    PublicId,
    Reason,
    Since,
    Source,
    Statuses,
    Until,
    either,
    row_id,
)
from mediasweep.cli.output import Json, cell, print_json, print_table, shown
from mediasweep.cli.session import database, do
from mediasweep.rules.filter import RawFilter

if TYPE_CHECKING:
    from mediasweep.operations.queue import Listing

app = typer.Typer(help="List, inspect, retry and cancel queue rows.", no_args_is_help=True)


@app.command("list")
def list_(
    *,
    status: Statuses = None,
    source: Source = None,
    public_id: PublicId = None,
    filename: Filename = None,
    reason: Reason = None,
    app: App = None,
    actor: Actor = None,
    since: Since = None,
    until: Until = None,
    in_doubt: InDoubt = False,
    not_in_doubt: NotInDoubt = False,
    own: Own = False,
    not_own: NotOwn = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List rows, newest first."""
    from mediasweep.operations import queue

    statuses = tuple(status or ())
    unsure, ours = either("in-doubt", in_doubt, not_in_doubt), either("own", own, not_own)
    said = RawFilter(
        statuses, source, public_id, filename, reason, app, actor, since, until, unsure, ours
    )

    async def ask() -> Listing:
        async with database() as connection:
            return await queue.rows(connection, said, limit=limit)

    found = do(ask())
    if as_json:
        print_json(found.rows)
    elif not found.rows:
        typer.echo("no rows", err=True)
    else:
        columns = {"id": "id", "status": "status", "cloudinary_public_id": "public id"}
        columns |= {"source": "source", "queued_at": "queued", "error_message": "detail"}
        print_table(found.rows, columns)
    moves.say_left(found.left, limit)


@app.command()
def show(
    id_: Annotated[
        UUID, typer.Argument(metavar="ID", parser=row_id, help="As `queue list` shows it.")
    ],
    as_json: Json = False,
) -> None:
    """Show one row, its state and its timeline."""
    from mediasweep.operations import queue

    async def ask() -> dict[str, Any] | None:
        async with database() as connection:
            return await queue.show(connection, id_)

    found = do(ask())
    if found is None:
        typer.echo(f"mediasweep: there is no row {id_}", err=True)
        raise typer.Exit(1)
    if as_json:
        print_json(found)
        return
    typer.echo(f"{cell(found['row']['cloudinary_public_id'])} {cell(found['why'])}\n")
    for name, value in found["row"].items():
        if value not in (None, ""):
            typer.echo(f"  {name + ':':22}{shown(name, value)}")
    if not found["timeline"]:
        return
    typer.echo()
    print_table(
        found["timeline"],
        {"at": "at", "event": "event", "claim_no": "claim", "status": "status", "actor": "who"}
        | {"outcome": "outcome", "detail": "detail", "request_id": "request"},
    )


app.command()(moves.retry)
app.command()(moves.cancel)
