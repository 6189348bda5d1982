"""A daemon and its operators as members of the daemon's role: all of it works, and nothing else."""

from __future__ import annotations

import json
from asyncio import to_thread
from collections.abc import AsyncIterator

import asyncpg
import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import INSERT_ASSETS, environment, finished, running, until
from tests.schema.roles import Staff, staffed

FALLBACK = """
INSERT INTO mediasweep.fallback (source_id, ref, reason)
SELECT a.id, jsonb_build_object('row', to_jsonb(m)), 'unread'
  FROM media_assets m, mediasweep.attached a WHERE m.cloudinary_public_id = 'kept0'
"""
OLD = """
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, status, processed_at, queued_at)
VALUES ('old', 'completed', now() - interval '90 days', now() - interval '90 days')
"""
GONE = "SELECT NOT EXISTS (SELECT FROM mediasweep.{} WHERE {})"


@pytest.fixture
async def staff(database: str) -> AsyncIterator[Staff]:
    """Give a database with the three roles."""
    async with staffed(database) as roles:
        yield roles


async def test_the_whole_path_works_for_a_member_of_the_daemons_role(
    db: Db, cloud: Cloud, staff: Staff
) -> None:
    """Captures, what fell back, chores and restarts go through for a role without other rights."""
    await to_thread(cloud.fill, "a", 30)
    await to_thread(cloud.fill, "kept", 1)
    await db.execute(INSERT_ASSETS, "a", 30)
    await db.execute(INSERT_ASSETS, "kept", 1)
    await db.execute(FALLBACK)
    await db.execute(OLD)
    env = environment(staff.daemon.dsn, cloud.url, MEDIASWEEP_HEALTH_CHECK_INTERVAL="1")
    for _ in range(2):
        async with running(env) as daemon:
            await db.execute("DELETE FROM media_assets WHERE cloudinary_public_id LIKE 'a%'")
            await until(db, GONE.format("fallback", "true"))
            await until(db, GONE.format("cloudinary_cleanup_queue", "cloudinary_public_id = 'old'"))
            assert await finished(db) == {"completed": 30, "skipped": 1}
        said = [line for line in daemon.log if "denied" in json.dumps(line)]
        assert said == []
    assert await to_thread(cloud.assets) == {("image", "upload", "kept0")}
    assert await db.fetchval("SELECT count(*) FROM mediasweep.daemon") == 0


async def test_a_member_of_the_daemons_role_deletes_nothing_of_yours(db: Db, staff: Staff) -> None:
    """It can neither read nor change a table that it guards, nor say what is attached."""
    await db.execute(INSERT_ASSETS, "a", 1)
    daemon = await asyncpg.connect(staff.daemon.dsn)
    for statement in (
        "SELECT FROM media_assets",
        "DELETE FROM media_assets",
        "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id) VALUES ('a0')",
        "UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'pending'",
        "DELETE FROM mediasweep.journal",
        "INSERT INTO mediasweep.journal (event) VALUES ('completed')",
        "UPDATE mediasweep.attached SET refs = 'SELECT 1'",
        "SELECT mediasweep.attach('media_assets', '{}')",
        "SELECT mediasweep.open_gates('environment', 'x', 'x')",
        "SELECT f.ref FROM mediasweep.fallback f",
        "INSERT INTO mediasweep.gate (name, reason, closed_by) VALUES ('brake', 'x', 'x')",
        "TRUNCATE mediasweep.daemon",
        "CREATE TABLE mediasweep.mine ()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await daemon.execute(statement)
    await db.execute("INSERT INTO mediasweep.journal (event) VALUES ('completed')")
    assert await daemon.fetchval("SELECT mediasweep.prune_journal('0', 100)") == 0
    await db.execute(
        "INSERT INTO mediasweep.gate (name, reason, closed_by) VALUES ('environment', 'x', 'x')"
    )
    assert await daemon.execute("DELETE FROM mediasweep.gate") == "DELETE 0"
    await daemon.close()


@pytest.mark.timeout(180)  # some twenty commands, each a process
async def test_every_command_works_for_a_member_of_the_daemons_role(
    db: Db, cloud: Cloud, staff: Staff
) -> None:
    """Operators need no more than the daemon: whatever they type ends well."""
    await to_thread(cloud.fill, "a", 40, backup=True)
    await db.execute(INSERT_ASSETS, "a", 40)
    env = environment(staff.daemon.dsn, cloud.url, MEDIASWEEP_BRAKE_FLOOR="10")
    async with running(env):
        await db.execute("DELETE FROM media_assets")
        await until(db, "SELECT EXISTS (SELECT FROM mediasweep.gate WHERE name = 'brake')")
        shown = await _does(env, "brake", "show", "--json")
        await _does(env, "brake", "ack", json.loads(shown)[0]["digest"], "--yes")
        assert await finished(db) == {"completed": 40}
        id_ = str(await db.fetchval("SELECT id FROM mediasweep.cloudinary_cleanup_queue LIMIT 1"))
        for command in (
            "status --json",
            "queue list --status completed --json",
            f"queue show {id_}",
            "pause --reason x --minutes 30",
            "scheduler status --json",
            "scheduler configure --batch-size 20",
            "scheduler force-cleanup --limit 1",
            "scheduler restart",
            "resume",
            "adopt --dry-run",
            "adopt --yes",
            "restore --public-id a0 --yes",
        ):
            await _does(env, *command.split())
    await db.execute("UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'failed'")
    await _does(env, "queue", "retry", id_)
    await _does(env, "queue", "cancel", id_, "--dry-run")
    await _does(env, "queue", "cancel", id_, "--yes")


async def test_a_reader_sees_all_and_changes_nothing(db: Db, cloud: Cloud, staff: Staff) -> None:
    """What only shows works for a member of the reader's role, and what changes is refused."""
    await db.execute(INSERT_ASSETS, "a", 3)
    await db.execute("DELETE FROM media_assets")
    id_ = str(await db.fetchval("SELECT id FROM mediasweep.cloudinary_cleanup_queue LIMIT 1"))
    env = environment(staff.reader.dsn, cloud.url)
    assert json.loads(await _does(env, "status", "--json"))["rows"] == {"pending": 3}
    for command in ("queue list", f"queue show {id_}", "brake show", "scheduler status"):
        await _does(env, *command.split())
    for command in (f"queue cancel {id_} --yes", "pause", "scheduler stop"):
        done = await mediasweep(env, *command.split())
        assert (done.code, "permission denied" in done.err) == (3, True), done


async def _does(env: dict[str, str], *command: str) -> str:
    """Run a command that has to end well, and return what it printed."""
    done = await mediasweep(env, *command)
    assert done.code == 0, (command, done)
    return done.out
