"""The route that Cloudinary sends its notifications to.

A body is read only as far as it may be long and may take: no further than any stranger's unless its
headers are fit, and only a few long ones at a time. 200 means: in the database, on disk. Anything
else makes Cloudinary send it again, three times within some 18 minutes.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from mediasweep.http.body import (
    BODY_MOST,
    CLOSE,
    LONG_AT_ONCE,
    STRANGER_MOST,
    BodySlots,
    CrowdedError,
    read,
)
from mediasweep.http.problem import RETRY_AFTER_S
from mediasweep.operations.webhooks import PATH, WHY, Webhooks
from mediasweep.rules.webhook import WebhookResult

CROWDED = f"{LONG_AT_ONCE} long bodies are being read at this moment"
STATUS = {
    WebhookResult.ACCEPTED: 200,
    WebhookResult.DUPLICATE: 200,
    WebhookResult.MALFORMED: 400,
    WebhookResult.UNSIGNED: 401,
    WebhookResult.STALE: 401,
    WebhookResult.FORGED: 401,
    WebhookResult.INCOMPLETE: 408,
    WebhookResult.TOO_LARGE: 413,
    WebhookResult.UNAVAILABLE: 503,
}


def add_webhook(app: FastAPI, webhooks: Webhooks) -> None:
    """Add the route to the application."""
    slots = BodySlots()

    @app.post(PATH, include_in_schema=False)
    async def cloudinary(request: Request) -> JSONResponse:
        """Take one notification."""
        unfit = webhooks.unfit(request.headers)
        most = STRANGER_MOST if unfit else BODY_MOST
        headers = CLOSE
        try:
            body = await read(request, most, slots)
        except (TimeoutError, ClientDisconnect):
            result, said = webhooks.refuse(
                WebhookResult.INCOMPLETE, "the body did not come in time"
            )
        except CrowdedError:
            result, said = webhooks.refuse(WebhookResult.UNAVAILABLE, CROWDED)
        else:
            if body is None:
                said = WHY[unfit] if unfit else f"over {most} bytes"
                result, said = webhooks.refuse(unfit or WebhookResult.TOO_LARGE, said)
            else:
                headers = {}  # all was read: the connection may be used for another request
                result, said = await webhooks.receive(body, request.headers)
        if result is WebhookResult.UNAVAILABLE:
            headers = {**headers, "Retry-After": RETRY_AFTER_S}
        return JSONResponse({"result": result, "detail": said}, STATUS[result], headers)
