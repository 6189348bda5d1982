"""When to look again: the next time at which a row falls due without anybody saying so."""

from __future__ import annotations

from datetime import timedelta

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import NOTHING, claim, enqueue, make_due, record, result

HOUR = timedelta(hours=1)


def _about(expected: timedelta, found: timedelta | None) -> bool:
    """Tell whether a time has come nearer by no more than a test takes."""
    return found is not None and expected - timedelta(minutes=1) < found <= expected


async def test_an_empty_queue_has_no_next_time(db: Db) -> None:
    """With nothing in the queue there is nothing to look for."""
    claimed = await claim(db)
    assert (claimed.next_in, claimed.held) == (None, False)


async def test_a_finished_row_has_no_next_time(db: Db) -> None:
    """A row that is done is never looked for again."""
    await enqueue(db, "a")
    await record(db, result((await claim(db)).jobs[0], "completed", "deleted"))
    assert (await claim(db)).next_in is None


async def test_a_retry_is_the_next_time(db: Db) -> None:
    """A row that waits for its retry says when that is."""
    await enqueue(db, "a")
    await record(db, result((await claim(db)).jobs[0], "unknown", "unclear", due_in=HOUR))
    claimed = await claim(db)
    assert claimed.brought_nothing
    assert not claimed.held
    assert _about(HOUR, claimed.next_in)


async def test_the_end_of_anothers_lease_is_the_next_time(db: Db) -> None:
    """What another daemon holds is looked at when its lease would end."""
    await enqueue(db, "a")
    await claim(db, lease=2 * HOUR)
    claimed = await claim(db)
    assert not claimed.held
    assert _about(2 * HOUR, claimed.next_in)


async def test_the_end_of_the_grace_is_the_next_time(db: Db) -> None:
    """A new row rests for the grace, and says when it will have."""
    await enqueue(db, "a")
    claimed = await claim(db, grace=HOUR)
    assert claimed.brought_nothing
    assert _about(HOUR, claimed.next_in)
    assert (await claim(db)).assets == ["a"]


async def test_the_grace_is_for_new_rows_only(db: Db) -> None:
    """A row that was claimed before has had its grace."""
    await enqueue(db, "a")
    await record(db, result((await claim(db)).jobs[0], "unknown", "unclear"))
    assert (await claim(db, grace=HOUR)).assets == ["a"]


async def test_the_nearest_time_of_several_sources_counts(db: Db) -> None:
    """Of all sources the row that falls due first is the next time."""
    await enqueue(db, "a", source=1)
    await enqueue(db, "b", source=2)
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue"
        " SET due_at = clock_timestamp() + source_id * interval '1 h'"
    )
    assert _about(HOUR, (await claim(db)).next_in)


async def test_a_row_that_fell_due_is_claimed(db: Db) -> None:
    """A retry whose time has come is claimed like a new row."""
    await enqueue(db, "a")
    await record(db, result((await claim(db)).jobs[0], "unknown", "unclear", due_in=HOUR))
    assert (await claim(db)).brought_nothing
    await make_due(db)
    assert (await claim(db)).assets == ["a"]


async def test_the_next_time_is_never_past(db: Db) -> None:
    """Behind a closed gate, an older one that has ended by itself does not call for looking now."""
    await db.execute(
        "INSERT INTO mediasweep.gate (name, reason, closed_by, until) VALUES"
        " ('pause', 'r', 'ann', now() - interval '1 h'), ('auth', 'r', 'd', NULL)"
    )
    next_in = (await claim(db)).next_in
    assert next_in is None or next_in >= NOTHING
