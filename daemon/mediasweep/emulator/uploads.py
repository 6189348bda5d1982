"""An upload request made into an asset: under which id, of which type, with what else.

Facts: Cloudinary documentation, "Upload API reference". What cannot be stored raises
ValueError with the message that the API answers. The image itself is not judged: any bytes may be
an image.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from mediasweep.emulator import edits, media, naming
from mediasweep.emulator.assets import Asset
from mediasweep.emulator.cloud import Cloud

RESOURCE_TYPES = frozenset({"image", "video", "raw"})
DELIVERY_TYPES = frozenset({"upload", "private", "authenticated"})
YES = frozenset({"1", "true"})
MODERATIONS = frozenset({"", "manual"})


@dataclass(frozen=True, slots=True)
class File:
    """What was sent to be stored."""

    data: bytes
    filename: str

    @property
    def stem(self) -> str:
        """Return its name without folder and extension."""
        name = self.filename.rpartition("/")[2]
        return name.rpartition(".")[0] or name

    @property
    def extension(self) -> str:
        """Return its extension in lower case, or nothing."""
        return self.filename.rpartition(".")[2].lower() if "." in self.filename else ""


def sent(file: File | str | None) -> File:
    """Return the file that was sent; raises ValueError if there is none, or nothing in it."""
    if file is None:
        raise ValueError("Missing required parameter - file")
    read = from_data_uri(file) if isinstance(file, str) else file
    if not read.data:
        raise ValueError("Empty file")
    return read


def from_data_uri(text: str) -> File:
    """Return the file in a `data:` URI; raises ValueError for any other text."""
    head, comma, body = text.partition(",")
    if not (text.startswith("data:") and comma and head.endswith(";base64")):
        raise ValueError("Unsupported source URL: the emulator takes bytes and base64 data URIs")
    try:
        return File(base64.b64decode("".join(body.split()), validate=True), "file")
    except binascii.Error as error:
        raise ValueError("Invalid data URI") from error


def store(
    cloud: Cloud, params: Mapping[str, str], resource_type: str, file: File
) -> tuple[Asset, bool]:
    """Store an upload; returns the asset and whether it is new rather than already there."""
    asset = _asset(cloud, params, resource_type, file)
    old = cloud.store.find(asset.key)
    if old is not None and not _yes(params, "overwrite", default=True):
        return old, False
    cloud.store.put(asset)
    return asset, True


def fill(cloud: Cloud, prefix: str, count: int, resource_type: str, *, backup: bool) -> None:
    """Store `count` tiny assets under the prefix and a number."""
    kept = {"backup": "1"} if backup else {}
    for n in range(count):
        params = {"public_id": f"{prefix}{n}", **kept}
        store(cloud, params, resource_type, File(b"small", "small.png"))


def _asset(cloud: Cloud, params: Mapping[str, str], resource_type: str, file: File) -> Asset:
    seen = media.look(file.data)
    form = seen.format or file.extension or None
    if resource_type == "auto":
        resource_type = media.kind(form)
    delivery_type = params.get("type", "upload")
    if resource_type not in RESOURCE_TYPES or delivery_type not in DELIVERY_TYPES:
        raise ValueError(f"Invalid resource type or type - {resource_type}/{delivery_type}")
    _permit(params, form)
    public_id = _public_id(params, resource_type, file)
    old = cloud.store.find((resource_type, delivery_type, public_id))
    keeps = cloud.switches.overwrite_keeps_asset_id
    folder, _, name = public_id.rpartition("/")
    return Asset(
        asset_id=old.asset_id if old and keeps else secrets.token_hex(16),
        public_id=public_id,
        resource_type=resource_type,
        delivery_type=delivery_type,
        version=int(time.time()),
        data=file.data,
        format=form,
        width=seen.width,
        height=seen.height,
        original_filename=params.get("filename_override") or file.stem,
        asset_folder=params.get("asset_folder") or params.get("folder") or folder,
        display_name=params.get("display_name") or name,
        tags=edits.names(params.get("tags", "")),
        context=edits.pairs(params.get("context", "")),
        metadata=_metadata(cloud, params),
        moderation="pending" if params.get("moderation") else "",
        backup=_yes(params, "backup", default=cloud.switches.backup),
    )


def _permit(params: Mapping[str, str], form: str | None) -> None:
    """Raise the error of an upload that asks for what is not allowed or not known."""
    formats = edits.names(params.get("allowed_formats", ""))
    if formats and form not in formats:
        raise ValueError(f"An unknown file format not allowed: {form}")
    if params.get("moderation", "") not in MODERATIONS:
        raise ValueError(f"Illegal value for moderation - {params['moderation']}")
    if params.get("raw_convert"):
        raise ValueError("Raw convert is invalid")


def _metadata(cloud: Cloud, params: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata of an upload, with the defaults of the fields that it does not name."""
    fields = cloud.fields.items()
    usual = {name: of["default_value"] for name, of in fields if of["default_value"] is not None}
    return usual | edits.known(edits.pairs(params.get("metadata", "")), cloud.fields)


def _public_id(params: Mapping[str, str], resource_type: str, file: File) -> str:
    name = params.get("public_id", "")
    if not name:
        name = secrets.token_hex(10)
        if _yes(params, "use_filename", default=False):
            unique = _yes(params, "unique_filename", default=True)
            name = naming.from_filename(file.stem) + (f"_{secrets.token_hex(3)}" if unique else "")
        if resource_type == "raw" and file.extension:
            name += f".{file.extension}"
    folder = params.get("folder", "").strip("/")
    return naming.normalised(f"{folder}/{name}" if folder else name)


def _yes(params: Mapping[str, str], name: str, *, default: bool) -> bool:
    return params[name] in YES if params.get(name) else default
