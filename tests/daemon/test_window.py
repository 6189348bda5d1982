"""What a guard saw is acted on soon or asked again, and nobody's lock holds up the others."""

from __future__ import annotations

from asyncio import to_thread

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.daemons import INSERT_ASSETS, UNFINISHED, environment, finished, running, until

ROWS = 160
STATUS = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE status = $1"
AT_LEAST = STATUS.replace("count(*)", "count(*) >= $2")
NONE = STATUS.replace("count(*)", "count(*) = 0")
PATIENT = {
    "MEDIASWEEP_HTTP_TIMEOUT": "5",
    "MEDIASWEEP_LEASE": "20",
    "MEDIASWEEP_STOP_TIMEOUT": "10",
}
UNTYPED = """
ALTER TABLE media_assets ALTER resource_type DROP NOT NULL;
UPDATE media_assets SET resource_type = NULL
"""
PAUSE = "INSERT INTO mediasweep.gate (name, reason, closed_by) VALUES ('pause', 'x', 'y')"


async def test_an_undelete_saves_what_was_not_sent_yet(database: str, db: Db, cloud: Cloud) -> None:
    """With slow answers few rows wait behind their guard: the others are kept when undeleted."""
    await to_thread(cloud.fill, "a", ROWS)
    await db.execute(INSERT_ASSETS, "a", ROWS)
    await to_thread(cloud.faults, {"effect": "none", "latency_s": 0.2})
    async with running(environment(database, cloud.url, MEDIASWEEP_CONCURRENCY="2")):
        await db.execute("UPDATE media_assets SET deleted_at = now()")
        await to_thread(cloud.wait_calls, 31)
        await db.execute("UPDATE media_assets SET deleted_at = NULL")
        sent = (await to_thread(cloud.state))["calls"]["destroy"]
        await until(db, UNFINISHED)
    # two were out, two or three stood behind their guard; a hundred would have, unbounded
    assert await db.fetchval(STATUS, "completed") <= sent + 6
    assert await db.fetchval(STATUS, "skipped") >= ROWS - sent - 6


async def test_a_pause_is_obeyed_within_moments(database: str, db: Db, cloud: Cloud) -> None:
    """After a pause only what was out is finished, and resuming goes on."""
    await to_thread(cloud.fill, "a", ROWS)
    await db.execute(INSERT_ASSETS, "a", ROWS)
    await to_thread(cloud.faults, {"effect": "none", "latency_s": 0.2})
    async with running(environment(database, cloud.url, MEDIASWEEP_CONCURRENCY="2")):
        await db.execute("DELETE FROM media_assets")
        await to_thread(cloud.wait_calls, 31)
        await db.execute(PAUSE)
        sent = (await to_thread(cloud.state))["calls"]["destroy"]
        await until(db, NONE, "processing")
        assert (await to_thread(cloud.state))["calls"]["destroy"] <= sent + 6
        await db.execute("DELETE FROM mediasweep.gate")
        await db.execute("SELECT pg_notify('mediasweep', '')")
        assert await finished(db, within_s=50) == {"completed": ROWS}


async def test_a_row_that_somebody_holds_stalls_no_other(
    database: str, db: Db, connect: Connect, cloud: Cloud
) -> None:
    """An operator's open lock on one row: the others complete, and nothing is sent twice."""
    await to_thread(cloud.fill, "a", ROWS)
    await db.execute(INSERT_ASSETS, "a", ROWS)
    await to_thread(cloud.faults, {"effect": "none", "latency_s": 0.05})
    operator = await connect()
    async with running(environment(database, cloud.url)) as daemon:
        await db.execute("DELETE FROM media_assets")
        await until(db, AT_LEAST, "processing", 1)
        async with operator.transaction():
            await operator.execute(
                "SELECT FROM mediasweep.cloudinary_cleanup_queue"
                " WHERE status = 'processing' LIMIT 1 FOR UPDATE"
            )
            await until(db, AT_LEAST, "completed", ROWS - 1)
        assert await finished(db) == {"completed": ROWS}
        assert daemon.count("claim_lost") == 0
    assert (await to_thread(cloud.state))["calls"]["destroy"] == ROWS


async def test_a_registry_row_that_is_gone_comes_back(database: str, db: Db, cloud: Cloud) -> None:
    """The beat writes its row again, and the canary that goes with it is heard."""
    async with running(environment(database, cloud.url)) as daemon:
        await db.execute("DELETE FROM mediasweep.daemon")
        await until(db, "SELECT count(*) = 1 FROM mediasweep.daemon")
        assert daemon.count("listener_down") == 0


SLOW_GUARD = """
CREATE OR REPLACE FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[])
RETURNS TABLE (id uuid, used_by text) LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep({seconds}); END'
"""


async def test_a_slow_guard_delays_a_deletion_and_does_not_lose_it(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A guard that takes longer than its answer may wait is asked once, and its rows are sent."""
    await to_thread(cloud.fill, "a", 3)
    await db.execute(INSERT_ASSETS, "a", 3)
    await db.execute(SLOW_GUARD.format(seconds=3))
    async with running(environment(database, cloud.url, **PATIENT)):
        await db.execute("DELETE FROM media_assets")
        assert await finished(db, within_s=20) == {"completed": 3}
    assert await db.fetchval("SELECT max(claim_no) FROM mediasweep.cloudinary_cleanup_queue") == 1


async def test_a_guard_that_takes_too_long_is_told_and_sends_nothing(
    database: str, db: Db, cloud: Cloud
) -> None:
    """The server ends it before the daemon would give up, so that the rows wait, unclaimed."""
    await to_thread(cloud.fill, "a", 3)
    await db.execute(INSERT_ASSETS, "a", 3)
    await db.execute(SLOW_GUARD.format(seconds=60))
    async with running(environment(database, cloud.url)) as daemon:
        await db.execute("DELETE FROM media_assets")
        assert "statement timeout" in (await daemon.seen("guard_failed"))["error"]
        assert await db.fetchval(STATUS, "pending") == 3
    assert (await to_thread(cloud.state))["calls"].get("destroy", 0) == 0


async def _slow_and_untyped(db: Db, cloud: Cloud) -> None:
    """Let an asset be of a type that no row tells, and each call take more than half of 2 s."""
    await to_thread(cloud.fill, "a", 1, "raw")
    await db.execute(INSERT_ASSETS, "a", 1)
    await db.execute(UNTYPED)
    await to_thread(cloud.faults, {"effect": "none", "latency_s": 1.1})


async def test_a_row_that_takes_many_calls_is_asked_for_again_between_them(
    database: str, db: Db, cloud: Cloud
) -> None:
    """An undelete while the types are tried one by one saves the asset that a later one finds."""
    await _slow_and_untyped(db, cloud)
    async with running(environment(database, cloud.url, **PATIENT)):
        await db.execute("UPDATE media_assets SET deleted_at = now()")
        await to_thread(cloud.wait_calls, 2)
        await db.execute("UPDATE media_assets SET deleted_at = NULL")
        assert await finished(db) == {"skipped": 1}
    assert len(await to_thread(cloud.assets)) == 1


async def test_a_row_that_takes_many_calls_comes_to_its_end(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Where its calls outlast what its guard is good for, the next claim goes on with the rest."""
    await _slow_and_untyped(db, cloud)
    async with running(environment(database, cloud.url, **PATIENT)):
        await db.execute("UPDATE media_assets SET deleted_at = now()")
        assert await finished(db) == {"completed": 1}
    assert await to_thread(cloud.assets) == set()
    assert (await to_thread(cloud.state))["calls"]["destroy"] == 3
