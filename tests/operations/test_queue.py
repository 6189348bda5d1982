"""An operator's moves: chosen once, moved in steps, and what is held is asked for again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

import pytest

from mediasweep.operations import queue
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.filter import FilterError, RawFilter
from mediasweep.rules.job import ByHand, Status
from mediasweep.rules.moment import MomentError
from tests.conftest import Connect
from tests.schema.queue import claim, enqueue, record, result, rows

HOLD = "SELECT FROM mediasweep.cloudinary_cleanup_queue WHERE id = $1 FOR UPDATE"

HALF_SENT = (
    "UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'processing', claim_no = 1,"
    " lease_until = clock_timestamp() + interval '1 min' WHERE id = $1"
)


async def _move(db: Db, move: ByHand, ids: Sequence[uuid.UUID]) -> list[queue.MoveStep]:
    steps = queue.move_rows(db, move, ids, who="ann", why=None)
    return [step async for step in steps]


async def _statuses(db: Db) -> dict[str, str]:
    return {row["cloudinary_public_id"]: row["status"] for row in await rows(db)}


async def test_only_what_matches_is_moved(db: Db) -> None:
    """A cancel by filter leaves alone what the filter does not say."""
    await enqueue(db, "a/1", "a/2", "b/1")
    chosen = await queue.choose(db, ByHand.CANCEL, RawFilter(public_id="a/*"), limit=10)
    [step] = await _move(db, ByHand.CANCEL, chosen.ids)
    assert (len(step.moved), step.refused) == (2, {})
    assert await _statuses(db) == {"a/1": "skipped", "a/2": "skipped", "b/1": "pending"}


async def test_a_cancel_is_known_by_the_journal(db: Db) -> None:
    """Whatever its words are now; and a row that a claim kept is none, though it reads like one."""
    ids = await enqueue(db, "cancelled", "kept")
    await _move(db, ByHand.CANCEL, ids[:1])
    await db.execute("SELECT mediasweep.protect('kept')")
    await claim(db)
    assert await _statuses(db) == {"cancelled": "skipped", "kept": "skipped"}
    words = "UPDATE mediasweep.cloudinary_cleanup_queue SET error_message = $2 WHERE id = $1"
    await db.execute(words, ids[0], "not any more")
    await db.execute(words, ids[1], "cancelled by nobody")
    assert (await queue.rehearse(db, ByHand.RETRY, ids)).cancelled == {ids[0]: "not any more"}


async def test_what_comes_after_the_choice_is_not_moved(db: Db) -> None:
    """The rows that a person agreed to are those that were chosen, and no later ones."""
    await enqueue(db, "a/1")
    chosen = await queue.choose(db, ByHand.CANCEL, RawFilter(public_id="a/*"), limit=10)
    await enqueue(db, "a/2")
    await _move(db, ByHand.CANCEL, chosen.ids)
    assert await _statuses(db) == {"a/1": "skipped", "a/2": "pending"}


async def test_a_cancel_by_filter_names_what_a_daemon_has(db: Db) -> None:
    """What is too late to cancel is among the rows that match, and is refused by name."""
    ids = await enqueue(db, "a/1", "a/2")
    await claim(db, batch=1)
    chosen = await queue.choose(db, ByHand.CANCEL, RawFilter(public_id="a/*"), limit=10)
    [step] = await _move(db, ByHand.CANCEL, chosen.ids)
    assert step.refused == {ids[0]: "a daemon is deleting it"}
    assert step.moved == [ids[1]]


async def test_a_limit_says_how_many_are_left(db: Db) -> None:
    """The oldest are chosen, and the others are counted."""
    ids = await enqueue(db, *(f"a{n}" for n in range(5)))
    said = RawFilter(statuses=(Status.PENDING,))
    chosen = await queue.choose(db, ByHand.CANCEL, said, limit=3)
    assert (chosen.ids, chosen.left) == (ids[:3], 2)
    assert (await queue.choose(db, ByHand.CANCEL, said, limit=5)).left == 0
    listed = await queue.rows(db, said, limit=3)
    assert ([row["id"] for row in listed.rows], listed.left) == (ids[:1:-1], 2)


async def test_a_retry_by_filter_finds_what_ended_badly(db: Db) -> None:
    """Without a status a retry looks among failed and skipped rows, and in no others."""
    await enqueue(db, "a/1", "a/2", "a/3")
    jobs = (await claim(db, batch=2)).jobs
    said = ("failed", "rejected"), ("completed", "deleted")
    await record(db, *(result(job, *one) for job, one in zip(jobs, said, strict=True)))
    chosen = await queue.choose(db, ByHand.RETRY, RawFilter(public_id="a/*"), limit=10)
    assert chosen.ids == [jobs[0]["id"]]
    await _move(db, ByHand.RETRY, chosen.ids)
    assert await _statuses(db) == {"a/1": "pending", "a/2": "completed", "a/3": "pending"}


@pytest.mark.parametrize(
    "said", [RawFilter(source="nothing"), RawFilter(statuses=(Status.COMPLETED,))]
)
async def test_a_filter_that_can_match_nothing_is_refused(db: Db, said: RawFilter) -> None:
    """A typing error is told, instead of moving nothing."""
    with pytest.raises(FilterError):
        await queue.choose(db, ByHand.CANCEL, said, limit=10)


async def test_a_moment_that_is_none_is_refused(db: Db) -> None:
    """So is a time that cannot be read."""
    with pytest.raises(MomentError):
        await queue.rows(db, RawFilter(since="soon"), limit=10)


async def test_times_are_those_of_the_database(db: Db) -> None:
    """`1h` is an hour ago by the clock that wrote `queued_at`."""
    await enqueue(db, "old", "new")
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET queued_at = queued_at - interval '61 min'"
        " WHERE cloudinary_public_id = 'old'"
    )
    [new] = (await queue.rows(db, RawFilter(since="1h"), limit=10)).rows
    [old] = (await queue.rows(db, RawFilter(until="1h"), limit=10)).rows
    assert (old["cloudinary_public_id"], new["cloudinary_public_id"]) == ("old", "new")


async def test_many_rows_are_moved_in_steps_of_a_thousand(db: Db, connect: Connect) -> None:
    """Each step is committed before the next begins, so that none holds many rows for long."""
    watch = await connect()
    ids = await enqueue(db, *(f"a{n}" for n in range(2500)))
    seen = []
    async for step in queue.move_rows(db, ByHand.CANCEL, ids, who="ann", why="x"):
        done = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'skipped'"
        seen.append((len(step.moved), await watch.fetchval(done)))
    assert seen == [(1000, 1000), (1000, 2000), (500, 2500)]


async def test_what_went_along_is_not_refused_by_a_later_step(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that an earlier step cancelled with others of their asset count as cancelled, once."""
    monkeypatch.setattr(queue, "STEP", 2)
    ids = await enqueue(db, "a", "b", "a", "c", "b")
    steps = await _move(db, ByHand.CANCEL, ids)
    assert [(len(step.moved), step.refused, step.done) for step in steps] == [
        (4, {}, 2),
        (1, {}, 4),
        (0, {}, 5),
    ]
    assert steps[0].moved[:2] == ids[:2]


async def test_a_preview_shows_what_goes_along_and_what_keeps_it(db: Db) -> None:
    """The other rows of an asset are foreseen, whether they go with it or keep it from going."""
    first, second, alone, kept = await enqueue(db, "a", "a", "b", "b")
    await db.execute(HALF_SENT, alone)
    foreseen = await queue.preview(db, ByHand.CANCEL, [first, kept])
    assert {row["id"]: row["refused"] for row in foreseen} == {
        first: None,
        second: None,
        kept: "another row of its asset: a daemon is deleting it",
    }
    [step] = await _move(db, ByHand.CANCEL, [first, kept])
    assert set(step.moved) == {first, second}
    assert step.refused == {kept: "another row of its asset: a daemon is deleting it"}


async def test_what_is_held_for_a_moment_is_moved_all_the_same(db: Db, connect: Connect) -> None:
    """A row that a claim holds just now is asked for again, and moved when it is free."""
    holder = await connect()
    ids = await enqueue(db, "a", "b")
    async with asyncio.timeout(20):
        async with holder.transaction():
            await holder.execute(HOLD, ids[0])
            moving = asyncio.ensure_future(_move(db, ByHand.CANCEL, ids))
            while await holder.fetchval(
                "SELECT status FROM mediasweep.cloudinary_cleanup_queue WHERE id = $1", ids[1]
            ) != str(Status.SKIPPED):
                await holder.execute("SELECT pg_sleep(0.01)")
        [step] = await moving
    assert (step.moved, step.refused) == (ids, {})


async def test_what_stays_held_is_named(
    db: Db, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that somebody keeps holding is refused in the end, and nothing waits for ever."""
    monkeypatch.setattr(queue, "BUSY_WAIT_S", 0.01)
    holder = await connect()
    [id_] = await enqueue(db, "a")
    async with asyncio.timeout(20), holder.transaction():
        await holder.execute(HOLD, id_)
        [step] = await _move(db, ByHand.CANCEL, [id_])
    assert (step.moved, step.refused) == ([], {id_: "somebody else is holding it"})
