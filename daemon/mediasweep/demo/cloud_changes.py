"""The other direction: what is done at Cloudinary, and how the library follows.

Nothing is said to the database here: the daemon hears it from Cloudinary.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mediasweep.demo.files import png
from mediasweep.demo.processes import POLL_S
from mediasweep.demo.results import SceneResult
from mediasweep.demo.scenes import SQL
from mediasweep.postgres.pool import Connection
from mediasweep.sdk import cloudinary

WITHIN_S = 60.0
NEW, MOVED = "demo/new", "demo/moved"


@dataclass(frozen=True, slots=True)
class CloudChange:
    """A call to Cloudinary; afterwards the library has a row of that name, live or not."""

    title: str
    told: str
    file: str
    became: str
    call: Callable[[Mapping[str, Any]], object]
    live: bool = True


STEPS = (
    CloudChange(
        "a file uploaded at Cloudinary",
        "upload",
        NEW,
        "listed",
        lambda given: cloudinary.uploader.upload(png(32, 24, 7), public_id=NEW, **given),
    ),
    CloudChange(
        "renamed there",
        "rename",
        MOVED,
        "renamed",
        lambda given: cloudinary.uploader.rename(NEW, MOVED, **given),
    ),
    CloudChange(
        "deleted there",
        "delete",
        MOVED,
        "soft-deleted",
        lambda given: cloudinary.uploader.destroy(MOVED, **given),
        live=False,
    ),
)


async def follow(
    connection: Connection,
    options: Mapping[str, Any],
    played: list[SceneResult],
    changed: Callable[[], None],
) -> None:
    """Do one thing after the other at Cloudinary, and wait until the library has followed."""
    for step in STEPS:
        one = SceneResult(step.title, step.file)
        played.append(one)
        await asyncio.to_thread(step.call, options)
        began_s = time.monotonic()
        while not await connection.fetchval(SQL["is_shown"], step.file, step.live):
            if time.monotonic() > began_s + WITHIN_S:
                one.right = False
                return
            await asyncio.sleep(POLL_S)
        one.became, one.why = step.became, f"{step.told} notification"
        one.after = timedelta(seconds=time.monotonic() - began_s)
        one.right = not await connection.fetchval(SQL["is_queued"], [NEW, MOVED])
        changed()
