"""/api/queue: its rows by filter, one row and why it is where it is, retry and cancel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, Field, StrictBool, StrictInt, field_validator

from mediasweep.http.examples import like
from mediasweep.http.models import QueryModel, RequestModel, ResponseModel, Text
from mediasweep.operations import queue
from mediasweep.operations.backend import Backend
from mediasweep.operations.foresight import Foresight
from mediasweep.rules.filter import RawFilter
from mediasweep.rules.job import ByHand, Status

MOST = 10_000  # rows of one move


class QueueFilter(RequestModel):
    """Rows with all of these; `public_id` and `filename` may have `*` and `?`, times are as 2h or
    as a date.
    """

    status: list[Status] = Field(default=[], max_length=len(Status))
    source: Text | None = None
    public_id: Text | None = Field(default=None, examples=["covers/*"])
    filename: Text | None = Field(default=None, examples=["IMG_*.jpg"])
    reason: Text | None = None
    app: Text | None = None
    actor: Text | None = None
    since: Text | None = Field(default=None, examples=["2h"])
    until: Text | None = None
    in_doubt: StrictBool | None = None
    own: StrictBool | None = Field(default=None, description="Of uploads and self-tests, or not.")

    def said(self) -> RawFilter:
        """Return it as the operations take it."""
        given = self.model_dump(include=set(QueueFilter.model_fields) - {"status"})
        return RawFilter(statuses=tuple(self.status), **given)


class QueueQuery(QueryModel, QueueFilter):
    """A filter, and which page of what it leaves."""

    in_doubt: bool | None = None  # in an address they are words
    own: bool | None = None
    after: Text | None = Field(default=None, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=200)


class QueuePage(ResponseModel):
    """Rows, the newest first; `next` is null where there are no more, else there may be."""

    items: list[dict[str, Any]]
    next: str | None


class Reason(BaseModel):
    """Why it is where it is: lasts, and ends in, so many seconds, null where nobody can say."""

    reason: str
    about: str | None
    rows: int
    detail: str | None
    lasts: float | None
    ends_in: float | None
    says: str

    @field_validator("lasts", "ends_in", mode="before")
    @classmethod
    def _seconds(cls, value: timedelta | None) -> float | None:
        return None if value is None else value.total_seconds()


class QueueRow(ResponseModel):
    """One row, why it is where it is, and all that happened to it."""

    why: str | None
    reasons: list[Reason]
    row: dict[str, Any]
    timeline: list[dict[str, Any]]


class MoveRequest(RequestModel):
    """Rows by their ids, or by a filter, and then at most `limit` of them, the oldest first."""

    ids: list[UUID] = Field(default=[], max_length=MOST)
    filter: QueueFilter | None = None
    limit: StrictInt = Field(default=1000, ge=1, le=MOST)
    dry_run: StrictBool = Field(default=False, description="Only tell what would be done.")
    why: Text | None = Field(default=None, description="For those who look later; of a cancel.")


class Refused(BaseModel):
    """A row that was not moved, and why."""

    id: UUID
    why: str


class Moved(ResponseModel):
    """What was moved and what not; `left` more match. Of a rehearsal of a retry also: `kept`, what
    would not be deleted all the same, or why the `guard` cannot tell; `cancelled`, by whom and why.
    """

    move: ByHand
    dry_run: bool
    moved: list[UUID]
    refused: list[Refused]
    left: int
    kept: list[Refused]
    cancelled: list[Refused]
    guard: str | None


def add_queue(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    @router.get("/queue", tags=["queue"], responses=like("queue_list"))
    async def queue_list(asked: Annotated[QueueQuery, Query()]) -> QueuePage:
        """List rows by filter, page by page."""
        found = await queue.page(backend.pool, asked.said(), after=asked.after, limit=asked.limit)
        return QueuePage(items=[dict(row) for row in found.rows], next=found.next)

    @router.get("/queue/{id_:uuid}", tags=["queue"], responses=like("queue_show"))
    async def queue_show(id_: UUID) -> QueueRow:
        """Show one row, why it is where it is, and its timeline."""
        found = await queue.show(backend.pool, id_)
        if found is None:
            raise HTTPException(404, f"there is no row {id_}")
        said = found["row"]["cloudinary_response"]
        return QueueRow(**found | {"row": found["row"] | {"cloudinary_response": loads(said)}})

    @router.post("/queue/retry", tags=["queue"], responses=like("queue_retry"))
    async def queue_retry(request: Request, asked: MoveRequest) -> Moved:
        """Put failed or skipped rows back to pending; they go through guard, gates and brake."""
        return await _move(backend, ByHand.RETRY, asked, request.state.visitor.who)

    @router.post("/queue/cancel", tags=["queue"], responses=like("queue_cancel"))
    async def queue_cancel(request: Request, asked: MoveRequest) -> Moved:
        """Skip rows that were never sent, and the others of their assets, so that these stay."""
        return await _move(backend, ByHand.CANCEL, asked, request.state.visitor.who)


async def _move(backend: Backend, move: ByHand, asked: MoveRequest, who: str) -> Moved:
    chosen = await _choose(backend, move, asked)
    moved: list[UUID] = []
    refused: dict[UUID, str] = {}
    seen = Foresight()
    cancelled: dict[UUID, str] = {}
    if asked.dry_run:
        told = await queue.rehearse(backend.pool, move, chosen.ids)
        moved, refused = list(told.moved), dict(told.refused)
        seen = told.foreseen or seen
        cancelled = dict(told.cancelled)
    else:
        async for step in queue.move_rows(backend.pool, move, chosen.ids, who=who, why=asked.why):
            moved += step.moved
            refused |= step.refused
    return Moved(
        move=move,
        dry_run=asked.dry_run,
        moved=moved,
        refused=_listed(refused),
        left=chosen.left,
        kept=_listed(seen.kept),
        cancelled=_listed(cancelled),
        guard=seen.error,
    )


async def _choose(backend: Backend, move: ByHand, asked: MoveRequest) -> queue.Choice:
    said = asked.filter.said() if asked.filter else RawFilter()
    if bool(asked.ids) == (not said.is_empty):
        either = "not by both" if asked.ids else "neither is there"
        raise HTTPException(400, f"say which rows to {move} by ids or by a filter: {either}")
    if asked.ids:
        return queue.Choice(list(dict.fromkeys(asked.ids)))
    return await queue.choose(backend.pool, move, said, limit=asked.limit)


def loads(said: str | None) -> Any:  # noqa: ANN401  whatever Cloudinary said
    """Return a JSON column as what it says."""
    return None if said is None else json.loads(said)


def _listed(reasons: Mapping[UUID, str]) -> list[Refused]:
    return [Refused(id=id_, why=why) for id_, why in reasons.items()]
