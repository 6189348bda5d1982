"""One HTTP POST, as Cloudinary sends a notification: no redirect is followed, no answer is read.

A connection each. Whatever goes wrong on the way is an OSError, TimeoutError or ValueError.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from urllib.parse import urlsplit

LONGEST_LINE = 2**16


async def post(url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> int:
    """Send the body and return the status of the answer."""
    address = urlsplit(url)
    secure = address.scheme == "https"
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise ValueError(f"no address to send to: {url}")
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    head = {
        "Host": address.netloc.rpartition("@")[2],
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": "Cloudinary",
        "Connection": "close",
        **headers,
    }
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(
            address.hostname,
            address.port or (443 if secure else 80),
            ssl=secure,
            limit=LONGEST_LINE,
        )
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
            return _status(await reader.readline())
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _status(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ValueError(f"no answer in HTTP: {line[:80]!r}")
    return int(rest[:3])
