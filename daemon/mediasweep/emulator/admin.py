"""What all of the Admin API has in common: who asks, how often; and what it tells of the account.

Facts: Cloudinary documentation, "Admin API reference". Basic authentication; each call counts
against the hourly limit, whatever its size, and every answer tells what is left of it.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import time
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator.answers import ApiError, answer, received, refuse
from mediasweep.emulator.body import Params, params
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.limits import next_reset

AdminAct = Callable[[Call, Params], dict[str, Any]]
Named = Callable[[Params], Sequence[str]]
PLAN = "Free"


async def respond(
    cloud: Cloud,
    request: Request,
    action: str,
    act: AdminAct,
    named: Named = lambda _: (),
) -> Response:
    """Answer as the Admin API does: who asks has to be known, and has so many calls an hour.

    `named`: the public ids that the call is about. What `act` cannot do it says by ApiError, or by
    a ValueError with the message of a bad request.
    """
    call, path = received(cloud, request, action), request.path_params
    call.resource_type, call.type = path.get("kind", ""), path.get("type", "")
    try:
        given = await params(request)
    except ApiError as wrong:
        return refuse(cloud, call, wrong)
    call.key = _key(cloud, request)
    limit, window_s = cloud.switches.admin_limit, cloud.switches.admin_window_s
    left = cloud.admin.spend(limit, window_s) if call.key else limit
    reset = next_reset(window_s)

    def allowed() -> dict[str, Any]:
        if not call.key:
            raise ApiError(401, "Invalid credentials")
        if left < 0:
            until = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(reset))
            raise ApiError(
                420,
                f"Rate Limit Exceeded. Limit of {limit} api operations reached. "
                f"Try again on {until} UTC",
            )
        try:
            return act(call, given)
        except ValueError as wrong:
            raise ApiError(400, str(wrong)) from wrong

    headers = {
        "X-FeatureRateLimit-Limit": str(limit),
        "X-FeatureRateLimit-Remaining": str(max(0, left)),
        "X-FeatureRateLimit-Reset": email.utils.formatdate(reset, usegmt=True),
    }
    return await answer(cloud, call, request, allowed, about=tuple(named(given)), headers=headers)


async def ping(cloud: Cloud, request: Request) -> Response:
    """Answer GET /ping."""
    return await respond(cloud, request, "ping", lambda _call, _given: {"status": "ok"})


async def config(cloud: Cloud, request: Request) -> Response:
    """Answer GET /config."""

    def act(_: Call, given: Params) -> dict[str, Any]:
        told = {"cloud_name": cloud.name, "created_at": "2020-01-01T00:00:00Z"}
        settings = {"settings": {"folder_mode": "dynamic"}}
        return {**told, **settings} if given.flag("settings") else dict(told)

    return await respond(cloud, request, "config", act)


async def usage(cloud: Cloud, request: Request) -> Response:
    """Answer GET /usage, and GET /usage/{dd-mm-yyyy}, which has no limits in it."""
    of_a_day = "date" in request.path_params

    def act(_call: Call, _given: Params) -> dict[str, Any]:
        limited = {} if of_a_day else {"limit": 25 * 2**30, "used_percent": 0.0}
        count = len(cloud.store)
        return {
            "plan": PLAN,
            "last_updated": time.strftime("%Y-%m-%d", time.gmtime()),
            "date_requested": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "transformations": {"usage": 0, **limited},
            "objects": {"usage": count, **limited},
            "bandwidth": {"usage": 0, **limited},
            "storage": {"usage": 0, **limited},
            "requests": cloud.calls.seq,
            "resources": count,
            "derived_resources": 0,
            "media_limits": {
                "image_max_size_bytes": 10 * 2**20,
                "video_max_size_bytes": 100 * 2**20,
                "raw_max_size_bytes": 10 * 2**20,
            },
        }

    return await respond(cloud, request, "usage", act)


def ids(cloud: Cloud, given: Params, name: str, most: int) -> list[str]:
    """Return the ids that a call names; raises ApiError if there are none, or too many."""
    found = given.texts(name)
    if not found:
        raise ApiError(400, f"Missing required parameter - {name}")
    if len(found) > most:
        raise ApiError(cloud.switches.many_ids_status, f"Too many {name}: at most {most}")
    return found


def _key(cloud: Cloud, request: Request) -> str:
    """Return the API key that the request comes with, if it is right."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(token).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        given = ""
    key, _, secret = given.partition(":")
    return key if secret and cloud.secret_of(key) == secret else ""
