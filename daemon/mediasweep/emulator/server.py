"""The emulator as a server: its sockets. When told to stop it stops at once, whoever hangs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.routes import build

RESET_AT_ONCE = struct.pack("ii", 1, 0)
BACKLOG = 4096
KEEP_ALIVE_S = 3600  # longer than any test or demo leaves a connection idle


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP, which also tells when a request began, and can cut the line."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401  as uvicorn declares it
        """Let each request of this connection reach its socket."""

        def reset() -> None:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
            transport.abort()

        self.closed = asyncio.Event()
        self.app_state = {**self.app_state, "reset": reset, "closed": self.closed}
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let those who hang until then go on."""
        self.closed.set()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note the time: later it would hold the wait for a turn, and the reading of the body."""
        super().on_message_begin()
        self.scope["state"] |= {
            "received_ns": time.time_ns(),
            "monotonic_ns": time.monotonic_ns(),
        }


class Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and to which being stopped is no failure."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so: from here on a signal is a request to stop."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut off those who still wait: uvicorn would cancel them, which answers a 500."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, without raising it again afterwards as uvicorn would."""
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()


async def serve(
    host: str, port: int, clouds: dict[str, Cloud], ready: Callable[[str], None]
) -> None:
    """Serve until a signal comes or the task is cancelled; `ready` is told the address."""
    # named as TCP, or asyncio would not switch Nagle's algorithm off and each answer took 40 ms
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        url = f"http://{host}:{sock.getsockname()[1]}"
        config = uvicorn.Config(
            build(clouds),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=0,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        await Server(config, lambda: ready(url)).serve(sockets=[sock])
