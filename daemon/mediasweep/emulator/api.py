"""What a cloud answers over the Upload API, upload and destroy, and by its delivery URLs.

Facts: Cloudinary documentation, "Upload API reference". A call is logged the moment it comes in;
what it may not do is an error answer in Cloudinary's words.
"""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import uploads
from mediasweep.emulator.answers import ApiError, answer, received, refuse
from mediasweep.emulator.assets import Asset
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.form import Form, read_form
from mediasweep.emulator.media import CONTENT_TYPES, UNKNOWN_TYPE
from mediasweep.emulator.signature import is_valid, to_sign

STALE_S = 3600
LATEST_S = 253402300799  # the end of the year 9999, beyond which no clock is right
TOO_MANY = "Too many concurrent upload_api_resource_destroy operations"


async def upload(cloud: Cloud, request: Request, resource_type: str) -> Response:
    """Answer POST /{resource_type}/upload."""
    call = received(cloud, request, "upload")
    form = await read_form(request)
    call.resource_type, call.type = resource_type, form.params.get("type", "upload")
    call.public_id = form.params.get("public_id", "")
    base_url = str(request.base_url).rstrip("/")

    def act() -> dict[str, Any]:
        _authorise(cloud, form)
        try:
            file = uploads.sent(form.file)
            asset, new = uploads.store(cloud, form.params, resource_type, file)
        except ValueError as wrong:
            raise ApiError(400, str(wrong)) from wrong
        call.result, call.acted = "ok", new
        call.public_id, call.asset_id = asset.public_id, asset.asset_id
        told = {**asset.described(cloud.secret, base_url, cloud.name), "api_key": cloud.key}
        return told if new else {**told, "existing": True}

    return await answer(cloud, call, request, act, about=(call.public_id,))


async def destroy(cloud: Cloud, request: Request, resource_type: str) -> Response:
    """Answer POST /{resource_type}/destroy, and POST /asset/destroy by asset id."""
    call = received(cloud, request, "destroy")
    began_ns = request.state.monotonic_ns
    with cloud.destroys.enter(cloud.switches.concurrency, began_ns) as admitted:
        form = await read_form(request)
        call.resource_type, call.type = resource_type, form.params.get("type", "upload")
        call.public_id = form.params.get("public_id", "")
        call.asset_id = form.params.get("asset_id", "")
        if not admitted:
            return refuse(cloud, call, _too_many(cloud))
        named = cloud.store.by_asset_id.get(call.asset_id)

        def act() -> dict[str, Any]:
            _authorise(cloud, form)
            return _destroyed(cloud, call, _target(cloud, call))

        about = call.public_id or (named.public_id if named else "")
        return await answer(cloud, call, request, act, about=(about,))


def deliver(cloud: Cloud, resource_type: str, delivery_type: str, path: str) -> Response:
    """Answer a delivery URL with the asset's bytes, or 404. Any type is delivered unsigned."""
    first, _, rest = path.partition("/")
    public_id = rest if rest and first[:1] == "v" and first[1:].isdecimal() else path
    found = (
        cloud.store.find((resource_type, delivery_type, name))
        for name in (public_id, public_id.rpartition(".")[0])
    )
    asset = next((a for a in found if a), None)
    if asset is None:
        return Response(status_code=404, headers={"X-Cld-Error": "Resource not found"})
    return Response(asset.data, media_type=CONTENT_TYPES.get(asset.format or "", UNKNOWN_TYPE))


def _authorise(cloud: Cloud, form: Form) -> None:
    """Raise the error of a request that is not signed as it should be."""
    params = form.params
    if not form.readable:
        raise ApiError(400, "Malformed request body")
    if cloud.switches.revoked or params.get("api_key") != cloud.key:
        raise ApiError(401, f"Unknown API key {params.get('api_key', '')}")
    if not is_valid(params, cloud.secret, sha256_only=cloud.switches.sha256_only):
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


def _target(cloud: Cloud, call: Call) -> Asset | None:
    """Return the asset that a destroy names, or None if there is none; raises what it lacks."""
    switches = cloud.switches
    if call.resource_type == "asset":
        if not switches.asset_id_road:
            raise ApiError(404, "Not found")
        if not call.asset_id:
            raise ApiError(400, "Missing required parameter - asset_id")
        return cloud.store.by_asset_id.get(call.asset_id)
    if call.resource_type not in uploads.RESOURCE_TYPES:
        raise ApiError(400, f"Invalid resource type - {call.resource_type}")
    if call.public_id:
        key = (call.resource_type, call.type, call.public_id)
        return cloud.store.find(key, case_sensitive=switches.case_sensitive)
    if not (call.asset_id and switches.asset_id_in_destroy):
        raise ApiError(400, "Missing required parameter - public_id")
    return cloud.store.by_asset_id.get(call.asset_id)


def _destroyed(cloud: Cloud, call: Call, asset: Asset | None) -> dict[str, Any]:
    """Remove the asset and return what the API says then."""
    if asset is None:
        call.result = "not found"
        if cloud.switches.not_found_status != 200:  # noqa: PLR2004  HTTP's own number
            named = call.public_id or call.asset_id
            raise ApiError(cloud.switches.not_found_status, f"Resource not found - {named}")
        return {"result": "not found"}
    cloud.store.remove(asset)
    call.result, call.acted = "ok", True
    folder = {"asset_folder": asset.asset_folder} if cloud.switches.destroy_tells_folder else {}
    return {"result": "ok", **folder}


def _too_many(cloud: Cloud) -> ApiError:
    after_s = cloud.switches.retry_after_s
    headers = {"Retry-After": str(after_s)} if after_s else {}
    return ApiError(cloud.switches.concurrency_status, TOO_MANY, headers)
