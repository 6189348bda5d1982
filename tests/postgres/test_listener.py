"""The listener's two connections, whatever a role or a database allows a session."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mediasweep.postgres.asleep import SQL
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import open_pool
from mediasweep.postgres.wake import Wake
from mediasweep.rules.events import Event, ListenerUp

PATIENCE = timedelta(seconds=5)
STRICT = """
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET idle_session_timeout = ''700ms''', current_database());
  EXECUTE format('ALTER DATABASE %I SET statement_timeout = ''700ms''', current_database());
END $$
"""


async def _events(database: str, db: Db) -> list[Event]:
    """Listen for twice as long as an idle session may last; what it takes to begin is far less."""
    await db.execute(STRICT)
    pool = await open_pool(database, size=1, patience=PATIENCE)
    events: list[Event] = []
    wake = Wake(database, pool, events.append, patience=PATIENCE)
    listening = asyncio.create_task(wake.run())
    async with asyncio.timeout(10):
        while not wake.up:
            await wake.heard.wait()
            wake.heard.clear()
    await db.execute("SELECT pg_sleep(1.5)")
    listening.cancel()
    await asyncio.wait([listening])
    pool.terminate()
    return events


async def test_a_limit_for_idle_sessions_does_not_end_the_listener(database: str, db: Db) -> None:
    """Neither connection is ended for having nothing to say."""
    assert await _events(database, db) == [ListenerUp()]


async def test_a_listener_that_keeps_the_limit_would_be_ended(
    database: str, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the limits stay, the listener comes and goes."""
    monkeypatch.setitem(SQL, "patient", "SELECT 1")
    assert len(await _events(database, db)) > 1
