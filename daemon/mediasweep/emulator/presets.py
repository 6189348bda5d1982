"""Upload presets: settings that an upload names, and that allow it to be unsigned.

Facts: Cloudinary documentation, "Upload presets". What an upload itself says counts more, if it is
signed; the settings of an unsigned one cannot be overridden by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import admin
from mediasweep.emulator.answers import ApiError
from mediasweep.emulator.body import Params
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud

OWN = frozenset({"name", "unsigned", "live", "disallow_public_id", "timestamp"})


def permit(cloud: Cloud, name: str) -> None:
    """Raise the error of an unsigned upload that its preset does not allow."""
    preset = cloud.presets.get(name)
    if preset is None:
        raise ApiError(400, "Upload preset not found")
    if not preset["unsigned"]:
        raise ApiError(400, "Upload preset must be whitelisted for unsigned uploads")


def applied(cloud: Cloud, params: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of an upload with those of its preset; raises ValueError if it is not
    there.
    """
    name = params.get("upload_preset")
    if not name:
        return dict(params)
    if name not in cloud.presets:
        raise ValueError("Upload preset not found")
    preset = {k: _text(v) for k, v in cloud.presets[name]["settings"].items()}
    return {**preset, **params} if params.get("signature") else {**params, **preset}


async def presets(cloud: Cloud, request: Request) -> Response:
    """Answer /upload_presets: GET lists them, POST makes one."""

    def act(_: Call, given: Params) -> dict[str, Any]:
        if request.method == "GET":
            return {"presets": list(cloud.presets.values())}
        name = given.text("name")
        if not name:
            raise ValueError("Missing required parameter - name")
        if name in cloud.presets:
            raise ApiError(409, f"Upload preset {name} already exists")
        cloud.presets[name] = _preset(name, given, {})
        return {"message": "created", "name": name}

    return await admin.respond(cloud, request, "presets", act)


async def preset(cloud: Cloud, request: Request) -> Response:
    """Answer /upload_presets/{name}: GET tells, PUT changes, DELETE."""
    name = request.path_params["name"]

    def act(_: Call, given: Params) -> dict[str, Any]:
        found = cloud.presets.get(name)
        if found is None:
            raise ApiError(404, f"Can't find upload preset with name {name}")
        if request.method == "GET":
            return found
        if request.method == "DELETE":
            del cloud.presets[name]
            return {"message": "deleted"}
        cloud.presets[name] = _preset(name, given, found)
        return {"message": "updated"}

    return await admin.respond(cloud, request, "presets", act)


def _preset(name: str, given: Params, old: Mapping[str, Any]) -> dict[str, Any]:
    settings = {k: v for k, v in given.given.items() if k not in OWN and v is not None}
    unsigned = given.flag("unsigned") if "unsigned" in given else old.get("unsigned", False)
    return {"name": name, "unsigned": unsigned, "settings": {**old.get("settings", {}), **settings}}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
