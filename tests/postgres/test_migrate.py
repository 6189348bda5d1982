"""Migrate: the schema arrives whole, once, and is kept up to date; what does not fit is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from mediasweep.postgres import migrate as runner
from mediasweep.postgres import pool
from mediasweep.postgres.migrate import File, migrate, read_schema, script
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import DatabaseError
from mediasweep.rules.failures import SchemaError
from tests.conftest import Server
from tests.postgres.dump import pg_dump
from tests.schema.queue import ARTICLES, claim, enqueue, insert_assets, make_due, queued, row
from tests.schema.roles import stranger

LEDGER = "SELECT name, sha256 FROM mediasweep.migration ORDER BY name"
FAILED_BEFORE = """
INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, status, processed_at)
VALUES ('a', 'failed', now())
"""
NAMES = [file.name for file in read_schema()]


async def _fetch(dsn: str, sql: str) -> list[tuple[object, ...]]:
    db = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await db.fetch(sql)]
    finally:
        await db.close()


def _serve(monkeypatch: pytest.MonkeyPatch, schema: list[File]) -> None:
    monkeypatch.setattr(runner, "read_schema", lambda **_: schema)


async def test_a_fresh_database_gets_every_file(blank_database: str) -> None:
    """The first run applies every file of this version in order, and writes each down."""
    assert await migrate(blank_database) == NAMES
    assert sorted((f.name, f.sha256) for f in read_schema()) == await _fetch(blank_database, LEDGER)


async def test_a_second_run_does_nothing(blank_database: str) -> None:
    """A database that is up to date is left alone."""
    await migrate(blank_database)
    assert await migrate(blank_database) == []


async def test_the_library_can_come_later(blank_database: str) -> None:
    """A database that was migrated without the library gets just that when it is asked for."""
    await migrate(blank_database)
    assert await migrate(blank_database, with_library=True) == ["library.sql"]
    assert await migrate(blank_database) == []


async def test_the_library_comes_back(database: str, db: Db) -> None:
    """Detached, it is attached again as it was and not changed; dropped, it is made again."""
    attached = "SELECT mediasweep.has_library()"
    await db.execute("ALTER TABLE public.media_assets DISABLE ROW LEVEL SECURITY")
    await db.execute("SELECT mediasweep.detach('public.media_assets')")
    assert [file.text for file in await runner.pending(database, with_library=True)]
    assert await migrate(database) == []
    assert await migrate(database, with_library=True) == [runner.AGAIN]
    assert await db.fetchval(attached)
    assert not await db.fetchval(
        "SELECT relrowsecurity FROM pg_class WHERE oid = 'public.media_assets'::regclass"
    )
    await db.execute("DROP TABLE public.media_assets")
    assert await migrate(database, with_library=True) == ["library.sql"]
    assert await db.fetchval(attached)
    assert await migrate(database, with_library=True) == []


async def test_the_library_is_not_made_unasked(blank_database: str) -> None:
    """Nothing outside our own schema is made unless it was asked for."""
    await migrate(blank_database)
    assert await _fetch(blank_database, "SELECT to_regclass('public.media_assets')") == [(None,)]


async def test_of_four_runners_one_migrates(blank_database: str) -> None:
    """Runners that start together wait for one of them and then find nothing to do."""
    applied = await asyncio.gather(*(migrate(blank_database) for _ in range(4)))
    assert sorted(applied) == [[], [], [], NAMES]


async def test_a_migration_that_changed_is_refused(database: str, db: Db) -> None:
    """A migration that is not the one that was applied is refused by name."""
    await db.execute("UPDATE mediasweep.migration SET sha256 = 'x' WHERE name LIKE '%/0001%'")
    with pytest.raises(SchemaError, match=r"0001_tables\.sql changed after it was applied"):
        await migrate(database)


async def test_a_newer_schema_is_refused(database: str, db: Db) -> None:
    """A database that a later version migrated is refused and left alone."""
    await db.execute("INSERT INTO mediasweep.migration VALUES ('migrations/9999_later.sql', 'x')")
    with pytest.raises(SchemaError, match="newer than this version"):
        await migrate(database)


async def test_a_file_that_fails_leaves_nothing(
    blank_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is applied whole or not at all, and the run ends with its name."""
    bad = File(
        "migrations/9998_bad.sql", "CREATE TABLE mediasweep.half (); SELECT 1 / 0", once=True
    )
    _serve(monkeypatch, [*read_schema(), bad])
    with pytest.raises(DatabaseError, match=r"9998_bad\.sql could not be applied"):
        await migrate(blank_database)
    left = "SELECT to_regclass('mediasweep.half')::text, count(*) FROM mediasweep.migration"
    assert [(None, len(NAMES))] == await _fetch(blank_database, left)


def _changed(name: str, old: str, new: str) -> list[File]:
    schema = read_schema()
    assert sum(old in file.text for file in schema if file.name == name) == 1
    return [replace(f, text=f.text.replace(old, new)) if f.name == name else f for f in schema]


async def test_a_function_file_that_changed_reaches_the_attached_tables(
    database: str, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function file that changed is applied again, and what is generated from it rebuilt."""
    _serve(monkeypatch, _changed("functions/capture.sql", "'row_deleted'", "'row_went'"))
    assert await migrate(database) == ["functions/capture.sql"]
    await insert_assets(db, "a")
    await db.execute("DELETE FROM media_assets")
    assert await queued(db) == [("a", "row_went")]


async def test_what_failed_while_the_functions_were_old_is_counted(db: Db, database: str) -> None:
    """A row that a function of the release before gave up in the middle of the upgrade is not left
    out of the count for ever.
    """
    await db.execute(FAILED_BEFORE)
    assert await db.fetchval("SELECT mediasweep.failed_rows()") == 0
    await migrate(database)
    assert await db.fetchval("SELECT mediasweep.failed_rows()") == 1


async def test_a_rebuild_that_failed_is_made_up_for(
    database: str, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends after the files and before the rebuild leaves the rebuild to the next run."""
    _serve(monkeypatch, _changed("functions/capture.sql", "'row_deleted'", "'row_went'"))
    await db.execute("ALTER FUNCTION mediasweep.build() RENAME TO away")
    with pytest.raises((DatabaseError, asyncpg.PostgresError)):
        await migrate(database)
    await db.execute("DROP FUNCTION IF EXISTS mediasweep.build()")
    await db.execute("ALTER FUNCTION mediasweep.away() RENAME TO build")
    await migrate(database)
    await insert_assets(db, "a")
    await db.execute("DELETE FROM media_assets")
    assert await queued(db) == [("a", "row_went")]


async def test_migrate_makes_up_for_a_table_that_was_renamed(database: str, db: Db) -> None:
    """What the guard tells people to do about a renamed table helps, though no file is new."""
    await db.execute(ARTICLES)
    await db.execute("ALTER TABLE articles RENAME TO posts")
    await enqueue(db, "a")
    assert "run mediasweep migrate" in ((await claim(db)).guard_error or "")
    await migrate(database)
    await make_due(db)
    assert (await claim(db)).assets == ["a"]


WAITING = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'mediasweep migrate' AND wait_event_type = 'Lock')"
)


async def test_a_lock_that_is_busy_is_tried_for_again(
    database: str, db: Db, connect: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that is in use delays a migration, which lets go in between and comes back."""
    assert callable(connect)
    watch: Db = await connect()
    monkeypatch.setitem(runner.SQL, "set_timeouts", "SET lock_timeout = '200ms'")
    slow = File("migrations/0002_busy.sql", "ALTER TABLE mediasweep.gate ADD x integer", once=True)
    _serve(monkeypatch, [*read_schema(), slow])
    async with asyncio.timeout(30):
        async with db.transaction():
            await db.execute("SELECT FROM mediasweep.gate")
            run = asyncio.ensure_future(migrate(database))
            for waits in (True, False):
                while waits is not await watch.fetchval(WAITING):
                    await watch.execute("SELECT pg_sleep(0.01)")
        assert await run == ["migrations/0002_busy.sql"]


async def test_a_lock_that_stays_busy_ends_the_run(
    database: str, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that never gets its lock gives up, and nothing of it stays."""
    monkeypatch.setitem(runner.SQL, "set_timeouts", "SET lock_timeout = '1ms'")
    monkeypatch.setattr(runner, "ATTEMPTS", 1)
    slow = File("migrations/0002_busy.sql", "ALTER TABLE mediasweep.gate ADD x integer", once=True)
    _serve(monkeypatch, [*read_schema(), slow])
    async with db.transaction():
        await db.execute("SELECT FROM mediasweep.gate")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await migrate(database)
    assert sorted(NAMES, key=NAMES.index) == NAMES
    assert await db.fetchval("SELECT count(*) FROM mediasweep.migration WHERE name ~ 'busy'") == 0


async def test_a_file_may_take_longer_than_other_calls(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index over a long queue is not given up when a call of the daemon would be."""
    monkeypatch.setattr(pool, "COMMAND_TIMEOUT_S", 1.0)
    slow = File("migrations/9998_slow.sql", "SELECT pg_sleep(2)", once=True)
    _serve(monkeypatch, [*read_schema(), slow])
    assert await migrate(database) == [slow.name]


async def test_the_script_makes_the_same_database(
    blank_database: str, template: str, server: Server
) -> None:
    """The printed SQL, pasted in one go, makes what migrate makes, and migrate agrees."""
    pasting = await asyncpg.connect(blank_database)
    await pasting.execute("".join(script(with_library=True)))
    await pasting.close()
    assert pg_dump(server, server.dsn(template)) == pg_dump(server, blank_database)
    assert await migrate(blank_database, with_library=True) == []


async def test_a_script_that_fails_leaves_nothing(blank_database: str) -> None:
    """The printed SQL is one transaction, so a database that it does not fit stays empty."""
    pasting = await asyncpg.connect(blank_database)
    await pasting.execute("CREATE TABLE public.media_assets (id integer)")
    with pytest.raises(asyncpg.PostgresError):
        await pasting.execute("".join(script(with_library=True)))
    await pasting.close()
    assert await _fetch(blank_database, "SELECT to_regnamespace('mediasweep')::text") == [(None,)]


async def test_the_owner_of_a_database_needs_no_superuser(blank_database: str) -> None:
    """Whoever owns the database can migrate, attach, capture and claim without being superuser."""
    async with stranger(blank_database) as owner:
        admin = await asyncpg.connect(blank_database)
        name = await admin.fetchval("SELECT current_database()")
        await admin.execute(f"ALTER DATABASE {name} OWNER TO {owner.name}")
        await admin.close()
        await migrate(owner.dsn, with_library=True)
        db = await asyncpg.connect(owner.dsn)
        await insert_assets(db, "a", "b")
        await db.execute("DELETE FROM media_assets WHERE cloudinary_public_id = 'a'")
        claimed = await claim(db)
        assert (claimed.assets, claimed.guard_error) == (["a"], None)
        assert owner.name == (await row(db))["actor"]
        await db.close()
