"""/reconcile: in what account and rows differ, what may be done about it, and how far that is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import Field

from mediasweep.http.models import QueryModel
from mediasweep.http.overview import BIGINT_MOST
from mediasweep.http.pages.frame import Frame
from mediasweep.rules.drift import in_words

PER_PAGE = 50


class FindingKind(StrEnum):
    """The ways in which the two sides differ."""

    ORPHAN = "orphan"
    GHOST = "ghost"
    MISMATCH = "mismatch"


class ReconcileQuery(QueryModel):
    """Which findings of the last report; unless it is said, those of the first kind with any."""

    kind: FindingKind | None = None
    after: int = Field(default=0, ge=0, le=BIGINT_MOST)


PLURALS = {
    FindingKind.ORPHAN: "orphans",
    FindingKind.GHOST: "ghosts",
    FindingKind.MISMATCH: "mismatches",
}


def add_reconcile(frame: Frame) -> None:
    """Add the page."""
    reconcile = frame.backend.reconcile

    @frame.router.get("/reconcile")
    async def reconcile_page(
        request: Request, asked: Annotated[ReconcileQuery, Query()]
    ) -> Response:
        """Show the last report, and how the comparison stands that is under way."""
        compared = await reconcile.state()
        report = compared.complete
        counts = report.counts if report else {}
        there = (kind for kind, name in PLURALS.items() if counts.get(name))
        kind = asked.kind or next(there, FindingKind.ORPHAN)
        found: list[Mapping[str, Any]] = []
        left: Mapping[str, int] = {}
        markable = 0
        if report:
            left = await reconcile.left(report.id)
            markable = await reconcile.markable(report.id)
            found += await reconcile.findings(report.id, asked.after, PER_PAGE + 1, kind)
        return frame.show(
            request,
            "reconcile.html",
            compared=compared,
            report=report,
            counts=counts,
            left={kind: left.get(kind, 0) for kind in FindingKind},
            markable=markable,
            kinds=PLURALS,
            kind=kind,
            asked=asked,
            findings=[dict(one) | {"told": in_words(one)} for one in found[:PER_PAGE]],
            next=found[PER_PAGE - 1]["id"] if len(found) > PER_PAGE else None,
        )
