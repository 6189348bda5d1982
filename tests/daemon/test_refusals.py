"""What cannot work is refused in one line that says what to do, with the exit code of its kind."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import environment


async def _run(env: dict[str, str], *command: str) -> tuple[int, list[str]]:
    """Run a command to its end; returns its exit code and what it wrote to stderr."""
    done = await mediasweep(env, *(command or ("run",)))
    return done.code, done.err.splitlines()


Change = Callable[[str], dict[str, str]]
SETTINGS: list[tuple[str, Change, int, str]] = [
    ("unknown setting", lambda _: {"MEDIASWEEP_INTERVAL": "5"}, 2, "MEDIASWEEP_INTERVAL is not"),
    ("no database", lambda _: {"DATABASE_URL": ""}, 2, "DATABASE_URL is not set"),
    ("lease too short", lambda _: {"MEDIASWEEP_LEASE": "2"}, 2, "MEDIASWEEP_LEASE"),
    ("no number", lambda _: {"MEDIASWEEP_BATCH_SIZE": "many"}, 2, "MEDIASWEEP_BATCH_SIZE"),
    ("malformed DSN", lambda _: {"DATABASE_URL": "postgres//nowhere"}, 2, "DATABASE_URL must be"),
    ("@ in a password", lambda _: {"DATABASE_URL": "postgresql://a:p@/s@h/d"}, 2, "%40"),
    ("pgbouncer=true", lambda d: {"DATABASE_URL": d + "?pgbouncer=true"}, 2, "remove pgbouncer="),
    ("another scheme", lambda _: {"CLOUDINARY_URL": "https://x"}, 2, "CLOUDINARY_URL must be"),
    ("wrong password", lambda d: {"DATABASE_URL": _password(d)}, 3, "password authentication"),
    ("no such database", lambda d: {"DATABASE_URL": d + "_not"}, 3, "does not exist"),
    ("no such host", lambda _: {"DATABASE_URL": "postgresql://db.invalid/x"}, 3, "db.invalid"),
    ("malformed account", lambda _: {"CLOUDINARY_URL": "cloudinary://x"}, 2, "CLOUDINARY_URL must"),
]


def _password(dsn: str) -> str:
    login, _, place = dsn.rpartition("@")
    return f"{login.rpartition(':')[0]}:wrong@{place}"


@pytest.mark.parametrize(
    ("change", "code", "sentence"), [pytest.param(*case, id=name) for name, *case in SETTINGS]
)
async def test_a_setting_that_cannot_work_is_refused(
    database: str, cloud: Cloud, change: Change, code: int, sentence: str
) -> None:
    """One line on stderr, naming what is wrong, and the documented exit code."""
    got, said = await _run(environment(database, cloud.url, **change(database)))
    assert (got, len(said)) == (code, 1), said
    assert sentence in said[0]


async def test_a_wrong_secret_is_refused(database: str, cloud: Cloud) -> None:
    """Cloudinary refuses the key's secret: exit 4, and the secret is not repeated."""
    url = cloud.url.replace(cloud.secret, "not-the-secret")
    got, said = await _run(environment(database, url, MEDIASWEEP_LOG_LEVEL="info"))
    assert (got, len(said)) == (4, 1), said
    assert "refuses these credentials" in said[0]
    assert "not-the-secret" not in said[0]


async def test_a_database_without_the_schema_is_refused(blank_database: str, cloud: Cloud) -> None:
    """Exit 5, and the command that makes the schema."""
    got, said = await _run(environment(blank_database, cloud.url))
    assert (got, len(said)) == (5, 1), said
    assert "run `mediasweep migrate`" in said[0]


@pytest.mark.parametrize("command", ["run", "migrate", "status"])
async def test_a_newer_schema_is_refused(database: str, db: Db, cloud: Cloud, command: str) -> None:
    """A migration that this version does not know: exit 5, nothing done."""
    await db.execute(
        "INSERT INTO mediasweep.migration (name, sha256) VALUES ('migrations/9999_later.sql', 'x')"
    )
    got, said = await _run(environment(database, cloud.url), command)
    assert (got, len(said)) == (5, 1), said
    assert "newer" in said[0]


async def test_a_taken_port_is_refused(database: str, cloud: Cloud) -> None:
    """Exit 2, and the setting to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        got, said = await _run(environment(database, cloud.url, MEDIASWEEP_HTTP_BIND=bind))
    assert (got, len(said)) == (2, 1), said
    assert "set another MEDIASWEEP_HTTP_BIND" in said[0]


@pytest.mark.parametrize("command", ["run", "status", "migrate"])
async def test_a_role_without_rights_is_refused(
    database: str, db: Db, cloud: Cloud, command: str
) -> None:
    """Exit 3, and what may not be done."""
    await db.execute("CREATE ROLE powerless LOGIN PASSWORD 'p' NOINHERIT")
    try:
        dsn = "postgresql://powerless:p@" + database.rpartition("@")[2]
        got, said = await _run(environment(dsn, cloud.url), command)
        assert got == 3, said
        assert "permission denied" in said[-1]
    finally:
        await db.execute("DROP ROLE powerless")
