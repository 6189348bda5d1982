"""The emulator as a server: the routes and the sockets.

A request that no route knows is a 404 in JSON. When told to stop it stops at once, whoever hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mediasweep.emulator import admin, api, control
from mediasweep.emulator.answers import ApiError, error
from mediasweep.emulator.cloud import Cloud

Endpoint = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Cloud, Request], Awaitable[Response]]
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


def build(clouds: dict[str, Cloud]) -> Starlette:
    """Return the application over these clouds; more can be made by the control API.

    It wants `Protocol`, which puts times and sockets into the state of each request.
    """
    own = "/_emulator/clouds/{cloud}"
    resources = "/v1_1/{cloud}/resources"
    kind = f"{resources}/{{kind}}/{{type}}"
    return Starlette(
        routes=[
            Route("/v1_1/{cloud}/{kind}/destroy", _api(clouds, _destroy), methods=["POST"]),
            Route("/v1_1/{cloud}/{kind}/upload", _api(clouds, _upload), methods=["POST"]),
            Route("/v1_1/{cloud}/ping", _api(clouds, admin.ping)),
            Route(f"{resources}/restore", _api(clouds, admin.restore), methods=["POST"]),
            Route(f"{kind}/restore", _api(clouds, admin.restore), methods=["POST"]),
            Route(f"{kind}/{{rest:path}}", _api(clouds, admin.resource)),
            Route("/v1_1/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "DELETE"]),
            Route(own, _making(clouds, control.make), methods=["PUT"]),
            Route(own, _making(clouds, control.forget), methods=["DELETE"]),
            Route(own, _controls(clouds, control.state)),
            Route(own, _controls(clouds, control.switch), methods=["PATCH"]),
            Route(f"{own}/faults", _controls(clouds, control.faults), methods=["PUT", "POST"]),
            Route(f"{own}/calls", _controls(clouds, control.calls)),
            Route(f"{own}/assets", _controls(clouds, control.assets)),
            Route(f"{own}/assets", _controls(clouds, control.fill), methods=["POST"]),
            Route(f"{own}/wait", _controls(clouds, control.wait)),
            Route("/{cloud}/{kind}/{type}/{rest:path}", _api(clouds, _deliver)),
        ],
        exception_handlers={HTTPException: _http_error},
    )


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


async def _upload(cloud: Cloud, request: Request) -> Response:
    return await api.upload(cloud, request, request.path_params["kind"])


async def _destroy(cloud: Cloud, request: Request) -> Response:
    return await api.destroy(cloud, request, request.path_params["kind"])


async def _deliver(cloud: Cloud, request: Request) -> Response:
    path = request.path_params
    return api.deliver(cloud, path["kind"], path["type"], path["rest"])


async def _unknown(_: Request) -> Response:
    return error(ApiError(404, "Not found"))


async def _http_error(_: Request, wrong: Exception) -> Response:
    if not isinstance(wrong, HTTPException):
        raise wrong
    return error(ApiError(wrong.status_code, wrong.detail, wrong.headers))


def _api(clouds: dict[str, Cloud], answer: Answer) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        name = request.path_params["cloud"]
        cloud = clouds.get(name)
        if cloud is None:
            return error(ApiError(401, f"Invalid cloud_name {name}"))
        return await answer(cloud, request)

    return endpoint


def _controls(clouds: dict[str, Cloud], answer: Answer) -> Endpoint:
    async def found(clouds: dict[str, Cloud], request: Request) -> Response:
        cloud = clouds.get(request.path_params["cloud"])
        if cloud is None:
            return JSONResponse({"error": "no such cloud"}, 404)
        return await answer(cloud, request)

    return _making(clouds, found)


def _making(
    clouds: dict[str, Cloud], answer: Callable[[dict[str, Cloud], Request], Awaitable[Response]]
) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return await answer(clouds, request)
        except ValueError as wrong:
            return JSONResponse({"error": str(wrong)}, 400)

    return endpoint
