"""reconcile: compare what Cloudinary has with what rows use, and do something about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from mediasweep.cli.consent import agree, need_terminal
from mediasweep.cli.output import count, misused, print_json, print_table
from mediasweep.cli.progress import progress
from mediasweep.cli.session import account, database, do, who
from mediasweep.cli.sheet import sheet
from mediasweep.cli.signals import stop_by_signals

if TYPE_CHECKING:
    from mediasweep.loops.reconcile import Reconciler
    from mediasweep.operations.reconcile import Acted, Wanted
    from mediasweep.postgres.reconcile import Reconciliations, Run
    from mediasweep.rules.drift import ReconcileWaits

READ_MOST = 1000  # findings at a time
SHOWN = {"kind": "kind", "public_id": "public id", "resource_type": "resource type"}
SHOWN |= {"delivery_type": "type", "bytes": "bytes", "made_at": "made", "row": "row"}
SHOWN |= {"told": "detail", "action": "action"}
WRITTEN = ["kind", "public_id", "resource_type", "delivery_type", "asset_id", "version", "bytes"]
WRITTEN += ["made_at", "source", "row", "detail", "sighted_at", "action", "acted_at"]

What = Annotated[str, typer.Option("--orphans", help="report, adopt or delete.", metavar="WHAT")]
WhatGhosts = Annotated[str, typer.Option("--ghosts", help="report or mark.", metavar="WHAT")]
Owned = Annotated[
    list[str] | None,
    typer.Option(help="Only act on public ids that begin like this; repeatable.", metavar="PREFIX"),
]
Age = Annotated[
    float | None,
    typer.Option(min=1, max=8760, help="Hours before which an asset is no orphan; 24."),
]
Shrunken = Annotated[
    bool, typer.Option("--shrunken", help="Either side may be less than half of what it was.")
]
Last = Annotated[bool, typer.Option("--last", help="Take the last report; list nothing.")]
Limit = Annotated[int, typer.Option(min=0, max=100_000, help="Show so many findings.", metavar="N")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write all findings to this file.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Compare what Cloudinary has with what rows use.

    Orphans are assets that no row uses, ghosts rows whose asset is not there, mismatches rows that
    say something else of it.
    """
    if last and (age or shrunken):
        misused("--age and --shrunken are about a new comparison, and --last makes none")
    wanted = _wanted(orphans, ghosts, owned or [], age or 24, shrunken=shrunken)
    if wanted.acts and not yes:
        need_terminal("Act on what is found")
    do(_reconcile(wanted, last=last, limit=limit, path=csv_file, yes=yes, as_json=as_json))


def _wanted(orphans: str, ghosts: str, owned: list[str], age: float, *, shrunken: bool) -> Wanted:
    from mediasweep.operations.reconcile import Ghosts, Orphans, Wanted

    try:
        kinds = Orphans(orphans), Ghosts(ghosts)
    except ValueError:
        misused("--orphans is report, adopt or delete; --ghosts is report or mark")
    return Wanted(*kinds, owned, timedelta(hours=age), shrunken)


async def _reconcile(
    wanted: Wanted, *, last: bool, limit: int, path: Path | None, yes: bool, as_json: bool
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
        await operation.check(runs, wanted, cloud=cloud, home=home, dry_run=settings.dry_run)
        stack.enter_context(stop_by_signals(stopping))
        reconciler = Reconciler(runs, asked, settings.reconcile_share, stopping, lambda _: None)
        run = await (_last(runs, cloud) if last else _compare(reconciler, wanted))
        acted = await _act(reconciler, run, wanted, yes=yes)
        await _show(reconciler, run, acted, limit=limit, path=path, as_json=as_json)


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


async def _compare(reconciler: Reconciler, wanted: Wanted) -> Run:
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
    quota = reconciler.quota
    left = f", {quota.remaining} of {quota.limit} calls of the hour left" if quota else ""
    if place is not None:
        return f"{news.listed} assets listed, {place.resource_type} now; {news.calls} calls{left}"
    return (
        f"{news.listed} assets listed; comparing"
        if news.state == "listing"
        else f"looking at ghosts{left}"
    )


async def _act(reconciler: Reconciler, run: Run, wanted: Wanted, *, yes: bool) -> Acted | None:
    from mediasweep.operations.reconcile import Orphans, act, chosen

    if not wanted.acts:
        return None
    assets, size = await chosen(reconciler.runs, run, wanted)
    plan = []
    if wanted.orphans is not Orphans.REPORT:
        plan.append(
            f"queue for deletion {count(assets, 'orphan')} ({size} bytes)"
            if wanted.orphans is Orphans.DELETE
            else f"bring the library in line with {count(assets, 'asset')}"
        )
    if wanted.ghosts == "mark":
        plan.append(f"mark the library's rows of {count(run.counts['ghosts'], 'ghost')}")
    question = " and ".join(plan)
    typer.echo(question, err=True)
    if not yes:
        agree(question[0].upper() + question[1:])
    with progress(question) as line:
        return await act(reconciler, run, wanted, who(), lambda acted: line.tell(_done(acted)))


def _done(acted: Acted) -> str:
    words = {"queued": "queued", "adopted": "adopted", "left": "left alone", "marked": "marked"}
    told = [f"{number} {words[name]}" for name, number in asdict(acted).items() if number]
    return ", ".join(told) or "nothing to do"


async def _show(
    reconciler: Reconciler,
    run: Run,
    acted: Acted | None,
    *,
    limit: int,
    path: Path | None,
    as_json: bool,
) -> None:
    shown: list[dict[str, Any]] = []
    with sheet(path, WRITTEN) as write:
        async for finding in _findings(reconciler.runs, run, None if path else limit):
            write([_cells(finding)])
            if len(shown) < limit:
                shown.append(finding | {"told": _told(finding)})
    said = {name: getattr(run, name) for name in ("id", "started_at", "finished_at", "asked_by")}
    if as_json:
        done = asdict(acted) if acted else None
        findings = [{k: v for k, v in one.items() if k != "told"} for one in shown]
        told = {**said, "calls": run.calls, "counts": run.counts, "acted": done}
        print_json(told | {"findings": findings})
    elif shown:
        print_table(shown, SHOWN)
    if acted is not None:
        typer.echo(_done(acted), err=True)
    typer.echo(_summary(run, len(shown), reconciler), err=True)


async def _findings(
    runs: Reconciliations, run: Run, most: int | None
) -> AsyncIterator[dict[str, Any]]:
    after = seen = 0
    while some := await runs.findings(run.id, after, READ_MOST):
        for finding in some:
            if most is not None and seen >= most:
                return
            seen += 1
            yield finding
        after = some[-1]["id"]


def _told(finding: dict[str, Any]) -> str:
    detail = finding["detail"] or {}
    if finding["kind"] == "ghost":
        return "there is a backup" if detail.get("backup") else ""
    return ", ".join(f"{what}: {row} but {there}" for what, (row, there) in detail.items())


def _summary(run: Run, shown: int, reconciler: Reconciler) -> str:
    counts = run.counts
    kinds = ("orphans", "ghosts", "mismatches")
    found = ", ".join(f"{counts[kind]} {kind}" for kind in kinds)
    more = sum(counts[kind] for kind in kinds) > shown
    quota = reconciler.quota
    left = f", {quota.remaining} of {quota.limit} left this hour" if quota else ""
    return (
        f"{counts['assets']} assets and {counts['refs']} references: {found}"
        f"; {counts['young']} too young to tell, {counts['waiting']} waiting for deletion"
        f"; {run.calls} calls{left}" + ("; --csv FILE has all findings" if more else "")
    )


def _cells(finding: dict[str, Any]) -> dict[str, Any]:
    """Return a finding as a row of the file, in which a cell holds text."""
    detail = finding["detail"]
    return finding | {"detail": None if detail is None else json.dumps(detail)}
