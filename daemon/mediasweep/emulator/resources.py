"""Reading over the Admin API: listings of assets, and the details of one.

Facts: Cloudinary documentation, "Admin API reference". Each answer is a page of at most 500.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import admin
from mediasweep.emulator.answers import ApiError, base_url
from mediasweep.emulator.assets import Asset
from mediasweep.emulator.body import Params
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.listing import Query, page
from mediasweep.emulator.uploads import RESOURCE_TYPES

IDS_MOST = 100
PAGE = 10
FOLDER_PAGE = 50
PAGE_MOST = 500
SHOWN = ("tags", "context", "metadata", "moderations")
ALWAYS = frozenset({"asset_id", "public_id"})


async def types(cloud: Cloud, request: Request) -> Response:
    """Answer GET /resources."""

    def act(_call: Call, _given: Params) -> dict[str, Any]:
        return {"resource_types": sorted(RESOURCE_TYPES)}

    return await admin.respond(cloud, request, "resource_types", act)


async def listing(cloud: Cloud, request: Request) -> Response:
    """Answer GET /resources/{resource_type} and /resources/{resource_type}/{type}, by prefix, age
    or public ids; an asset id in place of the resource type asks for details of that asset.
    """
    kind, type_ = request.path_params["kind"], request.path_params.get("type", "")
    if not type_ and kind not in RESOURCE_TYPES:
        return await _detail(cloud, request, lambda: cloud.store.find_by_id(kind), kind)

    def act(call: Call, given: Params) -> dict[str, Any]:
        if "public_ids" in given:
            call.ids = tuple(admin.ids(cloud, given, "public_ids", IDS_MOST))
            found = (cloud.store.find((kind, type_, public_id)) for public_id in call.ids)
            return _told(cloud, request, given, (asset for asset in found if asset))
        prefix = given.text("prefix") if "prefix" in given else None
        if prefix is not None and not type_:
            raise ValueError("Missing required parameter - type: a prefix needs one")
        query = Query(
            kind,
            type_,
            prefix,
            _since(given.text("start_at")),
            given.text("direction").lower() in {"asc", "1"},
            placeholders=cloud.switches.placeholders_listed,
        )
        return _page(cloud, request, given, query)

    return await admin.respond(cloud, request, "resources", act)


async def by_tag(cloud: Cloud, request: Request) -> Response:
    """Answer GET /resources/{resource_type}/tags/{tag}."""
    tag = request.path_params["rest"]
    return await _where(cloud, request, lambda _: (f"tag {tag}", lambda asset: tag in asset.tags))


async def by_context(cloud: Cloud, request: Request) -> Response:
    """Answer GET /resources/{resource_type}/context with `key`, and `value` or not."""

    def wanted(given: Params) -> tuple[str, Callable[[Asset], bool]]:
        key, value = given.text("key"), given.text("value")

        def fits(asset: Asset) -> bool:
            return key in asset.context and value in {"", asset.context[key]}

        return f"context {key}={value}", fits

    return await _where(cloud, request, wanted)


async def by_moderation(cloud: Cloud, request: Request) -> Response:
    """Answer GET /resources/{resource_type}/moderations/manual/{status}."""
    status = request.path_params["status"]
    name = f"moderation {status}"
    return await _where(cloud, request, lambda _: (name, lambda asset: asset.moderation == status))


async def by_asset_folder(cloud: Cloud, request: Request) -> Response:
    """Answer GET /resources/by_asset_folder: what is directly in that folder, of all types."""

    def wanted(given: Params) -> tuple[str, Callable[[Asset], bool]]:
        folder = given.text("asset_folder").strip("/").casefold()
        return f"folder {folder}", lambda asset: asset.asset_folder.casefold() == folder

    return await _where(cloud, request, wanted, FOLDER_PAGE)


async def by_asset_ids(cloud: Cloud, request: Request) -> Response:
    """Answer GET /resources/by_asset_ids; what is not there is left out."""

    def act(call: Call, given: Params) -> dict[str, Any]:
        call.ids = tuple(admin.ids(cloud, given, "asset_ids", IDS_MOST))
        found = (cloud.store.find_by_id(asset_id) for asset_id in call.ids)
        return _told(cloud, request, given, (asset for asset in found if asset))

    return await admin.respond(cloud, request, "resources", act)


async def resource(cloud: Cloud, request: Request) -> Response:
    """Answer GET /resources/{resource_type}/{type}/{public_id}.

    Of an asset that was destroyed and has a backup, a placeholder is left.
    """
    path = request.path_params
    key = (path["kind"], path["type"], path["rest"])

    def find() -> Asset | None:
        asset, backup = cloud.store.find(key), cloud.store.backup_of.get(key)
        if asset is None and backup is not None and cloud.switches.placeholders:
            return backup.destroyed()
        return asset

    return await _detail(cloud, request, find, path["rest"])


async def _detail(
    cloud: Cloud, request: Request, find: Callable[[], Asset | None], named: str
) -> Response:
    def act(call: Call, _: Params) -> dict[str, Any]:
        call.public_id = named
        asset = find()
        if asset is None:
            raise ApiError(404, f"Resource not found - {named}")
        call.public_id, call.asset_id = asset.public_id, asset.asset_id
        call.result = "" if asset.placeholder else "ok"
        return asset.detailed(base_url(request), cloud.name)

    return await admin.respond(cloud, request, "resource", act, lambda _: (named,))


async def _where(
    cloud: Cloud,
    request: Request,
    wanted: Callable[[Params], tuple[str, Callable[[Asset], bool]]],
    size: int = PAGE,
) -> Response:
    def act(_: Call, given: Params) -> dict[str, Any]:
        name, where = wanted(given)
        ascending = given.text("direction").lower() in {"asc", "1"}
        kind = request.path_params.get("kind", "")
        query = Query(kind, ascending=ascending, name=name, where=where)
        return _page(cloud, request, given, query, size)

    return await admin.respond(cloud, request, "resources", act)


def _page(
    cloud: Cloud, request: Request, given: Params, query: Query, size: int = PAGE
) -> dict[str, Any]:
    most = min(max(1, given.number("max_results", size)), PAGE_MOST)
    cursor, offsets = given.text("next_cursor"), cloud.switches.offset_cursors
    assets, following = page(cloud.store, query, cursor, most, offsets=offsets)
    told = _told(cloud, request, given, assets)
    return {**told, "next_cursor": following} if following else told


def _told(cloud: Cloud, request: Request, given: Params, assets: Iterable[Asset]) -> dict[str, Any]:
    fields = frozenset(name.strip() for name in given.text("fields").split(",") if name.strip())
    wanted = frozenset(name for name in SHOWN if given.flag(name) or name in fields)
    url = base_url(request)
    told = [asset.listed(url, cloud.name, wanted) for asset in assets]
    if fields:
        told = [{k: v for k, v in one.items() if k in fields | ALWAYS} for one in told]
    return {"resources": told}


def _since(text: str) -> int:
    """Return a time, in UTC unless it says otherwise, in seconds since 1970."""
    if not text:
        return 0
    try:
        return timegm(datetime.fromisoformat(text).utctimetuple())
    except ValueError as wrong:
        raise ValueError(f"Invalid value for parameter start_at - {text}") from wrong
