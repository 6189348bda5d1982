"""/api/status, /api/tables, /api/activity: all in one look, what is attached, what was done."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from mediasweep.http.examples import like
from mediasweep.http.models import QueryModel, ResponseModel, Text
from mediasweep.operations import activity, attach
from mediasweep.operations.backend import Backend
from mediasweep.rules.journal import Entries, Entry

BIGINT_MOST = 2**63 - 1


class Overview(ResponseModel):
    """As `mediasweep status` shows it."""

    environment: dict[str, Any]
    capture: list[str]
    strays: list[dict[str, Any]]
    rows: dict[str, int]
    due: dict[str, Any]
    waiting: list[dict[str, Any]]
    protected: list[dict[str, Any]]
    gates: list[dict[str, Any]]
    daemons: list[dict[str, Any]]


class Tables(ResponseModel):
    """The attached tables, and what was a part of one and still has its triggers."""

    tables: list[dict[str, Any]]
    strays: list[dict[str, Any]]


class EntriesQuery(QueryModel):
    """Which entries of the journal, and which page of them."""

    event: Entry | None = None
    actor: Text | None = None
    own: bool | None = Field(default=None, description="Of uploads and self-tests, or not.")
    before: int | None = Field(default=None, ge=1, le=BIGINT_MOST)
    limit: int = Field(default=50, ge=1, le=200)

    def wanted(self) -> Entries:
        """Return it as the operation takes it."""
        return Entries(self.event, self.actor, self.own)


class ActivityPage(ResponseModel):
    """Entries of the journal, the newest first; `next` goes into `before`, if there are more."""

    items: list[dict[str, Any]]
    next: int | None


def add_overview(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    @router.get("/status", tags=["overview"], responses=like("status"))
    async def status() -> Overview:
        """Tell how everything stands."""
        return Overview(**await backend.status.get())

    @router.get("/tables", tags=["overview"], responses=like("tables"))
    async def tables() -> Tables:
        """List the attached tables."""
        strays = await attach.strays(backend.pool)
        return Tables(
            tables=await attach.listing(backend.pool), strays=[dict(stray) for stray in strays]
        )

    @router.get("/activity", tags=["overview"], responses=like("activity_list"))
    async def activity_list(asked: Annotated[EntriesQuery, Query()]) -> ActivityPage:
        """Tell what was done, and by whom."""
        found, next_ = await activity.page(
            backend.pool, asked.wanted(), before=asked.before, limit=asked.limit
        )
        return ActivityPage(items=[dict(row) for row in found], next=next_)
