"""Cloudinary refusing everything for a long time: next to no calls, no attempt spent, and then on.

The emulator's time is quick: its windows of two seconds stand for the minutes of a limit.
"""

from __future__ import annotations

from asyncio import to_thread
from itertools import pairwise

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, environment, finished, running, spawn, until

ROWS, LIMIT = 100, 8
IMPATIENT = ("-m", "tests.programs", "impatient")
SOONEST_S = 0.3  # between two tests of an impatient daemon's gate
ATTEMPTS = "SELECT max(processing_attempts) FROM mediasweep.cloudinary_cleanup_queue"
SPENT = """
SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue
 WHERE status = 'pending' AND processing_attempts > 0
"""


async def _delete(db: Db, cloud: Cloud) -> None:
    await to_thread(cloud.fill, "a", ROWS)
    await db.execute(INSERT_ASSETS, "a", ROWS)
    await db.execute("DELETE FROM media_assets")


async def test_ten_minutes_of_rate_limit_cost_one_test_a_reset(
    database: str, db: Db, cloud: Cloud
) -> None:
    """With two daemons: at most one call a reset, no attempt spent, everything gone afterwards."""
    env = environment(database, cloud.url, MEDIASWEEP_CONCURRENCY=str(LIMIT))
    async with running(env), running(env):
        await to_thread(cloud.faults, {"windows": 10, "window_s": 2})
        await _delete(db, cloud)
        assert await finished(db, within_s=45) == {"completed": ROWS}
    state = await to_thread(cloud.state)
    first, *others = state["windows"][0]
    assert first <= LIMIT  # what was out when the first was refused
    assert max(others) == 1
    assert await db.fetchval(ATTEMPTS) == 1
    assert state["assets"] == 0


async def test_a_revoked_key_costs_one_test_an_interval(
    database: str, db: Db, cloud: Cloud
) -> None:
    """While the key is refused calls come no quicker than tests are due; then work goes on."""
    daemon = await spawn(environment(database, cloud.url), IMPATIENT)
    await daemon.seen("daemon_started")
    await to_thread(cloud.switch, revoked=True)
    await _delete(db, cloud)
    await daemon.seen("gate_closed")
    out = (await to_thread(cloud.state))["calls"]["destroy"]
    assert out <= LIMIT
    await to_thread(cloud.wait_calls, LIMIT + 10)
    times_s = [call["monotonic_ns"] / 1e9 for call in await to_thread(cloud.calls)]
    gaps = [later - earlier for earlier, later in pairwise(times_s[LIMIT:])]
    assert min(gaps) >= SOONEST_S
    await until(db, f"SELECT ({SPENT}) <= 1")  # the one that is a test just now
    await to_thread(cloud.switch, revoked=False)
    assert await finished(db) == {"completed": ROWS}
    assert await db.fetchval(ATTEMPTS) == 1
    assert await daemon.stop() == 0
