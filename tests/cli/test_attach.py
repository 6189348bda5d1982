"""`mediasweep attach`: what it does, says, asks, refuses and prints."""

from __future__ import annotations

import asyncio
import json
import shlex
from pathlib import Path

import asyncpg
import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import Done, mediasweep
from tests.conftest import Connect, Server
from tests.daemons import environment
from tests.postgres.dump import pg_dump
from tests.schema.queue import queued, until_someone_waits
from tests.schema.roles import stranger

POSTS = "CREATE TABLE public.posts (id bigint PRIMARY KEY, cover_id text, deleted_at timestamptz)"
ROWS = "INSERT INTO posts VALUES (1, 'a'), (2, 'http://x/b.jpg'), (3, NULL)"
OPTIONS = "SELECT a.options FROM mediasweep.attached a ORDER BY a.id DESC LIMIT 1"
COVER = ("--public-id", "cover_id")


@pytest.fixture
def env(database: str, cloud: Cloud) -> dict[str, str]:
    """Give the environment of a command."""
    return environment(database, cloud.url)


async def test_a_table_is_attached_and_says_what_it_holds(db: Db, env: dict[str, str]) -> None:
    """Rows, ids that nobody can read and the missing index are told; deletions are captured."""
    await db.execute(f"{POSTS}; {ROWS}")
    done = await mediasweep(env, "attach", "posts", *COVER, "--deleted", "deleted_at")
    assert (done.code, done.out) == (0, "")
    assert "public.posts: 3 rows; assets that they name: 1" in done.err
    assert 'for example in "http://x/b.jpg": they keep assets, and queue none' in done.err
    assert "CREATE INDEX CONCURRENTLY ON public.posts (cover_id);" in done.err
    assert "attached as source 2" in done.err
    assert "`mediasweep attach public.posts --index` builds it" in done.err
    await db.execute("UPDATE posts SET deleted_at = now() WHERE id = 1")
    assert await queued(db) == [("a", "soft_deleted")]


async def test_a_table_that_names_nothing_is_warned_of(db: Db, env: dict[str, str]) -> None:
    """Where rows name no asset, the wrong column or path is likely: an example shows it."""
    await db.execute(f"{POSTS}; INSERT INTO posts VALUES (1, 'covers/a.jpg')")
    done = await mediasweep(env, "attach", "posts", "--url", "cover_id", "--cloud", "demo")
    assert done.code == 0
    assert "WARNING: no row names an asset" in done.err
    assert 'they hold, for example, "covers/a.jpg"' in done.err


async def test_a_dry_run_prints_sql_that_does_the_same(
    db: Db, env: dict[str, str], database: str, server: Server
) -> None:
    """The SQL is data, what was found is log, nothing changes until the SQL is pasted."""
    await db.execute(f"{POSTS}; {ROWS}")
    before = pg_dump(server, database)
    would = await mediasweep(env, "attach", "posts", *COVER, "--grace", "1 hour", "--dry-run")
    assert (would.code, "nothing was done" in would.err) == (0, True)
    assert "assets that they name: 1" in would.err
    assert before == pg_dump(server, database)
    pasted = await mediasweep(env, "sql", "attach", "posts", *COVER, "--grace", "1 hour")
    assert (pasted.code, pasted.out, pasted.err) == (0, would.out, "")
    await db.execute(pasted.out)
    assert json.loads(await db.fetchval(OPTIONS)) == {"public_id": "cover_id", "grace": "1 hour"}


async def test_attached_and_detached_a_table_is_as_it_was(
    db: Db, env: dict[str, str], database: str, server: Server
) -> None:
    """A dump of the user's schema after attach and detach is the one from before."""
    await db.execute(f"{POSTS}; CREATE INDEX ON posts (cover_id); GRANT SELECT ON posts TO PUBLIC")
    before = pg_dump(server, database, "--schema=public")
    done = await mediasweep(env, "attach", "posts", *COVER)
    assert "the guard has the index that it needs" in done.err
    assert before != pg_dump(server, database, "--schema=public")
    assert (await mediasweep(env, "detach", "posts")).code == 0
    assert before == pg_dump(server, database, "--schema=public")


async def test_every_flag_reaches_the_options(db: Db, env: dict[str, str], tmp_path: Path) -> None:
    """Several refs, a filter, a status, constants, and the rest from a file."""
    await db.execute(
        "CREATE TABLE public.things"
        " (a text, b text, d jsonb, k text, status text, aid text, v int, n text)"
    )
    rest = tmp_path / "rest.json"
    rest.write_text('{"original_filename": "n"}', encoding="utf-8")
    words = "attach things --public-id a --url b --json-path 'd $.x[*].id' --resource-type k"
    words += " --delivery-type upload --asset-id aid --version v --deleted status=gone,old"
    words += " --where 'a IS NOT NULL' --grace '1 day' --cloud demo --strict --no-notify"
    words += f" --brake-floor 7 --options @{rest}"
    done = await mediasweep(env, *shlex.split(words))
    assert (done.code, "no index can serve" in done.err) == (0, False), done.err
    assert json.loads(await db.fetchval(OPTIONS)) == {
        "refs": [
            {"public_id": "a"},
            {"public_id": {"column": "b", "url": True}},
            {"public_id": {"column": "d", "path": "$.x[*].id"}},
        ],
        "resource_type": "k",
        "delivery_type": {"value": "upload"},
        "asset_id": "aid",
        "version": "v",
        "deleted": {"column": "status", "in": ["gone", "old"]},
        "filter": "a IS NOT NULL",
        "grace": "1 day",
        "cloud": "demo",
        "strict": True,
        "notify": False,
        "brake": {"floor": 7},
        "original_filename": "n",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("poosts --public-id cover_id", "no table 'poosts': did you mean public.posts?"),
        ("posts --public-id coverid", 'has no column "coverid" (public_id)'),
        ("posts --public-id coverid", "did you mean cover_id?"),
        ("posts --public-id cover_id --deleted deleted", "did you mean deleted_at?"),
        ("posts --public-id cover_id --where nonsense", '"filter" must be a boolean expression'),
        ("posts --public-id cover_id --grace soon", '"grace" is how long the rows of a table rest'),
        ("posts --public-id cover_id --options {", "--options is no JSON"),
        ("posts --public-id cover_id --options []", "--options is a JSON object"),
        ("posts --public-id cover_id --options @none", "--options @none cannot be read"),
        ('posts --public-id cover_id --options {"public_id":"id"}', "by a flag and in --opt"),
        ('posts --options {"publicid":"x"}', "say which column names the assets"),
        ("posts --json-path cover_id", "--json-path is 'COLUMN PATH'"),
        ("posts", "--public-id COLUMN, --url COLUMN or --json-path"),
        ("seen --public-id cover_id", "public.seen is a view: attach the table behind it"),
        ("posts --list", "stand alone"),
        ("posts --public-id cover_id --json", "--json is for --list and --suggest"),
        ("", "which TABLE?"),
    ],
)
async def test_what_cannot_be_meant_is_refused_in_a_sentence(
    db: Db, env: dict[str, str], words: str, said: str
) -> None:
    """A wrong table, column or option is exit code 2, names the nearest, and attaches nothing."""
    await db.execute(f"{POSTS}; CREATE VIEW public.seen AS SELECT * FROM posts")
    split = words.replace('"', '\\"') if "{" in words else words
    told = await mediasweep(env, "attach", *shlex.split(split))
    assert (told.code, told.out, said in told.err) == (2, "", True), told.err
    assert told.err.count("\n") <= 2
    assert await db.fetchval("SELECT count(*) FROM mediasweep.attached") == 1


async def test_names_are_read_as_sql_has_them_and_as_they_are(db: Db, env: dict[str, str]) -> None:
    """A shell takes quotes away: a table in mixed case is found all the same, if there is one."""
    await db.execute('CREATE SCHEMA other; CREATE TABLE other."MyPhotos" ("publicId" text)')
    await db.execute("CREATE TABLE public.twin (c text); CREATE TABLE other.twin (c text)")
    for called in ("MyPhotos", "other.MyPhotos", 'other."MyPhotos"'):
        assert (await mediasweep(env, "attach", called, "--public-id", "publicId")).code == 0
        assert (await mediasweep(env, "detach", "other.MyPhotos")).code == 0
    await db.execute("SELECT set_config('search_path', 'other', false)")
    assert (await mediasweep(env, "attach", "twin", "--public-id", "c")).code == 0
    assert await db.fetchval("SELECT count(*) FROM mediasweep.uncovered()") == 0
    assert "public.twin" in (await mediasweep(env, "attach", "--list")).out


async def test_attached_again_the_same_is_no_change_and_another_is_refused(
    db: Db, env: dict[str, str]
) -> None:
    """A script may run twice; who wants other options has to detach, and learns so."""
    await db.execute(POSTS)
    assert (await mediasweep(env, "attach", "posts", *COVER)).code == 0
    again = await mediasweep(env, "attach", "posts", *COVER)
    assert (again.code, "attached already, as source 2" in again.err) == (0, True)
    other = await mediasweep(env, "attach", "posts", *COVER, "--strict")
    assert (other.code, "with other options: detach it first" in other.err) == (2, True)


# -- where it cannot be done -----------------------------------------------------------------------


async def test_without_the_schema_it_says_to_migrate(blank_database: str, cloud: Cloud) -> None:
    """A database that was never migrated is exit code 5, for each of the commands."""
    env = environment(blank_database, cloud.url)
    for words in (("attach", "t", *COVER), ("detach", "t"), ("uninstall", "--yes")):
        told = await mediasweep(env, *words)
        assert (told.code, "run `mediasweep migrate` first" in told.err) == (5, True)


async def test_functions_of_an_older_release_say_to_migrate(db: Db, env: dict[str, str]) -> None:
    """A function that is not there yet is exit code 5 and no riddle."""
    await db.execute(f"{POSTS}; DROP FUNCTION mediasweep.holdings")
    told = await mediasweep(env, "attach", "posts", *COVER)
    assert (told.code, "older than this version: run `mediasweep migrate`" in told.err) == (5, True)


async def _attach(env: dict[str, str]) -> Done:
    return await mediasweep(env, "attach", "posts", *COVER)


async def test_a_busy_table_is_tried_again(db: Db, connect: Connect, env: dict[str, str]) -> None:
    """Attaching gives up its place in the queue of locks, and has it when the writer is done."""
    await db.execute(POSTS)
    other = await connect()
    writing = other.transaction()
    await writing.start()
    await other.execute("INSERT INTO posts VALUES (1, 'a')")
    attaching = asyncio.create_task(_attach(env))
    await until_someone_waits(db)
    async with asyncio.timeout(30):  # until it has let go once: then it waits for a second time
        while await db.fetchval("SELECT count(*) FROM pg_locks, pg_sleep(0.05) WHERE NOT granted"):
            pass
    await writing.commit()
    done = await attaching
    assert (done.code, "a table is busy: trying again" in done.err) == (0, True)


async def test_missing_rights_are_said_as_what_to_run(blank_database: str, cloud: Cloud) -> None:
    """Who owns the schema, and not the table, learns which GRANT is missing."""
    db = await asyncpg.connect(blank_database)
    async with stranger(blank_database) as login:
        env = environment(login.dsn, cloud.url)
        name = await db.fetchval("SELECT quote_ident(current_database())")
        await db.execute(f"GRANT CREATE ON DATABASE {name} TO {login.name}; {POSTS}")
        assert (await mediasweep(env, "migrate")).code == 0
        told = await _attach(env)
        assert (told.code, told.out) == (3, "")
        assert f"GRANT SELECT, TRIGGER ON public.posts TO {login.name};" in told.err
        await db.execute(f"GRANT SELECT, TRIGGER ON public.posts TO {login.name}")
        assert (await _attach(env)).code == 0
        assert (await mediasweep(env, "uninstall", "--yes")).code == 3
        await db.execute(f"ALTER TABLE posts OWNER TO {login.name}")
        assert (await mediasweep(env, "uninstall", "--yes")).code == 0
    await db.close()
