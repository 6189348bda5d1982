"""A server like Supabase's: its roles, its default grants, and databases that belong to `postgres`.

`postgres` is no superuser: it may create roles and databases and bypasses row-level security. Until
2026 the roles of the API were granted whatever it makes in `public`; since then nothing is, unless
one says so.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from mediasweep.demo.cluster import Cluster
from mediasweep.postgres.migrate import Roles
from mediasweep.postgres.pool import Connection as Db

API = ("anon", "authenticated")
PASSWORD = "secret"
ROLES = f"""
CREATE ROLE supabase_admin LOGIN SUPERUSER PASSWORD '{PASSWORD}';
CREATE ROLE postgres LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS PASSWORD '{PASSWORD}';
CREATE ROLE anon NOLOGIN NOINHERIT;
CREATE ROLE authenticated NOLOGIN NOINHERIT;
CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT PASSWORD '{PASSWORD}';
GRANT anon, authenticated, service_role TO authenticator, postgres;
"""
# what each database has: who a request is by, and what the API serves
SETUP = """
CREATE SCHEMA auth;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, postgres;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
"""
BEFORE_2026 = "".join(
    f"ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public"
    f" GRANT ALL ON {kind} TO anon, authenticated, service_role;\n"
    for kind in ("TABLES", "FUNCTIONS", "SEQUENCES")
)
# an application's table: everybody sees and deletes what is his
PHOTOS = """
CREATE TABLE public.photos (owner uuid NOT NULL, cover text);
ALTER TABLE public.photos ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.photos TO authenticated USING (owner = (SELECT auth.uid()));
GRANT SELECT, DELETE ON public.photos TO authenticated, anon;
"""


@dataclass(frozen=True, slots=True)
class Supabase:
    """One database of such a server."""

    admin_dsn: str

    def dsn(self, login: str) -> str:
        """Return its address for one of the logins."""
        address = urlsplit(self.admin_dsn)
        place = f"{login}:{PASSWORD}@{address.hostname}:{address.port}"
        return urlunsplit(address._replace(netloc=place))

    @asynccontextmanager
    async def connected(self, login: str) -> AsyncIterator[Db]:
        """Connect as one of the logins."""
        db = await asyncpg.connect(self.dsn(login))
        try:
            yield db
        finally:
            await db.close()

    @asynccontextmanager
    async def request(self, role: str, user: str | None) -> AsyncIterator[Db]:
        """Be what PostgREST is for the length of a request: a transaction with role and claims."""
        claims = f'{{"sub": "{user}", "role": "{role}"}}' if user else f'{{"role": "{role}"}}'
        async with self.connected("authenticator") as db, db.transaction():
            await db.execute(f"SET LOCAL ROLE {role}")
            await db.execute("SELECT set_config('request.jwt.claims', $1, true)", claims)
            yield db


async def roles(made: Supabase) -> Roles:
    """Return the roles that `postgres` can make there.

    Before PostgreSQL 16 only a superuser gives BYPASSRLS to another role, so it owns the schema.
    """
    async with made.connected("postgres") as db:
        new = await db.fetchval("SELECT current_setting('server_version_num')::integer >= 160000")
    return Roles() if new else Roles("postgres")


@contextmanager
def server() -> Iterator[Cluster]:
    """Run a server with the roles; it is a new one, because these names may be taken elsewhere."""
    with Cluster(durable=False) as cluster:
        yield cluster


async def make_roles(cluster: Cluster) -> None:
    """Make the roles of Supabase."""
    admin = await asyncpg.connect(cluster.dsn())
    await admin.execute(ROLES)
    await admin.close()


@asynccontextmanager
async def database(cluster: Cluster, *, before_2026: bool) -> AsyncIterator[Supabase]:
    """Make a database of `postgres`, and drop it afterwards."""
    name = f"supabase_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(cluster.dsn())
    await admin.execute(f"CREATE DATABASE {name} OWNER postgres")
    await admin.execute(f"ALTER DATABASE {name} SET pgrst.db_schemas = 'public, graphql_public'")
    address = urlunsplit(urlsplit(cluster.dsn())._replace(path=f"/{name}"))
    inside = await asyncpg.connect(address)
    await inside.execute(SETUP + (BEFORE_2026 if before_2026 else ""))
    await inside.close()
    try:
        yield Supabase(address)
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()
