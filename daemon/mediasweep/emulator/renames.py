"""Renaming: another public id or delivery type for the same asset, which keeps its asset id.

Facts: Cloudinary documentation, "Upload API reference". Folders and display names are another
matter: where they are is told by `asset_folder`, which a rename leaves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import api, events, naming
from mediasweep.emulator.answers import ApiError, described
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.form import Form
from mediasweep.emulator.uploads import DELIVERY_TYPES, YES


async def rename(cloud: Cloud, request: Request) -> Response:
    """Answer POST /{resource_type}/rename."""

    def act(call: Call, form: Form) -> dict[str, Any]:
        params = form.params
        old_id, new_id = params.get("from_public_id", ""), params.get("to_public_id", "")
        call.public_id = old_id
        if not old_id or not new_id:
            raise ValueError(f"Missing required parameter - {'to' if old_id else 'from'}_public_id")
        to_type = params.get("to_type") or call.type
        if to_type not in DELIVERY_TYPES:
            raise ValueError(f"Invalid to_type - {to_type}")
        asset = cloud.store.find((call.resource_type, call.type, old_id))
        if asset is None:
            raise ApiError(404, f"Resource not found - {old_id}")
        new = replace(asset, public_id=naming.normalised(new_id), delivery_type=to_type)
        there = cloud.store.find(new.key)
        if there is not None and there != asset and params.get("overwrite") not in YES:
            status = cloud.switches.rename_taken_status
            raise ApiError(status, f"to_public_id {new_id} already exists")
        cloud.store.replace(asset, new)
        call.result, call.acted, call.asset_id = "ok", True, new.asset_id
        url = params.get("notification_url", "")
        cloud.hooks.notify(call, [events.renamed(asset, new)], url)
        return described(cloud, request, new)

    return await api.respond(cloud, request, "rename", act)
