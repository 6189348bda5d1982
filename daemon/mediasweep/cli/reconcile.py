"""reconcile: compare what Cloudinary has with what rows use, and do something about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from mediasweep.cli import findings
from mediasweep.cli.consent import Yes, agree, need_terminal
from mediasweep.cli.output import Json, misused
from mediasweep.cli.progress import progress
from mediasweep.cli.session import account, database, do, who
from mediasweep.cli.signals import stop_by_signals
from mediasweep.rules.number import counted, number, size

if TYPE_CHECKING:
    from mediasweep.loops.reconcile import Reconciler
    from mediasweep.operations.reconcile import ReconcileActions, ReconcileOptions
    from mediasweep.postgres.reconcile import Reconciliations, Run
    from mediasweep.rules.drift import ReconcileWaits

    Show = Callable[[Reconciler, Run, ReconcileActions | None], Awaitable[None]]

What = Annotated[str, typer.Option("--orphans", help="report, adopt or delete.", metavar="WHAT")]
WhatGhosts = Annotated[str, typer.Option("--ghosts", help="report or mark.", metavar="WHAT")]
Owned = Annotated[
    list[str] | None,
    typer.Option(help="Only act on public ids that begin like this; repeatable.", metavar="PREFIX"),
]
Age = Annotated[
    float | None,
    typer.Option(min=1, max=8760, help="Ignore assets younger than this many hours; default 24."),
]
Shrunken = Annotated[
    bool, typer.Option("--shrunken", help="Accept a side that is less than half of last time's.")
]
Last = Annotated[
    bool, typer.Option("--last", help="Use the last report; do not list the account again.")
]
Limit = Annotated[
    int, typer.Option(min=0, max=100_000, help="Show at most N of each kind.", metavar="N")
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write all findings to this file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def reconcile(
    *,
    orphans: What = "report",
    ghosts: WhatGhosts = "report",
    owned: Owned = None,
    age: Age = None,
    shrunken: Shrunken = False,
    last: Last = False,
    limit: Limit = 20,
    csv_file: Csv = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Compare Cloudinary with the database, and fix what differs.

    Orphans are assets that no row uses, ghosts rows whose asset is not there, mismatches rows that
    say something else of it.
    """
    if last and (age or shrunken):
        misused("--age and --shrunken are about a new comparison, and --last makes none")
    wanted = _wanted(orphans, ghosts, owned or [], age or 24, shrunken=shrunken)
    if (yes or dry_run) and not wanted.acts:
        misused(
            "--yes and --dry-run are about --orphans and --ghosts, which say what is to be done"
        )
    if owned and wanted.orphans == "report":
        misused("--owned is about what is to be done: say --orphans delete, or adopt")
    if wanted.acts and not (yes or dry_run):
        need_terminal("Act on what is found")
    show = partial(findings.show, limit=limit, path=csv_file, as_json=as_json)
    do(_reconcile(wanted, show, last=last, yes=yes, dry_run=dry_run))


def _wanted(
    orphans: str, ghosts: str, owned: list[str], age: float, *, shrunken: bool
) -> ReconcileOptions:
    from mediasweep.operations.reconcile import Ghosts, Orphans, ReconcileOptions

    try:
        kinds = Orphans(orphans), Ghosts(ghosts)
    except ValueError:
        misused("--orphans is report, adopt or delete; --ghosts is report or mark")
    return ReconcileOptions(*kinds, owned, timedelta(hours=age), shrunken)


async def _reconcile(
    wanted: ReconcileOptions, show: Show, *, last: bool, yes: bool, dry_run: bool
) -> None:
    from mediasweep.loops.reconcile import Reconciler
    from mediasweep.operations import reconcile as operation
    from mediasweep.postgres.fleet import Fleet
    from mediasweep.postgres.reconcile import Reconciliations
    from mediasweep.settings import load

    settings, stopping = load(), asyncio.Event()
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(database())
        asked = stack.enter_context(account())
        runs = Reconciliations(connection, uuid4())
        cloud = asked.credentials.cloud_name
        home = (await Fleet(connection).installation()).get("cloud_name")
        idle = settings.dry_run and not dry_run
        await operation.check(runs, wanted, cloud=cloud, home=home, dry_run=idle)
        stack.enter_context(stop_by_signals(stopping))
        reconciler = Reconciler(runs, asked, settings.reconcile_share, stopping, lambda _: None)
        run = await (_last(runs, cloud) if last else _compare(reconciler, wanted))
        acted = await _act(reconciler, run, wanted, yes=yes, dry_run=dry_run)
        await show(reconciler, run, acted)


async def _last(runs: Reconciliations, cloud: str) -> Run:
    from mediasweep.operations.refusal import RefusedError

    ended = await runs.last(cloud)
    for run in ended:
        if run.state == "done":
            return run
        typer.echo(
            f"the newest, of {run.started_at:%Y-%m-%d %H:%M}, was {run.state}: {run.reason}",
            err=True,
        )
    raise RefusedError("no complete reconciliation is known: run it without --last")


async def _compare(reconciler: Reconciler, wanted: ReconcileOptions) -> Run:
    from mediasweep.operations.reconcile import reconcile as compare

    with progress("listing the account") as line:

        def say(news: Run | ReconcileWaits) -> None:
            line.tell(_words(reconciler, news), important=not hasattr(news, "places"))

        reconciler.say = say
        return await compare(reconciler, wanted, who())


def _words(reconciler: Reconciler, news: Run | ReconcileWaits) -> str:
    from mediasweep.rules.drift import ReconcileWaits

    if isinstance(news, ReconcileWaits):
        return f"waiting until {news.until:%H:%M:%S} UTC: {news.reason}"
    place = news.next_place
    listed = counted(news.listed, "asset")
    quota = reconciler.quota
    left = (
        f", {number(quota.remaining)} of {number(quota.limit)} calls of the hour left"
        if quota
        else ""
    )
    if place is not None:
        calls = counted(news.calls, "call")
        return f"{listed} listed, {place.resource_type} now; {calls}{left}"
    return f"{listed} listed; comparing" if news.state == "listing" else f"looking at ghosts{left}"


async def _act(
    reconciler: Reconciler, run: Run, wanted: ReconcileOptions, *, yes: bool, dry_run: bool
) -> ReconcileActions | None:
    from mediasweep.operations.reconcile import act, passed_over

    if not wanted.acts:
        return None
    plan = await _plan(reconciler.runs, run, wanted)
    for line in await passed_over(reconciler.runs, run, wanted):
        typer.echo(line, err=True)
    if dry_run:
        typer.echo(f"would {plan}; nothing was done" if plan else "nothing to do", err=True)
        return None
    if plan and yes:
        typer.echo(plan, err=True)
    elif plan:
        agree(plan[0].upper() + plan[1:])
    with progress(plan or "acting") as bar:
        return await act(reconciler, run, wanted, who(), lambda acted: bar.tell(acted.says))


async def _plan(runs: Reconciliations, run: Run, wanted: ReconcileOptions) -> str:
    """Return what would be done, in words; none where there is nothing to do."""
    from mediasweep.operations.reconcile import Ghosts, Orphans, chosen

    plan = []
    assets, all_bytes = await chosen(runs, run, wanted)
    if assets and wanted.orphans is Orphans.DELETE:
        amount = f"{counted(assets, 'orphan')} ({size(all_bytes)})"
        plan.append(f"queue for deletion {amount}")
    elif assets:
        plan.append(f"bring the library in line with {counted(assets, 'asset')}")
    if wanted.ghosts is Ghosts.MARK and (ghosts := await runs.count_ghosts(run.id)):
        plan.append(f"mark {counted(ghosts, 'ghost')} of the library")
    return " and ".join(plan)
