"""A network that can be broken: a TCP port that leads to a server, with faults on demand.

Owns the port and every connection through it. A fault lasts until `heal`. A server that cannot be
reached shows as a reset. On exit all connections are cut and the port is free again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CHUNK = 65536
CONNECT_TIMEOUT_S = 5.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, on, no time: a close sends RST
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """A port of 127.0.0.1 that leads to a host and port, or to a unix socket."""

    def __init__(self, target: tuple[str, int] | Path) -> None:
        self._target = target
        self._flowing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.latency = timedelta()  # of each chunk, each way
        self.port = 0

    async def __aenter__(self) -> Self:
        """Open the port."""
        self._socket = _bound(0)
        self.port = self._socket.getsockname()[1]
        self._flowing.set()
        await self._listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut every connection and free the port."""
        self._server.close()
        self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def dsn(self, direct: str) -> str:
        """Return the address of a database, by way of the proxy."""
        url = urlsplit(direct)
        login = url.netloc.rpartition("@")[0]
        return urlunsplit(url._replace(netloc=f"{login}@127.0.0.1:{self.port}", query=""))

    def hole(self) -> None:
        """Swallow everything, also the news that a side has gone; new connections stay silent."""
        self._flowing.clear()

    def refuse(self) -> None:
        """Refuse new connections; those that are open go on."""
        self._server.close()
        self._socket = _bound(self.port)  # nobody else gets the port; it does not listen

    def reset(self) -> None:
        """Send RST to both ends of every connection; new ones are welcome."""
        for writer in self._writers:
            _reset(writer)

    async def heal(self) -> None:
        """End a hole and a refusal; what a hole has swallowed arrives after all."""
        self._flowing.set()
        if not self._server.is_serving():
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._socket)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        async with self._held(writer):
            await self._flowing.wait()
            try:
                far_reader, far_writer = await self._connect()
            except OSError:
                _reset(writer)
                return
            async with self._held(far_writer), asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, far_writer))
                pumps.create_task(self._pump(far_reader, writer))

    async def _connect(self) -> Stream:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            if isinstance(self._target, Path):
                return await asyncio.open_unix_connection(self._target)
            return await asyncio.open_connection(*self._target)

    @contextlib.asynccontextmanager
    async def _held(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                await self._delay()
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        await self._flowing.wait()
        writer.close()  # this ends the pump of the other direction, too

    async def _delay(self) -> None:
        with contextlib.suppress(TimeoutError):
            if self.latency:
                async with asyncio.timeout(self.latency.total_seconds()):
                    await asyncio.Event().wait()


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.setblocking(False)  # noqa: FBT003  the standard library's name for it has no other form
    return made


def _reset(writer: asyncio.StreamWriter) -> None:
    end: socket.socket | None = writer.get_extra_info("socket")
    if end is not None and end.fileno() != -1 and end.family != socket.AF_UNIX:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
