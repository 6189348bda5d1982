"""What running daemons tell of themselves, so that the database can say why a row is still here."""

from __future__ import annotations

from asyncio import to_thread
from typing import Any

from mediasweep.emulator.client import Cloud
from mediasweep.operations import queue
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.daemons import INSERT_ASSETS, environment, finished, running, until

PASSED = "SELECT bool_and(d.config -> 'horizon' ? 'free') FROM mediasweep.daemon d"
WAITS_FOR = "SELECT bool_and(w.reason = $1) FROM mediasweep.why(NULL) w"


async def _delete_one(db: Db, cloud: Cloud) -> None:
    await to_thread(cloud.fill, "a", 1)
    await db.execute(INSERT_ASSETS, "a", 1)
    await db.execute("DELETE FROM media_assets")


async def _only_reason(db: Db) -> dict[str, Any]:
    shown = await queue.show(
        db, await db.fetchval("SELECT id FROM mediasweep.cloudinary_cleanup_queue")
    )
    assert shown is not None
    [reason] = shown["reasons"]
    return dict(reason)


async def test_a_row_that_a_writer_holds_is_told_beside_a_running_daemon(
    database: str, db: Db, connect: Connect, cloud: Cloud
) -> None:
    """While a transaction is open the row waits for it by name, and it goes when that has ended."""
    writer = await connect()
    async with running(environment(database, cloud.url)):
        await until(db, PASSED)
        async with writer.transaction():
            await writer.execute("SELECT pg_current_xact_id()")
            await _delete_one(db, cloud)
            await until(db, WAITS_FOR, "writer")
            assert (await _only_reason(db))["about"] == f"pid {writer.get_server_pid()} (unnamed)"
        assert await finished(db) == {"completed": 1}


async def test_the_grace_of_a_running_daemon_is_known(database: str, db: Db, cloud: Cloud) -> None:
    """A row that rests because a daemon was told so says for how long still, and who wants it."""
    async with running(environment(database, cloud.url, MEDIASWEEP_GRACE="3600")):
        await _delete_one(db, cloud)
        reason = await _only_reason(db)
        assert (str(reason["reason"]), reason["detail"]) == ("grace", "MEDIASWEEP_GRACE 01:00:00")


async def test_a_daemon_that_does_not_delete_is_not_waited_for_silently(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Beside a daemon that is alive but disabled, a row says that nobody deletes."""
    async with running(environment(database, cloud.url, MEDIASWEEP_ENABLED="false")):
        await _delete_one(db, cloud)
        assert (await _only_reason(db))["about"] == "deleting"


async def test_protected_assets_survive_a_running_daemon(
    database: str, db: Db, cloud: Cloud
) -> None:
    """What a prefix protects is never asked to be deleted, however it came into the queue."""
    await to_thread(cloud.fill, "logos/", 2)
    await db.execute(INSERT_ASSETS, "logos/", 2)
    await db.execute("SELECT mediasweep.protect('logos/')")
    async with running(environment(database, cloud.url)):
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"skipped": 2}
        ids = await db.fetchval("SELECT array_agg(q.id) FROM mediasweep.cloudinary_cleanup_queue q")
        await db.fetch("SELECT mediasweep.retry($1, 'ann')", ids)
        assert await finished(db) == {"skipped": 2}
    assert (await to_thread(cloud.state))["calls"].get("destroy", 0) == 0
