"""/library/upload: files from this machine into the library, each with its progress."""

from __future__ import annotations

from fastapi import Request, Response

from mediasweep.http.pages.frame import Frame
from mediasweep.http.pages.library import PATH
from mediasweep.operations import media


def add_upload(frame: Frame) -> None:
    """Add the page, before the one of an asset, whose path would take it."""

    @frame.router.get(f"{PATH}/upload")
    async def upload_page(request: Request, folder: str = "") -> Response:
        """Offer to take files."""
        ready = await media.is_there(frame.backend.pool)
        most = frame.backend.upload_most
        return frame.show(request, "upload.html", ready=ready, folder=folder, most=most)
