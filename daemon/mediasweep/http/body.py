"""Bodies are read only as far as they may be long, and may take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mediasweep.http.problem import problem
from mediasweep.operations.webhooks import PATH as WEBHOOK

UPLOAD = "/api/cloudinary/upload"
BODY_MOST = 2**20
STRANGER_MOST = 2**14  # of who is not let in yet: a login, from as many at a time as there may be
BODY_WITHIN_S = 20.0
LONG_AT_ONCE = 16  # bodies of strangers that are longer: 16 MiB together
CLOSE = {"Connection": "close"}  # what was not read must not be taken for the next request


class CrowdedError(Exception):
    """So many long bodies are being read that another one has to come later."""


class BodySlots:
    """For long bodies of strangers: so many are read at a time, or together they fill the memory.

    What is short needs none, so that nobody who holds them all keeps it out.
    """

    def __init__(self) -> None:
        self._free = LONG_AT_ONCE

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place while the block lasts; raises CrowdedError if there is none."""
        if not self._free:
            raise CrowdedError
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


async def read(
    request: Request, most: int = BODY_MOST, slots: BodySlots | None = None
) -> bytes | None:
    """Return the body, None if it is too long; raises TimeoutError, ClientDisconnect, CrowdedError.

    `slots`: where a long one needs one of them.
    """
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        return None
    body = bytearray()
    with ExitStack() as held:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    return None
                if slots is not None and len(body) > STRANGER_MOST:
                    held.enter_context(slots.one())
                    slots = None
    return bytes(body)


class BodyLimit:
    """Reads the body before the route does; the webhook and the upload read their own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body, or refuse it."""
        if scope["type"] != "http" or scope["path"].endswith((WEBHOOK, UPLOAD)):
            await self._app(scope, receive, send)
            return
        known = scope.get("state", {}).get("visitor") is not None
        most = BODY_MOST if known else STRANGER_MOST
        try:
            body = await read(Request(scope, receive), most)
        except TimeoutError:
            await problem(408, "the body did not come in time", CLOSE)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        if body is None:
            await problem(413, f"over {most} bytes", CLOSE)(scope, receive, send)
            return
        read_already = False

        async def replay() -> Message:
            nonlocal read_already
            if read_already:
                return await receive()
            read_already = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)
