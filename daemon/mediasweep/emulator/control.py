"""The emulator's own controls, under /_emulator: clouds, switches, faults, calls, waiting.

For the demo, tests and measurements; a request that makes no sense is answered 400 with the reason.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, fields
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mediasweep.emulator.assets import Cloud, Switches
from mediasweep.emulator.faults import read_fault

POLL_S = 0.01


async def make(clouds: dict[str, Cloud], request: Request) -> Response:
    """PUT: make a cloud, or make it anew."""
    given = await request.json()
    name = request.path_params["cloud"]
    clouds[name] = Cloud(name, given["key"], given["secret"])
    return JSONResponse({"name": name})


async def state(cloud: Cloud, _: Request) -> Response:
    """GET: counters, and what is there."""
    by_status: dict[str, int] = {}
    for call in cloud.calls:
        label = f"{call.action} {call.status}"
        by_status[label] = by_status.get(label, 0) + 1
    return JSONResponse(
        {
            "assets": len(cloud.assets),
            "calls": dict(cloud.counts),
            "by_status": by_status,
            "deleted": sum(cloud.deleted.values()),
            "deleted_twice": sorted(k for k, n in cloud.deleted.items() if n > 1),
            "destroying_most": cloud.destroying_most,
            "switches": asdict(cloud.switches),
        }
    )


async def switch(cloud: Cloud, request: Request) -> Response:
    """PATCH: turn switches, or change the secret."""
    known = {f.name for f in fields(Switches)}
    for name, value in (await request.json()).items():
        if name == "secret":
            cloud.secret = value
        elif name in known:
            setattr(cloud.switches, name, value)
        else:
            return JSONResponse({"error": f"no switch {name}"}, 400)
    return JSONResponse(asdict(cloud.switches))


async def faults(cloud: Cloud, request: Request) -> Response:
    """PUT: these faults and no others."""
    try:
        cloud.faults.rules = [read_fault(given) for given in await request.json()]
    except ValueError as error:
        return JSONResponse({"error": str(error)}, 400)
    return JSONResponse({"faults": len(cloud.faults.rules)})


async def calls(cloud: Cloud, request: Request) -> Response:
    """GET: the calls after a sequence number, of one action or all."""
    after = int(request.query_params.get("after", "0"))
    action = request.query_params.get("action")
    found = [asdict(c) for c in cloud.calls if c.seq > after and action in {None, c.action}]
    return JSONResponse(found)


async def assets(cloud: Cloud, _: Request) -> Response:
    """GET: what is there."""
    return JSONResponse([list(key) for key in cloud.assets])


async def fill(cloud: Cloud, request: Request) -> Response:
    """POST: many small assets at once, `prefix` and a number each."""
    given: dict[str, Any] = await request.json()
    for n in range(given["count"]):
        name = f"{given['prefix']}{n}"
        kind = given.get("resource_type", "image")
        cloud.put(cloud.new_asset(name, kind, "upload", b"small", "small.png"))
    return JSONResponse({"assets": len(cloud.assets)})


async def wait(cloud: Cloud, request: Request) -> Response:
    """GET: wait until so many assets are left, or so many calls of an action were answered."""
    query = request.query_params
    timeout_s = float(query.get("timeout", "30"))

    def holds() -> bool:
        if "assets" in query:
            return len(cloud.assets) <= int(query["assets"])
        return cloud.counts[query.get("action", "destroy")] >= int(query["calls"])

    for _ in range(int(timeout_s / POLL_S)):
        if holds():
            break
        await asyncio.sleep(POLL_S)
    held = holds()
    counted = {"assets": len(cloud.assets), "calls": dict(cloud.counts)}
    return JSONResponse(counted, 200 if held else 408)
