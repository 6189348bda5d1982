"""What a cloud answers over the Admin API: ping, the details of an asset, restore.

Facts: Cloudinary documentation, "Admin API reference". Basic authentication; each call counts
against the hourly limit, whatever its size, and every answer tells what is left of it.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import time
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator.answers import Act, ApiError, answer, received
from mediasweep.emulator.assets import Asset
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.limits import next_reset

IDS_MOST = 100


async def ping(cloud: Cloud, request: Request) -> Response:
    """Answer GET /ping."""
    return await _answered(cloud, request, received(cloud, request, "ping"), _pong)


async def resource(cloud: Cloud, request: Request) -> Response:
    """Answer GET /resources/{resource_type}/{type}/{public_id}.

    Of an asset that was destroyed and has a backup, a placeholder is left.
    """
    call, path = received(cloud, request, "resource"), request.path_params
    call.resource_type, call.type, call.public_id = path["kind"], path["type"], path["rest"]
    key = (call.resource_type, call.type, call.public_id)

    def act() -> dict[str, Any]:
        asset, store = cloud.store.find(key), cloud.store
        if asset is None and cloud.switches.placeholders and key in store.backup_of:
            left = _described(cloud, request, store.backup_of[key])
            return {**left, "bytes": 0, "placeholder": True, "derived": []}
        if asset is None:
            raise ApiError(404, f"Resource not found - {call.public_id}")
        call.result = "ok"
        return {**_described(cloud, request, asset), "derived": []}

    return await _answered(cloud, request, call, act, (call.public_id,))


async def restore(cloud: Cloud, request: Request) -> Response:
    """Answer POST /resources/{resource_type}/{type}/restore with `public_ids`, and POST
    /resources/restore with `asset_ids`; `versions`, if there are any, stand beside the ids.
    """
    call, path = received(cloud, request, "restore"), request.path_params
    call.resource_type, call.type = path.get("kind", ""), path.get("type", "")
    named = "public_ids" if call.type else "asset_ids"
    try:
        given = await request.json()
    except ValueError:
        given = None
    ids = _texts(given, named)
    call.ids = tuple(ids or ())

    def act() -> dict[str, Any]:
        if not ids:
            raise ApiError(400, f"Missing required parameter - {named}")
        if len(ids) > IDS_MOST:
            raise ApiError(400, f"Too many {named}: at most {IDS_MOST}")
        versions = _texts(given, "versions") or [""] * len(ids)
        if len(versions) != len(ids):
            raise ApiError(400, f"versions and {named} have to be as many")
        return dict(
            _restored(cloud, request, call, id_, version)
            for id_, version in zip(ids, versions, strict=True)
        )

    return await _answered(cloud, request, call, act, _named(cloud, call))


async def _answered(
    cloud: Cloud, request: Request, call: Call, act: Act, about: Sequence[str] = ()
) -> Response:
    """Answer as the Admin API does: who asks has to be known, and has so many calls an hour."""
    limit, window_s = cloud.switches.admin_limit, cloud.switches.admin_window_s
    known = _is_known(cloud, request)
    left = cloud.admin.spend(limit, window_s) if known else limit
    reset = next_reset(window_s)

    def allowed() -> dict[str, Any]:
        if not known:
            raise ApiError(401, "Invalid credentials")
        if left < 0:
            until = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(reset))
            raise ApiError(
                420,
                f"Rate Limit Exceeded. Limit of {limit} api operations reached. "
                f"Try again on {until} UTC",
            )
        return act()

    headers = {
        "X-FeatureRateLimit-Limit": str(limit),
        "X-FeatureRateLimit-Remaining": str(max(0, left)),
        "X-FeatureRateLimit-Reset": email.utils.formatdate(reset, usegmt=True),
    }
    return await answer(cloud, call, request, allowed, about=about, headers=headers)


def _is_known(cloud: Cloud, request: Request) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(token).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        given = ""
    return not cloud.switches.revoked and given == f"{cloud.key}:{cloud.secret}"


def _pong() -> dict[str, Any]:
    return {"status": "ok"}


def _texts(given: object, name: str) -> list[str] | None:
    """Return a list of texts that the body holds under that name, or None if it does not."""
    found = given.get(name) if isinstance(given, dict) else None
    fits = isinstance(found, list) and all(isinstance(item, str) for item in found)
    return found if fits else None


def _named(cloud: Cloud, call: Call) -> list[str]:
    """Return the public ids that a restore is about, as far as they can be told."""
    if call.type:
        return list(call.ids)
    return [cloud.store.backups[id_].public_id for id_ in call.ids if id_ in cloud.store.backups]


def _restored(
    cloud: Cloud, request: Request, call: Call, id_: str, version: str
) -> tuple[str, dict[str, Any]]:
    """Bring one asset back, if it has a backup; returns its key in the answer, and its part."""
    store, there = cloud.store, cloud.switches.restore_there
    if call.type:
        key = (call.resource_type, call.type, id_)
        backup = store.backup_of.get(key)
    else:
        backup = store.backups.get(id_)
        named = backup or store.by_asset_id.get(id_)
        key = named.key if named else ("", "", "")
    present = store.find(key)
    told = id_ if not cloud.switches.restore_tells_public_ids else key[2] or id_
    if present is not None and there != "overwrite":
        return told, _described(cloud, request, present) if there == "asset" else {"error": there}
    if backup is None or version not in {"", backup.version_id}:
        return told, {"error": "no_backup"}
    store.restore(backup)
    call.result, call.acted = "ok", True
    return told, _described(cloud, request, backup)


def _described(cloud: Cloud, request: Request, asset: Asset) -> dict[str, Any]:
    return asset.described(cloud.secret, str(request.base_url).rstrip("/"), cloud.name)
