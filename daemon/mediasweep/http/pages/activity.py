"""/activity: the journal, the newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from mediasweep.http.overview import Before
from mediasweep.http.pages.frame import Frame
from mediasweep.operations import activity


def add_activity(frame: Frame) -> None:
    """Add the page."""

    @frame.router.get("/activity")
    async def activity_page(request: Request, asked: Annotated[Before, Query()]) -> Response:
        """Tell what was done, and by whom."""
        entries, next_ = await activity.page(
            frame.desk.pool, before=asked.before, limit=asked.limit
        )
        return frame.show(request, "activity.html", asked=asked, entries=entries, next=next_)
