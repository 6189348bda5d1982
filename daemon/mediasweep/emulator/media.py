"""What a file is, told from its first bytes: format, width and height.

Reads headers only and decodes nothing. A file that is not understood has no format, and a size of
zero by zero; a damaged header is such a file, never an error.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

CONTENT_TYPES = {
    "avi": "video/x-msvideo",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "ico": "image/x-icon",
    "jpg": "image/jpeg",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webm": "video/webm",
    "webp": "image/webp",
}
UNKNOWN_TYPE = "application/octet-stream"
MAGIC = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
    b"%PDF": "pdf",
    b"<svg": "svg",
    b"\x1aE\xdf\xa3": "webm",
    b"OggS": "ogg",
    b"ID3": "mp3",
    b"BM": "bmp",
    b"\x00\x00\x01\x00": "ico",
}
RIFF = {b"AVI ": "avi", b"WAVE": "wav", b"WEBP": "webp"}
BRANDS = {b"qt  ": "mov", b"avif": "avif", b"heic": "heic"}
# JPEG markers that carry the size of the frame (ITU-T T.81, table B.1)
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Media:
    """What a file is; `format` is None and the size in pixels zero where it is not known."""

    format: str | None
    width: int = 0
    height: int = 0


def look(data: bytes) -> Media:
    """Return what the bytes say that they are."""
    form = _format(data)
    try:
        return Media(form, *_size(form, data))
    except struct.error:  # shorter than its header promises
        return Media(form)


def kind(form: str | None) -> str:
    """Return the resource type of a format: audio counts as video, PDF as image."""
    family = CONTENT_TYPES.get(form or "", UNKNOWN_TYPE).partition("/")[0]
    if family in {"video", "audio"}:
        return "video"
    return "image" if family == "image" or form == "pdf" else "raw"


def _format(data: bytes) -> str | None:
    if data[:4] == b"RIFF":
        return RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return BRANDS.get(data[8:12], "mp4")
    return next((form for magic, form in MAGIC.items() if data.startswith(magic)), None)


def _size(form: str | None, data: bytes) -> tuple[int, int]:
    if form == "png":
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if form == "gif":
        width, height = struct.unpack_from("<HH", data, 6)
        return width, height
    if form == "bmp":
        width, height = struct.unpack_from("<ii", data, 18)
        return width, abs(height)
    return _jpeg_size(data) if form == "jpg" else (0, 0)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at < len(data):
        lead, marker, length = struct.unpack_from(">BBH", data, at)
        if lead != 0xFF:  # noqa: PLR2004  every marker starts so
            return 0, 0
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    return 0, 0
