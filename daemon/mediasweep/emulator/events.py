"""What a notification says: the body of each event, without who did it and who signed it.

Keys are those of Cloudinary's own samples ("Webhook notifications"), lists and maps included: a
`delete` and a change of tags name their resources in a list, the others in a map by public id,
where those of several types collide. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mediasweep.emulator.assets import Asset

Event = dict[str, Any]
Change = tuple[Asset, Asset]
SOURCE = "api"


def told(kind: str, description: Mapping[str, Any]) -> Event:
    """Return the event of an asset that came to be, with what its upload was answered but for the
    signature.
    """
    described = {k: v for k, v in description.items() if k != "signature"}
    return {"notification_type": kind, **_dated(), **described}


def deleted(assets: Sequence[Asset], batch: int) -> list[Event]:
    """Return the events of assets that are gone; `batch`: how many one names, 0 for all."""
    size = batch or max(1, len(assets))
    parts = [assets[n : n + size] for n in range(0, len(assets), size)]
    return [{"notification_type": "delete", "resources": [_gone(a) for a in p]} for p in parts]


def renamed(old: Asset, new: Asset) -> Event:
    """Return the event of an asset that has another public id."""
    return {
        "notification_type": "rename",
        **_dated(),
        "resource_type": new.resource_type,
        "type": new.delivery_type,
        "asset_id": new.asset_id,
        "asset_folder": new.asset_folder,
        "display_name": new.display_name,
        "from_public_id": old.public_id,
        "to_public_id": new.public_id,
    }


def changes(pairs: Iterable[Change]) -> list[Event]:
    """Return the events of assets that were changed, one of each kind for all that changed so."""
    changed = list(pairs)
    kinds = (_moved, _tagged, _contexts, _metadata, _display_names)
    return [event for kind in kinds if (event := kind(changed)) is not None]


def folder(kind: str, path: str) -> Event:
    """Return the event of a folder that was made (create_folder) or is gone (delete_folder)."""
    name = path.rpartition("/")[2]
    return {"notification_type": kind, "source": SOURCE, "folder_path": path, "folder_name": name}


def folder_moved(old: str, new: str) -> Event:
    """Return the event of a folder that has another path."""
    kind = "move_or_rename_asset_folder"
    return {"notification_type": kind, "from_path": old, "to_path": new, "status": "success"}


def _moved(pairs: Sequence[Change]) -> Event | None:
    return _map(
        "move",
        [
            (
                new,
                {"from_asset_folder": old.asset_folder, "to_asset_folder": new.asset_folder},
            )
            for old, new in pairs
            if old.asset_folder != new.asset_folder
        ],
    )


def _tagged(pairs: Sequence[Change]) -> Event | None:
    resources = [
        {
            **_named(new),
            "public_id": new.public_id,
            "added": [tag for tag in new.tags if tag not in old.tags],
            "removed": [tag for tag in old.tags if tag not in new.tags],
        }
        for old, new in pairs
        if set(old.tags) != set(new.tags)
    ]
    kind = "resource_tags_changed"
    found = {"notification_type": kind, "source": SOURCE, "resources": resources}
    return found if resources else None


def _contexts(pairs: Sequence[Change]) -> Event | None:
    return _map(
        "resource_context_changed",
        [
            (
                new,
                {
                    "added": _pairs(new.context, new.context.keys() - old.context.keys()),
                    "removed": _pairs(old.context, old.context.keys() - new.context.keys()),
                    "updated": _pairs(
                        new.context,
                        {k for k, v in new.context.items() if old.context.get(k, v) != v},
                    ),
                },
            )
            for old, new in pairs
            if old.context != new.context
        ],
    )


def _metadata(pairs: Sequence[Change]) -> Event | None:
    return _map(
        "resource_metadata_changed",
        [
            (
                new,
                {"previous_metadata": dict(old.metadata), "new_metadata": dict(new.metadata)},
            )
            for old, new in pairs
            if old.metadata != new.metadata
        ],
    )


def _display_names(pairs: Sequence[Change]) -> Event | None:
    found = _map(
        "resource_display_name_changed",
        [
            (
                new,
                {
                    "public_id": new.public_id,
                    "previous_display_name": old.display_name,
                    "new_display_name": new.display_name,
                },
            )
            for old, new in pairs
            if old.display_name != new.display_name
        ],
    )
    return found and {**found, **_dated()}


def _map(kind: str, resources: Iterable[tuple[Asset, dict[str, Any]]]) -> Event | None:
    named = {a.public_id: {**_named(a), "display_name": a.display_name, **r} for a, r in resources}
    found = {"notification_type": kind, "source": SOURCE, "resources": named}
    return found if named else None


def _named(asset: Asset) -> dict[str, str]:
    return {
        "asset_id": asset.asset_id,
        "resource_type": asset.resource_type,
        "type": asset.delivery_type,
    }


def _gone(asset: Asset) -> dict[str, Any]:
    return {
        **_named(asset),
        "public_id": asset.public_id,
        "version": asset.version,
        "asset_folder": asset.asset_folder,
        "display_name": asset.display_name,
    }


def _pairs(values: Mapping[str, str], names: Iterable[str]) -> list[dict[str, str]]:
    return [{"name": name, "value": values[name]} for name in sorted(names)]


def _dated() -> dict[str, str]:
    # Hooks fills them in: when it happened, and in which call
    return {"timestamp": "", "request_id": ""}
