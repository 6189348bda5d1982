"""GET and POST /api/cloudinary/cleanup: the queue as it stands, and a sweep on demand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, StrictBool, StrictInt

from mediasweep.http.examples import like
from mediasweep.http.models import RequestModel, ResponseModel
from mediasweep.operations import cleanup
from mediasweep.operations.backend import Backend
from mediasweep.rules.job import Status

PATH = "/cloudinary/cleanup"
WITHIN_S = 20.0


class Stats(BaseModel):
    """Rows by status."""

    total: int
    pending: int
    processing: int
    completed: int
    failed: int
    skipped: int


class CleanupStatus(ResponseModel):
    """How the queue stands, with its newest twenty rows."""

    stats: Stats
    recent_items: list[dict[str, Any]]
    has_pending: bool


class CleanupRequest(RequestModel):
    """What is to be cleaned up."""

    limit: StrictInt = Field(default=10, ge=1, le=100, description="At most so many rows.")
    force_retry: StrictBool = Field(default=False, description="Failed rows as well.")
    specific_id: UUID | None = Field(default=None, description="This row alone.")


class CleanupItem(BaseModel):
    """What became of one row."""

    id: UUID
    public_id: str
    status: Status
    error: str | None
    cloudinary_response: dict[str, Any] | None


class CleanupDone(ResponseModel):
    """What became of the rows within twenty seconds; `success_rate` in percent."""

    message: str
    processed: int
    failed: int
    success_rate: float
    items: list[CleanupItem]


def add_cleanup(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    @router.get(PATH, tags=["cleanup"], responses=like("cleanup_status"))
    async def cleanup_status() -> CleanupStatus:
        """Tell how the queue stands."""
        return CleanupStatus(**await cleanup.status(backend.pool, await backend.rows.get()))

    @router.post(PATH, tags=["cleanup"], responses=like("cleanup_process"))
    async def cleanup_process(request: Request, asked: CleanupRequest | None = None) -> CleanupDone:
        """Have what is due done now, also while stopped, and wait for it up to twenty seconds."""
        asked = asked or CleanupRequest()
        done = await cleanup.process(
            backend.pool,
            limit=asked.limit,
            retry=asked.force_retry,
            id_=asked.specific_id,
            who=request.state.visitor.who,
            within_s=WITHIN_S,
        )
        good = done.count(Status.COMPLETED, Status.SKIPPED)
        failed = done.count(Status.FAILED)
        return CleanupDone(
            message=done.message,
            processed=good,
            failed=failed,
            success_rate=round(100 * good / (good + failed), 2) if good + failed else 100.0,
            items=[CleanupItem(**row) for row in done.rows],
        )
