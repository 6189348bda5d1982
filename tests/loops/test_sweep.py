"""What a sweep makes of answers that come back together, and what it does first with a claim."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from mediasweep.loops.boot_clock import boot_s
from mediasweep.loops.config import Config
from mediasweep.loops.slots import Slots
from mediasweep.loops.sweep import Sweep
from mediasweep.loops.ticket import SweepPolicy, Ticket
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import open_pool
from mediasweep.postgres.queue import Claim, ClaimTerms, Queue
from mediasweep.rules.asset import Asset
from mediasweep.rules.events import ClaimLost, Event, Recorded, Swept
from mediasweep.rules.outcome import Answer, Backoff, Outcome

MINUTE, NOTHING = timedelta(minutes=1), timedelta(0)
TERMS = ClaimTerms(MINUTE, NOTHING, NOTHING, 3, "demo", 1000, 1.0, timedelta(minutes=10))
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


async def test_what_was_claimed_goes_out_before_anything_is_told_or_asked(
    database: str, db: Db
) -> None:
    """The deletion has begun by the time that the claim is told of, and the next claim is made."""
    await db.execute(QUEUED)
    pool = await open_pool(database, size=1, patience=MINUTE)
    queue, seen, stopping = Queue(pool, uuid.uuid4(), TERMS), [], asyncio.Event()

    async def claim(batch: int, memory: str | None) -> Claim:
        seen.append("claim")
        if len(seen) > 1:
            stopping.set()
        return await queue.claim(batch, memory)

    async def destroy(asset: Asset, _: object) -> Answer:
        seen.append(f"destroy {asset.public_id}")
        return Answer(Outcome.UNSENT)

    async def judge(_: Answer, *, probe: bool) -> None:
        """Close nothing."""

    slots = Slots()
    slots.set(8)
    around: dict[str, Any] = {
        "queue": SimpleNamespace(claim=claim, record=queue.record),
        "account": SimpleNamespace(destroy=destroy),
        "gating": SimpleNamespace(claiming=asyncio.Lock(), see=lambda _: None, judge=judge),
        "wake": SimpleNamespace(heard=asyncio.Event(), attend=lambda: None, armed=True),
    }
    sweep = Sweep(
        **around,
        policy=SweepPolicy(8, MINUTE, NOTHING, Backoff(MINUTE, MINUTE, NOTHING)),
        config=Config(MINUTE, 10, MINUTE),
        slots=slots,
        emit=lambda event: seen.append("told") if isinstance(event, Swept) else None,
        stopping=stopping,
    )
    async with asyncio.timeout(10):
        await sweep.run()
    pool.terminate()
    assert seen[:4] == ["claim", "destroy a", "told", "claim"]


async def test_who_stands_by_gives_back_what_it_has_not_begun(database: str, db: Db) -> None:
    """A job that was claimed before the share fell to nothing waits for no slot, and ends nobody's
    stop.
    """
    await db.execute(QUEUED)
    pool = await open_pool(database, size=1, patience=MINUTE)
    queue = Queue(pool, uuid.uuid4(), TERMS)
    [job] = (await queue.claim(1, None)).jobs
    inbox: asyncio.Queue[Ticket] = asyncio.Queue()
    inbox.put_nowait(Ticket(job, boot_s(), boot_s() + 60, probe=False))
    stopping = asyncio.Event()
    stopping.set()
    wake: Any = SimpleNamespace(heard=asyncio.Event(), attend=lambda: None)
    sweep = Sweep(
        queue=queue,
        account=UNUSED,
        gating=UNUSED,
        wake=wake,
        policy=SweepPolicy(8, MINUTE, NOTHING, Backoff(MINUTE, MINUTE, NOTHING)),
        config=Config(MINUTE, 10, MINUTE),
        slots=Slots(),  # of which it has none
        emit=lambda _: None,
        stopping=stopping,
        _inbox=inbox,
        _open=1,
    )
    async with asyncio.timeout(10):
        await sweep.run()
    pool.terminate()
    left = await db.fetchrow(
        "SELECT status, in_doubt, lease_until FROM mediasweep.cloudinary_cleanup_queue"
    )
    assert left is not None
    assert tuple(left) == ("pending", False, None)


async def test_a_claim_that_waits_behind_calls_that_fail_does_not_look_hung(
    database: str, db: Db
) -> None:
    """Twenty that try to close a gate on a dead line keep the claim waiting for minutes; each of
    their failures is a turn.
    """
    await db.execute(QUEUED)
    pool = await open_pool(database, size=1, patience=MINUTE)
    queue, stopping, claiming = Queue(pool, uuid.uuid4(), TERMS), asyncio.Event(), asyncio.Lock()
    turns: list[str] = []
    tries = iter(("dead", "dead", "dead", "mended"))

    async def judge(*_: object, **__: object) -> None:
        line = next(tries)
        if not claiming.locked():
            await claiming.acquire()
            turns.clear()
        if line == "dead":
            raise TimeoutError
        turns.append("mended")
        stopping.set()
        claiming.release()

    async def destroy(_: Asset, __: object) -> Answer:
        return Answer(Outcome.UNSENT)

    slots = Slots()
    slots.set(8)
    around: dict[str, Any] = {
        "account": SimpleNamespace(destroy=destroy),
        "gating": SimpleNamespace(claiming=claiming, see=lambda _: None, judge=judge),
        "wake": SimpleNamespace(heard=asyncio.Event(), attend=lambda: None, armed=True),
    }
    sweep = Sweep(
        queue=queue,
        **around,
        policy=SweepPolicy(8, MINUTE, NOTHING, Backoff(MINUTE, MINUTE, NOTHING)),
        config=Config(MINUTE, 10, MINUTE),
        slots=slots,
        emit=lambda _: None,
        stopping=stopping,
        turned=lambda: turns.append("turn"),
    )
    async with asyncio.timeout(20):
        await sweep.run()
    pool.terminate()
    assert turns[: turns.index("mended")].count("turn") >= 3
