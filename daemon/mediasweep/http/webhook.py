"""The route that Cloudinary sends its notifications to.

A body is read only as far as it may be long and may take. 200 means: in the database, on disk.
Anything else makes Cloudinary send it again, three times within some 18 minutes.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from mediasweep.http.body import BODY_MOST, CLOSE, read
from mediasweep.operations.webhooks import PATH, Webhooks
from mediasweep.rules.webhook import Result

STATUS = {
    Result.ACCEPTED: 200,
    Result.DUPLICATE: 200,
    Result.MALFORMED: 400,
    Result.UNSIGNED: 401,
    Result.STALE: 401,
    Result.FORGED: 401,
    Result.INCOMPLETE: 408,
    Result.TOO_LARGE: 413,
    Result.UNAVAILABLE: 503,
}


def add_webhook(app: FastAPI, webhooks: Webhooks) -> None:
    """Add the route to the application."""

    @app.post(PATH, include_in_schema=False)
    async def cloudinary(request: Request) -> JSONResponse:
        """Take one notification."""
        try:
            body = await read(request)
        except (TimeoutError, ClientDisconnect):
            result, said = webhooks.refuse(Result.INCOMPLETE, "the body did not come in time")
        else:
            if body is None:
                result, said = webhooks.refuse(Result.TOO_LARGE, f"over {BODY_MOST} bytes")
            else:
                result, said = await webhooks.receive(body, request.headers)
        headers = {} if body_was_read(result) else CLOSE
        return JSONResponse({"result": result, "detail": said}, STATUS[result], headers)


def body_was_read(result: Result) -> bool:
    """Tell whether the connection may be used for another request."""
    return result not in {Result.INCOMPLETE, Result.TOO_LARGE}
