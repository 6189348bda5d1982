"""/api/brake: what it holds, and the release of exactly that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from mediasweep.http.examples import like
from mediasweep.http.models import RequestModel, ResponseModel, Text
from mediasweep.operations import brake
from mediasweep.operations.backend import Backend


class ClosedBrake(BaseModel):
    """What one brake holds; `digest` names exactly these rows; `slow`: too much within a day."""

    source_id: int
    source: str
    reason: str
    closed_at: datetime
    queue_rows: int
    bytes: int
    first_at: datetime | None
    last_at: datetime | None
    by_whom: list[dict[str, Any]]
    sample: list[str]
    digest: str
    slow: bool


class Brakes(ResponseModel):
    """The brakes that are closed."""

    brakes: list[ClosedBrake]


class HeldRows(ResponseModel):
    """What a digest would release, and what of the first `looked` rows would be kept, and why;
    `guard` says what keeps the guard from answering.
    """

    brake: ClosedBrake
    looked: int
    kept: dict[str, str]
    guard: str | None


class AckRequest(RequestModel):
    """The digest of the list that was looked at."""

    digest: Text = Field(examples=["1-1200-0123456789abcdef0123456789abcdef-900-905-901"])


class Acknowledged(ResponseModel):
    """How many rows go."""

    acknowledged: int
    digest: str


def add_brake(router: APIRouter, backend: Backend) -> None:
    """Add the routes."""

    @router.get("/brake", tags=["brake"], responses=like("brake_show"))
    async def brake_show() -> Brakes:
        """Show each closed brake, and what it holds."""
        return Brakes(brakes=[ClosedBrake(**held) for held in await brake.show(backend.pool)])

    @router.get("/brake/{digest}", tags=["brake"], responses=like("brake_look"))
    async def brake_look(request: Request, digest: Text) -> HeldRows:
        """Tell what a digest would release, and what of it is in use or protected."""
        try:
            held = await brake.look(backend.pool, digest, who=request.state.visitor.who)
            seen = await brake.foresee(backend.pool, digest)
        except brake.DigestError as error:
            raise HTTPException(400, str(error)) from error
        kept = {str(id_): why for id_, why in seen.kept.items()}
        return HeldRows(brake=ClosedBrake(**held), looked=seen.looked, kept=kept, guard=seen.error)

    @router.post("/brake/ack", tags=["brake"], responses=like("brake_ack"))
    async def brake_ack(request: Request, asked: AckRequest) -> Acknowledged:
        """Let go what a digest names; refused unless the rows are still exactly those."""
        who = request.state.visitor.who
        try:
            rows = await brake.acknowledge(backend.pool, asked.digest, who=who)
        except brake.DigestError as error:
            raise HTTPException(400, str(error)) from error
        return Acknowledged(acknowledged=rows, digest=asked.digest)
