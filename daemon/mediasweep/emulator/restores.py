"""Bringing back what was destroyed and has a backup, and losing backups for good.

Facts: Cloudinary documentation, "Admin API reference". No event is documented for a restore; a
switch says what it is told as.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mediasweep.emulator import admin, events
from mediasweep.emulator.answers import ApiError, described
from mediasweep.emulator.assets import Asset
from mediasweep.emulator.body import Params
from mediasweep.emulator.calls import Call
from mediasweep.emulator.cloud import Cloud

IDS_MOST = 100


async def restore(cloud: Cloud, request: Request) -> Response:
    """Answer POST /resources/{resource_type}/{type}/restore with `public_ids`, and POST
    /resources/restore with `asset_ids`; `versions`, if there are any, stand beside the ids.
    """
    name = "public_ids" if "type" in request.path_params else "asset_ids"

    def act(call: Call, given: Params) -> dict[str, Any]:
        wanted = given.texts(name) or []
        call.ids = tuple(wanted)
        ids = admin.ids(cloud, given, name, IDS_MOST)
        versions = given.texts("versions") or [""] * len(ids)
        if len(versions) != len(ids):
            raise ValueError(f"versions and {name} have to be as many")
        return dict(
            _restored(cloud, request, call, id_, version)
            for id_, version in zip(ids, versions, strict=True)
        )

    def named(given: Params) -> Sequence[str]:
        wanted, kept = given.texts(name) or [], cloud.store.backups
        if name == "public_ids":
            return wanted
        return [kept[id_].public_id for id_ in wanted if id_ in kept]

    return await admin.respond(cloud, request, "restore", act, named)


async def drop_backup(cloud: Cloud, request: Request) -> Response:
    """Answer DELETE /resources/backup/{asset_id} with `version_ids`."""
    asset_id = request.path_params["asset_id"]

    def act(call: Call, given: Params) -> dict[str, Any]:
        call.asset_id = asset_id
        versions = admin.ids(cloud, given, "version_ids", IDS_MOST)
        backup = cloud.store.backups.get(asset_id)
        if backup is None:
            raise ApiError(404, f"Resource not found - {asset_id}")
        if backup.version_id in versions:
            cloud.store.drop_backup(backup)
            call.acted = True
        return {"asset_id": asset_id, "deleted_version_ids": [backup.version_id] * call.acted}

    return await admin.respond(cloud, request, "drop_backup", act)


def _restored(
    cloud: Cloud, request: Request, call: Call, id_: str, version: str
) -> tuple[str, dict[str, Any]]:
    """Bring one asset back, if it has a backup; returns its key in the answer, and its part."""
    store, there = cloud.store, cloud.switches.restore_there
    backup, key = _backup(cloud, call, id_)
    present = store.find(key)
    told = id_ if not cloud.switches.restore_tells_public_ids else key[2] or id_
    if present is not None and there != "overwrite":
        return told, described(cloud, request, present) if there == "asset" else {"error": there}
    if backup is None or version not in {"", backup.version_id}:
        return told, {"error": "no_backup"}
    store.restore(backup)
    call.result, call.acted = "ok", True
    answer = described(cloud, request, backup)
    if cloud.switches.restore_event:
        event = events.told(cloud.switches.restore_event, answer)
        cloud.hooks.notify(call, [event])
    return told, answer


def _backup(cloud: Cloud, call: Call, id_: str) -> tuple[Asset | None, tuple[str, str, str]]:
    """Return the backup that an id names, and the key under which it would be."""
    store = cloud.store
    if call.type:
        key = (call.resource_type, call.type, id_)
        return store.backup_of.get(key), key
    backup = store.backups.get(id_)
    named = backup or store.find_by_id(id_)
    return backup, named.key if named else ("", "", "")
