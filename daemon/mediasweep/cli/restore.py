"""restore: bring back from Cloudinary's backup what should not have been deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from mediasweep.cli.consent import Yes, agree, need_terminal
from mediasweep.cli.csv_file import csv_rows
from mediasweep.cli.filters import Actor, App, Source, row_id
from mediasweep.cli.output import Json, misused, print_json, print_table
from mediasweep.cli.progress import progress
from mediasweep.cli.session import account, database, do, who
from mediasweep.cli.signals import stop_by_signals
from mediasweep.rules.number import counted, number, size

if TYPE_CHECKING:
    from mediasweep.operations.restore import (
        RestorePlan,
        RestoreProgress,
        RestoreReport,
        RestoreWaits,
    )
    from mediasweep.rules.restore import Deletion, RestoreFilter

SUPPORT = ("public_id", "format", "resource_type", "type")  # as Cloudinary's support asks for them
NAMES = "--public-id, --prefix, --since, --until, --source, --reason, --actor or --app"
SHOWN = {"at": "deleted", "public_id": "public id", "resource_type": "resource type"}
SHOWN |= {"type": "type", "bytes": "size", "source": "source", "reason": "reason"}
SHOWN |= {"certain": "certain"}
LOST = {"public_id": "public id", "format": "format", "resource_type": "resource type"}
LOST |= {"type": "type", "why": "what became of it"}


Ids = Annotated[
    list[UUID] | None, typer.Argument(metavar="[ID]...", parser=row_id, help="Rows of the queue.")
]
PublicIds = Annotated[
    list[str] | None, typer.Option("--public-id", help="Only this asset; repeatable.", metavar="ID")
]
Prefix = Annotated[
    str | None, typer.Option(help="Only public ids that begin like this.", metavar="ID")
]
Since = Annotated[
    str | None,
    typer.Option(help="Only what was deleted since: 30m, 1h, 2d, or a time.", metavar="WHEN"),
]
Until = Annotated[
    str | None, typer.Option(help="Only what was deleted before that moment.", metavar="WHEN")
]
Reason = Annotated[
    str | None, typer.Option(help="Only for this reason, as row_deleted.", metavar="REASON")
]
Limit = Annotated[
    int, typer.Option(min=1, max=100_000, help="At most N, the newest first.", metavar="N")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be restored.")]
Csv = Annotated[
    Path | None,
    typer.Option("--csv", help="Write what could not be restored, for Cloudinary's support."),
]


def restore(
    ids: Ids = None,
    *,
    public_ids: PublicIds = None,
    prefix: Prefix = None,
    since: Since = None,
    until: Until = None,
    source: Source = None,
    reason: Reason = None,
    actor: Actor = None,
    app: App = None,
    limit: Limit = 10_000,
    dry_run: DryRun = False,
    yes: Yes = False,
    csv_file: Csv = None,
    as_json: Json = False,
) -> None:
    """Restore deleted assets from Cloudinary's backup.

    Those that fit everything that is given, as far as Cloudinary has a backup of them.
    """
    from mediasweep.rules.restore import RestoreFilter
    from mediasweep.settings import load

    wanted = RestoreFilter(ids or (), public_ids or (), prefix, None, reason, actor, app)
    if wanted == RestoreFilter() and source is None and since is None and until is None:
        misused(f"say what to restore: give ids of queue rows, or a filter: {NAMES}")
    if dry_run and csv_file:
        misused("--csv is about what could not be restored, which a dry run does not find out")
    if not (dry_run or yes):
        need_terminal("Restore")
    cloud = None if dry_run else load().credentials()["cloud_name"]
    found = do(_plan(wanted, source, since, until, limit))
    _remark(found, limit)
    code = 1 if found.unknown else 0
    if dry_run:
        _show(found, as_json=as_json)
    else:
        if found.deletions and not yes:
            agree(f"Restore {_amount(found)} in cloud {cloud}")
        code = max(code, _run(found, csv_file, as_json=as_json))
    raise typer.Exit(code)


def _remark(found: RestorePlan, limit: int) -> None:
    for name in found.already:
        typer.echo(f"{name} was restored already", err=True)
    for name in found.unknown:
        typer.echo(f"mediasweep: no finished deletion of {name} is known", err=True)
    if found.more:
        typer.echo(f"these are the newest {limit}: there may be more", err=True)


async def _plan(
    wanted: RestoreFilter, source: str | None, since: str | None, until: str | None, limit: int
) -> RestorePlan:
    from mediasweep.operations.restore import plan

    async with database() as connection:
        return await plan(connection, wanted, source=source, since=since, until=until, limit=limit)


def _show(found: RestorePlan, *, as_json: bool) -> None:
    rows = [_row(one) for one in found.deletions]
    if as_json:
        print_json({"assets": len(rows), "bytes": found.bytes, "rows": rows})
    elif rows:
        print_table(rows, SHOWN)
    typer.echo(f"would restore {_amount(found)}; nothing was sent", err=True)


def _amount(found: RestorePlan) -> str:
    unsized = sum(one.bytes is None for one in found.deletions)
    unknown = f", {number(unsized)} of unknown size" if unsized else ""
    return f"{counted(len(found.deletions), 'asset')} ({size(found.bytes)}{unknown})"


def _run(found: RestorePlan, csv_file: Path | None, *, as_json: bool) -> int:
    """Restore, print what became of it, and return the exit code."""
    from mediasweep.operations.restore import RestoreReport

    with csv_rows(csv_file, SUPPORT) as write:
        report = do(_restore(found.deletions)) if found.deletions else RestoreReport()
        lost = [{**_row(result.deletion), "why": result.why} for result in report.failed]
        write(lost)
    back = [_row(result.deletion) for result in report.results if result.why is None]
    left = [_row(one) for one in report.left]
    if as_json:
        print_json({"restored": back, "failed": lost, "left": left, "stopped": report.stopped})
    elif found.deletions:
        told = [*lost, *({**row, "why": f"left: {report.stopped}"} for row in left)]
        print_table([{**row, "why": "is back"} for row in back] + told, LOST)
    if found.deletions:
        typer.echo(f"restored {number(len(back))} of {number(len(found.deletions))}", err=True)
    else:
        typer.echo("nothing to restore", err=True)
    if lost:
        typer.echo(f"{number(len(lost))} could not be restored", err=True)
    if left:
        more = f"{number(len(left))} are left: {report.stopped}; run it again"
        typer.echo(f"mediasweep: {more}", err=True)
    return 4 if report.refused else 1 if lost or left else 0


async def _restore(deletions: Sequence[Deletion]) -> RestoreReport:
    from mediasweep.operations import restore as operation

    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(database())
        asked = stack.enter_context(account())
        stack.enter_context(stop_by_signals(stopping))
        line = stack.enter_context(progress(f"restoring {counted(len(deletions), 'asset')}"))

        def say(news: RestoreProgress | RestoreWaits) -> None:
            waits = isinstance(
                news, operation.RestoreWaits
            )  # for minutes, maybe, and with a reason
            line.tell(_words(news), important=waits)

        return await operation.restore(
            connection, asked, deletions, who=who(), say=say, stopping=stopping
        )


def _words(news: RestoreProgress | RestoreWaits) -> str:
    from mediasweep.operations.restore import RestoreWaits

    if isinstance(news, RestoreWaits):
        return f"waiting {news.duration.total_seconds():.0f} s: {news.why}"
    return f"{number(news.done)} of {number(news.of)}, {number(news.failed)} of them not restored"


def _row(one: Deletion) -> dict[str, Any]:
    """Return a deletion as it is printed; `type` is what Cloudinary calls the delivery type."""
    row = asdict(one)
    del row["entry"]
    return row | {"type": row.pop("delivery_type")}
