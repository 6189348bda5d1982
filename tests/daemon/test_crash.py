"""SIGKILL at each step of the path: nothing is lost, nothing is done that was not to be done."""

from __future__ import annotations

import asyncio
from asyncio import to_thread

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, environment, finished, running, spawn, until
from tests.programs import POINTS

ROWS = 120
LOCK = 4711
BLOCKED = """
SELECT EXISTS (
  SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted)
"""


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_any_step_loses_nothing(
    database: str, db: Db, cloud: Cloud, point: str, nth: int
) -> None:
    """After a kill at this step the next daemon finishes, and repeats only what was in flight."""
    await to_thread(cloud.fill, "a", ROWS)
    await db.execute(INSERT_ASSETS, "a", ROWS)
    env = environment(database, cloud.url, MEDIASWEEP_LEASE="3")
    await db.execute("DELETE FROM media_assets")
    daemon = await spawn(env, ("-m", "tests.programs", "die", point, str(nth)))
    async with asyncio.timeout(30):
        assert await daemon.process.wait() == -9
    await daemon.kill()
    in_flight = await db.fetchval(
        "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'processing'"
    )
    async with running(env):
        assert await finished(db) == {"completed": ROWS}
    state = await to_thread(cloud.state)
    assert state["assets"] == 0
    assert ROWS <= state["calls"]["destroy"] <= ROWS + in_flight


@pytest.mark.parametrize("step", ["guard", "mark"])
async def test_a_kill_inside_the_claim_loses_nothing(
    database: str, db: Db, cloud: Cloud, step: str
) -> None:
    """A daemon that dies while its claim stands in the guard, or in the mark, loses nothing."""
    await to_thread(cloud.fill, "a", ROWS)
    await db.execute(INSERT_ASSETS, "a", ROWS)
    await db.execute("DELETE FROM media_assets")
    env = environment(database, cloud.url, MEDIASWEEP_LEASE="3")
    await db.execute("SELECT pg_advisory_lock($1)", LOCK)
    name = {"guard": "uses", "mark": "mark"}[step]
    definition = await db.fetchval(
        "SELECT pg_get_functiondef(p.oid) FROM pg_proc p"
        " WHERE p.pronamespace = 'mediasweep'::regnamespace AND p.proname = $1",
        name,
    )
    await db.execute(
        definition.replace("BEGIN", f"BEGIN PERFORM pg_advisory_xact_lock({LOCK});", 1)
    )
    daemon = await spawn(env)
    await until(db, BLOCKED)
    await daemon.kill()
    await db.execute(definition)
    await db.execute("SELECT pg_advisory_unlock($1)", LOCK)
    async with running(env):
        assert await finished(db) == {"completed": ROWS}
    assert (await to_thread(cloud.state))["calls"]["destroy"] == ROWS
