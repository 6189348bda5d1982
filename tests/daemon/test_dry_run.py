"""A dry run says what would be deleted, and neither sends nor writes anything."""

from __future__ import annotations

from asyncio import to_thread

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, environment, finished, running

DRY = {"MEDIASWEEP_DRY_RUN": "true"}
QUEUE = "SELECT * FROM mediasweep.cloudinary_cleanup_queue ORDER BY id"


async def test_it_tells_each_row_once_and_changes_nothing(
    database: str, db: Db, cloud: Cloud
) -> None:
    """250 rows are told, a row in use is not, no call is made, and the queue is as it was."""
    await to_thread(cloud.fill, "a", 251)
    await db.execute(INSERT_ASSETS, "a", 251)
    await db.execute("UPDATE media_assets SET file_size = 2")
    await db.execute("DELETE FROM media_assets")
    await db.execute(INSERT_ASSETS, "a", 1)  # a0 is in use again
    before = await db.fetch(QUEUE)
    async with running(environment(database, cloud.url, **DRY)) as daemon:
        started = await daemon.seen("daemon_started")
        assert (started["enabled"], started["dry_run"]) == (False, True)
        told = await daemon.seen("rehearsed")
        assert (told["would_delete"], told["would_keep"], told["size"]) == (250, 1, 500)
        after = len(daemon.log)
        await db.execute("DELETE FROM media_assets")
        # the one from before, and the one that was queued just now, name the same asset
        assert (await daemon.seen("rehearsed", after=after))["would_delete"] in {1, 2}
    ids = [line["queue_id"] for line in daemon.log if line["event"] == "would_delete"]
    assert len(ids) == len(set(ids))
    kept = [row for row in await db.fetch(QUEUE) if row["id"] in {was["id"] for was in before}]
    assert kept == before
    assert "destroy" not in (await to_thread(cloud.state))["calls"]
    assert await db.fetchval("SELECT count(*) FROM mediasweep.journal") == 0


async def test_beside_a_daemon_that_works_it_is_in_nobodys_way(
    database: str, db: Db, cloud: Cloud
) -> None:
    """With a dry run beside it a daemon deletes everything, with all the calls for itself."""
    env = environment(database, cloud.url)
    async with running(env | DRY), running(env):
        await to_thread(cloud.fill, "a", 200)
        await db.execute(INSERT_ASSETS, "a", 200)
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"completed": 200}
        shares = "SELECT array_agg(concurrency ORDER BY concurrency) FROM mediasweep.daemon"
        assert await db.fetchval(shares) == [0, 7]
    assert (await to_thread(cloud.state))["calls"]["destroy"] == 200
