"""Falling asleep beside an enqueuer: who is told that he will be woken has a place in the queue."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from mediasweep.loops.pulse import ENQUEUER_LAST_S, longest_wait
from mediasweep.postgres.asleep import BUSY_S, Asleep
from mediasweep.postgres.pool import Connection as Db

INTERVAL = timedelta(minutes=5)
SILENT = "SELECT pg_advisory_xact_lock_shared(mediasweep.asleep_key())"


def _fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("idle_s", [0.0, BUSY_S * 0.999, BUSY_S, 900.0])
async def test_nobody_sleeps_for_long_beside_an_enqueuer_without_a_place_in_the_queue(
    database: str, db: Db, idle_s: float
) -> None:
    """Without a place it soon looks again, however late it goes to rest; with one it is woken."""
    turn = asyncio.Event()
    asleep = Asleep(await asyncpg.connect(database), 10.0, turn.set, _fail)
    enqueuer = db.transaction()
    await enqueuer.start()
    await db.execute(SILENT)
    refused = await asleep.take(idle_s)
    place = asleep.beside  # until that wait is over, which it may be as soon as others have a turn
    wait_s = longest_wait(refused, INTERVAL, None, None, 900.0)
    await enqueuer.commit()
    if place is None:
        assert wait_s <= ENQUEUER_LAST_S
    else:
        assert wait_s == INTERVAL.total_seconds()
        async with asyncio.timeout(10):
            await turn.wait()
    asleep.drop()
