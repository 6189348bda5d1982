"""What is uploaded: under which name, and in which parts.

Cloudinary changes names that it does not like, and what is queued for the case that an upload is
broken off has to name the asset that comes of it. So a name has to be one that Cloudinary leaves as
it stands (Cloudinary documentation, "Permitted naming conventions"), or is an UploadNameError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST = 255
PART = 8 * 2**20  # bytes of each part but the last; Cloudinary takes none below 5 MiB
UNKNOWN = -1
PLAIN = re.compile(r"[\w./-]+")
ENDS = re.compile(r"^[./-]|[./-]$|//")
VERSION_FOLDER = re.compile(r"(?:^|/)v\d+/")


class UploadNameError(ValueError):
    """A name cannot be had; the message says what it may be."""


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What an upload is to come to.

    `name`: the public id, or None for one that nobody can guess. `resource_type` None: Cloudinary
    looks what it is. `overwrite`: an asset of the library may be replaced. `owner`: columns of its
    row that are yours, as `uploaded_by`.
    """

    filename: str
    folder: str = ""
    name: str | None = None
    resource_type: str | None = None
    delivery_type: str = "upload"
    overwrite: bool = False
    tags: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    owner: Mapping[str, object] = field(default_factory=dict)

    def public_id(self, unguessable: str) -> str:
        """Return the public id, folder included; raises UploadNameError."""
        if self.overwrite and (self.name is None or self.resource_type is None):
            raise UploadNameError("to overwrite an asset, give its name and its resource type")
        name = unguessable if self.name is None else self.name
        folder = self.folder.strip("/")
        return checked(f"{_plain_folder(folder)}/{name}" if folder else name)

    def options(self, public_id: str) -> dict[str, object]:
        """Return it as the SDK has it."""
        return {
            "public_id": public_id,
            "resource_type": self.resource_type or "auto",
            "type": self.delivery_type,
            "overwrite": self.overwrite,
            "tags": list(self.tags) or None,
            "context": dict(self.context) or None,
        }


def _plain_folder(folder: str) -> str:
    if not PLAIN.fullmatch(folder):
        raise UploadNameError(
            f"the folder {folder!r} would not stay as it is: only letters, digits and - _ . / are "
            "kept by Cloudinary"
        )
    return folder


def checked(public_id: str) -> str:
    """Return a public id that Cloudinary leaves as it is; raises UploadNameError for any other."""
    well = PLAIN.fullmatch(public_id) and not ENDS.search(public_id)
    if not well or VERSION_FOLDER.search(public_id) or len(public_id) > LONGEST:
        raise UploadNameError(
            f"{public_id!r} is no name that Cloudinary leaves as it is: letters, digits, and - _ . "
            f"/ between them, at most {LONGEST}, and no folder like v1"
        )
    return public_id


@dataclass(frozen=True, slots=True)
class Part:
    """A file, or a part of one."""

    upload_id: str
    filename: str
    first: int
    data: bytes = field(repr=False)
    is_last: bool

    @property
    def end(self) -> int:
        """Return how many bytes there are up to its end."""
        return self.first + len(self.data)

    def headers(self) -> dict[str, str]:
        """Return what marks it as a part; nothing if it is the whole file."""
        if self.first == 0 and self.is_last:
            return {}
        total = self.end if self.is_last else UNKNOWN
        span = f"bytes {self.first}-{self.end - 1}/{total}"
        return {"Content-Range": span, "X-Unique-Upload-Id": self.upload_id}
