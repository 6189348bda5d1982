"""What a cloud answers over the Upload API, upload and destroy, and by its delivery URLs.

Facts: Cloudinary documentation, "Upload API reference". A call is logged the moment it comes in;
what it may not do is an error answer in Cloudinary's words.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import chunks, events, presets, uploads
from mediasweep.emulator.answers import ApiError, answer, described, received, refuse
from mediasweep.emulator.assets import Asset
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.form import Form, read_form
from mediasweep.emulator.media import CONTENT_TYPES, UNKNOWN_TYPE
from mediasweep.emulator.signature import is_valid, to_sign
from mediasweep.emulator.uploads import File

UploadAct = Callable[[Call, Form], dict[str, Any]]
STALE_S = 3600
# of a delivery URL: what stands before the version, as c_limit,w_240/
TRANSFORMATIONS = re.compile(r"^(?:[a-z]{1,3}_[^/,]+(?:,[a-z]{1,3}_[^/,]+)*/)+(?=v\d+/)", re.ASCII)
LATEST_S = 253402300799  # the end of the year 9999, beyond which no clock is right
TOO_MANY = "Too many concurrent upload_api_resource_destroy operations"
NOTIFYING = frozenset({"notification_url", "batch_id"})  # unsigned in tags, context and metadata


async def respond(
    cloud: Cloud,
    request: Request,
    action: str,
    act: UploadAct,
    *,
    unsigned: frozenset[str] = frozenset(),
    refusal: ApiError | None = None,
) -> Response:
    """Answer as the Upload API does: the form has to be signed, but for the `unsigned` parameters.

    What `act` cannot do it says by ApiError, or by a ValueError with the message of a bad request.
    """
    call = received(cloud, request, action)
    form = await read_form(request)
    params = form.params
    call.resource_type = request.path_params["kind"]
    call.type = params.get("type", "upload")
    call.public_id = params.get("public_id", "")
    call.asset_id = params.get("asset_id", "")
    if refusal is not None:
        return refuse(cloud, call, refusal)

    def allowed() -> dict[str, Any]:
        call.key = _authorise(cloud, form, unsigned)
        try:
            return act(call, form)
        except ValueError as wrong:
            raise ApiError(400, str(wrong)) from wrong

    named = cloud.store.find_by_id(call.asset_id)
    one = call.public_id or params.get("from_public_id") or (named.public_id if named else "")
    about = form.lists.get("public_ids") or (one,)
    return await answer(cloud, call, request, allowed, about=about)


async def upload(cloud: Cloud, request: Request) -> Response:
    """Answer POST /{resource_type}/upload, of a whole file or a chunk of one."""

    def act(call: Call, form: Form) -> dict[str, Any]:
        params = presets.applied(cloud, form.params)
        file = _whole(cloud, request, uploads.sent(form.file))
        if file is None:
            return _begun(cloud, request, call)
        asset, new = uploads.store(cloud, params, call.resource_type, file)
        call.result, call.acted = "ok", new
        call.public_id, call.asset_id = asset.public_id, asset.asset_id
        told = {**described(cloud, request, asset), "api_key": call.key}
        if not new:
            return {**told, "existing": True}
        cloud.hooks.notify(call, [events.told("upload", told)], params.get("notification_url", ""))
        return told

    return await respond(cloud, request, "upload", act)


async def destroy(cloud: Cloud, request: Request) -> Response:
    """Answer POST /{resource_type}/destroy, and POST /asset/destroy by asset id."""

    def act(call: Call, form: Form) -> dict[str, Any]:
        return _destroyed(cloud, call, form, _target(cloud, call))

    began_ns = request.state.monotonic_ns
    with cloud.destroys.enter(cloud.switches.concurrency, began_ns) as admitted:
        refusal = None if admitted else _too_many(cloud)
        return await respond(cloud, request, "destroy", act, refusal=refusal)


async def deliver(cloud: Cloud, request: Request) -> Response:
    """Answer a delivery URL with the asset's bytes, or 404. Any type is delivered unsigned, and a
    transformation changes nothing.
    """
    asked = request.path_params
    path = TRANSFORMATIONS.sub("", asked["rest"])
    first, _, rest = path.partition("/")
    public_id = rest if rest and first[:1] == "v" and first[1:].isdecimal() else path
    found = (
        cloud.store.find((asked["kind"], asked["type"], name))
        for name in (public_id, public_id.rpartition(".")[0])
    )
    asset = next((a for a in found if a), None)
    if asset is None:
        return Response(status_code=404, headers={"X-Cld-Error": "Resource not found"})
    return Response(asset.data, media_type=CONTENT_TYPES.get(asset.format or "", UNKNOWN_TYPE))


def _authorise(cloud: Cloud, form: Form, unsigned: frozenset[str]) -> str:
    """Return the key of the request; raises the error of one that is not signed as it should be."""
    params = {name: value for name, value in form.params.items() if name not in unsigned}
    if not form.readable:
        raise ApiError(400, "Malformed request body")
    if not params.get("signature") and params.get("upload_preset"):
        presets.permit(cloud, params["upload_preset"])
        return ""
    key = params.get("api_key", "")
    secret = cloud.secret_of(key)
    if secret is None:
        raise ApiError(401, f"Unknown API key {key}")
    if not is_valid(params, secret, sha256_only=cloud.switches.sha256_only):
        shown = to_sign(params, escape=True)
        given = params.get("signature", "")
        raise ApiError(401, f"Invalid Signature {given}. String to sign - '{shown}'.")
    timestamp = params.get("timestamp", "")
    if not (timestamp.isascii() and timestamp.isdecimal() and int(timestamp) <= LATEST_S):
        raise ApiError(400, "Missing required parameter - timestamp")
    if time.time() - int(timestamp) > STALE_S:
        told = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(int(timestamp)))
        message = f"Stale request - reported time is {told} which is more than 1 hour ago"
        raise ApiError(cloud.switches.stale_status, message)
    return key


def _whole(cloud: Cloud, request: Request, sent: File) -> File | None:
    """Return the file that was sent, or None as long as it lacks chunks."""
    content_range = request.headers.get("content-range")
    if content_range is None:
        return sent
    upload_id = request.headers.get("x-unique-upload-id", "")
    if not upload_id:
        raise ValueError("Missing required header - X-Unique-Upload-Id")
    switches = cloud.switches
    cloud.chunks.expire(switches.chunk_life_s)
    span = chunks.span(content_range)
    first_first = switches.chunks_first_first
    data = cloud.chunks.take(
        upload_id, span, sent.data, switches.chunk_smallest, first_first=first_first
    )
    return None if data is None else File(data, sent.filename)


def _begun(cloud: Cloud, request: Request, call: Call) -> dict[str, Any]:
    """Return what a chunk that is not the last one is answered with."""
    call.result = "chunk"
    so_far = cloud.chunks.size(request.headers["x-unique-upload-id"])
    named = {"public_id": call.public_id} if call.public_id else {}
    kinds = {"kind": call.type, "resource_type": call.resource_type}
    return {"done": False, "bytes": so_far, **kinds, **named}


def _target(cloud: Cloud, call: Call) -> Asset | None:
    """Return the asset that a destroy names, or None if there is none; raises what it lacks."""
    switches = cloud.switches
    if call.resource_type == "asset":
        if not switches.asset_id_road:
            raise ApiError(404, "Not found")
        if not call.asset_id:
            raise ValueError("Missing required parameter - asset_id")
        return cloud.store.find_by_id(call.asset_id)
    if call.resource_type not in uploads.RESOURCE_TYPES:
        raise ValueError(f"Invalid resource type - {call.resource_type}")
    if call.public_id:
        key = (call.resource_type, call.type, call.public_id)
        return cloud.store.find(key, case_sensitive=switches.case_sensitive)
    if not (call.asset_id and switches.asset_id_in_destroy):
        raise ValueError("Missing required parameter - public_id")
    return cloud.store.find_by_id(call.asset_id)


def _destroyed(cloud: Cloud, call: Call, form: Form, asset: Asset | None) -> dict[str, Any]:
    """Remove the asset and return what the API says then."""
    if asset is None:
        call.result = "not found"
        if cloud.switches.not_found_status != 200:  # noqa: PLR2004  HTTP's own number
            named = call.public_id or call.asset_id
            raise ApiError(cloud.switches.not_found_status, f"Resource not found - {named}")
        return {"result": "not found"}
    cloud.store.remove(asset)
    call.result, call.acted = "ok", True
    told = events.deleted([asset], cloud.switches.delete_batch)
    cloud.hooks.notify(call, told, form.params.get("notification_url", ""))
    folder = {"asset_folder": asset.asset_folder} if cloud.switches.destroy_tells_folder else {}
    return {"result": "ok", **folder}


def _too_many(cloud: Cloud) -> ApiError:
    after_s = cloud.switches.retry_after_s
    headers = {"Retry-After": str(after_s)} if after_s else {}
    return ApiError(cloud.switches.concurrency_status, TOO_MANY, headers)
