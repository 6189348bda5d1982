"""The fleet in figures: right where it matters, counted once for all replicas, and cheap."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mediasweep.loops.heartbeat import horizon
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.operations.standing import CLOSE, beat
from tests.schema.queue import claim, end_leases, enqueue, record, result, rows

STATUSES = ("pending", "processing", "completed", "failed", "skipped")
KNOWN = "SELECT s.state IS NOT NULL AND s.age_s IS NOT NULL FROM mediasweep.fleet_state() s"
OLDER = "UPDATE mediasweep.fleet_state SET at = at - $1::interval"
DONE = """
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, status, processed_at, claim_no, error_message)
SELECT 'done' || n, CASE n % 10 WHEN 0 THEN 'skipped' ELSE 'completed' END, now(), 1,
       repeat('x', 700)
  FROM generate_series(1, 50000) n
"""
READ = """
SELECT pg_stat_get_xact_tuples_returned('mediasweep.cloudinary_cleanup_queue'::regclass)
"""


async def _state(db: Db) -> tuple[dict[str, Any], float]:
    found = await db.fetchrow("SELECT state, age_s FROM mediasweep.fleet_state()")
    assert found is not None
    return json.loads(found["state"]), found["age_s"]


async def _now(db: Db) -> dict[str, Any]:
    """Return the state as a new count finds it."""
    await db.execute("DELETE FROM mediasweep.fleet_state")
    return (await _state(db))[0]


async def test_each_figure_follows_what_it_is_about(db: Db) -> None:
    """Rows by status, due, in doubt and failed, closed gates and daemons that are alive."""
    await beat(db)
    start = await _now(db)
    assert [start[status] for status in STATUSES] == [0] * 5
    assert (start["alive"], start["gates"], start["due"]) == (1, [], 0)
    await enqueue(db, "a", "b", "c", "d")
    jobs = {job["public_id"]: job for job in (await claim(db, batch=3)).jobs}
    [of_a, of_b, _] = sorted(jobs)
    await record(
        db,
        result(jobs[of_a], "completed", "deleted"),
        result(jobs[of_b], "failed", "rejected"),
    )
    await end_leases(db)
    await db.execute(CLOSE, "auth", None, None, None)
    state = await _now(db)
    assert [state[status] for status in STATUSES] == [1, 1, 1, 1, 0]
    assert (state["due"], state["in_doubt"], state["gates"]) == (2, 0, ["auth"])
    assert 0 < state["oldest_due_s"] < 60
    await db.execute("DELETE FROM mediasweep.gate")
    [taken, _] = (await claim(db)).jobs
    assert (await _now(db))["in_doubt"] == 1
    assert taken["in_doubt"]
    await db.execute("INSERT INTO mediasweep.fallback (source_id) VALUES (0)")
    assert (await _now(db))["fallback"] == 1


async def test_what_failed_is_counted_until_somebody_retries_it(db: Db) -> None:
    """By its owner or by a claim that gives it up, and not any more once it is on its way again."""
    await enqueue(db, "a", "b")
    [rejected, lost] = (await claim(db, max_attempts=1)).jobs
    unknown = result(lost, "unknown", "unclear")
    await record(db, result(rejected, "failed", "rejected"), unknown)
    assert (await _now(db))["failed"] == 1
    assert (await claim(db, max_attempts=1)).failed == 1
    assert (await _now(db))["failed"] == 2
    ids = [row["id"] for row in await rows(db)]
    await db.fetch("SELECT * FROM mediasweep.retry($1, 'ann')", ids)
    assert (await _now(db))["failed"] == 0
    assert await db.fetchval("SELECT count(*) FROM mediasweep.failed") == 0
    [again, _] = (await claim(db)).jobs
    await record(db, result(again, "failed", "rejected"))
    assert (await _now(db))["failed"] == 1
    await db.execute("DELETE FROM mediasweep.cloudinary_cleanup_queue")  # by hand
    assert (await _now(db))["failed"] == 0


async def test_a_row_that_a_writer_holds_is_told_with_its_age(db: Db, connect: Connect) -> None:
    """From the capture on, while a transaction is open that was then, as far as daemons tell."""
    writer = await connect()
    before = (await claim(db)).memory
    async with writer.transaction():
        await writer.execute("SELECT pg_current_xact_id()")
        await enqueue(db, "a")
        assert (await claim(db, memory=before)).held
        assert (await _now(db))["held_s"] == 0  # there is no daemon that waits
        for known in (None, before):
            await beat(db, horizon=horizon(known))
            held_s = (await _now(db))["held_s"]
            assert 0 < held_s < (await _now(db))["held_s"] < 60
    assert (await _now(db))["held_s"] == 0
    async with writer.transaction():
        await writer.execute("SELECT pg_current_xact_id()")
        await beat(db, horizon=horizon((await claim(db, batch=0)).memory))
        assert (await _now(db))["held_s"] > 0
    after = (await claim(db, batch=0)).memory
    async with writer.transaction():
        await writer.execute("SELECT pg_current_xact_id()")
        await beat(db, horizon=horizon(after))
        assert (await _now(db))["held_s"] == 0  # it began later


async def test_a_state_is_counted_once_and_told_to_all(db: Db, connect: Connect) -> None:
    """Who asks within the time hears what was counted, and its age; later it is counted anew."""
    other = await connect()
    assert (await _state(db))[0]["pending"] == 0
    await enqueue(db, "a")
    state, age_s = await _state(other)
    assert (state["pending"], 0 < age_s < 5) == (0, True)
    await db.execute(OLDER, timedelta(seconds=5))
    assert (await _state(other))[0]["pending"] == 1
    await enqueue(db, "b")
    await db.execute(OLDER, timedelta(hours=-1))  # the clock was put back
    assert (await _state(other))[0]["pending"] == 2


async def test_what_takes_long_is_counted_seldom(db: Db) -> None:
    """A count that took a second is good for twenty."""
    await _state(db)
    await db.execute("UPDATE mediasweep.fleet_state SET took = '1 s'")
    await enqueue(db, "a")
    await db.execute(OLDER, timedelta(seconds=15))
    assert (await _state(db))[0]["pending"] == 0
    await db.execute(OLDER, timedelta(seconds=5))
    assert (await _state(db))[0]["pending"] == 1


async def test_nobody_waits_for_who_is_counting(db: Db, connect: Connect) -> None:
    """Beside a count that is under way one hears the last one, or nothing before the first."""
    other = await connect()
    async with db.transaction():
        await _state(db)
        assert await other.fetchval(KNOWN, timeout=5) is False
    await db.execute(OLDER, timedelta(minutes=1))
    async with db.transaction():
        await _state(db)
        assert (await _state(other))[1] > 60


async def test_where_nothing_may_be_written_the_last_count_is_told(db: Db) -> None:
    """A standby, or a database that its host has made read-only, is not asked to count in vain."""
    await _state(db)
    await enqueue(db, "a")
    await db.execute(OLDER, timedelta(minutes=1))
    async with db.transaction(readonly=True):
        state, age_s = await _state(db)
    assert (state["pending"], age_s > 60) == (0, True)


@pytest.mark.parametrize("rule", [True, False])
async def test_what_is_done_is_not_read(db: Db, *, rule: bool) -> None:
    """Of a long queue a count reads what is unfinished or has failed, whatever is known of it."""
    if not rule:
        await db.execute("ALTER FUNCTION mediasweep.unfinished RESET enable_seqscan")
    await db.execute(
        "ALTER TABLE mediasweep.cloudinary_cleanup_queue SET (autovacuum_enabled = off)"
    )
    await enqueue(db, *(f"a{n}" for n in range(100)))
    await db.execute("ANALYZE mediasweep.cloudinary_cleanup_queue")  # when all was unfinished
    await db.execute(DONE)
    async with db.transaction():
        before = await db.fetchval(READ)
        state, _ = await _state(db)
        read = await db.fetchval(READ) - before
    assert state["pending"] == 100
    assert (read < 1000) is rule
    await db.execute("ANALYZE mediasweep.cloudinary_cleanup_queue")
    state = await _now(db)
    assert 40_000 < state["completed"] < 50_000
    assert 3_000 < state["skipped"] < 7_000
