"""The assets of one cloud, in memory: by (resource type, delivery type, public id) and by asset id.

Both indexes always name the same assets. Nothing here fails; what is not there is None.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from mediasweep.emulator.signature import of_asset

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Asset:
    """One stored asset. `version`: seconds since 1970; `width`, `height`: pixels, or zero.

    `backup`: when it is destroyed, a copy is kept.
    """

    asset_id: str
    public_id: str
    resource_type: str
    delivery_type: str
    version: int
    data: bytes
    format: str | None = None
    width: int = 0
    height: int = 0
    original_filename: str = "file"
    asset_folder: str = ""
    display_name: str = ""
    tags: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    backup: bool = False

    @property
    def key(self) -> Key:
        """Return what names it besides its asset id."""
        return (self.resource_type, self.delivery_type, self.public_id)

    @property
    def version_id(self) -> str:
        """Return the id of this version."""
        return hashlib.md5(f"{self.asset_id}{self.version}".encode()).hexdigest()  # noqa: S324  an id

    def described(self, secret: str, base_url: str, cloud: str) -> dict[str, Any]:
        """Return the answer to its upload (Cloudinary documentation, "Upload API reference")."""
        raw = self.resource_type == "raw"
        name = self.public_id if raw or not self.format else f"{self.public_id}.{self.format}"
        place = f"{self.resource_type}/{self.delivery_type}/v{self.version}/{quote(name)}"
        url = f"{base_url}/{cloud}/{place}"
        size = {"width": self.width, "height": self.height} if self.width else {}
        return {
            "asset_id": self.asset_id,
            "public_id": self.public_id,
            "version": self.version,
            "version_id": self.version_id,
            "signature": of_asset(self.public_id, self.version, secret),
            **(size if not raw else {}),
            **({"format": self.format} if self.format and not raw else {}),
            "resource_type": self.resource_type,
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.version)),
            "tags": list(self.tags),
            "bytes": len(self.data),
            "type": self.delivery_type,
            "etag": hashlib.md5(self.data).hexdigest(),  # noqa: S324  what Cloudinary answers
            "placeholder": False,
            "url": url,
            "secure_url": url,
            "asset_folder": self.asset_folder,
            "display_name": self.display_name,
            "original_filename": self.original_filename,
            **({"context": {"custom": dict(self.context)}} if self.context else {}),
        }


@dataclass(slots=True)
class Store:
    """What one cloud holds; `deleted` and `restored` count by public id.

    `backups` are kept by asset id, and the newest under each key is in `backup_of` as well.
    """

    assets: dict[Key, Asset] = field(default_factory=dict)
    by_asset_id: dict[str, Asset] = field(default_factory=dict)
    deleted: Counter[str] = field(default_factory=Counter)
    restored: Counter[str] = field(default_factory=Counter)
    backups: dict[str, Asset] = field(default_factory=dict)
    backup_of: dict[Key, Asset] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.assets)

    def find(self, key: Key, *, case_sensitive: bool = True) -> Asset | None:
        """Return the asset of that key."""
        found = self.assets.get(key)
        if found is not None or case_sensitive:
            return found
        wanted = (*key[:2], key[2].casefold())
        return next(
            (a for k, a in self.assets.items() if (*k[:2], k[2].casefold()) == wanted), None
        )

    def put(self, asset: Asset) -> None:
        """Store an asset, in place of an older one of the same key."""
        self._forget(asset.key)
        self.assets[asset.key] = asset
        self.by_asset_id[asset.asset_id] = asset

    def remove(self, asset: Asset) -> None:
        """Remove an asset that is stored."""
        self._forget(asset.key)
        self.deleted[asset.public_id] += 1
        if asset.backup:
            self.backups[asset.asset_id] = self.backup_of[asset.key] = asset

    def restore(self, backup: Asset) -> None:
        """Store an asset again of which a backup was kept; the backup stays."""
        self.put(backup)
        self.restored[backup.public_id] += 1

    def _forget(self, key: Key) -> None:
        old = self.assets.pop(key, None)
        if old is not None:
            del self.by_asset_id[old.asset_id]
