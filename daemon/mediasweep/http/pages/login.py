"""/login: a token for a session; who has one is led on."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from mediasweep.http.access import LOGIN, session_of
from mediasweep.http.pages.frame import Frame


def add_login(frame: Frame) -> None:
    """Add the page."""

    @frame.router.get(LOGIN)
    async def login(request: Request, next: str = "/") -> Response:  # noqa: A002  as the address says it
        """Ask for a token, and go on to where its visitor wanted to go."""
        keys, onward = frame.access.keys, frame.access.root_path + local(next)
        if session_of(request, keys):
            return RedirectResponse(onward, 303)
        return frame.show(request, "login.html", onward=onward, asked=keys.asked)


def local(path: str) -> str:
    """Return a path of this server, `/` for whatever would lead elsewhere."""
    safe = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if safe and path.isprintable() else "/"
