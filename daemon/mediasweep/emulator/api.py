"""What a cloud answers: upload, destroy, ping and delivery, faults included.

Facts: Cloudinary documentation, "Upload API reference", "Admin API reference", "Error handling".
A call is logged the moment it comes in. A fault goes wrong as it would on the way:
before acting, or after.
"""

from __future__ import annotations

import asyncio
import base64
import email.utils
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator.assets import Asset, Call, Cloud
from mediasweep.emulator.faults import Fault
from mediasweep.emulator.signature import is_valid, to_sign

Act = Callable[[], Awaitable[dict[str, Any]]]
STALE_S = 3600
RESOURCE_TYPES = {"image", "video", "raw"}
CONTENT_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "avi": "video/x-msvideo",
}
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class ApiError(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, message: str) -> None:
        """Keep status and message."""
        super().__init__(message)
        self.status = status
        self.message = message


def reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer with a request id."""
    return Response(
        json.dumps(body),
        status,
        {"X-Request-Id": secrets.token_hex(16), **(headers or {})},
        "application/json",
    )


async def upload(cloud: Cloud, request: Request, resource_type: str) -> Response:
    """Answer POST /{resource_type}/upload."""
    call = cloud.note("upload")
    form = await request.form()
    params = {k: v for k, v in form.items() if isinstance(v, str)}
    call.public_id, call.resource_type = params.get("public_id", ""), resource_type

    async def act() -> dict[str, Any]:
        _authorise(cloud, params)
        data, filename = await _file(form.get("file"))
        kind = params.get("type", "upload")
        made = cloud.new_asset(params.get("public_id", ""), resource_type, kind, data, filename)
        asset = cloud.put(made)
        call.result, call.public_id = "ok", asset.public_id
        base_url = str(request.base_url).rstrip("/")
        return {**asset.described(cloud.secret, base_url, cloud.name), "api_key": cloud.key}

    return await _answer(cloud, call, request, act)


async def destroy(cloud: Cloud, request: Request, resource_type: str) -> Response:
    """Answer POST /{resource_type}/destroy and POST /asset/destroy."""
    call = cloud.note("destroy")
    cloud.destroying += 1
    cloud.destroying_most = max(cloud.destroying_most, cloud.destroying)
    try:
        params = {k: str(v) for k, v in (await request.form()).items()}
        call.public_id, call.asset_id = params.get("public_id", ""), params.get("asset_id", "")
        call.resource_type, call.type = resource_type, params.get("type", "upload")

        async def act() -> dict[str, Any]:
            if 0 < cloud.switches.concurrency < cloud.destroying:
                what = "Too many concurrent upload_api_resource_destroy operations"
                raise ApiError(420, what)
            _authorise(cloud, params)
            call.result = "ok" if cloud.remove(_target(cloud, call)) else "not found"
            return {"result": call.result}

        return await _answer(cloud, call, request, act)
    finally:
        cloud.destroying -= 1


async def ping(cloud: Cloud, request: Request) -> Response:
    """Answer GET /ping, which is of the Admin API: Basic authentication, and a rate limit."""
    call = cloud.note("ping")

    async def act() -> dict[str, Any]:
        given = base64.b64decode(request.headers.get("authorization", "")[6:]).decode()
        if cloud.switches.revoked or given != f"{cloud.key}:{cloud.secret}":
            raise ApiError(401, "Invalid credentials")
        return {"status": "ok"}

    reset = email.utils.formatdate((int(time.time()) // 3600 + 1) * 3600, usegmt=True)
    limits = {"Limit": "500", "Remaining": "499", "Reset": reset}
    headers = {f"X-FeatureRateLimit-{name}": value for name, value in limits.items()}
    return await _answer(cloud, call, request, act, headers)


def deliver(cloud: Cloud, resource_type: str, delivery_type: str, path: str) -> Response:
    """Answer a delivery URL with the asset's bytes, or 404."""
    first, _, rest = path.partition("/")
    public_id = rest if rest and first[:1] == "v" and first[1:].isdecimal() else path
    asset: Asset | None = None
    for name in (public_id, public_id.rpartition(".")[0]):
        asset = asset or cloud.assets.get((resource_type, delivery_type, name))
    if asset is None:
        return Response(status_code=404, headers={"X-Cld-Error": "Resource not found"})
    kind = CONTENT_TYPES.get(asset.format or "", "application/octet-stream")
    return Response(asset.data, media_type=kind)


async def _answer(
    cloud: Cloud, call: Call, request: Request, act: Act, headers: Mapping[str, str] | None = None
) -> Response:
    """Do what was asked, unless a fault comes first, and answer as the fault wants."""
    fault = cloud.faults.meet(call.action, call.public_id)
    if fault is not None:
        call.fault = fault.effect
        await asyncio.sleep(fault.latency_s)
    if fault is None or fault.effect == "none" or fault.act:
        try:
            answer = reply(await act(), headers=headers)
        except ApiError as error:
            answer = reply({"error": {"message": error.message}}, error.status)
    if fault is not None and fault.effect != "none":
        answer = await _misbehave(fault, request)
    call.status = answer.status_code
    return answer


async def _misbehave(fault: Fault, request: Request) -> Response:
    match fault.effect:
        case "html":
            return Response(PAGE, 502, media_type="text/html")
        case "garbage":
            return Response(b"\x1f\x8b not what you think", media_type="application/json")
        case "empty":
            return reply({})
        case "lie":
            return reply(fault.body)
        case "truncated":
            return Response(b'{"result":', headers={"Content-Length": "400"})
        case "reset":
            request.state.reset()
            return Response(status_code=499)
        case "hang":
            await request.state.closed.wait()
            return Response(status_code=499)
        case _:
            return reply({"error": {"message": fault.text()}}, fault.status)


def _authorise(cloud: Cloud, params: Mapping[str, str]) -> None:
    if cloud.switches.revoked or params.get("api_key") != cloud.key:
        raise ApiError(401, f"Unknown API key {params.get('api_key', '')}")
    if not is_valid(params, cloud.secret):
        shown = to_sign(params, escape=True)
        given = params.get("signature", "")
        raise ApiError(401, f"Invalid Signature {given}. String to sign - '{shown}'.")
    timestamp = params.get("timestamp", "0")
    if not timestamp.isdecimal() or time.time() - int(timestamp) > STALE_S:
        told = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(int(timestamp or 0)))
        message = f"Stale request - reported time is {told} which is more than 1 hour ago"
        raise ApiError(cloud.switches.stale_status, message)


def _target(cloud: Cloud, call: Call) -> tuple[str, str, str] | None:
    if call.resource_type == "asset" and not cloud.switches.asset_id_road:
        raise ApiError(404, "Not found")
    if call.asset_id:
        return cloud.by_asset_id.get(call.asset_id)
    if not call.public_id or call.resource_type not in RESOURCE_TYPES:
        raise ApiError(400, "Missing required parameter - public_id")
    return (call.resource_type, call.type, call.public_id)


async def _file(given: UploadFile | str | None) -> tuple[bytes, str]:
    if isinstance(given, str) and given.startswith("data:"):
        return base64.b64decode(given.partition(",")[2]), "file"
    if given is None or isinstance(given, str):
        raise ApiError(400, "Missing required parameter - file")
    return await given.read(), given.filename or "file"
