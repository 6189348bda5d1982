"""The emulator as a server: routes, the sockets, and a process that goes when its parent does."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mediasweep.emulator import api, control
from mediasweep.emulator.assets import Cloud

Answer = Callable[[Cloud, Request], Awaitable[Response]]
RESET_AT_ONCE = struct.pack("ii", 1, 0)


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP, with a way to cut the line."""

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


def build(clouds: dict[str, Cloud]) -> Starlette:
    """Return the application over these clouds; more can be made by the control API."""

    def of(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            cloud = clouds.get(request.path_params["cloud"])
            if cloud is None:
                return api.reply({"error": {"message": "Invalid cloud_name"}}, 401)
            return await answer(cloud, request)

        return endpoint

    async def make(request: Request) -> Response:
        return await control.make(clouds, request)

    async def upload(cloud: Cloud, request: Request) -> Response:
        return await api.upload(cloud, request, request.path_params["resource_type"])

    async def destroy(cloud: Cloud, request: Request) -> Response:
        return await api.destroy(cloud, request, request.path_params["resource_type"])

    async def deliver(cloud: Cloud, request: Request) -> Response:
        path = request.path_params
        return api.deliver(cloud, path["resource_type"], path["type"], path["rest"])

    own = "/_emulator/clouds/{cloud}"
    return Starlette(
        routes=[
            Route("/v1_1/{cloud}/{resource_type}/destroy", of(destroy), methods=["POST"]),
            Route("/v1_1/{cloud}/{resource_type}/upload", of(upload), methods=["POST"]),
            Route("/v1_1/{cloud}/ping", of(api.ping)),
            Route(own, make, methods=["PUT"]),
            Route(own, of(control.state)),
            Route(own, of(control.switch), methods=["PATCH"]),
            Route(f"{own}/faults", of(control.faults), methods=["PUT"]),
            Route(f"{own}/calls", of(control.calls)),
            Route(f"{own}/assets", of(control.assets)),
            Route(f"{own}/assets", of(control.fill), methods=["POST"]),
            Route(f"{own}/wait", of(control.wait)),
            Route("/{cloud}/{resource_type}/{type}/{rest:path}", of(deliver)),
        ]
    )


async def serve(host: str, port: int, clouds: dict[str, Cloud]) -> None:
    """Serve until a signal comes; prints one line of JSON with the address when ready."""
    # named as TCP, or asyncio would not switch Nagle's algorithm off and each answer took 40 ms
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(1024)
    config = uvicorn.Config(
        build(clouds),
        http=Protocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=0,
        timeout_keep_alive=300,
    )
    sys.stdout.write(json.dumps({"url": f"http://{host}:{sock.getsockname()[1]}"}) + "\n")
    sys.stdout.flush()
    await uvicorn.Server(config).serve(sockets=[sock])


def run(host: str, port: int, clouds: dict[str, Cloud]) -> None:
    """Serve in this process."""
    asyncio.run(serve(host, port, clouds))
