"""Taking over is one step: all of it, once, or nothing; also beside applications that delete."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from mediasweep.postgres import migrate as runner
from mediasweep.postgres import takeover
from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import DatabaseError
from tests.conftest import Server
from tests.postgres.dump import pg_dump
from tests.schema.origin import asset, fill, session, state, take
from tests.schema.queue import events, until_someone_waits
from tests.schema.roles import stranger

QUEUE = "SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q ORDER BY q.queued_at DESC"
CAPTURED = """
SELECT q.cloudinary_public_id, q.app = 'take-over' AS taken
  FROM mediasweep.cloudinary_cleanup_queue q ORDER BY 1
"""
TIMEOUTS = runner.SQL["set_timeouts"]
DATABASE = "SELECT current_database()"
LOCK = "SELECT pg_advisory_lock(7)"
UNLOCK = "SELECT pg_advisory_unlock(7)"
WAITS = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                  AND application_name = 'mediasweep migrate' AND wait_event_type = 'Lock')
"""


async def test_a_second_time_changes_nothing(earlier: str, server: Server) -> None:
    """A database that was taken over is left alone, and nothing is said."""
    async with session(earlier) as db:
        await fill(db)
        assert await take(earlier)
        before = pg_dump(server, earlier), await db.fetch(QUEUE), await events(db)
        assert await take(earlier) == []
        assert before == (pg_dump(server, earlier), await db.fetch(QUEUE), await events(db))
        assert await migrate(earlier, with_library=True) == []


async def test_an_earlier_system_that_came_back_is_taken_over_again(earlier: str) -> None:
    """Whose old SQL was run once more loses nothing of either queue."""
    again = (
        "ALTER TABLE cloudinary_cleanup_queue_before_mediasweep DROP CONSTRAINT"
        " taken_over_by_mediasweep;"
        " CREATE TABLE cloudinary_cleanup_queue (LIKE cloudinary_cleanup_queue_before_mediasweep"
        " INCLUDING ALL);"
        " INSERT INTO cloudinary_cleanup_queue SELECT * FROM"
        " cloudinary_cleanup_queue_before_mediasweep;"
        " INSERT INTO cloudinary_cleanup_queue (cloudinary_public_id, deletion_reason)"
        " VALUES ('later', 'x')"
    )
    async with session(earlier) as db:
        await fill(db)
        await take(earlier)
        first = len(await db.fetch(QUEUE))
        await db.execute(again)
        said = await take(earlier)
        assert len(await db.fetch(QUEUE)) == first + 1
    assert any("cloudinary_cleanup_queue_before_mediasweep_2 now" in line for line in said)


async def test_a_rehearsal_says_it_all_and_changes_nothing(earlier: str, server: Server) -> None:
    """What a rehearsal says is, word for word, what the take-over then does."""
    async with session(earlier) as db:
        await fill(db)
        before = pg_dump(server, earlier), await state(db)
        would = await take(earlier, rehearse=True)
        assert before == (pg_dump(server, earlier), await state(db))
        assert would == await take(earlier)
        assert len(would) > 10


async def test_one_that_dies_before_its_commit_changes_nothing(
    earlier: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A take-over whose server process goes at the very end leaves everything as it was."""
    text = runner.takeover()
    async with session(earlier) as db:
        await fill(db)
        before = pg_dump(server, earlier), await state(db)
        monkeypatch.setattr(
            takeover, "takeover", lambda: f"{text}SELECT pg_terminate_backend(pg_backend_pid());"
        )
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await take(earlier)
        assert before == (pg_dump(server, earlier), await state(db))
        assert await db.fetch(QUEUE) == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            "ALTER TABLE cloudinary_cleanup_queue DROP COLUMN max_attempts",
            r"cloudinary_cleanup_queue\.max_attempts is missing and should be integer or bigint",
        ),
        (
            (
                "ALTER TABLE cloudinary_cleanup_queue ALTER queued_at DROP DEFAULT, "
                "ALTER queued_at TYPE text"
            ),
            r"queue\.queued_at is text and should be timestamp with time zone",
        ),
        ("ALTER TABLE media_assets DROP COLUMN display_name", r"display_name is missing"),
        (
            (
                "ALTER TABLE cloudinary_cleanup_queue DROP CONSTRAINT"
                " cloudinary_cleanup_queue_status_check;"
                " UPDATE cloudinary_cleanup_queue SET status = 'stuck' WHERE status = 'pending'"
            ),
            r"rows with status stuck: give them one that is known",
        ),
        (
            (
                "CREATE TABLE files (); CREATE TRIGGER t AFTER DELETE ON files FOR EACH ROW"
                " EXECUTE FUNCTION trigger_cloudinary_cleanup()"
            ),
            r"other tables fill the queue as well: trigger t on public\.files",
        ),
        ("DROP TABLE media_assets", r"there is no table public\.media_assets"),
    ],
)
async def test_another_shape_is_refused_by_name(
    earlier: str, server: Server, spoil: str, says: str
) -> None:
    """A database that is not the earlier system as it was gets an error, and nothing changes."""
    async with session(earlier) as db:
        await fill(db)
        await db.execute(spoil)
        before = pg_dump(server, earlier)
        with pytest.raises(DatabaseError, match=says):
            await take(earlier)
        assert before == pg_dump(server, earlier)
        assert await db.fetch(QUEUE) == []


async def test_whoever_does_not_own_the_tables_is_refused(earlier: str) -> None:
    """A role that is not the owner is told whose part it is."""
    async with session(earlier) as db, stranger(earlier) as other:
        for what in (f"DATABASE {await db.fetchval(DATABASE)}", "ALL TABLES IN SCHEMA public"):
            await db.execute(f"GRANT ALL ON {what} TO {other.name}")
        await db.execute(f"GRANT ALL ON SCHEMA mediasweep TO {other.name}")
        await db.execute(f"ALTER ROLE {other.name} BYPASSRLS")
        await db.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA mediasweep TO {other.name}")
        with pytest.raises(DatabaseError, match=r"media_assets is owned by .*: run this as that"):
            await takeover.take_over(other.dsn, rehearse=False, say=lambda _: None)


# -- beside applications ---------------------------------------------------------------------------


async def _until_it_waits(watch: Db, *, waits: bool) -> None:
    async with asyncio.timeout(20):
        while waits is not await watch.fetchval(WAITS):
            await watch.execute("SELECT pg_sleep(0.01)")


@pytest.mark.parametrize(
    ("patience", "first"),
    [
        ("200ms", "DELETE FROM media_assets WHERE cloudinary_public_id = 'a'"),
        ("30s", "DELETE FROM media_assets WHERE cloudinary_public_id = 'a'"),
        ("30s", "UPDATE media_assets SET alt_text = 'x'"),
    ],
)
async def test_what_is_being_deleted_meanwhile_is_deleted_once(
    earlier: str, monkeypatch: pytest.MonkeyPatch, patience: str, first: str
) -> None:
    """A transaction that is open before is waited for, a little at a time, and loses nothing."""
    monkeypatch.setitem(runner.SQL, "set_timeouts", TIMEOUTS.replace("3s", patience))
    if patience == "30s":
        monkeypatch.setattr(runner, "ATTEMPTS", 1)  # nor may the two be in each other's way
    async with session(earlier) as db, session(earlier) as app:
        await asset(db, "a", "b")
        async with asyncio.timeout(40), app.transaction():
            await app.execute(first)
            run = asyncio.ensure_future(take(earlier))
            await _until_it_waits(db, waits=True)
            if patience == "200ms":
                await _until_it_waits(db, waits=False)
            await app.execute("UPDATE media_assets SET deleted_at = now()")
        assert await run
        assert [tuple(row) for row in await db.fetch(CAPTURED)] == [("a", True), ("b", True)]


async def test_what_waits_for_the_take_over_is_captured_by_us(
    earlier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion that comes during the take-over, prepared before it, is queued once, by ours."""
    text = runner.takeover()
    monkeypatch.setattr(takeover, "takeover", lambda: text + LOCK)
    async with session(earlier) as db:
        await asset(db, "a", "b")
        app = await asyncpg.connect(earlier)
        delete = await app.prepare("DELETE FROM media_assets WHERE cloudinary_public_id = $1")
        await delete.fetch("b")
        await db.execute(LOCK)
        run = asyncio.ensure_future(take(earlier))
        await until_someone_waits(db)
        blocked = asyncio.ensure_future(delete.fetch("a"))
        await _two_wait(db)
        await db.execute(UNLOCK)
        assert await run
        await blocked
        await app.close()
        assert [tuple(row) for row in await db.fetch(CAPTURED)] == [("a", False), ("b", True)]


async def _two_wait(watch: Db) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(10):
        while await watch.fetchval(waiting) < 2:
            await watch.execute("SELECT pg_sleep(0.01)")


async def test_of_two_at_once_one_takes_over(earlier: str) -> None:
    """Two that are started together take turns, and the second finds nothing."""
    async with session(earlier) as db:
        await fill(db)
        said = await asyncio.gather(take(earlier), take(earlier))
        assert sorted(map(bool, said)) == [False, True]
        assert len(await db.fetch(QUEUE)) == 6
