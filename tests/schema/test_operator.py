"""An operator's cancel and retry: what they move and refuse, and that they wait for nobody."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.queue import (
    ARTICLES,
    MINUTE,
    claim,
    end_leases,
    enqueue,
    events,
    record,
    result,
    row,
    rows,
    use,
)

HOUR = timedelta(hours=1)
CANCEL = "SELECT * FROM mediasweep.cancel($1, 'ann', 'a mistake')"
RETRY = "SELECT * FROM mediasweep.retry($1, 'ann')"
HOLD = "SELECT FROM mediasweep.cloudinary_cleanup_queue WHERE id = $1 FOR UPDATE"
IN_DOUBT = "it is in doubt: its asset may be gone already, so what happened has to be found out"


async def _cancel(db: Db, *ids: uuid.UUID) -> dict[uuid.UUID, str | None]:
    return {answer["id"]: answer["refused"] for answer in await db.fetch(CANCEL, ids)}


async def test_a_cancelled_row_is_skipped_and_stays_so(db: Db) -> None:
    """A pending row that is cancelled says by whom and why, is journalled, and is not claimed."""
    [id_] = await enqueue(db, "a")
    assert await _cancel(db, id_) == {id_: None}
    cancelled = await row(db)
    assert (cancelled["status"], cancelled["processed_at"] is not None) == ("skipped", True)
    assert cancelled["error_message"] == "cancelled by ann: a mistake"
    assert await events(db, "event", "status", "outcome", "detail", "actor", "public_id") == [
        ("cancelled", "skipped", "cancelled", "a mistake", "ann", "a")
    ]
    assert (await claim(db)).brought_nothing


async def test_a_cancel_without_a_reason_says_by_whom(db: Db) -> None:
    """No reason is no reason to lose the name."""
    ids = await enqueue(db, "a")
    await db.fetch("SELECT mediasweep.cancel($1, 'ann', NULL)", ids)
    assert (await row(db))["error_message"] == "cancelled by ann"


async def test_a_row_that_was_refused_and_never_in_doubt_can_be_cancelled(db: Db) -> None:
    """Cloudinary is known to have done nothing with it, so its asset can still be kept."""
    ids = await enqueue(db, "a")
    [job] = (await claim(db)).jobs
    await record(db, result(job, "refused", "throttled", due_in=HOUR))
    assert await _cancel(db, *ids) == {job["id"]: None}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "a daemon is deleting it"),
        (("unknown", "unclear"), IN_DOUBT),
        (("completed", "deleted"), "it has completed"),
        (("failed", "rejected"), "it has failed already"),
    ],
)
async def test_what_may_have_been_sent_cannot_be_cancelled(
    db: Db, said: tuple[str, str] | None, why: str
) -> None:
    """A row that was claimed, and is not known to have been left alone, is refused by name."""
    [id_] = await enqueue(db, "a")
    [job] = (await claim(db)).jobs
    if said:
        await record(db, result(job, *said))
    before, journal = await row(db), await events(db)
    assert await _cancel(db, id_) == {id_: why}
    assert (before, journal) == (await row(db), await events(db))


async def test_a_row_in_doubt_that_was_retried_cannot_be_cancelled(db: Db) -> None:
    """Pending by an operator's retry, but in doubt: never skipped."""
    [id_] = await enqueue(db, "a")
    await claim(db)
    await end_leases(db)
    [job] = (await claim(db)).jobs
    await record(db, result(job, "failed", "rejected"))
    await db.fetch(RETRY, [id_])
    assert (await row(db))["status"] == "pending"
    assert await _cancel(db, id_) == {id_: IN_DOUBT}


async def test_what_was_skipped_or_is_not_there_is_refused(db: Db) -> None:
    """Each id gets an answer, once, whatever it is."""
    [id_] = await enqueue(db, "a")
    await _cancel(db, id_)
    nobody = uuid.uuid4()
    answers = await db.fetch(CANCEL, [id_, nobody, nobody])
    assert {(a["id"], a["refused"], a["busy"]) for a in answers} == {
        (id_, "it was skipped already", False),
        (nobody, "there is no such row", False),
    }
    assert len(answers) == 2


async def test_a_retry_brings_a_cancelled_row_back_through_the_guard(db: Db) -> None:
    """A retried row is claimed again, and kept if its asset is used by then."""
    await db.execute(ARTICLES)
    ids = await enqueue(db, "a", "b")
    await _cancel(db, *ids)
    await use(db, "b")
    answers = await db.fetch(RETRY, ids)
    assert [answer["refused"] for answer in answers] == [None, None]
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped) == (["a"], 1)


async def test_a_retry_says_why_it_leaves_a_row_alone(db: Db) -> None:
    """Rows that are on their way or done are named, with the reason."""
    waits, done = await enqueue(db, "a", "b")
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'completed', processed_at = now()"
        " WHERE id = $1",
        done,
    )
    answers = await db.fetch(RETRY, [waits, done])
    assert {a["id"]: a["refused"] for a in answers} == {
        waits: "it is on its way already",
        done: "it has completed",
    }


@pytest.mark.parametrize("statement", [CANCEL, RETRY])
async def test_a_row_that_somebody_holds_is_not_waited_for(
    db: Db, connect: Connect, statement: str
) -> None:
    """A row locked by somebody else is busy; the others are moved at once."""
    ids = await enqueue(db, "a", "b")
    if statement == RETRY:
        await _cancel(db, *ids)
    other = await connect()
    async with asyncio.timeout(10), other.transaction():
        await other.execute(HOLD, ids[0])
        answers = {a["id"]: (a["refused"], a["busy"]) for a in await db.fetch(statement, ids)}
    assert answers == {ids[0]: ("somebody else is holding it", True), ids[1]: (None, False)}
    [again] = await db.fetch(statement, ids[:1])
    assert (again["refused"], again["busy"]) == (None, False)


async def test_a_cancel_takes_along_the_other_rows_of_the_asset(db: Db) -> None:
    """Whoever cancels one row keeps the asset: no other row of it is left to delete it."""
    first, second, renamed, other = await enqueue(db, "a", "a", "b", "c")
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET asset_id = 'x' WHERE id = ANY ($1)",
        [first, renamed],
    )
    assert await _cancel(db, first) == dict.fromkeys((first, second, renamed))
    left = [r["id"] for r in await rows(db) if r["status"] == "pending"]
    assert left == [other]


async def test_a_row_without_types_takes_along_all_that_it_may_be(db: Db) -> None:
    """By way of a row that may be of two assets, a cancel of the one is a cancel of both."""
    [image] = await enqueue(db, "a", resource_type="image")
    [unknown] = await enqueue(db, "a", resource_type=None)
    [video] = await enqueue(db, "a", resource_type="video")
    assert await _cancel(db, image) == dict.fromkeys((image, unknown, video))


async def test_another_type_of_the_same_name_is_another_asset(db: Db) -> None:
    """Where all types are known, a cancel leaves the other asset of that name alone."""
    [image] = await enqueue(db, "a", resource_type="image")
    await enqueue(db, "a", resource_type="video")
    await enqueue(db, "a", delivery_type="private")
    assert await _cancel(db, image) == {image: None}
    assert [r["status"] for r in await rows(db)] == ["skipped", "pending", "pending"]


async def test_many_rows_of_one_asset_are_cancelled_together(db: Db) -> None:
    """An asset with five thousand rows is one asset, and costs no more than its rows."""
    ids = await enqueue(db, *["default"] * 5000)
    async with asyncio.timeout(20):
        answers = await _cancel(db, *ids[:1000])
    assert answers == dict.fromkeys(ids)


async def test_a_cancel_of_a_part_of_an_asset_is_none(db: Db, connect: Connect) -> None:
    """While another row of the asset is held by somebody, or was sent, nothing is cancelled."""
    first, second = await enqueue(db, "a", "a")
    other = await connect()
    async with asyncio.timeout(10), other.transaction():
        await other.execute(HOLD, second)
        [answer] = await db.fetch(CANCEL, [first])
    assert (answer["refused"], answer["busy"]) == (
        "somebody else is holding another row of its asset",
        True,
    )
    [_] = (await claim(db, batch=1)).jobs
    answers = await _cancel(db, first, second)
    assert sorted(map(str, answers.values())) == [
        "a daemon is deleting it",
        "another row of its asset: a daemon is deleting it",
    ]
    assert {r["status"] for r in await rows(db)} == {"pending", "processing"}


ENTER = """
CREATE OR REPLACE FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[])
RETURNS TABLE (id uuid, used_by text) LANGUAGE plpgsql AS '
BEGIN
  PERFORM pg_advisory_xact_lock_shared(7);
END'
"""


async def test_a_claim_and_a_cancel_never_both_have_a_row(db: Db, connect: Connect) -> None:
    """A cancel that comes while a claim asks its guard passes by the claim's rows."""
    claimer, watch = await connect(), await connect()
    await db.execute(ENTER)
    claimed_id, free_id = await enqueue(db, "a", "b")
    await watch.execute("SELECT pg_advisory_lock(7)")
    claiming = asyncio.ensure_future(claim(claimer, batch=1))
    async with asyncio.timeout(10):
        while not await watch.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
        ):
            await watch.execute("SELECT pg_sleep(0.01)")
        answers = await _cancel(db, claimed_id, free_id)
        await watch.execute("SELECT pg_advisory_unlock(7)")
        claimed = await claiming
    assert answers == {claimed_id: "somebody else is holding it", free_id: None}
    assert claimed.assets == ["a"]
    assert {r["cloudinary_public_id"]: r["status"] for r in await rows(db)} == {
        "a": "processing",
        "b": "skipped",
    }


async def test_moves_in_opposite_order_do_not_deadlock(db: Db, connect: Connect) -> None:
    """Cancels and retries of the same rows, in any order and at once, all come back."""
    ids = await enqueue(db, *(f"a{n}" for n in range(200)))
    people = [await connect() for _ in range(4)]

    async def play(person: Db, mine: list[uuid.UUID]) -> None:
        for _ in range(10):
            await person.fetch(CANCEL, mine)
            await person.fetch(RETRY, mine)

    async with asyncio.timeout(50):
        orders = [ids, ids[::-1], ids[100:] + ids[:100], ids[::2] + ids[1::2]]
        await asyncio.gather(*(play(p, o) for p, o in zip(people, orders, strict=True)))
    moves = await db.fetch("SELECT queue_id, event FROM mediasweep.journal ORDER BY id")
    for id_ in ids:
        mine = [move["event"] for move in moves if move["queue_id"] == id_]
        assert mine == ["cancelled", "retried"] * (len(mine) // 2) + ["cancelled"] * (len(mine) % 2)


async def test_a_cancelled_row_wins_over_an_owner_who_lost_it(db: Db) -> None:
    """What an owner records of a row that went back and was cancelled changes nothing."""
    [id_] = await enqueue(db, "a")
    [job] = (await claim(db, lease=MINUTE)).jobs
    await record(db, result(job, "refused", "unsent"))
    await _cancel(db, id_)
    assert ([], [id_]) == await record(db, result(job, "completed", "deleted"))
    assert (await row(db))["status"] == "skipped"


async def test_nobody_else_may_move_rows(db: Db, role: str) -> None:
    """The moves are not for roles that were granted nothing."""
    await db.execute(f"GRANT USAGE ON SCHEMA mediasweep TO {role}")
    await db.execute(f"SET ROLE {role}")
    for statement in (CANCEL, RETRY):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.fetch(statement, [uuid.uuid4()])
    await db.execute("RESET ROLE")
