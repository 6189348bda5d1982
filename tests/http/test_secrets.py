"""No secret is told: planted ones are in no answer, log line, metric or table, whatever happens."""

from __future__ import annotations

import asyncio
import json
from asyncio import to_thread
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx
import pytest

import mediasweep.http.problem
import mediasweep.postgres.pool
from mediasweep.emulator.client import Cloud
from mediasweep.http.problem import Problem
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import DatabaseError, connect
from tests.conftest import Server
from tests.daemons import INSERT_ASSETS, WITHIN_S, Daemon, environment, running
from tests.http.routes import Route, routes
from tests.http.visits import bearer, visit
from tests.proxy import Proxy

OPERATE, READ = "planted-operate-token-aaaaaaaa", "planted-read-token-bbbbbbbb"
HOOK, API, PASSWORD = "planted-webhook-secret", "planted-api-secret", "planted-database-password"
PLANTED = (OPERATE, READ, HOOK, API, PASSWORD)
TOKENS = {"MEDIASWEEP_API_TOKEN": f"{OPERATE} read:{READ}"}
WHO = "/api/session"
NEW = httpx.Limits(max_keepalive_connections=0)  # the server closes a line that had a 500
WAYS: tuple[dict[str, str], ...] = ({}, bearer("planted-nothing"), bearer(READ))
# a token where none belongs: what is wrong with it is said without it
MISTAKEN = Route("POST", WHO, {"token": [OPERATE]})
TABLES = """
SELECT array_agg(c.oid::regclass::text) FROM pg_class c
 WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind = 'r'
"""
WAITING = "DELETE FROM mediasweep.cloudinary_cleanup_queue WHERE processed_at IS NULL"


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody was told, and where."""

    where: str
    text: str

    def secrets(self) -> set[str]:
        """Return the planted secrets in it, also as basic authentication writes one."""
        return {one for one in PLANTED if any(way in self.text for way in _written(one))}


def _written(secret: str) -> Iterator[str]:
    """Yield it, and what base64 makes of it, wherever in a text it stands."""
    yield secret
    for offset in range(3):
        yield b64encode(b" " * offset + secret.encode()).decode()[4:-4]


async def ask(client: httpx.AsyncClient, headers: dict[str, str], asked: list[Route]) -> list[Told]:
    """Send each request, as one who has these headers, and return the answers."""

    async def one(route: Route) -> Told:
        page = {} if route.path.startswith("/api/") else {"Accept": "text/html"}
        told = await client.request(
            route.method, route.path, json=route.body, headers=headers | page
        )
        return Told(f"{route} {told.status_code}", f"{told.headers}\n{told.text}")

    return list(await asyncio.gather(*(one(route) for route in asked)))


async def _rows(db: Db, table: str) -> str:
    return str(await db.fetch(f"SELECT t::text FROM {table} t"))


async def session(client: httpx.AsyncClient) -> dict[str, str]:
    """Return the headers of a browser that has logged in."""
    told = await client.post(WHO, json={"token": OPERATE})
    assert not Told(WHO, f"{told.headers}{told.text}").secrets()
    client.cookies.clear()
    csrf = {"X-CSRF-Token": told.json()["csrf"]}
    return csrf | {"Cookie": told.headers["set-cookie"].partition(";")[0]}


@asynccontextmanager
async def login(server: Server, dsn: str) -> AsyncIterator[tuple[str, str]]:
    """Give an address of the database whose password is planted, and the name in it."""
    name = f"planted_{uuid4().hex[:12]}"
    await server.sql(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    try:
        yield urlunsplit(parts._replace(netloc=f"{name}:{PASSWORD}@{place}")), name
    finally:
        await server.sql(f"REASSIGN OWNED BY {name} TO CURRENT_USER", f"DROP ROLE {name}")


async def _rejected(daemon: Daemon, cloud: Cloud, db: Db) -> None:
    """Let a deletion fail for good."""
    await db.execute(INSERT_ASSETS, "a", 3)
    await to_thread(cloud.faults, {"status": 400})
    await db.execute("DELETE FROM public.media_assets WHERE cloudinary_public_id = 'a0'")
    await daemon.seen("recorded")


async def _refused(daemon: Daemon, cloud: Cloud, db: Db) -> None:
    """Let Cloudinary refuse the key."""
    await to_thread(cloud.faults)
    await to_thread(cloud.switch, revoked=True)
    await db.execute("DELETE FROM public.media_assets")
    await daemon.seen("gate_closed")


async def test_planted_secrets_are_told_nowhere(
    server: Server, database: str, db: Db, cloud: Cloud
) -> None:
    """Whoever asks, for whatever, in health, in troubles and with the database away."""
    cloud.secret = API
    await to_thread(cloud.reset)
    asked = [*routes(), MISTAKEN]
    looks = [route for route in asked if route.method == "GET"]
    async with Proxy(server.address()) as way, login(server, database) as (dsn, name):
        env = environment(way.dsn(dsn), cloud.url, MEDIASWEEP_WEBHOOK_SECRETS=HOOK, **TOKENS)
        async with (
            running(env) as daemon,
            httpx.AsyncClient(base_url=daemon.address, timeout=WITHIN_S, limits=NEW) as client,
        ):
            await _rejected(daemon, cloud, db)
            await _refused(daemon, cloud, db)
            browser = await session(client)
            told = await ask(client, browser, looks)
            await db.execute(WAITING)  # or the cleanup would wait for it
            for headers in (*WAYS, bearer(OPERATE)):
                told += await ask(client, headers, asked)
            told += [Told(table, await _rows(db, table)) for table in await db.fetchval(TABLES)]
            way.refuse()
            way.reset()
            told += await ask(client, browser, asked)
            await server.sql(f"ALTER ROLE {name} PASSWORD 'another'")
            await way.heal()
            told += await ask(client, browser, asked)
            await server.sql(f"ALTER ROLE {name} PASSWORD '{PASSWORD}'")
        told.append(Told("log", json.dumps(daemon.log)))
    assert not [(one.where, one.secrets()) for one in told if one.secrets()]


async def test_a_secret_that_is_told_would_be_found(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an answer repeats what was sent, or an error the whole address, it is noticed."""

    def repeats(error: Exception) -> Problem:
        said = str(error)
        return Problem(title="", status=400, detail=said, error=said)

    monkeypatch.setattr(mediasweep.http.problem, "_invalid", repeats)
    monkeypatch.setattr(mediasweep.postgres.pool, "shown", str)
    async with visit(database) as client:
        [told] = await ask(client, {}, [MISTAKEN])
    assert told.secrets() == {OPERATE}
    parts = urlsplit(database)
    place = parts.netloc.rpartition("@")[2]
    with pytest.raises(DatabaseError) as refused:
        await connect(urlunsplit(parts._replace(netloc=f"app:{PASSWORD}@{place}")), name="test")
    assert Told("error", str(refused.value)).secrets() == {PASSWORD}
    key = b64encode(f"a key:{API}".encode()).decode()
    assert Told("header", f"Authorization: Basic {key}").secrets() == {API}
