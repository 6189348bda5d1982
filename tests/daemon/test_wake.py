"""Several daemons asleep: when one of them dies or stands still, the others are woken."""

from __future__ import annotations

import signal
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, Daemon, environment, finished, running, until

HOURLY = {"MEDIASWEEP_INTERVAL_MINUTES": "60"}
ASKS = """
SELECT EXISTS (
  SELECT FROM pg_stat_activity
   WHERE datname = current_database() AND application_name = $1 AND query LIKE $2)
"""
GONE = """
SELECT NOT EXISTS (SELECT FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = $1)
"""
NO_QUEUE = """
CREATE OR REPLACE FUNCTION mediasweep.wait_for_sibling(patience interval) RETURNS boolean
LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN false; END'
"""


@asynccontextmanager
async def _asleep(database: str, db: Db, cloud: Cloud) -> AsyncIterator[Daemon]:
    """Start two daemons that look once an hour, with something to delete; give who sleeps."""
    await to_thread(cloud.fill, "a", 1)
    await db.execute(INSERT_ASSETS, "a", 1)
    env = environment(database, cloud.url, **HOURLY)
    async with running(env) as sleeper:
        await until(db, ASKS, _name(sleeper), "%arm%")
        async with running(env) as other:
            await until(db, ASKS, _name(other), "%wait_for_sibling%")
            yield sleeper


def _name(daemon: Daemon) -> str:
    return f"mediasweep asleep {daemon.process.pid}"


async def _die(db: Db, sleeper: Daemon) -> None:
    await sleeper.kill()
    await until(db, GONE, _name(sleeper))


async def _two_are_found(db: Db) -> None:
    """Two, because the chores of a daemon that has just started may look once by themselves."""
    for _ in range(2):
        await db.execute("DELETE FROM media_assets")
        await finished(db, within_s=2)
        await db.execute(INSERT_ASSETS, "a", 1)


async def test_when_the_sleeper_dies_its_sibling_is_asleep(
    database: str, db: Db, cloud: Cloud
) -> None:
    """What is queued after a SIGKILL is deleted, though nobody looks by himself."""
    async with _asleep(database, db, cloud) as sleeper:
        await _die(db, sleeper)
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"completed": 1}


async def test_without_a_place_in_the_queue_nobody_would_be(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Where the wait is replaced, what is queued after a SIGKILL wakes nobody."""
    await db.execute(NO_QUEUE)
    async with _asleep(database, db, cloud) as sleeper:
        await _die(db, sleeper)
        with pytest.raises(TimeoutError):
            await _two_are_found(db)


async def test_when_the_sleeper_freezes_its_sibling_hears(
    database: str, db: Db, cloud: Cloud
) -> None:
    """The frozen one keeps the key, so that captures notify, and the other one acts on it."""
    async with _asleep(database, db, cloud) as sleeper:
        sleeper.process.send_signal(signal.SIGSTOP)
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"completed": 1}
        sleeper.process.send_signal(signal.SIGCONT)
