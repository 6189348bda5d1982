"""The server leaves the daemon what it needs, and knows a proxy that says nothing of itself."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

import mediasweep.http.server
from mediasweep.http.server import bind, serve, take_all_files
from tests.http.visits import TOKENS, application


def test_idle_connections_do_not_take_the_last_file() -> None:
    """A daemon may open all the files that it is allowed, and not only the usual thousand."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] // 2, before[1]))
    try:
        take_all_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@asynccontextmanager
async def served(tokens: str | None = None) -> AsyncIterator[tuple[str, int]]:
    """Serve an application without a database; yields where."""
    with bind("127.0.0.1", 0) as sock:
        server = asyncio.create_task(serve(application(None, api_token=tokens), sock))
        try:
            yield sock.getsockname()
        finally:
            server.cancel()
            with suppress(asyncio.CancelledError):
                await server


async def asked(address: tuple[str, int], said: str) -> bytes:
    """Return the first line of what is answered."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(said.encode())
    line = await reader.readline()
    writer.close()
    return line


@pytest.mark.parametrize(("version", "status"), [("1.0", 401), ("1.1", 200)])
async def test_who_may_be_a_proxy_needs_a_token(version: str, status: int) -> None:
    """Some, as nginx unless told otherwise, name nobody whom they ask for, and speak HTTP/1.0."""
    async with served() as address:
        said = await asked(address, f"GET /api/session HTTP/{version}\r\nHost: localhost\r\n\r\n")
    assert f" {status} ".encode() in said


async def test_a_proxy_on_this_machine_is_believed_who_its_visitors_are() -> None:
    """Who guesses tokens is made to wait, and nobody else who comes by the same proxy."""
    wrong = (
        "POST /api/session HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.{}\r\n"
        'Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{{"token":"x"}}'
    )
    async with served(TOKENS["api_token"]) as address:
        said = [await asked(address, wrong.format(visitor)) for visitor in (1, 1, 1, 1, 1, 1, 2)]
    assert [line.split()[1] for line in said] == [*[b"401"] * 5, b"429", b"401"]


async def test_who_asks_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first request, amid its headers and amid those of the second; and whose request
    is under way, however slowly, gets an answer.
    """
    monkeypatch.setattr(mediasweep.http.server, "SILENT_TICKS", 3)
    head = b"POST /api/session HTTP/1.1\r\nHost: localhost\r\n"
    whole = head + b"Content-Length: 2\r\n\r\n{"
    async with served(TOKENS["api_token"]) as address, asyncio.timeout(10):
        lines = [await asyncio.open_connection(*address) for _ in range(4)]
        for (_, writer), said in zip(lines, (b"", head, whole + b"}" + head, whole), strict=True):
            writer.write(said)
        *silent, (slow, slow_writer) = lines
        told = [await reader.read() for reader, _ in silent]
        assert [said[:12] for said in told] == [b"", b"", b"HTTP/1.1 400"]
        slow_writer.write(b"}")
        assert await slow.readline() == b"HTTP/1.1 400 Bad Request\r\n"
        for _, writer in lines:
            writer.close()
