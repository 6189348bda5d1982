"""The reference trigger: a row does not begin to use an asset that is going, may be gone, or is."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.queue import claim, enqueue, make_due, record, result, row, until_someone_waits
from tests.schema.references import RETRY, USE, claimed, photos, refused, without


async def test_what_is_being_deleted_cannot_be_used(db: Db) -> None:
    """An INSERT, an UPDATE to it and an undelete are refused while a daemon is deleting it."""
    await photos(db)
    await db.execute(
        "INSERT INTO photos (cover, gone) VALUES ('b', false), ('a', true), (NULL, NULL)"
    )
    await claimed(db)
    for sql in (
        USE,
        "UPDATE photos SET cover = 'a' WHERE cover = 'b'",
        "UPDATE photos SET gone = false WHERE cover = 'a'",
        "INSERT INTO photos VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET cover = excluded.cover",
    ):
        await refused(db, "is just being deleted", sql)
    await db.execute("UPDATE photos SET title = 'x'; INSERT INTO photos (cover) VALUES ('c')")


async def test_another_type_is_another_asset(db: Db) -> None:
    """A video that goes does not keep an image of the same id from being used; unknown is any."""
    await db.execute(
        "CREATE TABLE photos (cover text, kind text);"
        """SELECT mediasweep.attach('photos', '{"public_id": "cover", "resource_type": "kind",
                                                "references": "refuse"}')"""
    )
    await enqueue(db, "a", resource_type="video")
    await claim(db)
    await db.execute("INSERT INTO photos VALUES ('a', 'image')")
    await refused(db, "being deleted", "INSERT INTO photos VALUES ('a', 'video')")
    await refused(db, "being deleted", "UPDATE photos SET kind = NULL")


async def _use_beside_a_claim(db: Db, connect: Connect) -> list[str]:
    """Let a row use what is due, and claim before that is committed; returns what is sent."""
    user = await connect()
    await enqueue(db, "a")
    memory = (await claim(db, batch=0)).memory  # from now on no younger transaction is waited for
    await user.execute("BEGIN")
    await user.execute(USE)
    sent = (await claim(db, memory=memory)).assets
    await user.execute("COMMIT")
    if not sent:
        assert (await claim(db)).skipped == 1
    return sent


async def test_a_claim_passes_by_what_an_open_transaction_uses(db: Db, connect: Connect) -> None:
    """The window between barrier and guard is closed: the asset stays, the row is skipped."""
    await photos(db)
    assert await _use_beside_a_claim(db, connect) == []


async def test_without_the_locks_such_an_asset_goes(db: Db, connect: Connect) -> None:
    """TRIGGER_LOCKS: a trigger that only looks lets the claim have what is used."""
    await photos(db)
    await without(db, "TRIGGER_LOCKS")
    assert await _use_beside_a_claim(db, connect) == ["a"]


@pytest.mark.parametrize("mode", ["refuse", "wait"])
async def test_a_use_waits_for_a_claim_that_is_not_committed(
    db: Db, connect: Connect, mode: str
) -> None:
    """What a claim has locked is not used before the claim says what became of it."""
    await photos(db, mode)
    await enqueue(db, "a")
    daemon, user = await connect(), await connect()
    await daemon.execute("BEGIN")
    assert (await claim(daemon, lease=timedelta(seconds=1))).assets == ["a"]
    use = asyncio.create_task(user.execute(USE))
    await until_someone_waits(db)
    await daemon.execute("COMMIT")
    with pytest.raises(asyncpg.PostgresError, match="is just being deleted"):
        await use


async def test_a_claim_that_is_rolled_back_stops_nobody(db: Db, connect: Connect) -> None:
    """A use that waited for a claim which never was goes on, and holds the row."""
    await photos(db)
    await enqueue(db, "a")
    daemon, user = await connect(), await connect()
    await daemon.execute("BEGIN")
    await claim(daemon)
    use = asyncio.create_task(user.execute(USE))
    await until_someone_waits(db)
    await daemon.execute("ROLLBACK")
    await use
    assert (await claim(db)).skipped == 1


async def _retried_in_doubt(db: Db) -> None:
    had = await claimed(db)
    await record(db, result(had.jobs[0], "unknown", "timeout"))
    await make_due(db)
    await db.execute("INSERT INTO public.keepers VALUES ('a')")
    assert (await claim(db)).failed == 1  # reused in doubt
    await db.execute("DELETE FROM public.keepers")
    await db.execute("DELETE FROM mediasweep.cloudinary_cleanup_queue WHERE NOT in_doubt")


async def _keepers(db: Db) -> None:
    await db.execute(
        "CREATE TABLE public.keepers (cover text);"
        """SELECT mediasweep.attach('public.keepers', '{"public_id": "cover"}')"""
    )


async def test_what_may_be_gone_cannot_be_used(db: Db) -> None:
    """In doubt, failed in doubt, and retried in doubt: refused all the way."""
    await photos(db, "wait")
    await _keepers(db)
    await _retried_in_doubt(db)
    await refused(db, "may have been deleted")
    await db.execute(RETRY, (await row(db))["id"])
    assert (await row(db))["status"] == "pending"
    await refused(db, "may have been deleted")


async def test_without_the_doubts_what_may_be_gone_is_used(db: Db) -> None:
    """TRIGGER_DOUBTS: who looks for failed rows only uses what an operator has retried."""
    await photos(db)
    await _keepers(db)
    await without(db, "TRIGGER_DOUBTS")
    await _retried_in_doubt(db)
    await refused(db, "may have been deleted")
    await db.execute(RETRY, (await row(db))["id"])
    await db.execute(USE)


async def _deleted(db: Db) -> None:
    had = await claimed(db)
    await record(db, result(had.jobs[0], "completed", "deleted"))


async def test_what_was_deleted_cannot_be_used_unless_it_is_newer_or_restored(db: Db) -> None:
    """A row that names it is refused, but not for a later upload, nor after a restore."""
    await photos(db)
    await _deleted(db)
    await refused(db, "was deleted")
    newer = "INSERT INTO photos (cover, version) VALUES ('a', extract(epoch FROM now()) + {})"
    await refused(db, "was deleted", newer.format(0))
    await refused(db, "was deleted", newer.format(9_999_999_999))  # of milliseconds
    await db.execute(newer.format(400))
    await db.execute(
        "INSERT INTO mediasweep.journal (event, public_id, resource_type, delivery_type)"
        " VALUES ('restored', 'a', 'image', 'upload')"
    )
    await db.execute(USE)


async def test_without_gone_what_was_deleted_is_used(db: Db) -> None:
    """TRIGGER_GONE: who looks for what is being deleted only uses what has just been deleted."""
    await photos(db)
    await without(db, "TRIGGER_GONE")
    await _deleted(db)
    await db.execute(USE)


async def test_a_snapshot_of_before_the_claim_is_refused(db: Db, connect: Connect) -> None:
    """Under REPEATABLE READ a row that was claimed since cannot be locked: it fails, loudly."""
    await photos(db)
    await enqueue(db, "a")
    user = await connect()
    await user.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    await user.fetch("SELECT FROM photos")
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'processing', claim_no = 1"
    )
    with pytest.raises(asyncpg.SerializationError):
        await user.execute(USE)
    await user.execute("ROLLBACK")


async def test_without_the_queue_the_table_says_why_it_refuses(db: Db) -> None:
    """Nobody can tell then: the error names the table, the asset and the option that asks."""
    await photos(db)
    await db.execute("ALTER TABLE mediasweep.cloudinary_cleanup_queue RENAME TO away")
    said = 'nobody can tell whether public.photos may use the asset "a": the queue is gone'
    with pytest.raises(asyncpg.UndefinedTableError, match=said) as error:
        await db.execute(USE)
    assert '"references"' in (error.value.hint or "")


async def test_a_table_that_does_not_ask_has_no_such_trigger(db: Db) -> None:
    """Without the option nothing looks; detached, the table is as it was."""
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'photos'::regclass"
    await photos(db)
    assert await db.fetchval(triggers) == 5
    assert await db.fetch("SELECT * FROM mediasweep.uncovered()") == []
    await db.execute("SELECT mediasweep.detach('photos')")
    assert await db.fetchval(triggers) == 0
    assert (
        await db.fetchval("SELECT to_regproc('mediasweep.trigger_cloudinary_cleanup_2_use')")
        is None
    )
    await db.execute("""SELECT mediasweep.attach('photos', '{"public_id": "cover"}')""")
    assert await db.fetchval(triggers) == 3


async def test_another_word_is_refused(db: Db) -> None:
    """The option has two values, and says which."""
    with pytest.raises(asyncpg.RaiseError, match='"references" is "refuse" or "wait"'):
        await photos(db, "maybe")


async def test_the_queue_is_read_by_index(db: Db) -> None:
    """Beside a hundred thousand rows, finished and not, a use reads no more than its own."""
    await photos(db)
    await db.execute(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue"
        " (cloudinary_public_id, asset_id, status, processed_at)"
        " SELECT 'q' || n, 'i' || n, CASE n % 2 WHEN 0 THEN 'pending' ELSE 'completed' END,"
        " CASE n % 2 WHEN 1 THEN now() END FROM generate_series(1, 100000) n;"
        "ANALYZE mediasweep.cloudinary_cleanup_queue"
    )
    scans = (
        "SELECT pg_stat_get_xact_numscans('mediasweep.cloudinary_cleanup_queue'::regclass) +"
        " pg_stat_get_numscans('mediasweep.cloudinary_cleanup_queue'::regclass)"
    )
    async with db.transaction():
        before = await db.fetchval(scans)
        await db.execute(USE)
        await db.execute(
            "INSERT INTO photos (cover) SELECT 'q' || 2 * n FROM generate_series(1, 50) n"
        )
        assert await db.fetchval(scans) == before
