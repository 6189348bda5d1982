"""Who may do what: exactly what is written down, and what a daemon does is within it."""

from __future__ import annotations

import difflib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import mediasweep
from mediasweep.postgres.migrate import Roles, migrate, read_schema
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import DatabaseError, statements
from tests.schema.privileges import GOLDEN, matrix
from tests.schema.queue import ARTICLES, claim, enqueue, use
from tests.schema.roles import Staff, new_names, staffed, stranger

PACKAGE = Path(mediasweep.__file__).parent
# what only an owner runs, and what a reader does
OWNERS = {f"postgres/{n}.sql" for n in ("migrate", "library", "takeover", "attached", "index")}
READS = {
    "postgres/activity.sql": {"page", "reach", "done"},
    "postgres/attached.sql": {"list"},
    "postgres/brake.sql": {"closed", "first_held"},
    "postgres/cleanup.sql": {"due", "became"},
    "postgres/clock.sql": {"now"},
    "postgres/doctor.sql": {
        *("server", "rights", "lacks", "hidden", "uncovered", "attached", "replicas"),
        *("unlogged", "unvacuumed", "unindexed", "stuck", "fallback", "holding"),
        *("kept", "contract", "published"),
    },
    "postgres/environment.sql": {"differences", "gates", "guard", "server"},
    "postgres/fleet.sql": {
        *("daemons", "figures", "due", "waiting", "capture_trouble", "strays", "standing"),
        *("protected", "installation", "newer"),
    },
    "postgres/gates.sql": {"list"},
    "postgres/inbox.sql": {"has", "state"},
    "postgres/journal.sql": {"deletions"},
    "postgres/operator_queue.sql": {
        *("sources", "list", "page", "count", "oldest", "show", "why", "timeline"),
        *("reasons", "reach"),
    },
    "postgres/media.sql": {"completed", "is_there"},
    "postgres/reconcile.sql": {
        *("run", "last", "due", "unseen", "chosen", "count_chosen", "findings"),
        *("library_ghosts", "away", "newest", "under_way", "acted"),
        *("count_ghosts", "passed_over", "first", "left"),
    },
    "postgres/scheduler.sql": {"config"},
    "postgres/selftest.sql": {"captured", "finished", "told_as", "unindexed"},
}
CALLED = re.compile(r"mediasweep\.(\w+)\(")


def _statements() -> list[tuple[str, str, str]]:
    """Return file, name and text of each statement of daemon and commands."""
    return [
        (file, name, text)
        for path in sorted((PACKAGE / "postgres").glob("*.sql"))
        if (file := path.relative_to(PACKAGE).as_posix())
        for name, text in statements(str(path)).items()
        if file not in OWNERS or name in READS.get(file, ())
    ]


@pytest.fixture
async def staff(database: str) -> AsyncIterator[Staff]:
    """Give a database with the three roles."""
    async with staffed(database) as roles:
        yield roles


async def _refused(db: Db, login: str) -> set[tuple[str, str]]:
    """Return the statements that this role may not run: planning one checks its rights."""
    refused = set()
    await db.execute(f"SET SESSION AUTHORIZATION {login}; SET plan_cache_mode = force_generic_plan")
    for file, name, text in _statements():
        prepared = await db.prepare(text)
        nulls = ", ".join("NULL" for _ in prepared.get_parameters())
        await db.execute(f"PREPARE one AS {text}")
        try:
            await db.execute(f"EXPLAIN EXECUTE one{f'({nulls})' if nulls else ''}")
        except asyncpg.InsufficientPrivilegeError:
            refused.add((file, name))
        await db.execute("DEALLOCATE one")
    await db.execute("RESET SESSION AUTHORIZATION; RESET plan_cache_mode")
    return refused


@pytest.mark.usefixtures("staff")
async def test_the_privileges_are_those_that_are_written_down(db: Db) -> None:
    """A new object, a grant too many or one too few is shown as a difference to the list."""
    expected = GOLDEN.read_text(encoding="utf-8").splitlines()
    found = await matrix(db)
    diff = difflib.unified_diff(expected, found, "privileges.txt", "the database", lineterm="", n=0)
    assert found == expected, "\n".join(
        ["renew it by `python -m tests.schema.privileges`, if each is meant:", *diff]
    )


@pytest.mark.usefixtures("staff")
async def test_a_function_that_is_open_to_everybody_is_noticed(db: Db) -> None:
    """A function of the schema without a REVOKE is one line of the matrix too many."""
    before = await matrix(db)
    await db.execute("CREATE FUNCTION mediasweep.leak() RETURNS integer RETURN 1")
    assert "function leak() (under its caller's path) | PUBLIC | EXECUTE" in await matrix(db)
    await db.execute("DROP FUNCTION mediasweep.leak()")
    assert before == await matrix(db)


def test_every_function_file_closes_what_it_makes() -> None:
    """Each file with functions ends by taking them from PUBLIC, in the same transaction."""
    last = "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;"
    files = [file for file in read_schema() if "CREATE OR REPLACE FUNCTION" in file.text]
    assert len(files) > 10
    assert [file.name for file in files if not file.text.rstrip().endswith(last)] == []


async def test_the_daemons_role_may_run_every_statement(db: Db, staff: Staff) -> None:
    """No statement of daemon or commands needs a right that the role has not got."""
    assert await _refused(db, staff.daemon.name) == set()


async def test_the_readers_role_may_run_what_only_looks(db: Db, staff: Staff) -> None:
    """What shows something is allowed, and what changes something is not."""
    reads = {(file, name) for file, names in READS.items() for name in names}
    allowed = {(f, n) for f, n, _ in _statements()} - await _refused(db, staff.reader.name)
    # these touch nothing of the schema
    always = {
        ("postgres/pool.sql", "backend_pid"),
        ("postgres/pool.sql", "be_patient"),
        ("postgres/asleep.sql", "patient"),
        ("postgres/echo.sql", "notify"),
    }
    # a row's size is no more than what it may see
    assert allowed - always - {("postgres/queue.sql", "bytes_of")} == reads


@pytest.mark.usefixtures("staff")
async def test_every_right_is_needed(db: Db) -> None:
    """A function that is granted is called by a statement, or by one that runs as its caller."""
    named = {name for *_, text in _statements() for name in CALLED.findall(text)}
    granted = await db.fetch(
        "SELECT p.object FROM mediasweep.privileges() p WHERE p.verb = 'EXECUTE'"
    )
    spare = {row["object"] for row in granted} - named
    assert spare == {"asleep_key", "name_of", "selftest_folder"}  # what others of these call


@pytest.mark.usefixtures("staff")
async def test_rows_are_hidden_from_whoever_is_granted_a_table_by_mistake(
    db: Db, role: str
) -> None:
    """With every right on every table and none in the list a role sees no row and makes none."""
    await enqueue(db, "a")
    await db.execute(f"GRANT USAGE ON SCHEMA mediasweep TO {role}")
    await db.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA mediasweep TO {role}")
    tables = [row[0] for row in await db.fetch(TABLES)]
    assert len(tables) > 10
    await db.execute(f"SET ROLE {role}")
    for table in tables:
        assert await db.fetch(f"SELECT FROM {table}") == []
        assert await db.execute(f"DELETE FROM {table}") == "DELETE 0"
        with pytest.raises(asyncpg.PostgresError, match=r"row-level security|null value"):
            await db.execute(f"INSERT INTO {table} DEFAULT VALUES")
    await db.execute("RESET ROLE")


TABLES = """
SELECT c.oid::regclass::text FROM pg_class c
 WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
"""


async def test_what_was_granted_by_hand_is_mended_by_migrate(
    database: str, db: Db, staff: Staff
) -> None:
    """Migrate takes back what daemon, reader or PUBLIC were given, and gives what was taken."""
    before = await matrix(db)
    name = await db.fetchval("SELECT quote_ident($1)", staff.roles.daemon)
    await db.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA mediasweep TO {name}")
    await db.execute("GRANT EXECUTE ON FUNCTION mediasweep.uses TO PUBLIC")
    await db.execute(f"REVOKE SELECT ON mediasweep.gate FROM {name}")
    await db.execute('DROP POLICY "select" ON mediasweep.gate')
    assert await matrix(db) != before
    await migrate(database)
    assert before == await matrix(db)
    assert await _refused(db, staff.daemon.name) == set()


async def test_without_roles_nobody_but_the_owner_is_let_in(database: str, db: Db) -> None:
    """A database without the three roles has one: of its objects nobody else has any right."""
    await migrate(database)
    owner = await db.fetchval("SELECT current_user")
    assert {line.split(" | ")[1] for line in await matrix(db)} == {owner}


@pytest.mark.parametrize("attributes", ["CREATEROLE", "CREATEROLE BYPASSRLS"])
async def test_no_superuser_is_needed(blank_database: str, attributes: str) -> None:
    """Who owns the database and may create roles makes them, and attaches and migrates after it."""
    async with new_names(blank_database) as roles, stranger(blank_database, attributes) as me:
        await _give(blank_database, me.name)
        await migrate(me.dsn, roles=roles)
        db = await asyncpg.connect(me.dsn)
        await db.execute(ARTICLES.replace("public.articles", "articles"))
        await use(db, "a")
        await enqueue(db, "a", "b")
        claimed = await claim(db)
        assert (claimed.assets, claimed.skipped, claimed.guard_error) == (["b"], 1, None)
        assert await db.fetch(FOREIGN, roles.owner) == []
        await db.execute("DELETE FROM mediasweep.migration WHERE name = 'functions/operator.sql'")
        assert await migrate(me.dsn, roles=roles) == ["functions/operator.sql"]
        assert await db.fetch(FOREIGN, roles.owner) == []
        await db.execute("SELECT mediasweep.detach('articles'::regclass)")
        acl = "SELECT relacl::text FROM pg_class WHERE relname = 'articles'"
        assert roles.owner not in str(await db.fetchval(acl))
        await db.close()


FOREIGN = """
SELECT f.oid::regprocedure::text FROM pg_proc f
 WHERE f.pronamespace = 'mediasweep'::regnamespace AND pg_get_userbyid(f.proowner) <> $1
 UNION ALL
SELECT c.relname FROM pg_class c
 WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind = 'r'
   AND pg_get_userbyid(c.relowner) <> $1
"""


async def test_a_table_that_the_owner_cannot_see_whole_is_not_attached(blank_database: str) -> None:
    """Row-level security that the owner does not bypass is refused, with what to do about it."""
    async with new_names(blank_database) as roles, stranger(blank_database, "CREATEROLE") as me:
        await _give(blank_database, me.name)
        await migrate(me.dsn, roles=roles)
        db = await asyncpg.connect(me.dsn)
        await db.execute("CREATE TABLE hidden (cover text)")
        await db.execute("ALTER TABLE hidden ENABLE ROW LEVEL SECURITY")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="BYPASSRLS") as refused:
            await db.execute("""SELECT mediasweep.attach('hidden', '{"public_id": "cover"}')""")
        assert f"--owner {me.name}" in str(refused.value)
        await db.close()


async def test_who_runs_it_may_stay_the_owner(blank_database: str) -> None:
    """Named as the owner, whoever migrates keeps the schema, and sees his tables under RLS."""
    async with new_names(blank_database) as roles, stranger(blank_database, "CREATEROLE") as me:
        await _give(blank_database, me.name)
        await migrate(me.dsn, with_library=True, roles=Roles(me.name, roles.daemon, roles.reader))
        db = await asyncpg.connect(me.dsn)
        await enqueue(db, "a")
        claimed = await claim(db)
        assert (claimed.assets, claimed.guard_error) == (["a"], None)
        await db.close()


async def test_a_role_that_may_not_create_roles_is_told_what_to_ask_for(
    blank_database: str,
) -> None:
    """Without CREATEROLE nothing of the roles is made, and what somebody else can run is shown."""
    async with new_names(blank_database) as roles, stranger(blank_database) as me:
        await _give(blank_database, me.name)
        with pytest.raises(DatabaseError, match=f"{me.name} may not create roles") as refused:
            await migrate(me.dsn, roles=roles)
        assert "CREATE ROLE" in str(refused.value)
        assert await migrate(me.dsn) == []


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("one", "one", "two"), "are three roles"),
        (("one", "anon", "two"), "kept out"),
    ],
)
async def test_names_that_make_no_sense_are_refused(
    database: str, names: tuple[str, str, str], said: str
) -> None:
    """One role for two purposes, or a role of Supabase's API, is refused before anything."""
    with pytest.raises(DatabaseError, match=said):
        await migrate(database, roles=Roles(*names))


async def test_other_names_are_too_late(database: str, staff: Staff) -> None:
    """A database that has its three roles keeps them, and says which they are."""
    with pytest.raises(DatabaseError, match="has its roles already") as refused:
        await migrate(database, roles=Roles())
    assert staff.roles.daemon.replace('"', '""') in str(refused.value)


async def _give(database: str, name: str) -> None:
    """Make a role the owner of the database."""
    admin = await asyncpg.connect(database)
    called = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE {called} OWNER TO {name}")
    await admin.close()
