"""The metrics of running daemons: each moves by the real event, and no replica counts twice."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from collections.abc import Callable
from typing import Any

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, WITHIN_S, Daemon, environment, finished, running, until

EVERY_SECOND = {"MEDIASWEEP_HEALTH_CHECK_INTERVAL": "1"}
LET_GO = "DELETE FROM media_assets WHERE cloudinary_public_id = $1"
# as a daemon leaves it that dies while it waits for an answer
ABANDONED = """
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, resource_type, status, claim_no, lease_until)
VALUES ('a1', 'image', 'processing', 1, clock_timestamp() - interval '1 s')
"""
# by somebody, and it took a minute, so that it is good for twenty
COUNTED = """
UPDATE mediasweep.fleet_state
   SET at = clock_timestamp(), took = '1 min', state = state || '{"in_doubt": 77}'
"""
ASLEEP = """
SELECT EXISTS (
  SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
   WHERE a.datname = current_database() AND a.application_name LIKE 'mediasweep asleep%'
     AND l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted)
"""
CUT = """
SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.application_name = 'mediasweep listener'
"""
Shown = dict[str, float]


async def _until(
    db: Db, daemon: Daemon, holds: Callable[[Shown], Any], *, anew: bool = True
) -> Shown:
    """Scrape until this holds, and return what was shown; the fleet is counted `anew` each time."""
    async with asyncio.timeout(WITHIN_S):
        while not holds(shown := await daemon.metrics()):
            if anew:
                await db.execute("DELETE FROM mediasweep.fleet_state")
            await db.execute("SELECT pg_sleep(0.1)")
    return shown


async def test_each_metric_moves_by_the_real_event(database: str, db: Db, cloud: Cloud) -> None:
    """A deletion, a refusal, a take-over, a cut line and a broken capture, one after the other."""
    await to_thread(cloud.fill, "a", 3)
    await db.execute(INSERT_ASSETS, "a", 3)
    env = environment(database, cloud.url, **EVERY_SECOND)
    async with running(env) as daemon:
        shown = await _until(db, daemon, lambda shown: shown["concurrency_limit"] > 0)
        assert shown["cloudinary_requests_total admin 200"] == 1  # the ping
        assert shown["cloudinary_quota_remaining admin"] < shown["cloudinary_quota_limit admin"]
        assert shown["cloudinary_quota_reset_timestamp_seconds admin"] > 1.7e9
        assert (shown["listener_up"], shown["database_up"], shown["daemons_alive"]) == (1, 1, 1)
        assert 0 <= shown["listener_canary_age_seconds"] < 10
        assert shown["process_resident_memory_bytes"] > 1e7

        await until(db, ASLEEP)  # so that it has to be woken
        await db.execute(LET_GO, "a0")
        assert await finished(db) == {"completed": 1}
        shown = await _until(  # the daemon's own counter moves after the commit
            db,
            daemon,
            lambda shown: shown["queue_rows completed"] == shown.get("deletions_total deleted"),
        )
        assert shown["queue_rows completed"] == shown["claims_total rows"] == 1
        assert shown["cloudinary_requests_total upload 200"] == 1
        assert shown["cloudinary_request_seconds_count upload"] == 1
        assert shown["commit_to_gone_seconds_count"] == 1
        assert 0 < shown["commit_to_gone_seconds_sum"] < WITHIN_S
        assert shown["claims_total empty"] > 0

        await db.execute(ABANDONED)
        await finished(db)
        shown = await _until(db, daemon, lambda shown: shown["handovers_total"])
        assert shown["handovers_total"] == 1

        await to_thread(cloud.faults, {"effect": "status", "status": 420})
        await db.execute(LET_GO, "a2")
        shown = await _until(
            db, daemon, lambda shown: shown["gate_closed rate_limit"] and shown["queue_due_rows"]
        )
        assert shown["queue_oldest_due_seconds"] > 0
        refused = ("attempts_refunded_total", "deletions_total throttled")
        await _until(db, daemon, lambda shown: all(shown.get(moved) for moved in refused))
        assert shown["cloudinary_requests_total upload 420"] > 0
        await _until(db, daemon, lambda shown: shown["claims_total held"])

        await db.execute(CUT)
        await daemon.seen("listener_down")
        assert (await daemon.metrics())["listener_losses_total"] == 1
        await db.execute("ALTER FUNCTION mediasweep.resource_type(text) RENAME TO away")
        await db.execute(LET_GO, "a1")
        await _until(db, daemon, lambda shown: shown["capture_broken"])
        await db.execute("ALTER TABLE mediasweep.cloudinary_cleanup_queue RENAME TO lost")
        aged = "fleet_state_age_seconds"
        shown = await _until(db, daemon, lambda shown: not shown["database_up"] and shown[aged] > 2)
        assert shown["claims_total failed"] > 0
        assert 0 < shown["wake_to_claim_seconds_sum"] < WITHIN_S
        assert shown["queue_rows completed"] > 0  # as last known


async def test_replicas_tell_the_same_of_the_fleet(database: str, db: Db, cloud: Cloud) -> None:
    """What one of them has counted the other tells too, and who counts is not asked again."""
    env = environment(database, cloud.url)
    async with running(env) as one, running(env) as other:
        await _until(db, one, lambda shown: shown["daemons_alive"] == 2)
        await db.execute(COUNTED)
        for daemon in (one, other):
            shown = await _until(
                db, daemon, lambda shown: shown["queue_in_doubt_rows"] == 77, anew=False
            )
            assert shown["fleet_state_age_seconds"] < 60
