"""What must not end a reconciliation, or the daemon that makes it."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from datetime import timedelta
from uuid import uuid4

from mediasweep.emulator.client import Cloud
from mediasweep.loops.reconcile import ReconcileLoop
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.reconcile import Reconciliations
from mediasweep.rules.drift import ReconcileInterrupted
from mediasweep.rules.events import Event
from tests.conftest import Connect
from tests.reconcile.sides import ASKED, DAY_S, HOUR, compare, found, in_library, reconciler

NOW = timedelta(0)
# a comparison that goes on for as long as somebody holds a lock
SLOW = """
ALTER FUNCTION mediasweep.drift RENAME TO quick_drift;
CREATE FUNCTION mediasweep.drift(began timestamptz, floor interval)
RETURNS SETOF mediasweep.reconcile_finding LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(6);
  RETURN QUERY SELECT d.* FROM mediasweep.quick_drift(began, floor) d;
END $$
"""
WAITS = "SELECT EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted AND l.locktype = 'advisory')"
ANOTHER_TABLE = """
CREATE TABLE posts (id integer PRIMARY KEY, cover text);
SELECT mediasweep.attach('posts', '{"public_id": "cover"}');
INSERT INTO posts VALUES (1, 'p1'), (2, 'gone');
"""
SWAPPED = "ALTER TABLE posts RENAME TO posts_old; CREATE TABLE posts (cover text)"
PARTED = """
CREATE TABLE events (id integer, cover text) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20);
SELECT mediasweep.attach('events', '{"public_id": "cover"}');
INSERT INTO events VALUES (1, 'p2'), (11, 'p3');
ALTER TABLE events DETACH PARTITION events_2
"""


async def test_who_compares_for_long_is_not_taken_over(
    db: Db, connect: Connect, cloud: Cloud
) -> None:
    """A comparison says nothing until it is made, and another process would begin it anew."""
    await in_library(db, "p0")
    await to_thread(cloud.plant, "p", 2, age_s=3 * DAY_S)
    await db.execute(SLOW)
    other = await connect()
    await other.execute("SELECT pg_advisory_lock(6)")
    slow = asyncio.ensure_future(compare(db, cloud))
    while not await other.fetchval(WAITS):
        await other.execute("SELECT pg_sleep(0.01)")
    late = Reconciliations(other, uuid4())
    run = await late.begin(cloud.name, "another", 24 * HOUR, NOW, shrunken=False)
    assert run.holder != late.holder
    await other.execute("SELECT pg_advisory_unlock(6)")
    assert (await slow).state == "done"


async def test_what_the_database_refuses_ends_no_daemon(db: Db, cloud: Cloud) -> None:
    """A guard that cannot answer is said, and the run is left to be gone on with."""
    await db.execute(ANOTHER_TABLE)
    await to_thread(cloud.plant, "p", 2, age_s=3 * DAY_S)
    told: list[Event] = []
    async with reconciler(db, cloud) as one:
        named = one.runs.name_rows

        async def name_rows(run: int) -> None:
            await db.execute(SWAPPED)
            await named(run)

        one.runs.name_rows = name_rows  # type: ignore[method-assign]
        await ReconcileLoop(one, 6 * HOUR, ASKED, told.append).once()
    [event] = told
    assert isinstance(event, ReconcileInterrupted)
    assert "posts is another table now" in event.reason


async def test_what_the_guard_could_not_answer_is_no_ground(db: Db, cloud: Cloud) -> None:
    """Where a table was taken away, what it used is not told as orphans; a partition still is
    asked.
    """
    await db.execute(ANOTHER_TABLE + PARTED)
    await to_thread(cloud.plant, "p", 4, age_s=3 * DAY_S)
    run = await compare(db, cloud)
    assert await found(db, run) == [("ghost", "gone", None), ("orphan", "p0", "image")]
    await db.execute(SWAPPED)
    run = await compare(db, cloud)
    assert (run.state, await found(db, run)) == ("refused", [])
    assert "posts is another table now" in (run.reason or "")
