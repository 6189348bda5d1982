"""`mediasweep status` in a copy of a database: it says first where it is, and what to do there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.conftest import Connect
from tests.copies import dump_into
from tests.daemons import environment, running
from tests.operations.standing import beat
from tests.schema.queue import ARTICLES, enqueue
from tests.schema.roles import staffed

HURRY = """
;ALTER FUNCTION mediasweep.uses(mediasweep.cloudinary_cleanup_queue[]) SET lock_timeout = '50ms'
"""
HINTED = """
CREATE OR REPLACE FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[])
RETURNS TABLE (id uuid, used_by text) LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'no answer' USING HINT = E'ask\nthe owner'; END $$
"""
INSTALL = "SELECT mediasweep.recognise(gen_random_uuid(), jsonb_build_object('cloud', $1::text))"
STANDBY = """
DO $$ BEGIN
  EXECUTE replace(pg_get_functiondef('mediasweep.here(jsonb)'::regprocedure),
                  'pg_is_in_recovery()', 'true');
END $$
"""


async def test_at_home_there_is_nothing_to_say_of_it(database: str, db: Db, cloud: Cloud) -> None:
    """Where mediasweep was installed the status begins with the rows."""
    env = environment(database, cloud.url)
    await db.execute(INSTALL, cloud.name)
    assert (await mediasweep(env, "status")).out.startswith("rows: ")
    told = json.loads((await mediasweep(env, "status", "--json")).out)
    assert told["environment"] == {
        "differences": [],
        "copied": False,
        "standby": False,
        "guard": None,
    }


async def test_another_account_is_said_and_none_is_not_compared(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A cloud is compared if the settings have one; the daemons are those of this database."""
    env = environment(database, cloud.url)
    await db.execute(INSTALL, "theirs")
    await beat(db)
    told = (await mediasweep(env, "status")).out.splitlines()
    assert told[0] == (
        f"this is not where mediasweep was installed: cloud was theirs, is {cloud.name}"
    )
    assert "daemons:" in told
    [daemon] = [line.split() for line in told if line.startswith("here ")]
    assert daemon[:6] == ["here", "7", "1", "yes", "yes", "no"]  # alive, deletes, listening
    del env["CLOUDINARY_URL"]
    assert (await mediasweep(env, "status")).out.startswith("rows: ")


async def test_a_restored_dump_says_what_it_is_and_what_it_needs(
    own: Cluster, database: str, db: Db, cloud: Cloud
) -> None:
    """Before a daemon has run in it: the server is another, the daemons are the original's, and
    the guard waits for migrate, of which adopt warns as well.
    """
    await db.execute(ARTICLES)
    async with running(environment(database, cloud.url)):
        await asyncio.to_thread(dump_into, database, own.dsn(), own)
    env = environment(own.dsn(), cloud.url)
    told = (await mediasweep(env, "status")).out.splitlines()
    assert told[0].startswith("this is not where mediasweep was installed: server was ")
    assert "until `mediasweep adopt`" in told[1]
    assert "daemons (possibly those of the original):" in told
    stale = "the guard cannot answer, so nothing is sent: the attached table"
    assert [line for line in told if line.startswith(stale) and "run mediasweep migrate" in line]
    assert stale in (await mediasweep(env, "adopt", "--dry-run")).err
    assert (await mediasweep(env, "migrate")).code == 0
    assert stale not in (await mediasweep(env, "status")).out
    assert (await mediasweep(env, "adopt", "--yes")).code == 0
    assert (await mediasweep(env, "status")).out.startswith("rows: ")


@pytest.fixture
def own() -> Iterator[Cluster]:
    """Start a server for the dump."""
    with Cluster(durable=False) as cluster:
        yield cluster


async def test_a_standby_has_a_status(database: str, db: Db, cloud: Cloud) -> None:
    """Where nothing can be written, it can be looked at all the same."""
    await db.execute(STANDBY)
    done = await mediasweep(environment(database, cloud.url), "status")
    assert (done.code, done.out.splitlines()[0]) == (
        0,
        "this server is a standby: mediasweep works on its primary",
    )


async def test_a_guard_that_waits_for_a_lock_hides_nothing_else(
    database: str, db: Db, connect: Connect, cloud: Cloud
) -> None:
    """Status, and a dry run, say that it had no answer in time, and everything else as well."""
    [id_] = await enqueue(db, "a")
    await db.execute(ARTICLES + HURRY)
    env = environment(database, cloud.url)
    assert (await mediasweep(env, "queue", "cancel", str(id_), "--yes")).code == 0
    other = await connect()
    async with other.transaction():
        await other.execute("LOCK TABLE articles")
        told = await mediasweep(env, "status")
        dry = await mediasweep(env, "queue", "retry", str(id_), "--dry-run")
    reason = "public.articles cannot be asked: canceling statement due to lock timeout"
    assert told.out.startswith(f"the guard cannot answer, so nothing is sent: {reason}")
    assert "1 skipped" in told.out
    assert (dry.code, reason in dry.err) == (0, True)


async def test_a_reader_learns_what_the_owner_would(database: str, db: Db, cloud: Cloud) -> None:
    """Whether the guard answers, and what is attached, is for every role to see; a suggestion looks
    into all tables, and is the owner's.
    """
    async with staffed(database) as staff:
        env = environment(staff.reader.dsn, cloud.url)
        told = await mediasweep(env, "status")
        assert (told.code, told.out.startswith("rows: ")) == (0, True)
        for login in (staff.reader, staff.daemon):
            listed = await mediasweep(environment(login.dsn, cloud.url), "attach", "--list")
            assert listed.code == 0, listed.err
            assert "public.media_assets" in listed.out
        suggested = await mediasweep(env, "attach", "--suggest")
        assert (suggested.code, "is for the owner of the schema" in suggested.err) == (3, True)
        await db.execute(HINTED)
        assert (await mediasweep(env, "status")).out.startswith("the guard cannot answer")


async def test_the_hint_of_an_error_of_the_guard_is_in_its_line(
    database: str, db: Db, cloud: Cloud
) -> None:
    """What the database says in two lines is told as text, without escapes."""
    await db.execute(HINTED)
    told = (await mediasweep(environment(database, cloud.url), "status")).out.splitlines()
    assert told[0] == (
        "the guard cannot answer, so nothing is sent: no answer; HINT:  ask; the owner"
    )
