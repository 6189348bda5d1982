"""The guard's index, as `mediasweep attach` builds it: asked for, broken off, and by turns."""

from __future__ import annotations

import asyncio
import json
import shlex
from typing import Any

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.conftest import Connect
from tests.daemons import environment
from tests.schema.queue import until_someone_waits

POSTS = "CREATE TABLE public.posts (id bigint PRIMARY KEY, cover_id text, deleted_at timestamptz)"
ROWS = "INSERT INTO posts VALUES (1, 'a'), (2, 'http://x/b.jpg'), (3, NULL)"
INDEXES = """
    SELECT i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = 'posts'::regclass AND c.relname LIKE '%mediasweep%'"""
BUILDERS = "FROM pg_stat_activity WHERE application_name = 'mediasweep index'"
ASKS = f"SELECT count(*) > 0 {BUILDERS} AND query LIKE '%pg_try_advisory_lock%'"
COVER = ("--public-id", "cover_id")


@pytest.fixture
def env(database: str, cloud: Cloud) -> dict[str, str]:
    """Give the environment of a command."""
    return environment(database, cloud.url)


async def listed(env: dict[str, str], table: str) -> dict[str, Any]:
    """Return what `attach --list --json` says of one table."""
    told = await mediasweep(env, "attach", "--list", "--json")
    [one] = [one for one in json.loads(told.out) if one["table"] == table]
    return dict(one)


async def test_every_kind_of_index_is_built(db: Db, env: dict[str, str]) -> None:
    """For columns, arrays, JSON and URLs, under a table's name in any letters."""
    await db.execute('CREATE TABLE public."a\\1 %s" (c text, l text[], d jsonb, u text, aid text)')
    words = (
        """--public-id c --public-id l --url u --json-path 'd $.x' --cloud demo --asset-id aid"""
    )
    done = await mediasweep(env, "attach", "a\\1 %s", *shlex.split(words), "--index")
    assert (done.code, done.err.count("\nbuilt a\\1 %s_mediasweep_")) == (0, 5), done.err
    [one] = json.loads((await mediasweep(env, "attach", "--list", "--json")).out)[1:]
    assert one["missing_indexes"] == []


async def test_the_index_is_built_when_asked_for(db: Db, env: dict[str, str]) -> None:
    """--index builds it, and the guard counts it as its own; a second run has nothing to do."""
    await db.execute(f"{POSTS}; {ROWS}")
    done = await mediasweep(env, "attach", "posts", *COVER, "--index")
    assert (done.code, "built posts_mediasweep_" in done.err) == (0, True), done.err
    assert [row["valid"] for row in await db.fetch(INDEXES)] == [True]
    assert (await listed(env, "public.posts"))["missing_indexes"] == []
    again = await mediasweep(env, "attach", "posts", "--index")
    assert (again.code, "built" in again.err) == (0, False)


@pytest.mark.parametrize(("typed", "built"), [("y\n", 1), ("n\n", 0)])
async def test_at_a_terminal_the_index_is_asked_about(
    db: Db, env: dict[str, str], typed: str, built: int
) -> None:
    """A yes builds it, a no says how to build it later; --no-index asks nothing."""
    await db.execute(POSTS)
    done = await mediasweep(env, "attach", "posts", *COVER, typed=typed)
    assert (done.code, "Build it now?" in done.err) == (0, True)
    assert len(await db.fetch(INDEXES)) == built
    quiet = await mediasweep(env, "attach", "posts", *COVER, "--no-index", typed="")
    assert (quiet.code, "Build it now?" in quiet.err) == (0, False)


async def test_a_build_that_was_broken_off_is_built_again(
    db: Db, connect: Connect, env: dict[str, str]
) -> None:
    """The half-built index of a killed build is dropped; what is left is one that is valid."""
    await db.execute(POSTS)
    other = await connect()
    assert (await mediasweep(env, "attach", "posts", *COVER, "--no-index")).code == 0
    async with other.transaction():
        await other.execute("INSERT INTO posts VALUES (2, 'b')")
        building = asyncio.create_task(mediasweep(env, "attach", "posts", "--index"))
        await until_someone_waits(db)
        await db.execute(f"SELECT pg_terminate_backend(pid) {BUILDERS}")
        assert (await building).code == 3
    assert [row["valid"] for row in await db.fetch(INDEXES)] == [False]
    again = await mediasweep(env, "attach", "posts", "--index")
    assert (again.code, "was broken off: dropped, and built again" in again.err) == (0, True)
    assert [row["valid"] for row in await db.fetch(INDEXES)] == [True]


async def test_who_builds_at_the_same_time_takes_turns(
    db: Db, connect: Connect, env: dict[str, str]
) -> None:
    """A second builder does not drop the half-built index of the first."""
    await db.execute(POSTS)
    assert (await mediasweep(env, "attach", "posts", *COVER, "--no-index")).code == 0
    other = await connect()
    async with other.transaction():
        await other.execute("INSERT INTO posts VALUES (1, 'a')")
        first = asyncio.create_task(mediasweep(env, "attach", "posts", "--index"))
        await until_someone_waits(db)
        second = asyncio.create_task(mediasweep(env, "attach", "posts", "--index"))
        async with asyncio.timeout(30):
            while not await db.fetchval(ASKS):
                await db.execute("SELECT pg_sleep(0.05)")
    one, two = await first, await second
    assert (one.code, two.code) == (0, 0)
    assert "built posts" in one.err
    assert ("another is building" in two.err, "broken off" in two.err) == (True, False)
    assert [row["valid"] for row in await db.fetch(INDEXES)] == [True]
