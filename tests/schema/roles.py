"""Roles of a test's own: roles belong to the whole server, so they have to be dropped again."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg


@dataclass(frozen=True, slots=True)
class Login:
    """A role that may log in: its name, and the address of the database under that name."""

    name: str
    dsn: str


@asynccontextmanager
async def stranger(database: str) -> AsyncIterator[Login]:
    """Make a role without any right; whatever it comes to own in the database goes with it."""
    name, password = f"role_{secrets.token_hex(6)}", secrets.token_hex(8)
    address = urlsplit(database)
    place = f"{address.hostname}:{address.port or 5432}"
    dsn = urlunsplit(address._replace(netloc=f"{name}:{password}@{place}"))
    admin = await asyncpg.connect(database)
    try:
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        yield Login(name, dsn)
        await admin.execute("SET lock_timeout = '5s'")
        await admin.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}")
        await admin.execute(f"DROP ROLE {name}")
    finally:
        await admin.close()
