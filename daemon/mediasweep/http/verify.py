"""GET and POST /api/sync/verify: in what library and account differ, and mending it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, StrictBool

from mediasweep.http.comparison import WITHIN_S, Comparison, comparison
from mediasweep.http.examples import like
from mediasweep.http.models import QueryModel, RequestModel, ResponseModel
from mediasweep.http.overview import BIGINT_MOST
from mediasweep.operations.backend import Backend
from mediasweep.operations.reconcile import Ghosts, Orphans, ReconcileOptions
from mediasweep.operations.reconcile_runner import ReconcileState

PATH = "/sync/verify"


class FindingsQuery(QueryModel):
    """Which findings of the newest complete report."""

    after: int = Field(default=0, ge=0, le=BIGINT_MOST, description="`next` of the page before.")
    limit: int = Field(default=100, ge=1, le=1000)


class VerifyRequest(RequestModel):
    """What is mended: assets without a row get one, rows without an asset say so."""

    auto_fix: StrictBool = Field(default=False, description="Both of the following.")
    fix_missing_in_database: StrictBool = Field(default=False, description="Adopt orphans.")
    fix_conflicts: StrictBool = Field(
        default=False, description="Mark rows whose asset is not there."
    )

    def wanted(self) -> ReconcileOptions:
        """Return it as the operation takes it."""
        adopts = self.auto_fix or self.fix_missing_in_database
        marks = self.auto_fix or self.fix_conflicts
        return ReconcileOptions(
            Orphans.ADOPT if adopts else Orphans.REPORT, Ghosts.MARK if marks else Ghosts.REPORT
        )


class Verification(BaseModel):
    """What differs, a page of it: assets that no row uses, rows whose asset is not there, and rows
    that say something else of it.
    """

    cloudinary_count: int
    database_count: int
    missing_in_database: list[dict[str, Any]]
    missing_in_cloudinary: list[dict[str, Any]]
    sync_conflicts: list[dict[str, Any]]
    recommendations: list[str]


class VerifySummary(BaseModel):
    """All of what differs, in figures; `is_perfectly_synced`: nothing does."""

    total_cloudinary_assets: int
    total_database_assets: int
    missing_in_database: int
    missing_in_cloudinary: int
    sync_conflicts: int
    is_perfectly_synced: bool


class Verified(ResponseModel):
    """The newest complete report, and how the newest comparison stands."""

    verification: Verification
    summary: VerifySummary
    processing_time_ms: int
    report: int | None
    run: Comparison
    next: int | None


class FixResults(BaseModel):
    """What was mended of it."""

    fixed_missing_in_database: int
    fixed_conflicts: int
    fix_errors: list[str]


class VerifyDone(Verified):
    """What came of it within five seconds; as long as `run` is under way, it goes on."""

    fixes_applied: bool
    fix_results: FixResults


def add_verify(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    @router.get(PATH, tags=["sync"], responses=like("verify_report"))
    async def verify_report(asked: Annotated[FindingsQuery, Query()]) -> Verified:
        """Tell in what the two sides differ, as the last comparison found it."""
        return Verified(**await _told(backend, await backend.reconcile.state(), asked))

    @router.post(PATH, tags=["sync"], responses=like("verify"))
    async def verify(request: Request, asked: VerifyRequest | None = None) -> VerifyDone:
        """Compare, and mend what is to be mended; go on with it."""
        wanted = (asked or VerifyRequest()).wanted()
        await backend.reconcile.begin(wanted, request.state.visitor.who)
        await backend.reconcile.task.wait(WITHIN_S)
        compared = await backend.reconcile.state()
        told = await _told(backend, compared, FindingsQuery())
        run: Comparison = told["run"]
        fixed = FixResults(
            fixed_missing_in_database=run.acted.adopted,
            fixed_conflicts=run.acted.marked,
            fix_errors=[run.reason] if run.reason else [],
        )
        return VerifyDone(**told, fixes_applied=wanted.acts, fix_results=fixed)


async def _told(backend: Backend, compared: ReconcileState, asked: FindingsQuery) -> dict[str, Any]:
    report = compared.complete
    found: list[dict[str, Any]] = []
    if report:
        rows = await backend.reconcile.findings(report.id, asked.after, asked.limit)
        found = [dict(row) for row in rows]
    counts = report.counts if report else {}
    took = report.finished_at - report.started_at if report and report.finished_at else None
    return {
        "verification": Verification(
            cloudinary_count=counts.get("assets", 0),
            database_count=counts.get("refs", 0),
            missing_in_database=[one for one in found if one["kind"] == "orphan"],
            missing_in_cloudinary=[one for one in found if one["kind"] == "ghost"],
            sync_conflicts=[one for one in found if one["kind"] == "mismatch"],
            recommendations=_recommend(counts, compared),
        ),
        "summary": VerifySummary(
            total_cloudinary_assets=counts.get("assets", 0),
            total_database_assets=counts.get("refs", 0),
            missing_in_database=counts.get("orphans", 0),
            missing_in_cloudinary=counts.get("ghosts", 0),
            sync_conflicts=counts.get("mismatches", 0),
            is_perfectly_synced=report is not None
            and not any(counts.get(kind) for kind in ("orphans", "ghosts", "mismatches")),
        ),
        "processing_time_ms": round(took.total_seconds() * 1000) if took else 0,
        "report": report.id if report else None,
        "run": comparison(compared),
        "next": found[-1]["id"] if len(found) == asked.limit else None,
    }


def _recommend(counts: Mapping[str, int], compared: ReconcileState) -> list[str]:
    """Return what there is to do about it, in sentences."""
    if compared.complete is None:
        return ["nothing is known yet: POST /api/sync/verify compares"]
    seen_to = sum(compared.acted.get(one, 0) for one in ("queued", "adopted", "changed", "let go"))
    orphans = counts.get("orphans", 0) - seen_to
    ghosts = counts.get("ghosts", 0) - compared.acted.get("marked", 0)
    mismatches = counts.get("mismatches", 0)
    said = {
        f"{orphans} assets have no row: fix_missing_in_database lists them": orphans,
        f"{ghosts} rows have no asset: restore it where there is a backup, or let fix_conflicts "
        "mark them": ghosts,
        f"{mismatches} rows say something else of their asset: look at each": mismatches,
    }
    return [sentence for sentence, rows in said.items() if rows > 0]
