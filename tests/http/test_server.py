"""The server leaves the daemon what it needs, and knows a proxy that says nothing of itself."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress

import pytest

from mediasweep.http.server import bind, serve, take_all_files
from tests.http.visits import application


def test_idle_connections_do_not_take_the_last_file() -> None:
    """A daemon may open all the files that it is allowed, and not only the usual thousand."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] // 2, before[1]))
    try:
        take_all_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("version", "status"), [("1.0", 401), ("1.1", 200)])
async def test_who_may_be_a_proxy_needs_a_token(version: str, status: int) -> None:
    """Some, as nginx unless told otherwise, name nobody whom they ask for, and speak HTTP/1.0."""
    with bind("127.0.0.1", 0) as sock:
        server = asyncio.create_task(serve(application(None), sock))
        try:
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(f"GET /api/session HTTP/{version}\r\nHost: localhost\r\n\r\n".encode())
            said = await reader.readline()
            writer.close()
        finally:
            server.cancel()
            with suppress(asyncio.CancelledError):
                await server
    assert f" {status} ".encode() in said
