"""`mediasweep detach` and `uninstall`: what they ask, lose, keep, refuse and print."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.conftest import Connect, Server
from tests.daemons import environment
from tests.postgres.dump import pg_dump
from tests.schema.queue import until_someone_waits

T = """CREATE TABLE public.t (c text); INSERT INTO t VALUES ('a'), ('b');
       SELECT mediasweep.attach('public.t', '{"public_id": "c"}')"""
ATTACHED = "SELECT a.relation::text AS named FROM mediasweep.attached a WHERE a.detached_at IS NULL"
TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass"
SCHEMA = "SELECT to_regnamespace('mediasweep') IS NOT NULL"


@pytest.fixture
def env(database: str, cloud: Cloud) -> dict[str, str]:
    """Give the environment of a command."""
    return environment(database, cloud.url)


@pytest.mark.parametrize("called", ["t", "public.t", "2"])
async def test_a_table_is_detached_by_name_or_number(
    db: Db, env: dict[str, str], called: str
) -> None:
    """With nothing unfinished it asks nothing, and the triggers are gone."""
    await db.execute(T)
    done = await mediasweep(env, "detach", called)
    assert (done.code, done.out, done.err) == (0, "", "public.t was detached\n")
    assert await db.fetchval(TRIGGERS) == 0


async def test_what_was_taken_out_of_a_table_is_told_and_detached(
    db: Db, env: dict[str, str]
) -> None:
    """List and status name a partition that was detached, until it is let go of by its name."""
    await db.execute(
        "CREATE TABLE public.log (c text) PARTITION BY LIST (c);"
        "CREATE TABLE public.log1 PARTITION OF public.log DEFAULT;"
        """SELECT mediasweep.attach('log', '{"public_id": "c"}');"""
        "ALTER TABLE log DETACH PARTITION log1"
    )
    told = "log1 is no part of "
    assert f"public.{told}public.log any more" in (await mediasweep(env, "attach", "--list")).err
    assert told in (await mediasweep(env, "status")).out
    dry = await mediasweep(env, "detach", "log1", "--dry-run")
    assert "-- trigger log1_cleanup_trigger_delete on public.log1\n" in dry.out
    done = await mediasweep(env, "detach", "log1")
    assert (done.code, done.err) == (0, "public.log1 was detached\n")
    assert told not in (await mediasweep(env, "status")).out


async def test_a_table_that_is_gone_is_detached_by_number(db: Db, env: dict[str, str]) -> None:
    """The list shows its number, and its number detaches it."""
    await db.execute(f"{T}; DROP TABLE t")
    listed = await mediasweep(env, "attach", "--list")
    assert "2       the table is gone" in listed.out
    assert (await mediasweep(env, "detach", "2")).code == 0
    assert [row["named"] for row in await db.fetch(ATTACHED)] == ["media_assets"]


async def test_what_would_stay_unsent_is_asked_about(db: Db, env: dict[str, str]) -> None:
    """It says how many rows, asks, and takes neither silence nor a no for a yes."""
    await db.execute(f"{T}; DELETE FROM t")
    silent = await mediasweep(env, "detach", "t")
    assert (silent.code, "2 unfinished rows of public.t would stay" in silent.err) == (2, True)
    assert "add --yes" in silent.err
    no = await mediasweep(env, "detach", "t", typed="n\n")
    assert (no.code, "nothing was changed" in no.err) == (1, True)
    assert await db.fetchval(TRIGGERS) == 3
    yes = await mediasweep(env, "detach", "t", typed="y\n")
    assert (yes.code, "public.t was detached; unsent: 2 rows" in yes.err) == (0, True)
    listed = await mediasweep(env, "attach", "--list")
    assert "public.t (detached)" in listed.out
    assert (await mediasweep(env, "attach", "t", "--public-id", "c")).code == 0
    assert (await mediasweep(env, "detach", "t", "--yes")).code == 0


async def test_the_printed_sql_detaches_as_well(
    db: Db, env: dict[str, str], database: str, server: Server
) -> None:
    """A dry run and `sql detach` print the same, which changes nothing until it is pasted."""
    await db.execute(T)
    before = pg_dump(server, database)
    dry = await mediasweep(env, "detach", "t", "--dry-run")
    printed = await mediasweep(env, "sql", "detach", "t")
    assert (dry.code, printed.code, printed.err) == (0, 0, "")
    assert dry.out == printed.out
    assert "-- trigger t_cleanup_trigger_delete on public.t" in printed.out
    assert before == pg_dump(server, database)
    await db.execute(printed.out)
    assert await db.fetchval(TRIGGERS) == 0


@pytest.mark.parametrize(
    ("called", "said"),
    [
        ("u", "'u' is no attached table: give public.media_assets (1), public.t (2)"),
        ("7", "no source has the number 7"),
        ("manual", "manual is not attached: `mediasweep attach --list` has what is"),
    ],
)
async def test_what_is_not_attached_cannot_be_detached(
    db: Db, env: dict[str, str], called: str, said: str
) -> None:
    """Exit code 2, and what there is."""
    await db.execute(T)
    told = await mediasweep(env, "detach", called)
    assert (told.code, said in told.err) == (2, True), told.err


# -- uninstall -------------------------------------------------------------------------------------


async def test_uninstall_says_what_goes_and_leaves_the_tables_as_they_were(
    db: Db, env: dict[str, str], database: str, server: Server
) -> None:
    """After the database's name is typed nothing of ours is left, and every row of theirs is."""
    await db.execute("CREATE TABLE public.t (c text); INSERT INTO t VALUES ('a')")
    await mediasweep(env, "detach", "media_assets")
    before = pg_dump(server, database, "--schema=public")
    await mediasweep(env, "attach", "t", "--public-id", "c")
    name = await db.fetchval("SELECT current_database()")
    wrong = await mediasweep(env, "uninstall", typed="yes\n")
    assert (wrong.code, f"Type {name} to do it" in wrong.err) == (1, True)
    assert await db.fetchval(SCHEMA)
    done = await mediasweep(env, "uninstall", typed=f"{name}\n")
    assert (done.code, done.out.strip()) == (0, "")
    assert "drops trigger t_cleanup_trigger_delete on public.t\n" in done.err
    assert "drops table mediasweep.journal\n" in done.err
    assert "keeps public.t and its rows\n" in done.err
    assert "keeps public.media_assets and its rows\n" in done.err
    assert not await db.fetchval(SCHEMA)
    assert pg_dump(server, database, "--schema=public") == before
    assert await db.fetchval("SELECT count(*) FROM t") == 1


async def test_uninstall_drops_exactly_what_it_said(db: Db, env: dict[str, str]) -> None:
    """The tables and triggers of the dry run are those that there are, and it changes nothing."""
    await db.execute(T)
    told = await mediasweep(env, "uninstall", "--dry-run")
    assert (told.code, "nothing was done" in told.err) == (0, True)
    tables = await db.fetchval(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'mediasweep'::regnamespace"
        " AND relkind IN ('r', 'p')"
    )
    assert told.out.count("\n-- table mediasweep.") == tables > 5
    assert told.out.count("\n-- trigger ") == 6
    await db.execute(told.out)
    assert not await db.fetchval(SCHEMA)


async def test_uninstall_is_refused_while_rows_are_unfinished(db: Db, env: dict[str, str]) -> None:
    """Exit code 6 before anything is asked; --force loses them, and says how many."""
    await db.execute(f"{T}; DELETE FROM t")
    for words in ((), ("--yes",), ("--dry-run",)):
        told = await mediasweep(env, "uninstall", *words, typed="x\n")
        assert (told.code, "rows that are unfinished: 2," in told.err) == (6, True), told.err
    forced = await mediasweep(env, "uninstall", "--force", "--yes")
    assert (forced.code, "loses 2 deletions that nobody has sent" in forced.err) == (0, True)
    assert not await db.fetchval(SCHEMA)


async def test_uninstall_is_refused_where_others_need_the_schema(
    db: Db, env: dict[str, str]
) -> None:
    """Not even by force does an object of the user's go."""
    await db.execute("CREATE VIEW public.v AS SELECT * FROM mediasweep.journal")
    told = await mediasweep(env, "uninstall", "--yes", "--force")
    assert (told.code, "drop first what needs the schema: rule _RETURN" in told.err) == (6, True)


async def test_uninstall_without_a_terminal_needs_a_yes(db: Db, env: dict[str, str]) -> None:
    """Where nobody can type the name, it does nothing."""
    told = await mediasweep(env, "uninstall")
    assert (told.code, "add --yes" in told.err) == (2, True)
    assert await db.fetchval(SCHEMA)


async def test_what_is_captured_while_uninstall_waits_is_not_lost(
    db: Db, connect: Connect, env: dict[str, str]
) -> None:
    """A deletion that commits after the first count, and before the triggers go, is counted."""
    await db.execute(T)
    other = await connect()
    writing = other.transaction()
    await writing.start()
    await other.execute("DELETE FROM t")
    leaving = asyncio.create_task(mediasweep(env, "uninstall", "--yes"))
    await until_someone_waits(db)
    await writing.commit()
    told = await leaving
    assert (told.code, "2 rows are unfinished" in told.err) == (6, True), told.err
    assert await db.fetchval(TRIGGERS) == 3
    with pytest.raises(asyncpg.RaiseError):
        await db.execute("SELECT mediasweep.uninstall()")
