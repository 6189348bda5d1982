"""Notification triggers over the Admin API.

Facts: Cloudinary documentation, "Admin API reference". Filters are not emulated, so a test tells
that there is none. Poll destinations are taken and never filled.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import admin
from mediasweep.emulator.answers import ApiError
from mediasweep.emulator.body import Params
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.triggers import Trigger


async def triggers(cloud: Cloud, request: Request) -> Response:
    """Answer /triggers: GET lists them, of one `event_type` or all, POST makes one."""

    def act(call: Call, given: Params) -> dict[str, Any]:
        if request.method == "GET":
            found = cloud.triggers.of(given.text("event_type") or None)
            return {"triggers": [t.told(cloud.name) for t in found], "total": len(found)}
        call.acted = True
        return cloud.triggers.add(dict(given.given)).told(cloud.name)

    return await admin.respond(cloud, request, "triggers", act)


async def trigger(cloud: Cloud, request: Request) -> Response:
    """Answer /triggers/{id}: PUT gives it another address, DELETE."""

    def act(call: Call, given: Params) -> dict[str, Any]:
        found = _found(cloud, request)
        if request.method == "DELETE":
            del cloud.triggers.by_id[found.id]
            call.acted = True
            return {"message": "Trigger deleted"}
        uri = given.text("new_uri")
        if not uri:
            raise ValueError("Missing required parameter - new_uri")
        cloud.triggers.move(found, uri)
        call.acted = True
        return {"message": "Trigger updated"}

    return await admin.respond(cloud, request, "triggers", act)


async def test(cloud: Cloud, request: Request) -> Response:
    """Answer POST /triggers/{id}/test: nothing is sent."""

    def act(_call: Call, _given: Params) -> dict[str, Any]:
        found = _found(cloud, request)
        return {"trigger_id": found.id, "filter_present": False, "filter_result": True}

    return await admin.respond(cloud, request, "triggers", act)


def _found(cloud: Cloud, request: Request) -> Trigger:
    found = cloud.triggers.by_id.get(request.path_params["id"])
    if found is None:
        raise ApiError(404, "Trigger not found")
    return found
