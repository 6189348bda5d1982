"""How long an acknowledgement lasts, and what is left of it on another server."""

from __future__ import annotations

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.brakes import FINISH, LIMIT, acknowledge, digest, let_go, stopped, try_claim

FORGET = """SELECT mediasweep.forget_acknowledgements('{"brake_window": "600 s"}')"""
OF_ANOTHER_SERVER = """
UPDATE mediasweep.cloudinary_cleanup_queue
   SET xact = (xact::text::bigint + 1000000)::text::xid8 WHERE processed_at IS NULL
"""


# -- how long they last ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "unfinished", "forgotten"), [("2 days", 0, 1), ("2 days", 1, 0), ("1 hour", 0, 0)]
)
async def test_an_acknowledgement_lasts_as_long_as_it_is_needed(
    db: Db, age: str, unfinished: int, forgotten: int
) -> None:
    """It goes when none of its rows is unfinished, or within the long window any more."""
    await acknowledge(db, await stopped(db))
    await db.execute(FINISH + f" AND cloudinary_public_id <> 'a{unfinished}'", "completed")
    await db.execute(
        "UPDATE mediasweep.acknowledgement SET acknowledged_at = now() - $1::text::interval", age
    )
    assert await db.fetchval(FORGET) == forgotten


async def test_a_slow_loss_counts_what_nobody_acknowledged(db: Db) -> None:
    """What was acknowledged is no part of a slow loss, also after it was deleted."""
    await acknowledge(db, await stopped(db, 6 * LIMIT))
    await db.execute(FINISH, "completed")
    terms = '{"brake_floor": 10}'
    assert await db.fetchval("SELECT mediasweep.brake_dribble($1)", terms) == "[]"
    await db.execute("DELETE FROM mediasweep.acknowledgement")
    assert await db.fetchval("SELECT mediasweep.brake_dribble($1)", terms) != "[]"


# -- restored from another server ------------------------------------------------------------------


async def test_restored_rows_are_held_and_can_be_acknowledged(db: Db) -> None:
    """Rows with transaction ids that this server has not reached count, are listed, and can go."""
    await let_go(db, "a", LIMIT + 1)
    await db.execute(OF_ANOTHER_SERVER)
    assert (await try_claim(db)).brought_nothing
    assert await acknowledge(db, await digest(db)) == (LIMIT + 1, None)
    assert len((await try_claim(db)).jobs) == LIMIT + 1


async def test_a_restored_acknowledgement_covers_nothing(db: Db) -> None:
    """The snapshot of another server does not let go what was deleted on this one."""
    await db.execute(
        "INSERT INTO mediasweep.acknowledgement (source_id, snapshot, xact, acknowledged_by)"
        " VALUES (0, '5000000:5000000:', NULL, 'ann'), (0, NULL, '5000000', 'ann')"
    )
    await let_go(db, "a", LIMIT + 1)
    assert (await try_claim(db)).brought_nothing
    assert await db.fetchval(FORGET) == 2


async def test_as_many_restored_rows_as_the_limit_go(db: Db) -> None:
    """Restored rows are counted once, though no snapshot of this server ever sees them."""
    await let_go(db, "a", LIMIT)
    await db.execute(OF_ANOTHER_SERVER)
    memory, got = None, 0
    for _ in range(LIMIT):
        claimed = await try_claim(db, batch=1, memory=memory)
        memory, got = claimed.memory, got + len(claimed.jobs)
    assert got == LIMIT
