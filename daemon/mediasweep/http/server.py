"""The HTTP server: its socket, bound before anything else starts, and uvicorn on it.

A port that is taken is found out at once. Who opens a connection and asks nothing is hung up on.
The server ends only when it is cancelled; ending by itself is an error, which takes the daemon
down.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mediasweep.settings import StartError

SILENT_TICKS = 100  # of uvicorn's, ten a second: to twice as long, a connection may ask nothing


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises StartError if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # named as TCP, or asyncio would not switch Nagle's algorithm off
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise StartError(
            f"cannot listen on {host}:{port}: {error.strerror}; set another MEDIASWEEP_HTTP_BIND",
            2,
        ) from None
    return sock


class _Server(uvicorn.Server):
    """uvicorn, which would otherwise take the signals for itself, and wait for ever for the first
    request of a connection, or for the end of its headers.
    """

    _silent: Mapping[HttpToolsProtocol, RequestResponseCycle | None] = MappingProxyType({})

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        if counter % SILENT_TICKS == 0:
            self._hang_up()
        return await super().on_tick(counter)

    def _hang_up(self) -> None:
        """Close the connections on which no request has come since the last time."""
        silent = {
            connection: connection.cycle
            for connection in self.server_state.connections
            if isinstance(connection, HttpToolsProtocol)
            if connection.cycle is None or connection.cycle.response_complete
        }
        for connection, _ in silent.items() & self._silent.items():
            connection.shutdown()
        self._silent = silent


def take_all_files() -> None:
    """Let this process have as many files open as it may ever have.

    Whoever opens connections and says nothing takes one each; by the usual 1024 there would be none
    left for Cloudinary, and nothing deleted.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # a system may have a limit of its own beside it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve(app: FastAPI, sock: socket.socket) -> None:
    """Serve until cancelled."""
    take_all_files()
    config = uvicorn.Config(
        app,
        http=HttpToolsProtocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    try:
        await server.serve(sockets=[sock])
    except asyncio.CancelledError:
        server.should_exit = True
        raise
    raise RuntimeError("the HTTP server ended by itself")
