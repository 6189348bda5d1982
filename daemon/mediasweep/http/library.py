"""/api/cloudinary/media/…: what a deletion would come to, what was deleted, and taking it back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from mediasweep.http.examples import like
from mediasweep.http.media import PATH, WITHIN_S
from mediasweep.http.models import QueryModel, ResponseModel, Text
from mediasweep.http.selection import PlanQuery, SelectionRequest
from mediasweep.operations import plan, undelete
from mediasweep.operations.backend import Backend
from mediasweep.operations.plan import Becomes
from mediasweep.rules.finding import some
from mediasweep.rules.job import Status
from mediasweep.rules.number import number


class PlannedDeletion(BaseModel):
    """One row and its asset: `done`, the row is deleted already; `bytes` of the file."""

    public_id: str
    resource_type: str
    delivery_type: str
    bytes: int
    becomes: Becomes
    why: list[str]
    done: bool


class MediaPlan(ResponseModel):
    """What would become of each; `holds` keeps everything waiting, `guard` cannot answer."""

    items: list[PlannedDeletion]
    unknown: list[str]
    holds: list[str]
    brake: str
    guard: str | None


class DeletedQuery(QueryModel):
    """Which page of what was deleted."""

    search: Text | None = Field(default=None, description="Part of a name; * and ? too.")
    after: Text | None = Field(default=None, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=200)


class DeletedRow(BaseModel):
    """A deleted row, and how far the deletion of its asset has come; null: nothing was queued."""

    id: UUID
    public_id: str
    resource_type: str
    delivery_type: str
    bytes: int
    deleted_at: datetime
    taken: bool
    queue_id: UUID | None
    status: Status | None
    said: str | None


class DeletedPage(ResponseModel):
    """Deleted rows, the newest first; `next` is null where there are no more."""

    items: list[DeletedRow]
    next: str | None


class NotRestored(BaseModel):
    """An asset that is not back, and why."""

    public_id: str
    error: str


class MediaRestored(ResponseModel):
    """What became of each."""

    message: str
    restored: list[str]
    failed: list[NotRestored]


def add_library(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    @router.get(f"{PATH}/plan", tags=["media"], responses=like("media_plan"))
    async def media_plan(asked: Annotated[PlanQuery, Query()]) -> MediaPlan:
        """Tell what would become of these assets if they were deleted now."""
        found = await plan.plan(backend.pool, asked.meant())
        return MediaPlan(
            items=[
                PlannedDeletion(**one.row, becomes=one.becomes, why=list(one.why), done=one.done)
                for one in found.items
            ],
            unknown=list(found.unknown),
            holds=list(found.holds),
            brake=found.brake,
            guard=found.guard,
        )

    @router.get(f"{PATH}/deleted", tags=["media"], responses=like("media_deleted"))
    async def media_deleted(asked: Annotated[DeletedQuery, Query()]) -> DeletedPage:
        """List what was deleted from the library, and what became of it."""
        found = await undelete.deleted(
            backend.pool, asked.search, after=asked.after, limit=asked.limit
        )
        return DeletedPage(items=[DeletedRow(**row) for row in found.rows], next=found.next)

    @router.post(f"{PATH}/restore", tags=["media"], responses=like("media_restore"))
    async def media_restore(request: Request, asked: SelectionRequest) -> MediaRestored:
        """Bring deleted rows back, and their assets from Cloudinary's backup if they are gone."""
        done = await undelete.undelete(
            backend.pool,
            backend.account,
            asked.meant(),
            who=request.state.visitor.who,
            within_s=WITHIN_S,
        )
        restored = [one.public_id for one in done if one.why is None]
        failed = [NotRestored(public_id=o.public_id, error=o.why) for o in done if o.why]
        said = [f"{number(len(restored))} restored"] + ([_why_not(failed)] if failed else [])
        return MediaRestored(
            success=not failed, message=", ".join(said), restored=restored, failed=failed
        )


def _why_not(failed: list[NotRestored]) -> str:
    """Say how many are not back, and of each reason which ones."""
    why_not: dict[str, list[str]] = {}
    for one in failed:
        why_not.setdefault(one.error, []).append(one.public_id)
    said = [f"{why} ({some(ids)})" for why, ids in why_not.items()]
    return f"{number(len(failed))} not: {some(said)}"
