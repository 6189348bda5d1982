"""Deleting over the Admin API: by public ids, prefix, tag, asset ids, or everything.

At most 1,000 in a call, and a cursor for the next thousand. Facts: Cloudinary documentation, "Admin
API reference". What is not there is told so and is no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import admin, events
from mediasweep.emulator.assets import Asset
from mediasweep.emulator.body import Params
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.listing import Query, page

IDS_MOST = 100
AT_ONCE = 1000
SELECTORS = ("public_ids", "prefix", "all")


async def delete(cloud: Cloud, request: Request) -> Response:
    """Answer DELETE /resources/{resource_type}/{type} with one of `public_ids`, `prefix`, `all`."""
    kind, type_ = request.path_params["kind"], request.path_params["type"]

    def act(call: Call, given: Params) -> dict[str, Any]:
        if sum(name in given for name in SELECTORS) != 1:
            raise ValueError(f"Missing required parameter - one of {', '.join(SELECTORS)}")
        if "public_ids" not in given:
            return _matching(cloud, call, given, Query(kind, type_, given.text("prefix")))
        call.ids = tuple(admin.ids(cloud, given, "public_ids", IDS_MOST))
        found = {public_id: cloud.store.find((kind, type_, public_id)) for public_id in call.ids}
        return _deleted(cloud, call, given, found)

    return await admin.respond(
        cloud, request, "delete_resources", act, lambda given: given.texts("public_ids") or ()
    )


async def delete_by_tag(cloud: Cloud, request: Request) -> Response:
    """Answer DELETE /resources/{resource_type}/tags/{tag}."""
    kind, tag = request.path_params["kind"], request.path_params["rest"]
    query = Query(kind, name=f"tag {tag}", where=lambda asset: tag in asset.tags)

    def act(call: Call, given: Params) -> dict[str, Any]:
        return _matching(cloud, call, given, query)

    return await admin.respond(cloud, request, "delete_resources", act)


async def delete_by_asset_ids(cloud: Cloud, request: Request) -> Response:
    """Answer DELETE /resources with `asset_ids`, of any types."""

    def act(call: Call, given: Params) -> dict[str, Any]:
        call.ids = tuple(admin.ids(cloud, given, "asset_ids", IDS_MOST))
        found = {asset_id: cloud.store.find_by_id(asset_id) for asset_id in call.ids}
        if cloud.switches.delete_tells_public_ids:
            found = {asset.public_id if asset else k: asset for k, asset in found.items()}
        return _deleted(cloud, call, given, found)

    def named(given: Params) -> Sequence[str]:
        found = (cloud.store.find_by_id(asset_id) for asset_id in given.texts("asset_ids") or ())
        return [asset.public_id for asset in found if asset]

    return await admin.respond(cloud, request, "delete_resources", act, named)


async def delete_derived(cloud: Cloud, request: Request) -> Response:
    """Answer DELETE /derived_resources: there are none."""

    def act(call: Call, given: Params) -> dict[str, Any]:
        call.ids = tuple(admin.ids(cloud, given, "derived_resource_ids", IDS_MOST))
        return {"deleted": dict.fromkeys(call.ids, "not_found")}

    return await admin.respond(cloud, request, "delete_derived", act)


def _matching(cloud: Cloud, call: Call, given: Params, query: Query) -> dict[str, Any]:
    """Delete the next thousand that a query is about."""
    assets, following = page(cloud.store, query, given.text("next_cursor"), AT_ONCE)
    told = _deleted(cloud, call, given, {asset.public_id: asset for asset in assets})
    return {**told, "partial": True, "next_cursor": following} if following else told


def _deleted(
    cloud: Cloud, call: Call, given: Params, found: dict[str, Asset | None]
) -> dict[str, Any]:
    """Delete what was found, unless only derived ones were to go; returns what the API says."""
    kept = given.flag("keep_original")
    gone = [] if kept else [asset for asset in found.values() if asset]
    for asset in gone:
        cloud.store.remove(asset)
    call.acted = bool(gone)
    if gone:
        told = events.deleted(gone, cloud.switches.delete_batch)
        cloud.hooks.notify(call, told, given.text("notification_url"))
    return {
        "deleted": {k: "deleted" if asset else "not_found" for k, asset in found.items()},
        "deleted_counts": {
            k: {"original": int(asset is not None and not kept), "derived": 0}
            for k, asset in found.items()
        },
        "partial": False,
    }
