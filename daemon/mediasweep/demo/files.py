"""Real files to upload: a PNG, an AVI and a CSV, drawn here so that nothing has to be shipped."""

from __future__ import annotations

import math
import struct
import zlib

Colour = tuple[int, int, int]
# at the horizon, overhead, the sun, and three ranges of hills from far to near
DAYS: tuple[tuple[Colour, ...], ...] = (
    (
        (255, 214, 165),
        (96, 130, 182),
        (255, 246, 214),
        (150, 160, 190),
        (98, 114, 150),
        (54, 68, 98),
    ),
    (
        (255, 178, 140),
        (88, 70, 130),
        (255, 226, 180),
        (158, 106, 130),
        (104, 72, 110),
        (54, 42, 76),
    ),
    (
        (214, 240, 250),
        (70, 150, 210),
        (255, 255, 240),
        (140, 190, 180),
        (84, 150, 128),
        (40, 98, 84),
    ),
    (
        (244, 236, 210),
        (140, 176, 190),
        (255, 252, 235),
        (196, 170, 130),
        (160, 122, 88),
        (104, 76, 58),
    ),
)


def png(width: int, height: int, shade: int) -> bytes:
    """Return a picture: a gradient whose blue is `shade` (0 to 255). PNG, RFC 2083."""
    rows = b"".join(
        b"\0" + bytes(v for x in range(width) for v in (255 * x // width, 255 * y // height, shade))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, data) for name, data in chunks)


def landscape(width: int, height: int, number: int) -> bytes:
    """Return a picture to look at: hills under a sun, others for each number. PNG, RFC 2083."""
    horizon, zenith, *others = DAYS[number % len(DAYS)]
    sky = [_between(zenith, horizon, y / height) for y in range(200)]
    palette = bytes(part for colour in (*sky, *others) for part in colour)
    shades = bytes(min(199, 200 * y // height) for y in range(height))
    centre, radius = (width * (2 + number * 5 % 7) // 10, height // 3), height // 9
    columns = []
    for x in range(width):
        column = bytearray(shades)
        half = math.isqrt(max(0, radius**2 - (x - centre[0]) ** 2))
        column[centre[1] - half : centre[1] + half] = bytes([200]) * (2 * half)
        for layer in range(3):
            top = _ridge(x / width, layer, number, height)
            column[top:] = bytes([201 + layer]) * (height - top)
        columns.append(column)
    rows = b"".join(b"\0" + bytes(row) for row in zip(*columns, strict=True))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, data) for name, data in chunks)


def _between(one: Colour, other: Colour, share: float) -> Colour:
    """Return the colour that lies at this share of the way from one to the other."""
    red, green, blue = (
        round(a + (b - a) * min(1.0, 1.6 * share)) for a, b in zip(one, other, strict=True)
    )
    return red, green, blue


def _ridge(x: float, layer: int, number: int, height: int) -> int:
    """Return where a range of hills begins, from the top, at this share of the width."""
    waves = ((5, 0.05), (11, 0.025), (23, 0.012))
    bent = sum(much * math.sin(often * x + number * 1.7 + layer * 2.3) for often, much in waves)
    return int(height * (0.52 + 0.16 * layer + bent))


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
