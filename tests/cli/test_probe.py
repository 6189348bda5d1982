"""`mediasweep status --probe`, by which a container's engine learns whether its daemon is alive."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter, to_thread
from http.client import HTTPConnection

from tests.commands import mediasweep
from tests.daemons import environment, spawn
from tests.ports import free_port

NOWHERE = "postgresql://a:b@127.0.0.1:1/nowhere"
ACCOUNT = "cloudinary://k:s@c"


def ask(port: int, path: str, method: str = "GET") -> tuple[int, object]:
    """Return status and body of an answer; None: it has no body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or "null")
    finally:
        connection.close()


async def test_a_daemon_that_waits_for_its_database_is_alive_and_not_ready() -> None:
    """It is not to be killed for a database that is away, and gets no work to do meanwhile."""
    port = free_port()
    beyond = {"MEDIASWEEP_HTTP_BIND": f"0.0.0.0:{port}", "MEDIASWEEP_API_TOKEN": "x" * 22}
    env = environment(NOWHERE, ACCOUNT, **beyond)
    daemon = await spawn(env)
    await daemon.seen("database_lost")
    told = await mediasweep(env, "status", "--probe")
    assert (told.code, told.out, told.err) == (0, "alive\n", "")
    assert await to_thread(ask, port, "/livez") == (200, {"status": "ok"})
    assert await to_thread(ask, port, "/livez", "HEAD") == (200, None)
    status, body = await to_thread(ask, port, "/readyz")
    assert (status, "waiting for the database" in str(body)) == (503, True)
    assert await daemon.stop() == 0


async def test_no_daemon_is_said_with_the_address_that_was_asked() -> None:
    """Exit 1 where nobody listens, and the setting by which the address is chosen."""
    address = f"127.0.0.1:{free_port()}"
    env = environment(NOWHERE, ACCOUNT, MEDIASWEEP_HTTP_BIND=address)
    told = await mediasweep(env, "status", "--probe")
    assert (told.code, told.out) == (1, "")
    assert (await mediasweep(env, "status", "--probe", "--json")).code == 2
    assert f"at {address}, MEDIASWEEP_HTTP_BIND: " in told.err


async def test_another_answer_is_no_life() -> None:
    """Exit 1 where something else than a daemon has taken its port."""

    async def refuse(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        env = environment(NOWHERE, ACCOUNT, MEDIASWEEP_HTTP_BIND=f"127.0.0.1:{port}")
        told = await mediasweep(env, "status", "--probe")
        assert (told.code, "it answers 404" in told.err) == (1, True)
