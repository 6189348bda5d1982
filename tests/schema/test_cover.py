"""Parts of a table that nobody captures are found and made up for; all can be taken away."""

from __future__ import annotations

import asyncpg
import pytest

from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect, Server
from tests.postgres.dump import pg_dump
from tests.schema.queue import queued
from tests.schema.test_capture_parts import PARTITIONED

LATER = "CREATE TABLE public.later PARTITION OF public.parts FOR VALUES FROM (20) TO (30)"
UNCOVERED = "SELECT part::text, missing FROM mediasweep.uncovered()"


async def test_a_partition_made_later_is_found(db: Db) -> None:
    """A new partition is listed, with what of it is not captured, until its triggers are made."""
    await db.execute(PARTITIONED)
    assert await db.fetch(UNCOVERED) == []
    await db.execute(LATER)
    assert [tuple(row) for row in await db.fetch(UNCOVERED)] == [
        ("later", "DELETE, TRUNCATE, UPDATE")
    ]
    assert await db.fetchval("SELECT mediasweep.cover()") == 1
    assert await db.fetch(UNCOVERED) == []
    await db.execute("INSERT INTO parts VALUES (21, 'c'); DELETE FROM later")
    assert await queued(db) == [("c", "row_deleted")]


async def test_migrate_covers_a_partition_made_later(db: Db, database: str) -> None:
    """The next migrate makes the triggers, though no file is new."""
    await db.execute(f"{PARTITIONED}; {LATER}")
    assert await migrate(database) == []
    assert await db.fetch(UNCOVERED) == []


async def test_a_busy_partition_is_left_for_later(db: Db, connect: Connect) -> None:
    """A partition that somebody writes to is passed by in a moment, and nobody waits."""
    other = await connect()
    await db.execute(f"{PARTITIONED}; {LATER}")
    async with other.transaction():
        await other.execute("INSERT INTO later VALUES (21, 'c')")
        assert await db.fetchval("SELECT mediasweep.cover()") == 0
    assert await db.fetchval("SELECT mediasweep.cover()") == 1


async def test_a_trigger_that_is_disabled_or_gone_is_found(db: Db) -> None:
    """Whoever switches a trigger off, or drops it, is found out."""
    await db.execute(
        """CREATE TABLE public.t (c text); SELECT mediasweep.attach('t', '{"public_id": "c"}')"""
    )
    await db.execute(
        "ALTER TABLE t DISABLE TRIGGER t_cleanup_trigger_update;"
        " DROP TRIGGER t_cleanup_trigger_delete ON t"
    )
    assert [tuple(row) for row in await db.fetch(UNCOVERED)] == [
        ("t", "DELETE, t_cleanup_trigger_update is disabled")
    ]


async def test_tables_that_inherit_are_parts_too(db: Db) -> None:
    """A statement on a table that inherits from an attached one is captured."""
    await db.execute(
        "CREATE TABLE public.t (c text); CREATE TABLE public.child () INHERITS (public.t)"
    )
    await db.execute("""SELECT mediasweep.attach('t', '{"public_id": "c"}')""")
    wanted = "SELECT m.statement FROM mediasweep.attached a, mediasweep.missing_indexes(a) m"
    assert {row[0] for row in await db.fetch(f"{wanted} WHERE a.relation = 't'::regclass")} == {
        "CREATE INDEX CONCURRENTLY ON public.t (c);",
        "CREATE INDEX CONCURRENTLY ON public.child (c);",
    }
    await db.execute("INSERT INTO t VALUES ('a'); INSERT INTO child VALUES ('b'), ('c')")
    await db.execute("DELETE FROM child WHERE c = 'b'; DELETE FROM t")
    assert [id_ for id_, _ in await queued(db)] == ["a", "b", "c"]


async def test_uninstall_leaves_nothing_of_ours(db: Db, database: str, server: Server) -> None:
    """With nothing unfinished, the schema goes, and the user's tables are as they were."""
    await db.execute("SELECT mediasweep.detach('media_assets'); CREATE TABLE public.t (c text)")
    before = pg_dump(server, database, "--schema=public")
    await db.execute("""SELECT mediasweep.attach('t', '{"public_id": "c"}')""")
    await db.execute("SELECT mediasweep.uninstall()")
    assert await db.fetchval("SELECT to_regnamespace('mediasweep')") is None
    assert pg_dump(server, database, "--schema=public") == before
    await db.execute("INSERT INTO t VALUES ('a'); DELETE FROM t")


async def test_uninstall_loses_nothing_unless_forced(db: Db) -> None:
    """What is unfinished keeps the schema, and so do objects of others that need it."""
    await db.execute(
        """CREATE TABLE public.t (c text); SELECT mediasweep.attach('t', '{"public_id": "c"}')"""
    )
    await db.execute("INSERT INTO t VALUES ('a'); DELETE FROM t")
    with pytest.raises(
        asyncpg.RaiseError, match="1 rows are unfinished, 0 captures not queued yet"
    ):
        await db.execute("SELECT mediasweep.uninstall()")
    await db.execute("CREATE VIEW public.v AS SELECT * FROM mediasweep.cloudinary_cleanup_queue")
    with pytest.raises(asyncpg.RaiseError, match="would go with it: rule _RETURN on view"):
        await db.execute("SELECT mediasweep.uninstall(force => true)")
    await db.execute("DROP VIEW public.v; SELECT mediasweep.uninstall(force => true)")
    assert await db.fetchval("SELECT to_regnamespace('mediasweep')") is None
