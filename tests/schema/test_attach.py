"""Attach and detach: what is refused, and that a table is left as it was."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect, Server
from tests.postgres.dump import pg_dump
from tests.schema.queue import (
    ARTICLES,
    claim,
    enqueue,
    insert_assets,
    make_due,
    queued,
    until_someone_waits,
)

TABLE = "CREATE TABLE public.t (id integer PRIMARY KEY, cover text)"
ATTACH = """SELECT mediasweep.attach('public.t', '{"public_id": "cover"}')"""
DETACH = "SELECT mediasweep.detach('public.t'::regclass)"
BOUNDED = """
SELECT p.proname, p.oid::regprocedure::text AS called FROM pg_proc p
 WHERE p.pronamespace = 'mediasweep'::regnamespace AND 'lock_timeout=3s' = ANY (p.proconfig)
"""
TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%cleanup_trigger%' AND tgrelid = "


async def test_two_who_attach_at_once_both_are_attached(db: Db, connect: Connect) -> None:
    """Of two tables that are attached at the same time the guard knows both."""
    other = await connect()
    await db.execute(f"{TABLE}; CREATE TABLE public.u (cover text)")
    async with db.transaction():
        await db.execute(ATTACH)
        attaching = asyncio.ensure_future(other.execute(ATTACH.replace("public.t", "public.u")))
        await until_someone_waits(db)
    await attaching
    await db.execute("INSERT INTO t VALUES (1, 'a'); INSERT INTO u VALUES ('b')")
    await enqueue(db, "a", "b")
    assert (await claim(db)).skipped == 2


@pytest.mark.parametrize("call", ["attach", "detach", "uninstall"])
async def test_nobody_waits_long_behind_a_writer_of_the_table(
    db: Db, connect: Connect, call: str
) -> None:
    """Whoever attaches or detaches gives up in time, and says so: other writers wait behind him."""
    await db.execute(TABLE)
    calls = {"attach": ATTACH, "detach": DETACH, "uninstall": "SELECT mediasweep.uninstall()"}
    if call != "attach":
        await db.execute(ATTACH)
    bounded = await db.fetch(BOUNDED)
    assert {"attach", "detach", "detach_number", "uninstall"} == {row["proname"] for row in bounded}
    for row in bounded:
        await db.execute(f"ALTER FUNCTION {row['called']} SET lock_timeout = '50ms'")
    writer = await connect()
    async with writer.transaction():
        await writer.execute("INSERT INTO t VALUES (1, 'a')")
        with pytest.raises(asyncpg.LockNotAvailableError) as refused:
            await asyncio.wait_for(db.execute(calls[call]), 10)
    assert "try again" in str(refused.value.hint)
    await db.execute(calls[call])


@pytest.mark.parametrize("option", ["public_id", "resource_type", "version", "deleted_at"])
async def test_a_column_that_does_not_exist_is_refused(db: Db, option: str) -> None:
    """A wrong column is found out when the table is attached, and nothing of it stays."""
    await db.execute(TABLE)
    options = f'{{"public_id": "cover", "{option}": "kover"}}'
    with pytest.raises(asyncpg.RaiseError, match=f'has no column "kover" .{option}.'):
        await db.execute(f"SELECT mediasweep.attach('public.t', '{options}')")
    assert await db.fetchval(f"{TRIGGERS} 't'::regclass") == 0
    assert (await claim(db)).guard_error is None


async def test_attach_wants_to_know_the_public_id(db: Db) -> None:
    """Without the column of the public id a table cannot be attached."""
    await db.execute(TABLE)
    with pytest.raises(asyncpg.RaiseError, match=r"say which column of public\.t holds"):
        await db.execute("SELECT mediasweep.attach('public.t', '{}')")


async def test_a_table_is_attached_once(db: Db) -> None:
    """A table that is attached cannot be attached again."""
    await db.execute(f"{TABLE}; {ATTACH}")
    with pytest.raises(asyncpg.RaiseError, match=r"public\.t is attached already"):
        await db.execute(ATTACH)


async def test_a_table_can_be_attached_again(db: Db) -> None:
    """After a detach the same table can be attached, and is captured."""
    await db.execute(f"{TABLE}; {ATTACH}; {DETACH}; {ATTACH}")
    await db.execute("INSERT INTO t VALUES (1, 'a'); DELETE FROM t")
    assert await queued(db) == [("a", "row_deleted")]


async def test_detach_leaves_the_table_as_it_was(db: Db, database: str, server: Server) -> None:
    """A dump of the user's schema after attach and detach is the one from before."""
    await db.execute(f"{TABLE}; CREATE INDEX ON t (cover); GRANT SELECT ON t TO PUBLIC")
    before = pg_dump(server, database, "--schema=public")
    await db.execute(ATTACH)
    assert before != pg_dump(server, database, "--schema=public")
    await db.execute(DETACH)
    assert before == pg_dump(server, database, "--schema=public")


async def test_a_detached_table_neither_queues_nor_keeps(db: Db) -> None:
    """After a detach the table's rows let nothing go and no longer keep an asset."""
    await db.execute(f"{TABLE}; {ATTACH}")
    await db.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    await db.execute(DETACH)
    await db.execute("DELETE FROM t WHERE id = 2")
    await enqueue(db, "a")
    assert (await claim(db)).assets == ["a"]


async def test_what_a_detached_table_let_go_before_is_not_sent(db: Db) -> None:
    """Once nobody is asked whether its rows use an asset, nothing that it queued is deleted."""
    await db.execute(f"{TABLE}; {ATTACH}")
    await db.execute("INSERT INTO t VALUES (1, 'a'); DELETE FROM t")
    await db.execute(DETACH)
    claimed = await claim(db)
    assert claimed.brought_nothing
    assert not claimed.held
    assert await queued(db) == [("a", "row_deleted")]


async def test_detach_takes_a_name_as_people_type_it(db: Db) -> None:
    """At a console a table is detached by its name in quotes, as it was attached."""
    await db.execute(f"{TABLE}; {ATTACH}; SELECT mediasweep.detach('public.t')")
    assert await db.fetchval(f"{TRIGGERS} 't'::regclass") == 0


async def test_detach_refuses_a_table_that_is_not_attached(db: Db) -> None:
    """Detaching what is not attached is an error that says so."""
    await db.execute(TABLE)
    with pytest.raises(asyncpg.RaiseError, match="t is not attached"):
        await db.execute(DETACH)


async def test_a_renamed_table_can_be_detached(db: Db) -> None:
    """Detach finds its triggers under whatever name the table has by now."""
    await db.execute(f"{TABLE}; {ATTACH}; ALTER TABLE t RENAME TO u")
    await db.execute("SELECT mediasweep.detach('public.u'::regclass)")
    assert await db.fetchval(f"{TRIGGERS} 'public.u'::regclass") == 0


async def test_a_dropped_table_can_be_detached(db: Db) -> None:
    """Detaching a table that is gone ends the guard's complaint about it."""
    await db.execute(ARTICLES)
    await db.execute("DROP TABLE articles")
    await db.execute(
        "SELECT mediasweep.detach(a.relation) FROM mediasweep.attached a"
        " WHERE a.relation <> 'public.media_assets'::regclass"
    )
    await enqueue(db, "a")
    assert (await claim(db)).assets == ["a"]


async def test_two_dropped_tables_stop_the_guard_until_both_are_detached(db: Db) -> None:
    """What is gone cannot be asked; each can be detached, and other tables attached meanwhile."""
    await db.execute(f"{ARTICLES}; {TABLE}; {ATTACH}")
    await db.execute("DROP TABLE articles, t; CREATE TABLE other (id int, cover text)")
    await db.execute("""SELECT mediasweep.attach('public.other', '{"public_id": "cover"}')""")
    await enqueue(db, "a")
    for _ in range(2):
        await make_due(db)
        assert "gone: detach it" in str((await claim(db)).guard_error)
        await db.execute(
            "SELECT mediasweep.detach_number(min(a.id)) FROM mediasweep.attached a WHERE"
            " a.detached_at IS NULL AND NOT EXISTS (SELECT FROM pg_class WHERE oid = a.relation)"
        )
    await make_due(db)
    assert (await claim(db)).assets == ["a"]


@pytest.mark.parametrize("name", ["a" * 63, "ж" * 31, "日" * 21, "🎞" * 15, 'we "quote" 100%'])
async def test_a_table_with_any_name_can_be_attached(db: Db, name: str) -> None:
    """Names as long as Postgres allows, in any script, attach, capture, keep and detach."""
    quoted = 'public."' + name.replace('"', '""') + '"'
    await db.execute(f"CREATE TABLE {quoted} (cover text)")
    await db.execute(
        """SELECT mediasweep.attach($1::text::regclass, '{"public_id": "cover"}')""", quoted
    )
    await db.execute(f"INSERT INTO {quoted} VALUES ('a'), ('b'), ('b')")
    await db.execute(f"DELETE FROM {quoted} WHERE ctid IN ('(0,1)', '(0,2)')")
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped) == (["a"], 1)
    await db.execute("SELECT mediasweep.detach($1::text::regclass)", quoted)
    assert await db.fetchval(f"{TRIGGERS} $1::text::regclass", quoted) == 0


async def test_an_option_that_does_not_exist_is_refused(db: Db) -> None:
    """A typing error in an option must not become a default."""
    await db.execute("CREATE TABLE public.t (id int PRIMARY KEY, cover text)")
    with pytest.raises(asyncpg.RaiseError, match="there is no option stricct"):
        await db.execute(
            """SELECT mediasweep.attach('public.t', '{"public_id": "cover", "stricct": true}')"""
        )


async def test_a_table_that_comes_back_goes_on_with_its_rows(db: Db) -> None:
    """Attached again, a table keeps its number, and what it had queued is claimable."""
    await db.execute("CREATE TABLE public.t (id int PRIMARY KEY, cover text)")
    attach = """SELECT mediasweep.attach('public.t', '{"public_id": "cover"}')"""
    number = await db.fetchval(attach)
    await db.execute("INSERT INTO public.t VALUES (1, 'a')")
    await db.execute("DELETE FROM public.t")
    await db.execute("SELECT mediasweep.detach('public.t')")
    assert number not in await db.fetchval("SELECT mediasweep.open_sources()")
    assert await db.fetchval(attach) == number
    assert (await claim(db)).assets == ["a"]


async def test_a_library_that_was_made_anew_has_a_function_of_its_own(db: Db) -> None:
    """The old one can be detached after the new one was attached, and that is captured on."""
    await db.execute(
        "CREATE TABLE made (LIKE media_assets INCLUDING ALL); DROP TABLE media_assets;"
        "ALTER TABLE made RENAME TO media_assets;"
        """SELECT mediasweep.attach('media_assets', '{"public_id": "cloudinary_public_id"}');"""
        "SELECT mediasweep.detach_number(1)"
    )
    await insert_assets(db, "a")
    await db.execute("DELETE FROM media_assets")
    assert await queued(db) == [("a", "row_deleted")]
    assert await db.fetchval("SELECT count(*) FROM mediasweep.uncovered()") == 0
