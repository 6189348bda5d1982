"""Changing what is known of assets: over the Admin API, and by the commands of the Upload API.

Facts: Cloudinary documentation, "Admin API reference" and "Upload API reference". A change is told
to the triggers by what it changed, whichever road it came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import admin, api, edits, events
from mediasweep.emulator.answers import ApiError, base_url, described
from mediasweep.emulator.assets import Asset
from mediasweep.emulator.body import Params
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.edits import Edit
from mediasweep.emulator.form import Form

ADD_ONS = ("raw_convert", "categorization", "detection", "background_removal", "ocr")
IDS_MOST = 1000


async def update(cloud: Cloud, request: Request) -> Response:
    """Answer POST /resources/{resource_type}/{type}/{public_id}."""
    path = request.path_params
    key = (path["kind"], path["type"], path["rest"])

    def act(call: Call, given: Params) -> dict[str, Any]:
        call.public_id = path["rest"]
        for name in ADD_ONS:
            if name in given:
                raise ValueError(f"Illegal value for {name} - the emulator has no add-ons")
        asset = cloud.store.find(key)
        if asset is None:
            raise ApiError(404, f"Resource not found - {path['rest']}")
        params = {k: given.text(k) for k in given.given if k in given}
        edit = edits.described(params, cloud.fields)
        (new,) = _change(cloud, call, [asset], edit, given.text("notification_url"))
        return new.detailed(base_url(request), cloud.name)

    return await admin.respond(cloud, request, "update", act, lambda _: (path["rest"],))


async def explicit(cloud: Cloud, request: Request) -> Response:
    """Answer POST /{resource_type}/explicit."""

    def act(call: Call, form: Form) -> dict[str, Any]:
        if not form.params.get("type"):
            raise ValueError("Missing required parameter - type")
        asset = cloud.store.find((call.resource_type, call.type, call.public_id))
        if asset is None:
            raise ApiError(404, f"Resource not found - {call.public_id}")
        edit = edits.described(form.params, cloud.fields)
        (new,) = _change(cloud, call, [asset], edit, form.params.get("notification_url", ""))
        return described(cloud, request, new)

    return await api.respond(cloud, request, "explicit", act)


async def tags(cloud: Cloud, request: Request) -> Response:
    """Answer POST /{resource_type}/tags."""

    def act(call: Call, form: Form) -> dict[str, Any]:
        edit = edits.tagged(form.params.get("command", ""), form.params.get("tag", ""))
        return _commanded(cloud, call, form, edit)

    return await api.respond(cloud, request, "tags", act, unsigned=api.NOTIFYING)


async def context(cloud: Cloud, request: Request) -> Response:
    """Answer POST /{resource_type}/context."""

    def act(call: Call, form: Form) -> dict[str, Any]:
        edit = edits.contextual(form.params.get("command", ""), form.params.get("context", ""))
        return _commanded(cloud, call, form, edit)

    return await api.respond(cloud, request, "context", act, unsigned=api.NOTIFYING)


async def metadata(cloud: Cloud, request: Request) -> Response:
    """Answer POST /{resource_type}/metadata."""

    def act(call: Call, form: Form) -> dict[str, Any]:
        if not form.params.get("metadata"):
            raise ValueError("Missing required parameter - metadata")
        given = {"metadata": form.params["metadata"]}
        return _commanded(cloud, call, form, edits.described(given, cloud.fields))

    return await api.respond(cloud, request, "metadata", act, unsigned=api.NOTIFYING)


def _commanded(cloud: Cloud, call: Call, form: Form, edit: Edit) -> dict[str, Any]:
    """Change the assets that a command names, as far as they are there, and tell which."""
    call.ids = tuple(form.lists.get("public_ids", ()))
    if not call.ids:
        raise ValueError("Missing required parameter - public_ids")
    if len(call.ids) > IDS_MOST:
        raise ApiError(cloud.switches.many_ids_status, f"Too many public_ids: at most {IDS_MOST}")
    found = (cloud.store.find((call.resource_type, call.type, name)) for name in call.ids)
    there = [asset for asset in found if asset]
    changed = _change(cloud, call, there, edit, form.params.get("notification_url", ""))
    return {"public_ids": [asset.public_id for asset in changed]}


def _change(
    cloud: Cloud, call: Call, assets: Iterable[Asset], edit: Edit, notification_url: str
) -> list[Asset]:
    pairs = [(asset, edit(asset)) for asset in assets]
    for old, new in pairs:
        if old != new:
            cloud.store.replace(old, new)
            call.acted = True
    cloud.hooks.notify(call, events.changes(pairs), notification_url)
    return [new for _, new in pairs]
