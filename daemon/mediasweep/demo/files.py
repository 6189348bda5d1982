"""Real files to upload: a PNG, an AVI and a CSV, drawn here so that nothing has to be shipped."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int, shade: int) -> bytes:
    """Return a picture: a gradient whose blue is `shade` (0 to 255). PNG, RFC 2083."""
    rows = b"".join(
        b"\0" + bytes(v for x in range(width) for v in (255 * x // width, 255 * y // height, shade))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, data) for name, data in chunks)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def avi(width: int, height: int, frames: int) -> bytes:
    """Return a film: uncompressed frames that fade from black to white. AVI, RIFF 1.0, 10 a second.

    `width` must be a multiple of 4, so that no row needs padding.
    """
    size = width * height * 3
    head = struct.pack(
        "<14I", 100_000, size * 10, 0, 0x10, frames, 0, 1, size, width, height, 0, 0, 0, 0
    )
    stream = b"vidsDIB " + struct.pack(
        "<10I4H", 0, 0, 0, 1, 10, 0, frames, size, 0, 0, 0, 0, width, height
    )
    bitmap = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    header = _list(
        b"hdrl",
        _riff(b"avih", head) + _list(b"strl", _riff(b"strh", stream) + _riff(b"strf", bitmap)),
    )
    shades = (255 * n // max(1, frames - 1) for n in range(frames))
    movie = _list(b"movi", b"".join(_riff(b"00db", bytes([shade]) * size) for shade in shades))
    return _riff(b"RIFF", b"AVI " + header + movie)


def _riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return _riff(b"LIST", name + data)


def csv(rows: int) -> bytes:
    """Return a table of numbers and their squares."""
    return "".join(f"{n},{n * n}\n" for n in range(rows)).encode()
