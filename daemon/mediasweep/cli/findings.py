"""How reconcile prints what it found: a table or JSON, a file of all of it, and what was done."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mediasweep.cli.csv_file import csv_rows
from mediasweep.cli.output import print_json, print_table
from mediasweep.rules.drift import in_figures, in_words
from mediasweep.rules.number import counted, number

if TYPE_CHECKING:
    from mediasweep.loops.reconcile import Reconciler
    from mediasweep.operations.reconcile import ReconcileActions
    from mediasweep.postgres.reconcile import Reconciliations, Run

READ_MOST = 1000  # findings at a time
SHOWN = {"kind": "kind", "public_id": "public id", "resource_type": "resource type"}
SHOWN |= {"delivery_type": "type", "bytes": "size", "made_at": "made", "row": "row"}
SHOWN |= {"told": "detail", "action": "action"}
WRITTEN = ["kind", "public_id", "resource_type", "delivery_type", "asset_id", "version", "bytes"]
WRITTEN += ["made_at", "source", "row", "detail", "sighted_at", "action", "acted_at"]


async def show(
    reconciler: Reconciler,
    run: Run,
    acted: ReconcileActions | None,
    *,
    limit: int,
    path: Path | None,
    as_json: bool,
) -> None:
    """Print the first `limit` of each kind, write all to the file, and say what was done.

    Where something was done, only what it was done about is printed.
    """
    some = await reconciler.runs.first(run.id, limit, acted=acted is not None)
    shown = [finding | {"told": in_words(finding)} for finding in some]
    with csv_rows(path, WRITTEN) as write:
        async for finding in _findings(reconciler.runs, run, path):
            write([_cells(finding)])
    said = {name: getattr(run, name) for name in ("id", "started_at", "finished_at", "asked_by")}
    if as_json:
        did = asdict(acted) if acted else None
        findings = [{k: v for k, v in one.items() if k != "told"} for one in shown]
        told = {**said, "calls": run.calls, "counts": run.counts, "acted": did}
        print_json(told | {"findings": findings})
    elif shown:
        print_table(shown, SHOWN)
    if acted is not None:
        typer.echo(acted.says, err=True)
    typer.echo(_summary(run, len(shown), reconciler), err=True)


async def _findings(
    runs: Reconciliations, run: Run, path: Path | None
) -> AsyncIterator[dict[str, Any]]:
    after = 0
    while path and (some := await runs.findings(run.id, after, READ_MOST)):
        for finding in some:
            yield finding
        after = some[-1]["id"]


def _summary(run: Run, shown: int, reconciler: Reconciler) -> str:
    counts = run.counts
    kinds = ("orphans", "ghosts", "mismatches")
    more = sum(counts[kind] for kind in kinds) > shown
    quota = reconciler.quota
    left = f", {number(quota.remaining)} of {number(quota.limit)} left this hour" if quota else ""
    return (
        f"{counted(counts['assets'], 'asset')} and {counted(counts['refs'], 'reference')}: "
        f"{in_figures(counts)}"
        f"; {number(counts['young'])} too young to tell"
        f", {number(counts['waiting'])} waiting for deletion"
        f"; {counted(run.calls, 'call')}{left}" + ("; --csv FILE has all findings" if more else "")
    )


def _cells(finding: dict[str, Any]) -> dict[str, Any]:
    """Return a finding as a row of the file, in which a cell holds text."""
    detail = finding["detail"]
    return finding | {"detail": None if detail is None else json.dumps(detail)}
