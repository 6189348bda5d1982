"""The proxy breaks what it says it breaks, as a real client of a real server sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.proxy import Proxy

SILENCE_S = 0.2
WITHIN_S = 10.0


@pytest.fixture
async def proxy(database: str) -> AsyncIterator[Proxy]:
    """Give a proxy that leads to the test's server."""
    url = urlsplit(database)
    async with Proxy((url.hostname or "127.0.0.1", url.port or 5432)) as running:
        yield running


@pytest.fixture
async def through(proxy: Proxy, database: str) -> AsyncIterator[Db]:
    """Give a connection to the test's database by way of the proxy."""
    connection = await asyncpg.connect(proxy.dsn(database))
    yield connection
    await proxy.heal()
    await connection.close()


async def _is_silent(task: asyncio.Task[int]) -> bool:
    done, _ = await asyncio.wait({task}, timeout=SILENCE_S)
    return not done


async def test_queries_and_answers_of_any_size_pass(through: Db) -> None:
    """A megabyte goes through and comes back as it was sent."""
    sent = "0123456789abcdef" * 65536
    assert sent == await through.fetchval("SELECT $1::text", sent)


async def test_a_hole_holds_what_is_sent_until_it_is_healed(proxy: Proxy, through: Db) -> None:
    """A query meets silence while the connection looks open, and is answered after the healing."""
    proxy.hole()
    query = asyncio.create_task(through.fetchval("SELECT 7"))
    assert await _is_silent(query)
    assert not through.is_closed()
    await proxy.heal()
    async with asyncio.timeout(WITHIN_S):
        assert await query == 7


async def test_a_hole_holds_back_the_news_that_the_server_hung_up(
    proxy: Proxy, through: Db, db: Db
) -> None:
    """A backend that is terminated behind a hole leaves its client waiting until the healing."""
    gone = asyncio.Event()
    through.add_termination_listener(lambda _: gone.set())
    pid = through.get_server_pid()
    proxy.hole()
    assert await db.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    assert not gone.is_set()
    await proxy.heal()
    async with asyncio.timeout(WITHIN_S):
        await gone.wait()


async def test_a_hole_holds_back_a_bare_hang_up() -> None:
    """A server that closes without a word is not missed by its client before the healing."""
    closed = asyncio.Event()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        broken.hole()
        writer.close()
        await writer.wait_closed()
        closed.set()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()) as broken:
        reader, writer = await asyncio.open_connection("127.0.0.1", broken.port)
        writer.write(b"?")
        end = asyncio.create_task(reader.read(1))
        async with asyncio.timeout(WITHIN_S):
            await closed.wait()
            assert not (await asyncio.wait({end}, timeout=SILENCE_S))[0]
            await broken.heal()
            assert await end == b""
        writer.close()
        await writer.wait_closed()


async def test_a_connection_into_a_hole_is_accepted_and_hears_nothing(
    proxy: Proxy, database: str
) -> None:
    """Connecting neither fails nor succeeds before the healing, and then it succeeds."""
    proxy.hole()
    connecting = asyncio.create_task(asyncpg.connect(proxy.dsn(database)))
    done, _ = await asyncio.wait({connecting}, timeout=SILENCE_S)
    assert not done
    await proxy.heal()
    async with asyncio.timeout(WITHIN_S):
        connection = await connecting
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_a_refusal_meets_new_connections_only(
    proxy: Proxy, through: Db, database: str
) -> None:
    """New connections are refused, an open one goes on, and healing opens the same port again."""
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert await through.fetchval("SELECT 1") == 1
    await proxy.heal()
    assert port == proxy.port
    connection = await asyncpg.connect(proxy.dsn(database))
    await connection.close()


async def test_a_reset_is_noticed_by_an_idle_client_and_ends_its_backend(
    proxy: Proxy, through: Db, db: Db, database: str
) -> None:
    """Both ends see the reset at once, and the next connection is a good one."""
    gone = asyncio.Event()
    through.add_termination_listener(lambda _: gone.set())
    pid = through.get_server_pid()
    proxy.reset()
    async with asyncio.timeout(WITHIN_S):
        await gone.wait()
        while await db.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid):
            await db.execute("SELECT pg_sleep(0.02)")
    assert through.is_closed()
    connection = await asyncpg.connect(proxy.dsn(database))
    await connection.close()


async def test_a_reset_is_a_reset(proxy: Proxy) -> None:
    """The client's socket fails with ECONNRESET: it is not merely closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"\0\0\0\x08\x04\xd2\x16\x2f")  # asks for TLS; any server answers it
    async with asyncio.timeout(WITHIN_S):
        assert await reader.read(1) in {b"S", b"N"}
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
    writer.close()


async def test_latency_delays_each_direction(proxy: Proxy, through: Db) -> None:
    """A round trip takes at least twice the latency, and little once the latency is gone."""
    loop = asyncio.get_running_loop()
    await through.fetchval("SELECT 1")
    proxy.latency = timedelta(milliseconds=60)
    before = loop.time()
    await through.execute("SELECT 1")
    slow = loop.time() - before
    proxy.latency = timedelta()
    before = loop.time()
    await through.execute("SELECT 1")
    fast = loop.time() - before
    assert slow >= 0.12
    assert fast < slow


async def test_a_server_that_is_not_there_shows_as_a_reset(tmp_path: Path) -> None:
    """A client of a proxy without a server is told at once, not left waiting."""
    async with Proxy(tmp_path / "nobody") as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
        writer.close()


async def test_the_way_out_is_quick_whatever_is_open(database: str) -> None:
    """Leaving a proxy with a hole and open connections cuts them and waits for nobody."""
    url = urlsplit(database)
    async with Proxy((url.hostname or "127.0.0.1", url.port or 5432)) as proxy:
        connection = await asyncpg.connect(proxy.dsn(database))
        proxy.hole()
        query = asyncio.create_task(connection.fetchval("SELECT 1"))
        assert await _is_silent(query)
    async with asyncio.timeout(WITHIN_S):
        with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
            await query
    assert connection.is_closed()
