"""Structured metadata fields: which there are. Their values are with the assets, and unchecked.

Facts: Cloudinary documentation, "Metadata API". Datasources, validations and rules are kept as they
were given and have no effect.
"""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import admin
from mediasweep.emulator.answers import ApiError
from mediasweep.emulator.body import Params
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud

TYPES = frozenset({"string", "integer", "date", "enum", "set"})
FIXED = frozenset({"external_id", "type"})
EMPTY = {"mandatory": False, "default_value": None, "validation": None}


async def fields(cloud: Cloud, request: Request) -> Response:
    """Answer /metadata_fields: GET lists them, POST makes one."""

    def act(_: Call, given: Params) -> dict[str, Any]:
        if request.method == "GET":
            return {"metadata_fields": list(cloud.fields.values())}
        for name in ("label", "type"):
            if name not in given:
                raise ValueError(f"Missing required parameter - {name}")
        if given.text("type") not in TYPES:
            raise ValueError(f"Invalid value {given.text('type')} for parameter type")
        external_id = given.text("external_id") or secrets.token_hex(10)
        if external_id in cloud.fields:
            raise ApiError(409, f"external id {external_id} already exists")
        made = {**EMPTY, **given.given, "external_id": external_id}
        cloud.fields[external_id] = made
        return made

    return await admin.respond(cloud, request, "metadata_fields", act)


async def one(cloud: Cloud, request: Request) -> Response:
    """Answer /metadata_fields/{external_id}: GET tells, PUT changes, DELETE."""
    external_id = request.path_params["name"]

    def act(_: Call, given: Params) -> dict[str, Any]:
        found = cloud.fields.get(external_id)
        if found is None:
            raise ApiError(404, f"External ID {external_id} doesn't exist")
        if request.method == "DELETE":
            del cloud.fields[external_id]
            return {"message": "ok"}
        if request.method == "PUT":
            found |= {k: v for k, v in given.given.items() if k not in FIXED}
        return found

    return await admin.respond(cloud, request, "metadata_fields", act)
