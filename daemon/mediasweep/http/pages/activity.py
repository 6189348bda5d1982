"""/activity: the journal, the newest first, by what happened and who did it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from mediasweep.http.overview import EntriesQuery
from mediasweep.http.pages.frame import Frame
from mediasweep.operations import activity
from mediasweep.rules.journal import Entry


def add_activity(frame: Frame) -> None:
    """Add the page."""

    @frame.router.get("/activity")
    async def activity_page(request: Request, asked: Annotated[EntriesQuery, Query()]) -> Response:
        """Tell what was done, and by whom."""
        entries, next_ = await activity.page(
            frame.backend.pool, asked.wanted(), before=asked.before, limit=asked.limit
        )
        given = asked.model_dump(mode="json", include={"event", "actor", "own"}, exclude_none=True)
        return frame.show(
            request,
            "activity.html",
            asked=asked,
            given=given,
            events=list(Entry),
            entries=entries,
            next=next_,
        )
