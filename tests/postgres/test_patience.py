"""What a person waits for may take longer than a claim."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from mediasweep.operations import brake
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import Pool, open_pool, patient
from tests.schema.brakes import LIMIT, closed, stopped

SLOWER = """
ALTER FUNCTION mediasweep.held(integer, pg_snapshot) RENAME TO held_;
CREATE FUNCTION mediasweep.held(
  source integer, listing pg_snapshot, OUT name text, OUT queue_rows bigint, OUT bytes bigint,
  OUT first_at timestamptz, OUT last_at timestamptz, OUT by_whom jsonb, OUT sample text[],
  OUT restored bigint, OUT digest text) LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM pg_sleep(0.5);
  SELECT h.name, h.queue_rows, h.bytes, h.first_at, h.last_at, h.by_whom, h.sample, h.restored,
         h.digest
    INTO name, queue_rows, bytes, first_at, last_at, by_whom, sample, restored, digest
    FROM mediasweep.held_(source, listing) h;
END $$
"""
TIMEOUT = "SELECT current_setting('statement_timeout')"


@pytest.fixture
async def pool(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    """Give a pool whose statements end after 300 ms, well after any that does not wait."""
    options = {"server_settings": {"application_name": "mediasweep", "statement_timeout": "300"}}
    monkeypatch.setattr("mediasweep.postgres.pool._options", lambda _name, **_: options)
    opened = await open_pool(database, size=1, patience=timedelta(seconds=0.6))
    yield opened
    opened.terminate()


async def test_a_brake_that_holds_much_can_be_shown_and_acknowledged(db: Db, pool: Pool) -> None:
    """Listing takes longer than the pool lets a claim take; it is shown, looked at and let go."""
    await stopped(db)
    await db.execute(SLOWER)
    [held] = await brake.show(pool)
    assert (await brake.look(pool, held["digest"], who="ann"))["queue_rows"] == LIMIT + 1
    assert await brake.acknowledge(pool, held["digest"], who="ann") == LIMIT + 1
    assert await closed(db) == []


async def test_without_that_patience_it_is_cut_off(db: Db, pool: Pool) -> None:
    """The same list, asked for as anything else is asked for, is given up."""
    await stopped(db)
    await db.execute(SLOWER)
    with pytest.raises((asyncpg.QueryCanceledError, TimeoutError)):
        await pool.fetch("SELECT h.digest FROM mediasweep.held(0, pg_current_snapshot()) h")


async def test_patience_ends_with_its_transaction(pool: Pool) -> None:
    """The connection goes back to the pool with the limit that it had."""
    async with patient(pool, 5) as connection:
        assert await connection.fetchval(TIMEOUT) == "5s"
    assert await pool.fetchval(TIMEOUT) == "300ms"
