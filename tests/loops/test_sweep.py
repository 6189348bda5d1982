"""What a sweep makes of answers that come back together."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

from mediasweep.loops.config import Config
from mediasweep.loops.slots import Slots
from mediasweep.loops.sweep import Sweep
from mediasweep.loops.ticket import SweepPolicy, Ticket, boot_s
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import open_pool
from mediasweep.postgres.queue import Queue, Terms
from mediasweep.rules.events import ClaimLost, Event, Recorded
from mediasweep.rules.outcome import Answer, Backoff, Outcome

MINUTE, NOTHING = timedelta(minutes=1), timedelta(0)
TERMS = Terms(MINUTE, NOTHING, NOTHING, 3, "demo", 1000, 1.0, timedelta(minutes=10))
UNUSED: Any = None
QUEUED = "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id) VALUES ('a')"
LEASE_OVER = """
UPDATE mediasweep.cloudinary_cleanup_queue SET lease_until = clock_timestamp() - interval '1 s'
"""


async def test_two_claims_of_one_row_that_come_back_together_are_both_settled(
    database: str, db: Db
) -> None:
    """The answer to a claim that was lost is not mixed up with that to the row's next claim."""
    await db.execute(QUEUED)
    pool = await open_pool(database, size=1, patience=MINUTE)
    queue = Queue(pool, uuid.uuid4(), TERMS)
    answered: asyncio.Queue[tuple[Ticket, Answer]] = asyncio.Queue()
    for _ in range(2):
        [job] = (await queue.claim(1, None)).jobs
        ticket = Ticket(job, boot_s(), boot_s() + 60, probe=False)
        answered.put_nowait((ticket, Answer(Outcome.DELETED)))
        await db.execute(LEASE_OVER)
    events: list[Event] = []
    stopping = asyncio.Event()
    stopping.set()  # so that it ends with what is under way
    sweep = Sweep(
        queue=queue,
        account=UNUSED,
        gating=UNUSED,
        wake=UNUSED,
        policy=SweepPolicy(8, MINUTE, NOTHING, Backoff(MINUTE, MINUTE, NOTHING)),
        config=Config(MINUTE, 10, MINUTE),
        slots=Slots(),
        emit=events.append,
        stopping=stopping,
        _outbox=answered,
        _open=2,
    )
    async with asyncio.timeout(10):
        await sweep.run()
    pool.terminate()
    settled = {type(e): e.job.claim_no for e in events if isinstance(e, ClaimLost | Recorded)}
    assert settled == {ClaimLost: 1, Recorded: 2}
