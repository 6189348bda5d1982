"""One asset, and what the API tells of it: to who uploaded it, and in listings and details.

Immutable: a change is another asset of the same asset id. Facts: Cloudinary documentation, "Upload
API reference" and "Admin API reference".
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from mediasweep.emulator.signature import of_asset

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Asset:
    """One stored asset. `version`: seconds since 1970; `width`, `height`: pixels, or zero.

    Tags are told sorted. `moderation`: pending, approved, rejected or nothing. `backup`: when it is
    destroyed, a copy is kept. `placeholder`: it is what is left of one that was destroyed.
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
    metadata: Mapping[str, str] = field(default_factory=dict)
    moderation: str = ""
    backup: bool = False
    placeholder: bool = False

    @property
    def key(self) -> Key:
        """Return what names it besides its asset id."""
        return (self.resource_type, self.delivery_type, self.public_id)

    @property
    def version_id(self) -> str:
        """Return the id of this version."""
        return hashlib.md5(f"{self.asset_id}{self.version}".encode()).hexdigest()  # noqa: S324  an id

    def destroyed(self) -> Asset:
        """Return the placeholder that is left of it."""
        return replace(self, data=b"", placeholder=True)

    def uploaded(self, secret: str, base_url: str, cloud: str) -> dict[str, Any]:
        """Return the answer to its upload."""
        return {
            **self._told(base_url, cloud),
            "version_id": self.version_id,
            "signature": of_asset(self.public_id, self.version, secret),
            "tags": sorted(self.tags),
            "etag": hashlib.md5(self.data).hexdigest(),  # noqa: S324  what Cloudinary answers
            "placeholder": self.placeholder,
            "original_filename": self.original_filename,
            **self._described(),
        }

    def listed(self, base_url: str, cloud: str, wanted: frozenset[str]) -> dict[str, Any]:
        """Return it as a listing does; `wanted`: which of tags, context, metadata and moderations
        come with it.
        """
        asked: dict[str, Any] = {
            "tags": sorted(self.tags),
            "context": {"custom": dict(self.context)},
            "metadata": dict(self.metadata),
            "moderations": self._moderation(),
        }
        told = {**self._told(base_url, cloud), "access_mode": "public"}
        if self.placeholder:
            told["placeholder"] = True
        return told | {name: asked[name] for name in wanted}

    def detailed(self, base_url: str, cloud: str) -> dict[str, Any]:
        """Return its details; what it has none of is left out, tags included."""
        return {
            **self._told(base_url, cloud),
            "access_mode": "public",
            "version_id": self.version_id,
            "etag": hashlib.md5(self.data).hexdigest(),  # noqa: S324  what Cloudinary answers
            "placeholder": self.placeholder,
            "original_filename": self.original_filename,
            **({"tags": sorted(self.tags)} if self.tags else {}),
            **self._described(),
            "derived": [],
        }

    def _told(self, base_url: str, cloud: str) -> dict[str, Any]:
        raw = self.resource_type == "raw"
        name = self.public_id if raw or not self.format else f"{self.public_id}.{self.format}"
        place = f"{self.resource_type}/{self.delivery_type}/v{self.version}/{quote(name)}"
        url = f"{base_url}/{cloud}/{place}"
        size = {"width": self.width, "height": self.height} if self.width else {}
        return {
            "asset_id": self.asset_id,
            "public_id": self.public_id,
            "version": self.version,
            **(size if not raw else {}),
            **({"format": self.format} if self.format and not raw else {}),
            "resource_type": self.resource_type,
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.version)),
            "bytes": len(self.data),
            "type": self.delivery_type,
            "url": url,
            "secure_url": url,
            "asset_folder": self.asset_folder,
            "display_name": self.display_name,
        }

    def _described(self) -> dict[str, Any]:
        return {
            **({"context": {"custom": dict(self.context)}} if self.context else {}),
            **({"metadata": dict(self.metadata)} if self.metadata else {}),
            **({"moderation": self._moderation()} if self.moderation else {}),
        }

    def _moderation(self) -> list[dict[str, str]]:
        return [{"status": self.moderation, "kind": "manual"}] if self.moderation else []
