"""What nobody told either side: files that no row names, and a row whose file is gone.

Made before Cloudinary tells of anything, and found by comparing, as `mediasweep reconcile` does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from mediasweep.cloudinary import Account
from mediasweep.demo.files import landscape
from mediasweep.demo.results import SceneResult
from mediasweep.emulator.client import Cloud
from mediasweep.loops.reconcile import Reconciler
from mediasweep.operations.reconcile import ReconcileOptions, reconcile
from mediasweep.postgres.pool import Connection
from mediasweep.postgres.reconcile import Reconciliations
from mediasweep.sdk import cloudinary

LOST, LOST_COUNT, LOST_AGE = "demo/lost/", 3, timedelta(days=3)
MISSING = "demo/missing"
MOST = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """What a comparison has to find, of one kind: these files and no others."""

    title: str
    kind: str
    file: str
    names: frozenset[str]


DIFFERENCES = (
    Difference(
        "old files that no row names",
        "orphan",
        f"{LOST}*",
        frozenset(f"{LOST}{n}" for n in range(LOST_COUNT)),
    ),
    Difference("a row whose file is gone", "ghost", MISSING, frozenset({MISSING})),
)


def differ(cloud: Cloud) -> None:
    """Put files there that are older than everything else, and delete one that a row names."""
    age_s = int(LOST_AGE.total_seconds())
    cloud.plant(LOST, LOST_COUNT, age_s=age_s, data=landscape(480, 320, 30))
    cloudinary.uploader.destroy(MISSING, **cloud.options())


async def compare(
    connection: Connection, account: Account, played: list[SceneResult], changed: Callable[[], None]
) -> None:
    """Compare both sides, and say what is found."""
    shown = [SceneResult(one.title, one.file) for one in DIFFERENCES]
    played.extend(shown)
    changed()
    began_s = time.monotonic()
    runs = Reconciliations(connection, uuid4())
    reconciler = Reconciler(runs, account, 1.0, asyncio.Event(), lambda _: None)
    run = await reconcile(reconciler, ReconcileOptions(), "demo")
    for expected, one in zip(DIFFERENCES, shown, strict=True):
        found = await runs.findings(run.id, 0, MOST, expected.kind)
        one.became = f"{len(found)} {expected.kind}" + "s" * (len(found) != 1)
        one.why = _why(found[0]) if found else ""
        one.after = timedelta(seconds=time.monotonic() - began_s)
        one.right = {finding["public_id"] for finding in found} == expected.names
    changed()


def _why(finding: Mapping[str, Any]) -> str:
    """Return what else is told of it."""
    if finding["kind"] == "orphan":
        return f"made {finding['made_at']:%Y-%m-%d}"
    return f"named by {finding['source']}"
