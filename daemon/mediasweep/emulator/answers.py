"""How a call is answered: as asked, or as a fault wants it. Every answer has an X-Request-Id.

A fault goes wrong as it would on the way: before acting, or after. Facts: Cloudinary documentation,
"Error handling".
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator.assets import Asset
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.faults import Fault

Act = Callable[[], dict[str, Any]]
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
UNANSWERED = 0


class ApiError(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def described(cloud: Cloud, request: Request, asset: Asset) -> dict[str, Any]:
    """Return the answer to an upload, which the asset also is in other answers."""
    return asset.uploaded(cloud.secret, base_url(request), cloud.name)


def base_url(request: Request) -> str:
    """Return the address under which the emulator was reached."""
    return str(request.base_url).rstrip("/")


def reply(
    body: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    request_id: str | None = None,
) -> Response:
    """Return a JSON answer."""
    marked = {"X-Request-Id": request_id or secrets.token_hex(16), **(headers or {})}
    return Response(json.dumps(body), status, marked, "application/json")


def error(told: ApiError, request_id: str | None = None) -> Response:
    """Return an error in Cloudinary's shape."""
    return reply({"error": {"message": told.message}}, told.status, told.headers, request_id)


def received(cloud: Cloud, request: Request, action: str) -> Call:
    """Log that a call has come in."""
    state = request.state
    call = cloud.calls.receive(action, state.received_ns, state.monotonic_ns)
    cloud.changed()
    return call


def refuse(cloud: Cloud, call: Call, told: ApiError) -> Response:
    """Answer a call with an error, past all faults."""
    return _closed(cloud, call, error(told, call.request_id))


async def answer(
    cloud: Cloud,
    call: Call,
    request: Request,
    act: Act,
    *,
    about: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Do what was asked and answer, unless a fault for one of these public ids (`about`) is in the
    way.
    """
    fault = cloud.faults.meet(call.action, about)
    if fault is None:
        return _closed(cloud, call, _done(act, call, headers))
    call.fault = fault.effect
    if fault.latency_s:
        await asyncio.sleep(fault.latency_s)
    if fault.effect == "none":
        return _closed(cloud, call, _done(act, call, headers))
    if fault.act:
        _done(act, call, headers)
        cloud.changed()
    if fault.effect == "reset":
        request.state.reset()
    if fault.effect == "hang":
        await request.state.closed.wait()
    answered = _wrong(fault, call.request_id)
    return _closed(cloud, call, answered, UNANSWERED if _silent(fault) else None)


def _done(act: Act, call: Call, headers: Mapping[str, str] | None) -> Response:
    try:
        return reply(act(), 200, headers, call.request_id)
    except ApiError as told:
        wrong = ApiError(told.status, told.message, {**(headers or {}), **told.headers})
        return error(wrong, call.request_id)


def _closed(cloud: Cloud, call: Call, response: Response, status: int | None = None) -> Response:
    cloud.calls.answer(call, response.status_code if status is None else status)
    cloud.changed()
    return response


def _silent(fault: Fault) -> bool:
    return fault.effect in {"reset", "hang"}


def _wrong(fault: Fault, request_id: str) -> Response:
    headers = {"X-Request-Id": request_id, **fault.headers}
    match fault.effect:
        case "html":
            return Response(PAGE, fault.status or 502, headers, "text/html")
        case "garbage":
            return Response(b"\x1f\x8b not what you think", 200, headers, "application/json")
        case "empty":
            return reply({}, 200, headers)
        case "lie":
            return reply(fault.body, 200, headers)
        case "truncated":
            short = {**headers, "Content-Length": "400"}
            return Response(b'{"result":', 200, short, "application/json")
        case _:  # to a client that is gone, this is not sent
            status = fault.status or 500
            return error(ApiError(status, fault.text(status), headers))
