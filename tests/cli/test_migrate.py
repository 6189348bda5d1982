"""`mediasweep migrate` as it is typed: roles, SQL in place of changes, and what is refused."""

from __future__ import annotations

import uuid

import asyncpg
import pytest

from mediasweep.postgres.migrate import migrate, pending
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.conftest import Server
from tests.daemons import environment
from tests.schema.privileges import matrix
from tests.schema.roles import new_names, staffed, stranger
from tests.schema.test_guard import WITHOUT_GUARD

URL = "cloudinary://key:secret@cloud"


async def test_a_dry_run_prints_what_would_be_done_and_does_none_of_it(
    blank_database: str,
) -> None:
    """The SQL that is printed, pasted, makes what migrate makes, and nothing is left to be done."""
    env = environment(blank_database, URL)
    async with new_names(blank_database) as roles:
        names = ("--owner", roles.owner, "--daemon", roles.daemon, "--reader", roles.reader)
        printed = await mediasweep(env, "migrate", "--roles", *names, "--dry-run")
        assert (printed.code, printed.err) == (0, "")
        db = await asyncpg.connect(blank_database)
        assert await db.fetchval("SELECT to_regnamespace('mediasweep')::text") is None
        await db.execute(printed.out)
        pasted = await matrix(db)
        assert any("| reader | " in line for line in pasted)
        done = await mediasweep(env, "migrate", "--roles", *names)
        assert (done.code, "applied" in done.err) == (0, False)
        assert pasted == await matrix(db)
        await db.close()


async def test_a_dry_run_prints_only_what_is_missing(database: str, db: Db) -> None:
    """Of a database that lacks one file, this one is printed, and it stays lacking it."""
    await db.execute("DELETE FROM mediasweep.migration WHERE name = 'functions/wake.sql'")
    printed = await mediasweep(environment(database, URL), "migrate", "--dry-run")
    assert printed.out.count("-- ==== ") == 1
    assert await migrate(database) == ["functions/wake.sql"]


async def test_names_without_roles_are_a_mistake(database: str) -> None:
    """Who names a role and does not ask for roles is told so, with exit code 2."""
    done = await mediasweep(environment(database, URL), "migrate", "--owner", "x")
    assert (done.code, "--roles" in done.err) == (2, True)


async def test_a_table_that_is_in_the_librarys_way_is_told(blank_database: str) -> None:
    """What it lacks, and what to do instead; nothing is applied."""
    db = await asyncpg.connect(blank_database)
    await db.execute("CREATE TABLE public.media_assets (id integer, url text)")
    await db.close()
    done = await mediasweep(environment(blank_database, URL), "migrate", "--with-library")
    assert done.code == 2, done
    assert "it lacks cloudinary_public_id, resource_type" in " ".join(done.err.split())
    assert (await pending(blank_database))[0].name.startswith("migrations/0001")


async def test_a_table_of_yours_that_everybody_may_read_is_not_closed(
    database: str, db: Db
) -> None:
    """A whole library that was not made by us, and has no row-level security, is left as it is;
    once it has, it becomes the library, and stays that whatever becomes of its security.
    """
    env = environment(database, URL)
    await db.execute(
        "SELECT mediasweep.detach('media_assets');"
        "DELETE FROM mediasweep.migration WHERE name = 'library.sql';"
        "DROP POLICY media_assets_deny_all ON media_assets;"
        "ALTER TABLE media_assets DISABLE ROW LEVEL SECURITY"
    )
    refused = await mediasweep(env, "migrate", "--with-library")
    assert refused.code == 2, refused
    assert "every role but its owner would see no row" in " ".join(refused.err.split())
    secured = "SELECT relrowsecurity FROM pg_class WHERE oid = 'media_assets'::regclass"
    assert not await db.fetchval(secured)
    await db.execute(
        "CREATE POLICY mine ON media_assets USING (true);"
        "ALTER TABLE media_assets ENABLE ROW LEVEL SECURITY"
    )
    done = await mediasweep(env, "migrate", "--with-library")
    assert (done.code, done.err) == (0, "applied library.sql\n")
    await db.execute("ALTER TABLE media_assets DISABLE ROW LEVEL SECURITY")
    assert (await mediasweep(env, "migrate", "--with-library")).code == 0
    assert not await db.fetchval(secured)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_is_not_in_utf8_is_refused(server: Server, encoding: str) -> None:
    """It says so and what to do, with exit code 3, before anything is made."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await server.sql(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'"
        " LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    try:
        done = await mediasweep(environment(server.dsn(name), URL), "migrate")
        db = await asyncpg.connect(server.dsn(name))
        made = await db.fetchval("SELECT to_regnamespace('mediasweep')::text")
        await db.close()
    finally:
        await server.sql(f"DROP DATABASE {name} WITH (FORCE)")
    assert (done.code, made) == (3, None), done
    assert f"encoding of this database is {encoding}, and mediasweep needs UTF8" in done.err


async def test_a_role_that_was_granted_nothing_is_told_whose_member_to_be(database: str) -> None:
    """A command under a role that cannot reach the schema says who can, with exit code 3."""
    async with stranger(database) as nobody:
        done = await mediasweep(environment(nobody.dsn, URL), "status")
    assert (done.code, "a member of mediasweep_daemon" in done.err) == (3, True)


async def test_a_member_of_the_owner_migrates_and_others_are_told_whose_it_is(
    database: str, db: Db
) -> None:
    """Renewing a schema takes no right on the database; who may not is told the owner's name."""
    async with staffed(database) as staff, stranger(database) as hand:
        await db.execute("DELETE FROM mediasweep.migration WHERE name = 'functions/wake.sql'")
        refused = await mediasweep(environment(staff.daemon.dsn, URL), "migrate")
        owner = await db.fetchval("SELECT quote_ident($1)", staff.roles.owner)
        assert (refused.code, f"run it as {owner}, who owns" in refused.err) == (3, True)
        await db.execute(f"GRANT {owner} TO {hand.name}")
        done = await mediasweep(environment(hand.dsn, URL), "migrate")
        assert (done.code, done.err) == (0, "applied functions/wake.sql\n")


async def test_a_migrate_that_applies_nothing_says_what_it_did(database: str, db: Db) -> None:
    """It has built the guard anew all the same, and says so."""
    await db.execute(WITHOUT_GUARD)
    done = await mediasweep(environment(database, URL), "migrate")
    assert done.err == "the schema is up to date; guard and capture functions were rebuilt\n"
    built = await db.fetchval("SELECT prosrc FROM pg_proc WHERE oid = 'mediasweep.uses'::regproc")
    assert "media_assets" in built
