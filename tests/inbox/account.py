"""An account of Cloudinary in a few lines: what is done to it, what it tells, what is there.

Bodies are as its documentation has them. Time passes by a millisecond with each call.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
NAMES = ("a", "b", "folder/c", "folder/a b", "é")
TAGS = ("red", "green", "blue")
CONTEXT = ("alt", "caption", "other")
Key = tuple[str, str, str]


@dataclass(slots=True)
class Asset:
    """One asset that is there."""

    asset_id: str
    key: Key
    version: int
    folder: str
    display_name: str
    tags: set[str] = field(default_factory=set)
    context: dict[str, str] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return it as its row of the library has it."""
        resource_type, delivery_type, public_id = self.key
        return {
            "asset_id": self.asset_id,
            "public_id": public_id,
            "resource_type": resource_type,
            "delivery_type": delivery_type,
            "version": self.version,
            "folder": self.folder,
            "display_name": self.display_name,
            "tags": sorted(self.tags),
            "alt_text": self.context.get("alt"),
            "description": self.context.get("caption"),
            "url": self.url,
        }

    @property
    def url(self) -> str:
        """Return where it is."""
        name = self.key[2].replace(" ", "%20").replace("é", "%C3%A9")
        return f"http://res.cloudinary.com/demo/{self.key[0]}/upload/v1/{name}.png"

    def named(self) -> dict[str, Any]:
        """Return what every resource of a notification has."""
        return {"asset_id": self.asset_id, "resource_type": self.key[0], "type": self.key[1]}


@dataclass(slots=True)
class Account:
    """The account; `told` is what it has told so far, each as a body."""

    chance: Random
    keeps_asset_id: bool = True
    now: datetime = START
    assets: dict[str, Asset] = field(default_factory=dict)
    told: list[bytes] = field(default_factory=list)
    _made: int = 0

    def rows(self) -> list[dict[str, Any]]:
        """Return the library as it is to be."""
        return sorted((a.row() for a in self.assets.values()), key=lambda r: r["asset_id"])

    def do_something(self) -> None:
        """Make one call, whatever it is."""
        some = [self.upload] * 3 + [self.rename, self.delete, self.move, self.tag] * 2
        self.chance.choice([*some, self.annotate, self.annotate, self.show_as])()

    def upload(self, name: str | None = None, shown: str | None = None) -> Asset:
        """Upload a file, maybe over another; one that is named is an image."""
        kind = "image" if name else self.chance.choice(("image", "image", "video"))
        key = (kind, "upload", name or self.chance.choice(NAMES))
        old = next((a for a in self.assets.values() if a.key == key), None)
        self._made += 1
        asset_id = hashlib.md5(f"{self._made} {key}".encode(), usedforsecurity=False).hexdigest()
        if old is not None:
            del self.assets[old.asset_id]
            asset_id = old.asset_id if self.keeps_asset_id else asset_id
        asset = Asset(asset_id, key, self._made, key[2].rpartition("/")[0], shown or key[2])
        asset.tags = set(self.chance.sample(TAGS, self.chance.randrange(3)))
        asset.context = {k: f"{k}{self._made}" for k in self.chance.sample(CONTEXT, 2)}
        self.assets[asset_id] = asset
        custom = {"context": {"custom": dict(asset.context)}} if asset.context else {}
        self.tell(
            "upload",
            **asset.named(),
            public_id=key[2],
            version=asset.version,
            bytes=5,
            format="png",
            url=asset.url,
            secure_url=asset.url,
            tags=sorted(asset.tags),
            asset_folder=asset.folder,
            display_name=asset.display_name,
            original_filename="file",
            **custom,
        )
        return asset

    def rename(self) -> None:
        """Give an asset another name, maybe that of another one, which is overwritten."""
        if (asset := self._any()) is None:
            return
        old, new = asset.key, (*asset.key[:2], self.chance.choice(NAMES))
        if new == old:
            return
        for other in [a for a in self.assets.values() if a.key == new]:
            del self.assets[other.asset_id]
        asset.key = new
        self.tell(
            "rename",
            **asset.named(),
            from_public_id=old[2],
            to_public_id=new[2],
            asset_folder=asset.folder,
            display_name=asset.display_name,
        )

    def delete(self) -> None:
        """Delete one asset or several."""
        gone = self.chance.sample(sorted(self.assets), min(len(self.assets), 2))
        told = [self.assets.pop(asset_id) for asset_id in gone]
        if told:
            more = [{**a.named(), "public_id": a.key[2], "version": a.version} for a in told]
            self.tell("delete", resources=more)

    def move(self) -> None:
        """Move an asset to another folder."""
        if (asset := self._any()) is not None:
            old, asset.folder = asset.folder, self.chance.choice(("x", "y/z", ""))
            change = {"from_asset_folder": old, "to_asset_folder": asset.folder}
            self._tell_of(asset, "move", change)

    def tag(self) -> None:
        """Add a tag and remove another."""
        if (asset := self._any()) is None:
            return
        added, removed = self.chance.sample(TAGS, 2)
        asset.tags = (asset.tags | {added}) - {removed}
        change = {"public_id": asset.key[2], "added": [added], "removed": [removed]}
        self.tell("resource_tags_changed", resources=[{**asset.named(), **change}])

    def annotate(self) -> None:
        """Change the context."""
        if (asset := self._any()) is None:
            return
        name, value = self.chance.choice(CONTEXT), f"said {len(self.told)}"
        if self.chance.random() < 0.3:
            asset.context.pop(name, None)
            change: dict[str, Any] = {"removed": [{"name": name, "value": "x"}]}
        else:
            asset.context[name] = value
            how = self.chance.choice(("added", "updated"))
            pair = [{"name": name, "value": value}]
            change = {how: self.chance.choice(({name: value}, pair))}
        self._tell_of(asset, "resource_context_changed", change)

    def show_as(self) -> None:
        """Change the display name."""
        if (asset := self._any()) is not None:
            old, asset.display_name = asset.display_name, f"shown {len(self.told)}"
            change = {"previous_display_name": old, "new_display_name": asset.display_name}
            self._tell_of(asset, "resource_display_name_changed", change)

    def tell(self, notification_type: str, **more: Any) -> bytes:  # noqa: ANN401  JSON
        """Tell something, and return the body."""
        self.now += timedelta(milliseconds=1)
        at = self.now.isoformat().replace("+00:00", "Z")
        by = {"source": "api", "id": "1"}
        context = {"triggered_at": at, "triggered_by": by}
        told = {"notification_type": notification_type, "notification_context": context, **more}
        self.told.append(json.dumps(told).encode())
        return self.told[-1]

    def _tell_of(self, asset: Asset, kind: str, change: dict[str, Any]) -> None:
        self.tell(kind, resources={asset.key[2]: {**asset.named(), **change}})

    def _any(self) -> Asset | None:
        return self.assets[self.chance.choice(sorted(self.assets))] if self.assets else None
