"""What pages load: style, script and pictures, out of the package, read once.

Their address has a fingerprint of all of them, so a browser keeps them for as long as it likes and
asks anew after an update. Under the fingerprint of another release, as a page of another replica
may have it, they are not kept.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response

from mediasweep.http.access import STATIC

FOLDER = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FILES = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir())}
FINGERPRINT = hashlib.sha256(b"\0".join(FILES.values())).hexdigest()[:16]
KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


def address(name: str) -> str:
    """Return the path of a file; KeyError if there is none."""
    if name not in FILES:
        raise KeyError(name)
    return f"{STATIC}{FINGERPRINT}/{name}"


def add_static(app: FastAPI) -> None:
    """Add the route."""

    @app.get(f"{STATIC}{{fingerprint}}/{{name}}", include_in_schema=False)
    async def static(request: Request, fingerprint: str, name: str) -> Response:
        """Send a file."""
        if name not in FILES:
            raise HTTPException(404, "there is no such file")
        kept = fingerprint == FINGERPRINT
        headers = {"ETag": f'"{FINGERPRINT}"'} | (KEPT if kept else {"Cache-Control": "no-cache"})
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(FILES[name], headers=headers, media_type=MEDIA_TYPES[Path(name).suffix])
