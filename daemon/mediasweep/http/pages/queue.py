"""/queue: its rows by state and filter, and one row with all that is known of it."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

from fastapi import HTTPException, Query, Request, Response

from mediasweep.http.pages.frame import Frame
from mediasweep.http.queue import MOST, QueueFilter, QueueQuery, loads
from mediasweep.operations import queue
from mediasweep.rules.filter import REASONS, FilterError
from mediasweep.rules.job import ByHand, Status
from mediasweep.rules.moment import MomentError

TABS = (Status.PENDING, Status.PROCESSING, Status.FAILED, Status.SKIPPED, Status.COMPLETED)
MOVES = {
    Status.PENDING: (ByHand.CANCEL,),
    Status.FAILED: (ByHand.RETRY,),
    Status.SKIPPED: (ByHand.RETRY,),
}


def add_queue(frame: Frame) -> None:
    """Add the pages."""

    @frame.router.get("/queue")
    async def queue_page(request: Request, asked: Annotated[QueueQuery, Query()]) -> Response:
        """List rows, page by page, with what can be done about them; or what to write instead."""
        pool = frame.backend.pool
        wrong, found = "", queue.Page([], None)
        try:
            found = await queue.page(pool, asked.said(), after=asked.after, limit=asked.limit)
        except (FilterError, MomentError) as error:
            wrong = str(error)
        given = asked.model_dump(
            mode="json", include=set(QueueFilter.model_fields), exclude_none=True
        )
        return frame.show(
            request,
            "queue.html",
            status=400 if wrong else 200,
            wrong=wrong,
            asked=asked,
            given=given,
            filtered=len(given) > 1,  # beside the status
            found=found,
            figures=await frame.backend.rows.get(),
            sources=await queue.sources(pool),
            reasons=REASONS,
            tabs=TABS,
            moves=moves(asked.status),
            all_of_it={"filter": given, "limit": MOST} if any(given.values()) else None,
        )

    @frame.router.get("/queue/{id_}")
    async def row_page(request: Request, id_: UUID) -> Response:
        """Show one row, why it is where it is, and what happened to it."""
        found = await queue.show(frame.backend.pool, id_)
        if found is None:
            raise HTTPException(404, f"there is no row {id_}")
        answer = loads(found["row"]["cloudinary_response"])
        return frame.show(
            request,
            "row.html",
            row=found["row"],
            why=found["why"],
            reasons=found["reasons"],
            timeline=found["timeline"],
            answer=None if answer is None else json.dumps(answer, indent=2, ensure_ascii=False),
            moves=moves([found["row"]["status"]]),
        )


def moves(statuses: list[Status]) -> list[ByHand]:
    """Return what may be done by hand about rows of these statuses, of any if none is named."""
    return [move for move in ByHand if any(move in MOVES.get(one, ()) for one in statuses or TABS)]
