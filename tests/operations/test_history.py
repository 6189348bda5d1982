"""What was done in the last hours, counted once and remembered."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mediasweep.operations import history
from mediasweep.operations.history import History
from mediasweep.postgres import clock
from mediasweep.postgres.pool import Connection as Db

DONE = """
INSERT INTO mediasweep.journal (at, event, outcome)
SELECT clock_timestamp() - $1::interval, 'completed', 'deleted' FROM generate_series(1, $2::integer)
"""


async def _told(known: History, db: Db) -> tuple[int, int]:
    """Return how many were deleted, and how many hours are known."""
    hours = await known.look(db)
    assert len(hours) == history.HOURS
    return sum(hour.deleted for hour in hours), sum(hour.known for hour in hours)


async def test_what_is_over_is_counted_once(db: Db) -> None:
    """Minutes that are settled are not read again, the others are, and none counts twice."""
    for ago, rows in ((timedelta(days=2), 5), (timedelta(hours=20), 3), (timedelta(seconds=1), 2)):
        await db.execute(DONE, ago, rows)
    known = History()
    while (told := await _told(known, db))[1] < history.HOURS:
        pass
    assert told[0] == 5
    await db.execute(DONE, timedelta(hours=3), 7)  # as nobody would
    await db.execute(DONE, timedelta(0), 1)
    assert (await _told(known, db))[0] == 6
    assert (await _told(known, db))[0] == 6


async def test_what_is_known_of_a_later_hour_does_no_harm(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has looked in the next hour already, as the hour ends or where a clock is behind."""
    await db.execute(DONE, timedelta(0), 2)
    known = History()
    assert (await _told(known, db))[0] == 2
    before = await clock.now(db) - timedelta(hours=1)

    async def earlier(_: Db) -> datetime:
        return before

    monkeypatch.setattr(clock, "now", earlier)
    assert (await _told(known, db))[0] == 0
