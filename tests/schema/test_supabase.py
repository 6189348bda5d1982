"""On Supabase: installed by its `postgres`, closed to its API, with nothing for its linter."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from mediasweep.demo.cluster import Cluster
from mediasweep.postgres.migrate import Roles, migrate, script
from mediasweep.postgres.pool import Connection as Db
from tests.schema import supabase
from tests.schema.linter import findings
from tests.schema.queue import claim, enqueue
from tests.schema.supabase import API, PHOTOS, Supabase

ATTACH = """SELECT mediasweep.attach('public.photos', '{"public_id": "cover"}')"""
QUEUE = """
SELECT q.cloudinary_public_id, q.triggered_by::text, q.actor
  FROM mediasweep.cloudinary_cleanup_queue q
"""
ANN, BOB = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
# planned as part of the statements that call them, which a path of their own would prevent; they
# run as their caller, and nobody of the API can call them
UNPINNED = {
    "delivery_type", "format_of", "full_xid", "holds_others", "is_alive", "is_own", "let_go",
    "matching", "resource_type", "whole_number", "without",
}  # fmt: skip
# a function that is STRICT would not be called with a NULL that can be told beforehand
OBJECTS = """
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
       c.oid::regclass::text AS name,
       (SELECT a.attname::text FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum = 1) AS arguments
  FROM pg_class c
 WHERE c.relnamespace = 'mediasweep'::regnamespace
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
 UNION ALL
SELECT 'function', format('mediasweep.%I', f.proname),
       (SELECT string_agg(format('(SELECT NULL::%s)', t::regtype), ', ' ORDER BY n)
          FROM unnest(f.proargtypes) WITH ORDINALITY AS a (t, n))
  FROM pg_proc f
 WHERE f.pronamespace = 'mediasweep'::regnamespace AND f.prorettype <> 'trigger'::regtype
 UNION ALL
SELECT 'schema', 'mediasweep', NULL
"""
VERBS = {
    "table": (
        "SELECT FROM {0}", "SELECT FROM {0} FOR UPDATE", "INSERT INTO {0} DEFAULT VALUES",
        'UPDATE {0} SET "{1}" = DEFAULT', "DELETE FROM {0}", "TRUNCATE {0}",
        "ALTER TABLE {0} ADD x integer",
        "COPY {0} TO STDOUT", "LOCK TABLE {0}", "COMMENT ON TABLE {0} IS ''", "DROP TABLE {0}",
    ),
    "sequence": (
        "SELECT nextval('{0}')", "SELECT setval('{0}', 1)", "SELECT FROM {0}",
        "SELECT currval('{0}')",
    ),
    "function": ("SELECT {0}({1})",),
    "schema": (
        "CREATE TABLE {0}.x ()", "CREATE FUNCTION {0}.x() RETURNS integer RETURN 1",
        "DROP SCHEMA {0} CASCADE",
        "ALTER SCHEMA {0} RENAME TO x", "CREATE VIEW {0}.x AS SELECT 1",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Run a server with the roles of Supabase."""
    with supabase.server() as running:
        asyncio.run(supabase.make_roles(running))
        yield running


@pytest.fixture(params=["before 2026", "since 2026", "pasted"])
async def place(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Supabase]:
    """Give a database in which `postgres` has installed mediasweep and attached a table."""
    async with supabase.database(cluster, before_2026=request.param == "before 2026") as made:
        async with made.connected("postgres") as db:
            if request.param == "pasted":
                roles = Roles("postgres")
                await db.execute("".join(script(with_library=True, roles=roles)))
            else:
                names = await supabase.roles(made)
                await migrate(made.dsn("postgres"), with_library=True, roles=names)
            await db.execute(PHOTOS)
            await db.execute(ATTACH)
        yield made


async def _done(db: Db, statement: str) -> str | None:
    """Try a statement and undo it; return why it was refused, or None."""
    transaction = db.transaction()
    await transaction.start()
    try:
        await db.execute(statement)
    except asyncpg.InsufficientPrivilegeError as refused:
        return str(refused)
    finally:
        await transaction.rollback()
    return None


async def _allowed(place: Supabase, role: str) -> list[str]:
    """Return the statements that a role of the API got through, of all verbs on all objects."""
    async with place.connected("supabase_admin") as admin:
        objects = await admin.fetch(OBJECTS)
    assert len(objects) > 100
    async with place.connected("authenticator") as db:
        await db.execute(f"SET ROLE {role}")
        return [
            statement
            for kind, name, arguments in objects
            for verb in VERBS[kind]
            if await _done(db, statement := verb.format(name, arguments or "")) is None
        ]


@pytest.mark.parametrize("role", API)
async def test_the_api_reaches_nothing_of_ours(place: Supabase, role: str) -> None:
    """Every verb on every table, sequence and function, and on the schema, is refused."""
    assert await _allowed(place, role) == []


@pytest.mark.parametrize("role", API)
async def test_the_schema_is_not_the_only_wall(place: Supabase, role: str) -> None:
    """Somebody who is let into the schema by mistake is refused by every object in it."""
    async with place.connected("supabase_admin") as admin:
        await admin.execute(f"GRANT USAGE ON SCHEMA mediasweep TO {role}")
    assert await _allowed(place, role) == []


async def test_an_object_that_is_open_is_found(place: Supabase) -> None:
    """What is granted to a role of the API is what the round of all verbs finds."""
    async with place.connected("supabase_admin") as admin:
        await admin.execute("GRANT USAGE ON SCHEMA mediasweep TO anon")
        await admin.execute("GRANT SELECT ON mediasweep.journal TO PUBLIC")
        await admin.execute("GRANT EXECUTE ON FUNCTION mediasweep.asleep_key TO anon")
    assert await _allowed(place, "anon") == [
        "SELECT FROM mediasweep.journal",
        "COPY mediasweep.journal TO STDOUT",
        "SELECT mediasweep.asleep_key()",
    ]


async def test_what_users_delete_through_the_api_is_captured(place: Supabase) -> None:
    """A user deletes his rows under row-level security, and the queue knows who it was."""
    async with place.connected("postgres") as db:
        await db.execute(
            "INSERT INTO photos (owner, cover) VALUES ($1, 'a'), ($2, 'b'), ($1, 'b')", ANN, BOB
        )
        async with place.request("authenticated", ANN) as request:
            assert await request.execute("DELETE FROM photos") == "DELETE 2"
        async with place.request("anon", None) as request:
            assert await request.execute("DELETE FROM photos") == "DELETE 0"
        said = [tuple(row) for row in await db.fetch(QUEUE)]
        assert sorted(said) == [("a", ANN, "authenticator"), ("b", ANN, "authenticator")]
        claimed = await claim(db)  # that Bob uses the other one is hidden from Ann, not from us
        assert (claimed.assets, claimed.skipped, claimed.guard_error) == (["a"], 1, None)


async def test_the_linter_finds_nothing(place: Supabase) -> None:
    """The rules that touch us have nothing to say, but of functions that have to be inlined."""
    async with place.connected("supabase_admin") as db:
        assert await findings(db) == {"0011": sorted(UNPINNED)}
        await db.execute("SET pgrst.db_schemas = 'public, mediasweep'")
        assert set(await findings(db)) == {"0011"}
        assert await db.fetchval(HARMLESS, list(UNPINNED)) == len(UNPINNED)


# not with the rights of another
HARMLESS = """
SELECT count(*) FROM pg_proc f
 WHERE f.pronamespace = 'mediasweep'::regnamespace AND f.proname = ANY ($1)
   AND NOT f.prosecdef
"""
PLANTED = {
    "0003": (
        "CREATE POLICY x ON public.photos FOR UPDATE USING (owner = auth.uid())",
        "x on photos",
    ),
    "0008": ("CREATE TABLE public.x (); ALTER TABLE public.x ENABLE ROW LEVEL SECURITY", "x"),
    "0010": ("CREATE VIEW public.x AS SELECT * FROM mediasweep.journal", "x"),
    "0011": ("CREATE FUNCTION mediasweep.x() RETURNS integer RETURN 1", "x"),
    "0013": ("ALTER TABLE public.media_assets DISABLE ROW LEVEL SECURITY", "media_assets"),
    "0019": (
        "GRANT INSERT ON mediasweep.cloudinary_cleanup_queue TO anon",
        "mediasweep.cloudinary_cleanup_queue",
    ),
    "0028": (
        "GRANT EXECUTE ON FUNCTION mediasweep.refill TO anon",
        "mediasweep.refill(integer)",
    ),
    "0029": (
        "GRANT EXECUTE ON FUNCTION mediasweep.build TO authenticated",
        "mediasweep.build()",
    ),
}


async def test_each_rule_of_the_linter_finds_what_it_is_for(cluster: Cluster) -> None:
    """A violation of each rule, one at a time, is found by that rule, by name."""
    async with supabase.database(cluster, before_2026=False) as made:
        names = await supabase.roles(made)
        await migrate(made.dsn("postgres"), with_library=True, roles=names)
        async with made.connected("supabase_admin") as db:
            await db.execute(PHOTOS)
            clean = await findings(db)
            for rule, (violation, expected) in PLANTED.items():
                transaction = db.transaction()
                await transaction.start()
                await db.execute(violation)
                found = (await findings(db)).get(rule, [])
                assert set(found) - set(clean.get(rule, [])) == {expected}, rule
                await transaction.rollback()


async def test_a_login_of_the_daemons_role_can_be_made_by_postgres(cluster: Cluster) -> None:
    """`postgres` grants the role to a login that it makes, and that login can claim."""
    async with supabase.database(cluster, before_2026=False) as made:
        await migrate(made.dsn("postgres"), roles=Roles())
        async with made.connected("postgres") as db:
            await enqueue(db, "a")
            login = f"cleaner_{uuid.uuid4().hex[:8]}"
            await db.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{supabase.PASSWORD}'")
            await db.execute(f"GRANT mediasweep_daemon TO {login}")
            async with made.connected(login) as daemon:
                assert (await claim(daemon)).assets == ["a"]
            await db.execute(f"DROP ROLE {login}")
