"""Roles of a test's own: roles belong to the whole server, so they have to be dropped again."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from mediasweep.postgres.migrate import Roles, migrate


@dataclass(frozen=True, slots=True)
class Login:
    """A role that may log in: its name, and the address of the database under that name."""

    name: str
    dsn: str


@dataclass(frozen=True, slots=True)
class Staff:
    """The three roles of a database, and two logins, each of which is a member of one of them."""

    roles: Roles
    daemon: Login
    reader: Login


@asynccontextmanager
async def stranger(database: str, attributes: str = "") -> AsyncIterator[Login]:
    """Make a role without any right; whatever it comes to own in the database goes with it."""
    name, password = f"role_{secrets.token_hex(6)}", secrets.token_hex(8)
    address = urlsplit(database)
    place = f"{address.hostname}:{address.port or 5432}"
    dsn = urlunsplit(address._replace(netloc=f"{name}:{password}@{place}"))
    admin = await asyncpg.connect(database)
    try:
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' {attributes}")
        yield Login(name, dsn)
        await admin.execute("SET lock_timeout = '5s'")
        await admin.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}")
        await admin.execute(f"DROP ROLE {name}")
    finally:
        await admin.close()


@asynccontextmanager
async def new_names(database: str) -> AsyncIterator[Roles]:
    """Give names for the three roles; those that exist at the end are dropped."""
    # not as identifiers are without quotes, so that a quote that is missing shows
    names = [f'{kind} "{secrets.token_hex(6)}"' for kind in ("The owner", "A daemon", "a Reader")]
    try:
        yield Roles(*names)
    finally:
        admin = await asyncpg.connect(database)
        for name in names:
            if await admin.fetchval("SELECT to_regrole(quote_ident($1)) IS NOT NULL", name):
                quoted = await admin.fetchval("SELECT quote_ident($1)", name)
                await admin.execute(
                    f"REASSIGN OWNED BY {quoted} TO CURRENT_USER; DROP OWNED BY {quoted}"
                )
                await admin.execute(f"DROP ROLE {quoted}")
        await admin.close()


@asynccontextmanager
async def staffed(database: str) -> AsyncIterator[Staff]:
    """Make the three roles in a migrated database, and a login for daemon and for reader."""
    async with AsyncExitStack() as stack:
        roles = await stack.enter_async_context(new_names(database))
        await migrate(database, roles=roles)
        daemon = await stack.enter_async_context(stranger(database))
        reader = await stack.enter_async_context(stranger(database))
        admin = await asyncpg.connect(database)
        for role, login in ((roles.daemon, daemon), (roles.reader, reader)):
            quoted = await admin.fetchval("SELECT quote_ident($1)", role)
            await admin.execute(f"GRANT {quoted} TO {login.name}")
        await admin.close()
        yield Staff(roles, daemon, reader)
