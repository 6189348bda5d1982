"""Asset folders: those that were made, and those that assets are in.

Facts: Cloudinary documentation, "Admin API reference"; the account has dynamic folders, where a
folder is no part of a public id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import admin, events
from mediasweep.emulator.answers import ApiError
from mediasweep.emulator.assets import Asset
from mediasweep.emulator.body import Params
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud


async def roots(cloud: Cloud, request: Request) -> Response:
    """Answer GET /folders."""

    def act(_call: Call, _given: Params) -> dict[str, Any]:
        return _listed({path for path in _all(cloud) if "/" not in path})

    return await admin.respond(cloud, request, "folders", act)


async def folder(cloud: Cloud, request: Request) -> Response:
    """Answer /folders/{path}: GET lists what is in it, POST makes, PUT moves it, DELETE."""
    path = request.path_params["rest"].strip("/")

    def act(call: Call, given: Params) -> dict[str, Any]:
        if request.method == "POST":
            return _made(cloud, call, path)
        if path not in _all(cloud):
            told = "Cannot find source folder" if request.method == "PUT" else "Can't find folder"
            raise ApiError(404, f"{told} with path {path}")
        if request.method == "DELETE":
            return _deleted(cloud, call, path)
        if request.method == "PUT":
            return _moved(cloud, call, path, given.text("to_folder").strip("/"))
        inside = f"{path}/"
        return _listed(
            p for p in _all(cloud) if p.startswith(inside) and "/" not in p[len(inside) :]
        )

    return await admin.respond(cloud, request, "folders", act)


def _made(cloud: Cloud, call: Call, path: str) -> dict[str, Any]:
    if not path:
        raise ValueError("Missing required parameter - folder")
    if path not in _all(cloud):
        cloud.store.folders.add(path)
        call.acted = True
        cloud.hooks.notify(call, [events.folder("create_folder", path)])
    return {"success": True, **_told(path)}


def _deleted(cloud: Cloud, call: Call, path: str) -> dict[str, Any]:
    if any(_inside(asset.asset_folder, path) for asset in _assets(cloud)):
        raise ValueError("Folder is not empty")
    gone = sorted(p for p in _all(cloud) if _inside(p, path))
    cloud.store.folders = {p for p in cloud.store.folders if not _inside(p, path)}
    call.acted = True
    cloud.hooks.notify(call, [events.folder("delete_folder", p) for p in gone])
    return {"deleted": gone}


def _moved(cloud: Cloud, call: Call, path: str, to: str) -> dict[str, Any]:
    if not to or _inside(to, path):
        raise ValueError(f"Invalid value for to_folder - {to}")
    if any(_inside(p[0].asset_folder, path) for p in cloud.store.plantings.values() if len(p)):
        raise ValueError("the emulator cannot move what was planted")
    for asset in list(cloud.store.assets.values()):
        if _inside(asset.asset_folder, path):
            moved = replace(asset, asset_folder=to + asset.asset_folder[len(path) :])
            cloud.store.replace(asset, moved)
    kept = cloud.store.folders
    cloud.store.folders = {to + p[len(path) :] if _inside(p, path) else p for p in kept} | {to}
    call.acted = True
    cloud.hooks.notify(call, [events.folder_moved(path, to)])
    return {"from": _told(path), "to": _told(to)}


def _assets(cloud: Cloud) -> Iterable[Asset]:
    """Yield the stored assets, and one for each planting that has any left."""
    yield from cloud.store.assets.values()
    yield from (p[0] for p in cloud.store.plantings.values() if p.left)


def _all(cloud: Cloud) -> set[str]:
    named = cloud.store.folders | {asset.asset_folder for asset in _assets(cloud)}
    split = (path.split("/") for path in named if path)
    return {"/".join(parts[: n + 1]) for parts in split for n in range(len(parts))}


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _listed(paths: Iterable[str]) -> dict[str, Any]:
    told = [_told(path) for path in sorted(paths)]
    return {"folders": told, "next_cursor": None, "total_count": len(told)}


def _told(path: str) -> dict[str, str]:
    external_id = blake2b(path.encode(), digest_size=16).hexdigest()
    return {"name": path.rpartition("/")[2], "path": path, "external_id": external_id}
