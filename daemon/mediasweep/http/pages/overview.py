"""/: how everything stands, what matters first."""

from __future__ import annotations

from fastapi import Request, Response

from mediasweep.http.pages.frame import Frame
from mediasweep.operations import overview


def add_overview(frame: Frame) -> None:
    """Add the page."""

    @frame.router.get("/")
    async def overview_page(request: Request) -> Response:
        """Tell how everything stands."""
        return frame.show(request, "overview.html", seen=await overview.look(frame.desk.pool))
