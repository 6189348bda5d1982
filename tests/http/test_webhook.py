"""Strangers at the webhook: what they send fills no memory, and keeps nobody else out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from mediasweep.http.body import LONG_AT_ONCE, STRANGER_MOST
from mediasweep.http.server import bind, serve
from mediasweep.http.webhook import add_webhook
from mediasweep.operations.webhooks import PATH, Webhooks

SOON_S = 10.0
LONG = 2**20
FIT = {"X-Cld-Signature": "0" * 40}
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Place = tuple[str, int]


@asynccontextmanager
async def served() -> AsyncIterator[Place]:
    """Yield where the webhook of a daemon is served that needs no database yet."""
    unused: Any = None
    app = FastAPI()
    window = timedelta(minutes=20)
    add_webhook(app, Webhooks(unused, ["secret"], window, asyncio.Event(), lambda _: None))
    with bind("127.0.0.1", 0) as sock:
        server = asyncio.create_task(serve(app, sock))
        try:
            yield sock.getsockname()
        finally:
            server.cancel()
            with suppress(asyncio.CancelledError):
                await server


async def send(place: Place, length: int, sent: int, **headers: str) -> Line:
    """Announce a body of this length, and send so much of it."""
    line = await asyncio.open_connection(*place)
    told = {"Host": "localhost", "Content-Length": str(length), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    line[1].write(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + b"x" * sent)
    return line


async def fit(place: Place, length: int, sent: int) -> Line:
    """Send as anybody can who knows how Cloudinary's headers look."""
    stamp = str(int(time.time()))
    return await send(place, length, sent, **{"X-Cld-Timestamp": stamp, **FIT})


async def answer(line: Line) -> bytes:
    """Return what is answered, up to the end of its headers."""
    return await asyncio.wait_for(line[0].readuntil(b"\r\n\r\n"), SOON_S)


@pytest.mark.parametrize("stamp", ["", "1000000000"])
async def test_what_cannot_be_genuine_is_not_read(stamp: str) -> None:
    """Without headers that a signature could fit, a long body is refused before a byte of it."""
    async with served() as place:
        line = await send(place, LONG, 0, **{"X-Cld-Timestamp": stamp, **FIT})
        assert b" 401 " in await answer(line)
        line[1].close()


async def test_only_so_many_long_bodies_are_read_at_a_time() -> None:
    """Whoever comes then is told to come again; what is short is read all the same."""
    async with served() as place, AsyncExitStack() as ended:
        lines = [await fit(place, LONG, STRANGER_MOST + 1) for _ in range(LONG_AT_ONCE + 5)]
        lines.append(await fit(place, 2, 2))
        for _, writer in lines:
            ended.callback(writer.close)
        asked = {asyncio.create_task(answer(line)): line for line in lines}
        said = [await first(asked) for _ in range(6)]
        assert sum(b" 503 " in one and b"retry-after: 5" in one.lower() for one in said) == 5
        assert sum(b" 401 " in one for one in said) == 1  # it was read
        assert len(asked) == LONG_AT_ONCE
        [(_, writer), *_] = asked.values()
        writer.write(b"x" * (LONG - STRANGER_MOST - 1))
        assert b" 401 " in await first(asked)
        line = await fit(place, LONG, LONG)  # in the place that is free again
        ended.callback(line[1].close)
        assert b" 401 " in await answer(line)
        for task in asked:
            task.cancel()


async def first(asked: dict[asyncio.Task[bytes], Line]) -> bytes:
    """Return the next answer, and wait for that one no more."""
    done, _ = await asyncio.wait(asked, timeout=SOON_S, return_when=asyncio.FIRST_COMPLETED)
    task = done.pop()
    del asked[task]
    return task.result()
