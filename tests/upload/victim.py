"""Uploads that are killed, one fork each: `… -m tests.upload.victim DSN CLOUDINARY_URL POINT…`.

A point is a call of the upload and the side on which SIGKILL strikes, as `begin:after`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from mediasweep.cloudinary import Account, Credentials
from mediasweep.operations.upload import of_bytes, upload
from mediasweep.postgres.upload import Uploads
from mediasweep.rules import upload as rules
from mediasweep.rules.upload import UploadOptions

READS = {"look"}
STEPS: dict[str, type] = {"store": Account}
STEPS |= {name: Uploads for name in vars(Uploads) if name[0] != "_" and name not in READS}
PARTS = 2
ONCE = set(STEPS) - {"hold", "store"}  # which are taken for each part
POINTS = [
    *(f"{step}:{side}:1" for step in ONCE for side in ("before", "after")),
    *(
        f"{s}:{e}:{n + 1}"
        for n in range(PARTS)
        for s in ("hold", "store")
        for e in ("before", "after")
    ),
]


def name(point: str) -> str:
    """Return the public id that is uploaded to at a point."""
    return "killed/" + point.replace(":", "-")


def _arm(point: str) -> None:
    step, side, nth = point.split(":")
    inner: Callable[..., Awaitable[Any]] = getattr(STEPS[step], step)
    calls = 0

    async def struck(*args: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls == int(nth) and side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        told = await inner(*args, **more)
        if calls == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)
        return told

    setattr(STEPS[step], step, struck)


async def _upload(dsn: str, url: str, point: str) -> None:
    parts = urlsplit(url)
    prefix = parts.query.partition("=")[2]
    given = (parts.hostname or "", parts.username or "", parts.password or "", prefix)
    account = Account(Credentials(*given), threads=1, timeout=timedelta(seconds=10))
    connection = await asyncpg.connect(dsn)
    wanted = UploadOptions("a.bin", resource_type="raw", name=name(point))
    await upload(connection, account, of_bytes(bytes(rules.PART * 3 // 2)), wanted, who="test")


def main() -> None:
    """Kill one after the other; exits with 0 if each was struck."""
    dsn, url, *points = sys.argv[1:]
    for point in points:
        pid = os.fork()
        if not pid:
            _arm(point)
            asyncio.run(_upload(dsn, url, point))
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"{point} was not struck")


if __name__ == "__main__":
    main()
