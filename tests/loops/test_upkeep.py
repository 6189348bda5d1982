"""The chores: what fell back is queued, and what is due is looked at and told."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from mediasweep.loops.config import Config
from mediasweep.loops.recent_deletions import RecentDeletions
from mediasweep.loops.second_look import SecondLook
from mediasweep.loops.upkeep import HealthPolicy, Upkeep
from mediasweep.postgres.environment import Environment
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.gates import Gates
from mediasweep.postgres.inbox import Inbox
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import open_pool
from mediasweep.postgres.queue import ClaimTerms, Queue
from mediasweep.rules.events import Event, FallbackRefilled, QueueUnhealthy

MINUTE = timedelta(minutes=1)
ENQUEUE = """
INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, resource_type)
SELECT 'a' || n, 'image' FROM generate_series(1, $1::integer) n
"""


class Chores:
    """Upkeep over the test's database, and what came of it."""

    def __init__(self, upkeep: Upkeep, events: list[Event], looks: list[bool]) -> None:
        self.upkeep, self.events, self.looks = upkeep, events, looks


@pytest.fixture
async def chores(database: str) -> AsyncIterator[Chores]:
    """Give the chores of a daemon that does nothing else."""
    pool = await open_pool(database, size=1, patience=MINUTE)
    queue = Queue(
        pool, uuid.uuid4(), ClaimTerms(MINUTE, timedelta(0), MINUTE, 3, "cloud", 1000, 0.05, MINUTE)
    )
    events: list[Event] = []
    looks: list[bool] = []
    config = Config(own_interval=MINUTE, own_batch=10, own_health_check=MINUTE)
    upkeep = Upkeep(
        queue=queue,
        inbox=Inbox(pool),
        fleet=Fleet(pool),
        gates=Gates(pool),
        policy=HealthPolicy(),
        config=config,
        retention=timedelta(days=30),
        files=[],
        second_look=SecondLook(Environment(pool), uuid.uuid4(), RecentDeletions(), events.append),
        look=lambda: looks.append(True),
        emit=events.append,
    )
    yield Chores(upkeep, events, looks)
    pool.terminate()


async def test_a_due_row_makes_the_sweep_look(db: Db, chores: Chores) -> None:
    """A row that became due unannounced, as when another daemon's lease ends, is looked at."""
    await chores.upkeep.once()
    assert chores.looks == []
    await db.execute(ENQUEUE, 1)
    await chores.upkeep.once()
    assert chores.looks == [True]


async def test_many_due_rows_are_told(db: Db, chores: Chores) -> None:
    """Twenty rows that are due are usual, one more is worth a warning."""
    await db.execute(ENQUEUE, 20)
    await chores.upkeep.once()
    assert chores.events == []
    await db.execute(ENQUEUE, 1)
    await chores.upkeep.once()
    assert [type(event) for event in chores.events] == [QueueUnhealthy]


async def test_what_fell_back_is_queued(db: Db, chores: Chores) -> None:
    """A capture that fell back comes into the queue with the next chores, and is told."""
    await db.execute(
        """INSERT INTO mediasweep.fallback (source_id, ref) VALUES (1, '{"public_id": "a"}')"""
    )
    await chores.upkeep.once()
    assert chores.events == [FallbackRefilled(1)]
    assert await db.fetchval("SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue") == 1
