"""After a failover: what is held, what is looked at again, and what daemons remember."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.queue import (
    ARTICLES,
    DAEMON,
    NOTHING,
    Claim,
    claim,
    enqueue,
    events,
    record,
    result,
    use,
)

PROMOTED = "UPDATE mediasweep.installation SET timeline = timeline - 1"
PROMOTED_BEFORE = """
UPDATE mediasweep.gate
   SET detail = detail || '{"timeline": 0}', closed_at = closed_at - interval '1 h'
"""
LOOK = "SELECT state, looked, in_use, error FROM mediasweep.look_again($1, $2)"
GATE = "SELECT reason FROM mediasweep.gate WHERE name = 'failover'"
RECALL = "SELECT mediasweep.recall($1, $2::jsonb)"


@dataclass(frozen=True, slots=True)
class Look:
    """What one step of the second look brought."""

    state: str
    looked: int
    in_use: list[str]
    error: str | None


async def _claim(db: Db) -> Claim:
    return await claim(db, cloud="ours", host="web1")


async def _deleted(db: Db, *public_ids: str) -> None:
    """Let assets be claimed and deleted."""
    await enqueue(db, *public_ids)
    jobs = (await _claim(db)).jobs
    assert len(jobs) == len(public_ids)
    await record(db, *(result(job, "completed", "deleted") for job in jobs))


async def _promoted(db: Db) -> None:
    """Let the next claim find another timeline, at the same place."""
    await db.execute(PROMOTED)
    assert (await _claim(db)).brought_nothing
    assert await db.fetchval(GATE)


async def _look(db: Db, *, hold: timedelta = NOTHING, most: int = 100) -> Look:
    row = await db.fetchrow(LOOK, hold, most)
    assert row is not None
    return Look(**row)


def _remembered(*public_ids: str, claim_no: int = 1) -> list[dict[str, object]]:
    return [
        {
            "queue_id": str(uuid.uuid5(uuid.NAMESPACE_URL, public_id)),
            "claim_no": claim_no,
            "outcome": "deleted",
            "public_id": public_id,
            "resource_type": "image",
            "delivery_type": "upload",
            "asset_id": None,
            "request_id": "r-1",
            "s_ago": 60.5,
        }
        for public_id in public_ids
    ]


async def test_nothing_is_looked_at_without_a_failover(db: Db) -> None:
    """A look without a closed gate says so."""
    assert await _look(db) == Look("open", 0, [], None)


async def test_nothing_is_looked_at_before_the_hold_is_over(db: Db) -> None:
    """Until then it waits, however often it is asked."""
    await _deleted(db, "a")
    await _promoted(db)
    assert (await _look(db, hold=timedelta(minutes=5))).state == "holding"
    assert await db.fetchval(GATE)


async def test_what_is_clean_opens_by_itself(db: Db) -> None:
    """If nothing is in use again, the gate opens, the timeline is known, and claims go on."""
    await db.execute(ARTICLES)
    await _deleted(db, "a", "b")
    await _promoted(db)
    assert await _look(db) == Look("clean", 2, [], None)
    assert await db.fetchval(GATE) is None
    assert ("gate_opened", "failover", "mediasweep") in await events(
        db, "event", "outcome", "actor"
    )
    await _deleted(db, "c")


async def test_what_is_in_use_again_keeps_it_closed(db: Db) -> None:
    """A deleted asset that a row uses is journalled with the row, once, and named by the gate."""
    await db.execute(ARTICLES)
    await _deleted(db, "a", "b", "c")
    await use(db, "b")
    await _promoted(db)
    assert await _look(db) == Look("found", 3, ["b"], None)
    assert await _look(db) == Look("found", 3, [], None)
    await db.execute("UPDATE mediasweep.gate SET detail = detail - 'looked_to'")
    assert (await _look(db)).in_use == []
    reason = await db.fetchval(GATE)
    assert reason.startswith("after a failover, deleted assets are in use again: 1, among them b.")
    assert "`mediasweep adopt`" in reason
    journal = await events(db, "event", "public_id", "resource_type", "detail")
    found = [entry for entry in journal if entry[0] == "used_after_deletion"]
    assert found == [("used_after_deletion", "b", "image", "in use by public.articles id=1")]
    assert (await _claim(db)).brought_nothing


async def test_it_looks_step_by_step(db: Db) -> None:
    """A step asks about no more than so many, and the last one speaks for all."""
    await db.execute(ARTICLES)
    await _deleted(db, *(f"a{n}" for n in range(5)))
    await use(db, "a0")
    await use(db, "a4")
    await _promoted(db)
    looks = [await _look(db, most=2) for _ in range(3)]
    assert [(look.state, look.looked, look.in_use) for look in looks] == [
        ("looking", 2, ["a0"]),
        ("looking", 4, []),
        ("found", 5, ["a4"]),
    ]
    assert "in use again: 2, among them a0, a4." in await db.fetchval(GATE)


async def test_it_looks_an_hour_back_from_the_last_deletion(db: Db) -> None:
    """However long the server was away, the hour before counts, and what is older does not."""
    await db.execute(ARTICLES)
    for public_id, ago in (("old", "75 min"), ("young", "50 min"), ("last", "0")):
        await _deleted(db, public_id)
        await db.execute(
            "UPDATE mediasweep.journal SET at = clock_timestamp() - interval '5 hours'"
            " - $1::text::interval WHERE public_id = $2",
            ago,
            public_id,
        )
        await use(db, public_id)
    await _promoted(db)
    assert await _look(db) == Look("found", 2, ["last", "young"], None)


async def test_a_guard_that_cannot_answer_opens_nothing(db: Db) -> None:
    """While a table cannot be asked the gate stays closed, and what is wrong is told."""
    await db.execute(ARTICLES)
    await _deleted(db, "a")
    await _promoted(db)
    await db.execute("ALTER TABLE public.articles RENAME COLUMN cover TO picture")
    look = await _look(db)
    said = "public.articles cannot be asked: column r.cover does not exist"
    assert (look.state, look.error) == ("failed", said)
    assert await db.fetchval(GATE)


async def test_a_second_look_that_is_under_way_is_left_alone(db: Db, connect: Connect) -> None:
    """Of two daemons one looks, and the other does not wait for it."""
    await _deleted(db, "a")
    await _promoted(db)
    other = await connect()
    async with other.transaction():
        await other.execute("SELECT FROM mediasweep.gate FOR UPDATE")
        assert (await _look(db)).state == "busy"
    assert (await _look(db)).state == "clean"


async def test_nobody_waits_for_who_compares(db: Db, connect: Connect) -> None:
    """While a daemon compares where it is, the gate is not opened, and nobody waits for a lock."""
    await _deleted(db, "a")
    await _promoted(db)
    other = await connect()
    async with other.transaction():
        await other.execute("SELECT FROM mediasweep.installation FOR UPDATE")
        assert (await _look(db)).state == "busy"
    assert (await _look(db)).state == "clean"


async def test_a_second_failover_begins_the_hold_anew(db: Db) -> None:
    """A look that is under way is worth nothing once the timeline has changed again."""
    await _deleted(db, "a", "b")
    await _promoted(db)
    await _look(db, most=1)
    await db.execute(PROMOTED_BEFORE)
    assert (await _look(db)).state == "holding"
    await _claim(db)
    assert (await _look(db, hold=timedelta(minutes=5))).state == "holding"
    assert await _look(db) == Look("clean", 2, [], None)


async def test_what_the_journal_knows_is_not_recalled(db: Db) -> None:
    """A daemon that hands in what was recorded changes nothing."""
    await _deleted(db, "a")
    known = await db.fetchrow("SELECT queue_id, claim_no FROM mediasweep.journal LIMIT 1")
    assert known is not None
    same = _remembered("a")[0] | {
        "queue_id": str(known["queue_id"]),
        "claim_no": known["claim_no"],
    }
    assert await db.fetchval(RECALL, DAEMON, json.dumps([same])) == 0
    assert "recalled" not in await events(db)
    assert await db.fetchval(GATE) is None


async def test_what_the_journal_lost_is_recalled_and_holds_everything(db: Db) -> None:
    """Deletions that nobody knows of stand in the journal again, once; nothing is sent."""
    await enqueue(db, "z")
    told = json.dumps(_remembered("a", "b"))
    assert await db.fetchval(RECALL, DAEMON, told) == 2
    assert await db.fetchval(RECALL, DAEMON, told) == 0
    columns = ("event", "public_id", "claim_no", "outcome", "daemon", "request_id")
    journal = [entry for entry in await events(db, *columns) if entry[0] == "recalled"]
    assert journal == [("recalled", id_, 1, "deleted", DAEMON, "r-1") for id_ in ("a", "b")]
    assert "has lost 2 deletions" in await db.fetchval(GATE)
    assert (await _claim(db)).brought_nothing


async def test_what_was_recalled_is_looked_at(db: Db) -> None:
    """Without a queue row, and without any deletion in the journal, its use is found."""
    await db.execute(ARTICLES)
    await use(db, "b")
    await db.fetchval(RECALL, DAEMON, json.dumps(_remembered("a", "b")))
    assert await _look(db) == Look("found", 2, ["b"], None)


async def test_what_is_recalled_late_is_looked_at_too(db: Db) -> None:
    """A daemon that hands in after the look closes the gate anew, or moves the look back."""
    await db.execute(ARTICLES)
    await _deleted(db, "x")
    await _promoted(db)
    assert (await _look(db)).state == "clean"
    await use(db, "a")
    await db.fetchval(RECALL, DAEMON, json.dumps(_remembered("a")))
    assert (await _look(db)).in_use == ["a"]
    await use(db, "b")
    await db.fetchval(RECALL, DAEMON, json.dumps(_remembered("b")))
    assert (await _look(db)).in_use == ["b"]
    assert "in use again: 2, among them a, b." in await db.fetchval(GATE)


async def test_an_entry_that_commits_late_is_not_passed_by(db: Db) -> None:
    """What is recalled with a number that the look has already passed moves the look back."""
    await db.execute(ARTICLES)
    await _deleted(db, "x", "y")
    await _promoted(db)
    await use(db, "a")
    assert (await _look(db, most=1)).state == "looking"
    await db.execute("UPDATE mediasweep.gate SET detail = detail || '{\"looked_to\": 1000}'")
    await db.fetchval(RECALL, DAEMON, json.dumps(_remembered("a")))
    assert (await _look(db)).in_use == ["a"]
