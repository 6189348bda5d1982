"""/: how everything stands, what matters first."""

from __future__ import annotations

from fastapi import Request, Response

from mediasweep.http.pages.frame import Frame
from mediasweep.operations import overview
from mediasweep.operations.history import History
from mediasweep.rules.gate import NONE_DELETES


def add_overview(frame: Frame) -> None:
    """Add the page."""
    history = History()

    @frame.router.get("/")
    async def overview_page(request: Request) -> Response:
        """Tell how everything stands."""
        backend = frame.backend
        seen = await overview.look(backend.pool, await backend.figures.get(), history)
        return frame.show(request, "overview.html", seen=seen, none_deletes=NONE_DELETES)
