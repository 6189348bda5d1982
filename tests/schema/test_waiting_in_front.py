"""Rows that wait for another row of their assets keep nobody behind them, however many they are."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import Claim, claim, enqueue

SOON = timedelta(seconds=0.1)
WAITING = """
INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, due_at)
SELECT 'a' || n, due.at FROM generate_series(1, 50) n,
       (VALUES (clock_timestamp()), (clock_timestamp() + interval '1 hour')) due (at)
"""


async def _claims(db: Db, *, forgetful: bool = False) -> list[Claim]:
    """Claim one row at a time, a second apart, until one comes or ten times."""
    memory = (await claim(db, batch=0)).memory
    claims: list[Claim] = []
    for _ in range(10):
        state = json.loads(memory)
        if "from_start_at" in state:
            then = datetime.fromisoformat(state["from_start_at"]) - timedelta(seconds=1)
            state |= {"from_start_at": then.isoformat(), "from_start_took": "00:00:00.01"}
        if forgetful:
            state.pop("midway", None)
        claims.append(await claim(db, batch=1, memory=json.dumps(state)))
        memory = claims[-1].memory
        if claims[-1].jobs:
            break
    return claims


async def test_what_is_behind_rows_that_wait_is_reached(db: Db) -> None:
    """Each claim goes on where the last one gave up, and asks to be made soon."""
    await db.execute(WAITING)
    await enqueue(db, "behind")
    *before, last = await _claims(db)
    assert last.assets == ["behind"]
    assert all(one.next_in is not None and one.next_in <= SOON for one in before)


async def test_when_all_has_been_looked_at_there_is_no_hurry(db: Db) -> None:
    """Where there is nothing behind them, a claim reaches the end, and says when something is."""
    await db.execute(WAITING)
    calm = [one.next_in is not None and one.next_in > SOON for one in await _claims(db)]
    assert any(calm)


async def test_without_knowing_where_it_gave_up_it_would_not_be(db: Db) -> None:
    """Where each claim begins at the front, only rows that wait are looked at."""
    await db.execute(WAITING)
    await enqueue(db, "behind")
    assert not (await _claims(db, forgetful=True))[-1].jobs
