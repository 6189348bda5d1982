"""queue list, show, retry."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from mediasweep.cli.output import cell, print_json, print_table
from mediasweep.cli.session import database, do, who
from mediasweep.rules.job import Status

app = typer.Typer(help="Look at the queue and retry rows.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many rows.")]


@app.command("list")
def list_(
    status: Annotated[
        list[Status] | None, typer.Option(help="Only this status; repeatable.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List rows, newest first."""
    from mediasweep.operations import queue

    async def ask() -> list[Any]:
        async with database() as connection:
            return list(await queue.rows(connection, statuses=status or None, limit=limit))

    found = do(ask())
    if as_json:
        print_json(found)
        return
    columns = {"id": "id", "status": "status", "cloudinary_public_id": "public id"}
    columns |= {"source": "source", "queued_at": "queued", "error_message": "detail"}
    print_table(found, columns)


@app.command()
def show(id_: Annotated[UUID, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Show one row: why it is where it is, and everything that happened to it."""
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
        if value is not None:
            typer.echo(f"  {name + ':':22}{cell(value)}")
    if not found["timeline"]:
        return
    typer.echo()
    print_table(
        found["timeline"],
        {"at": "at", "event": "event", "claim_no": "claim", "status": "status"}
        | {"outcome": "outcome", "detail": "detail", "request_id": "request"},
    )


@app.command()
def retry(
    ids: Annotated[list[UUID] | None, typer.Argument(metavar="[ID]...")] = None,
    status: Annotated[
        Status | None, typer.Option(help="Instead of ids: all rows that are failed, or skipped.")
    ] = None,
    limit: Limit = 1000,
    as_json: Json = False,
) -> None:
    """Put failed or skipped rows back to pending, through guard and gates."""
    from mediasweep.operations import queue

    if bool(ids) == (status is not None) or (status and status not in queue.RETRYABLE):
        typer.echo("mediasweep: give ids, or --status failed, or --status skipped", err=True)
        raise typer.Exit(2)

    async def move() -> list[UUID]:
        async with database() as connection:
            chosen = [status] if status else []
            return await queue.retry(connection, ids=ids, statuses=chosen, limit=limit, who=who())

    moved = do(move())
    if as_json:
        print_json(moved)
    else:
        for id_ in moved:
            typer.echo(str(id_))
    typer.echo(f"{len(moved)} put back to pending", err=True)
    for id_ in sorted(set(ids or []) - set(moved)):
        typer.echo(f"mediasweep: {id_} is no failed or skipped row", err=True)
