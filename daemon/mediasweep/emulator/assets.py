"""What one cloud holds, and what was asked of it. All of it lives in memory."""

from __future__ import annotations

import hashlib
import secrets
import struct
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from mediasweep.emulator.faults import Faults
from mediasweep.emulator.signature import of_asset

Key = tuple[str, str, str]
CALLS_KEPT = 200_000
FORMATS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"RIFF": "avi"}
VIDEO = {"avi", "mp4", "webm", "mov", "mp3", "wav"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One stored asset; its key is (resource type, delivery type, public id)."""

    asset_id: str
    public_id: str
    resource_type: str
    delivery_type: str
    version: int
    format: str | None
    data: bytes
    original_filename: str

    @property
    def key(self) -> Key:
        """Return what names it besides its asset id."""
        return (self.resource_type, self.delivery_type, self.public_id)

    def described(self, secret: str, base_url: str, cloud: str) -> dict[str, Any]:
        """Return the answer to its upload."""
        name = self.public_id if self.format is None else f"{self.public_id}.{self.format}"
        if self.resource_type == "raw":
            name = self.public_id
        place = f"{self.resource_type}/{self.delivery_type}/v{self.version}/{name}"
        url = f"{base_url}/{cloud}/{place}"
        width, height = _size(self.data)
        return {
            "asset_id": self.asset_id,
            "public_id": self.public_id,
            "version": self.version,
            "version_id": hashlib.md5(f"{self.asset_id}{self.version}".encode()).hexdigest(),  # noqa: S324  an id
            "signature": of_asset(self.public_id, self.version, secret),
            **({"width": width, "height": height} if width else {}),
            **({"format": self.format} if self.format and self.resource_type != "raw" else {}),
            "resource_type": self.resource_type,
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.version)),
            "tags": [],
            "bytes": len(self.data),
            "type": self.delivery_type,
            "etag": hashlib.md5(self.data).hexdigest(),  # noqa: S324  what Cloudinary answers
            "placeholder": False,
            "url": url,
            "secure_url": url,
            "asset_folder": self.public_id.rpartition("/")[0],
            "display_name": self.public_id.rpartition("/")[2],
            "original_filename": self.original_filename,
        }


@dataclass(slots=True)
class Call:
    """One request, as it was received and answered. Times are nanoseconds since 1970."""

    seq: int
    received_ns: int
    action: str
    resource_type: str = ""
    type: str = ""
    public_id: str = ""
    asset_id: str = ""
    status: int = 0
    result: str = ""
    fault: str = ""


@dataclass(slots=True)
class Switches:
    """What the documentation leaves open, or an account can set."""

    asset_id_road: bool = True
    overwrite_keeps_asset_id: bool = True
    stale_status: int = 400
    concurrency: int = 0
    revoked: bool = False


@dataclass(slots=True)
class Cloud:
    """One account."""

    name: str
    key: str
    secret: str
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(default_factory=Faults)
    assets: dict[Key, Asset] = field(default_factory=dict)
    by_asset_id: dict[str, Key] = field(default_factory=dict)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    counts: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    destroying: int = 0
    destroying_most: int = 0
    seq: int = 0

    def note(self, action: str) -> Call:
        """Log a call as it comes in."""
        self.seq += 1
        call = Call(self.seq, time.time_ns(), action)
        self.calls.append(call)
        self.counts[action] += 1
        return call

    def put(self, asset: Asset) -> Asset:
        """Store an asset, over an older one of the same key."""
        old = self.assets.get(asset.key)
        if old is not None:
            self.by_asset_id.pop(old.asset_id, None)
        self.assets[asset.key] = asset
        self.by_asset_id[asset.asset_id] = asset.key
        return asset

    def remove(self, key: Key | None) -> bool:
        """Remove an asset; tells whether there was one."""
        asset = self.assets.pop(key, None) if key else None
        if asset is None:
            return False
        self.by_asset_id.pop(asset.asset_id, None)
        self.deleted[asset.public_id] += 1
        return True

    def new_asset(
        self, public_id: str, resource_type: str, delivery_type: str, data: bytes, filename: str
    ) -> Asset:
        """Return an asset to be stored, with what Cloudinary would find out about it."""
        stem, _, extension = filename.rpartition(".")
        found = next((f for magic, f in FORMATS.items() if data.startswith(magic)), None)
        form = found or extension.lower() or None
        if resource_type == "auto":
            resource_type = "video" if form in VIDEO else "image" if found else "raw"
        if not public_id:
            public_id = secrets.token_hex(10)
            public_id += f".{extension}" if resource_type == "raw" and extension else ""
        old = self.assets.get((resource_type, delivery_type, public_id))
        keeps = old is not None and self.switches.overwrite_keeps_asset_id
        return Asset(
            asset_id=old.asset_id if old and keeps else secrets.token_hex(16),
            public_id=public_id,
            resource_type=resource_type,
            delivery_type=delivery_type,
            version=int(time.time()),
            format=form,
            data=data,
            original_filename=stem or filename,
        )


def _size(data: bytes) -> tuple[int, int]:
    """Return width and height of a PNG or GIF; zeros for anything else."""
    if data.startswith(b"\x89PNG") and len(data) >= 24:  # noqa: PLR2004  up to the end of IHDR's size
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data.startswith(b"GIF8") and len(data) >= 10:  # noqa: PLR2004  up to the screen's size
        width, height = struct.unpack("<HH", data[6:10])
        return width, height
    return 0, 0
