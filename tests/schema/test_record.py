"""The record: every move of a claimed row, and that only the owner of the claim can make it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import NamedTuple

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.queue import (
    DAEMON,
    claim,
    end_leases,
    enqueue,
    events,
    insert_assets,
    record,
    result,
    row,
    rows,
)

HOUR = timedelta(hours=1)


class Move(NamedTuple):
    """A line of the table of moves: what is said of a claim, and what becomes of its row."""

    move: str
    outcome: str
    before: str
    status: str
    after: str
    attempts: int


MOVES = [
    Move("completed", "deleted", "sure", "completed", "sure", 1),
    Move("completed", "absent", "sure", "completed", "sure", 1),
    Move("completed", "deleted", "in doubt", "completed", "in doubt", 1),
    Move("failed", "rejected", "sure", "failed", "sure", 1),
    Move("failed", "rejected", "in doubt", "failed", "in doubt", 1),
    Move("refused", "throttled", "sure", "pending", "sure", 0),
    Move("refused", "throttled", "in doubt", "processing", "in doubt", 0),
    Move("unknown", "unclear", "sure", "processing", "in doubt", 1),
    Move("unknown", "unclear", "in doubt", "processing", "in doubt", 1),
]


async def _claimed(db: Db, *, doubtful: bool = False) -> asyncpg.Record:
    """Claim a row, the second time after a lease that ended if it is to be in doubt."""
    await enqueue(db, "a")
    [job] = (await claim(db)).jobs
    if doubtful:
        await end_leases(db)
        [job] = (await claim(db)).jobs
    return job


@pytest.mark.parametrize("move", MOVES, ids=lambda m: f"{m.before}, {m.outcome}")
async def test_each_move_is_the_one_of_the_table(db: Db, move: Move) -> None:
    """What an owner says of its claim moves the row as the table of moves has it."""
    job = await _claimed(db, doubtful=move.before == "in doubt")
    said = result(job, move.move, move.outcome, due_in=HOUR)
    assert await record(db, said) == ([job["id"]], [])
    moved = await row(db)
    assert (moved["status"], moved["processing_attempts"]) == (move.status, move.attempts)
    assert moved["in_doubt"] is (move.after == "in doubt")
    assert (moved["claim_no"], moved["lease_until"]) == (job["claim_no"], None)
    ended = move.status in {"completed", "failed"}
    assert (moved["processed_at"] is not None) is ended
    due_in = await db.fetchval(
        "SELECT due_at - clock_timestamp() FROM mediasweep.cloudinary_cleanup_queue"
    )
    assert (due_in > HOUR - timedelta(minutes=1)) is not ended


@pytest.mark.parametrize("move", ["completed", "failed", "refused", "unknown"])
async def test_each_move_is_journalled_with_all_that_is_known(db: Db, move: str) -> None:
    """The journal tells of a move what a restore or a support request needs."""
    job = await _claimed(db)
    known = {"response": '{"result": "ok"}', "request_id": "r1", "detail": "why"}
    await record(
        db, result(job, move, "some", resource_type="raw", delivery_type="private", **known)
    )
    expected = {
        "event": move,
        "queue_id": job["id"],
        "claim_no": 1,
        "status": (await row(db))["status"],
        "outcome": "some",
        "detail": "why",
        "public_id": "a",
        "resource_type": "raw",
        "delivery_type": "private",
        "source_id": 0,
        "reason": "manual",
        "actor": await db.fetchval("SELECT session_user"),
        "daemon": DAEMON,
        "request_id": "r1",
        "response": '{"result": "ok"}',
    }
    assert tuple(expected.values()) == (await events(db, *expected))[-1]


async def test_the_format_is_told_by_the_name_of_the_file(db: Db) -> None:
    """The journal knows the format of a picture; of a raw file the id says it."""
    await insert_assets(db, "a")
    await insert_assets(db, "b", resource_type="raw")
    await db.execute("DELETE FROM media_assets")
    claimed = await claim(db)
    await record(db, *(result(job, "completed", "deleted") for job in claimed.jobs))
    told = [("a", "png", 11, "row_deleted"), ("b", None, 11, "row_deleted")]
    columns = ("public_id", "format", "bytes", "reason")
    assert [told, told] == [
        sorted(e[1:] for e in await events(db, "event", *columns) if e[0] == event)
        for event in ("claimed", "completed")
    ]


@pytest.mark.parametrize(
    ("filename", "expected"),
    [("a.b.JPEG", "jpg"), ("clip.mp4", "mp4"), ("photo", None), ("odd.tar.", None), (None, None)],
)
async def test_a_format_is_spelt_as_cloudinary_does(
    db: Db, filename: str | None, expected: str | None
) -> None:
    """An extension in lower case, the shorter of two; without one the format is not known."""
    sql = "SELECT mediasweep.format_of(NULL, $1)"
    assert await db.fetchval(sql, filename) == expected


async def test_move_and_journal_are_one_commit(db: Db) -> None:
    """A record that is rolled back leaves neither the move nor its line in the journal."""
    job = await _claimed(db)
    before = [*await rows(db)], await events(db)
    transaction = db.transaction()
    await transaction.start()
    await record(db, result(job, "completed", "deleted"))
    assert await events(db) == ["claimed", "completed"]
    await transaction.rollback()
    assert before == ([*await rows(db)], await events(db))


async def test_a_move_that_cannot_be_journalled_is_not_made(db: Db) -> None:
    """Without its journal nothing is recorded."""
    job = await _claimed(db)
    await db.execute("ALTER TABLE mediasweep.journal RENAME TO away")
    with pytest.raises(asyncpg.UndefinedTableError):
        await record(db, result(job, "completed", "deleted"))
    assert (await row(db))["status"] == "processing"


async def test_the_answer_is_kept(db: Db) -> None:
    """Cloudinary's answer and the reason stand in the row."""
    job = await _claimed(db)
    await record(db, result(job, "failed", "rejected", response='{"error": 1}', detail="bad id"))
    found = await row(db)
    assert (found["cloudinary_response"], found["error_message"]) == ('{"error": 1}', "bad id")


async def test_a_claim_that_was_taken_over_records_nothing(db: Db) -> None:
    """An owner whose claim was handed over changes nothing, and is told that it lost it."""
    await enqueue(db, "a")
    [stale] = (await claim(db)).jobs
    await end_leases(db)
    await claim(db)
    before = await row(db)
    assert ([], [stale["id"]]) == await record(db, result(stale, "completed", "deleted"))
    assert before == await row(db)
    assert await events(db) == ["claimed", "handed_over"]


async def test_a_claim_whose_lease_ended_is_still_the_owners(db: Db) -> None:
    """Until somebody else has claimed the row its owner may still say how it went."""
    job = await _claimed(db)
    await end_leases(db)
    assert ([job["id"]], []) == await record(db, result(job, "completed", "deleted"))


async def test_what_was_recorded_is_not_recorded_twice(db: Db) -> None:
    """A record that is repeated because its commit was in doubt changes nothing more."""
    job = await _claimed(db)
    said = result(job, "refused", "throttled")
    await record(db, said)
    assert ([], [job["id"]]) == await record(db, said)
    assert (
        (await row(db))["processing_attempts"],
        await events(db),
    ) == (0, ["claimed", "refused"])


async def test_a_claim_of_a_row_that_is_gone_is_lost(db: Db) -> None:
    """A row that somebody deleted has nothing left to record."""
    job = await _claimed(db)
    await db.execute("DELETE FROM mediasweep.cloudinary_cleanup_queue")
    assert ([], [job["id"]]) == await record(db, result(job, "completed", "deleted"))


async def test_a_row_that_somebody_holds_is_neither_recorded_nor_lost(
    db: Db, connect: Connect
) -> None:
    """A row locked by another session waits for its turn and holds up none of the others."""
    other = await connect()
    await enqueue(db, "a", "b")
    held, free = (await claim(db)).jobs
    said = [result(job, "completed", "deleted") for job in (held, free)]
    await db.execute("SET lock_timeout = '1ms'")
    async with other.transaction():
        await other.execute(
            "SELECT FROM mediasweep.cloudinary_cleanup_queue WHERE id = $1 FOR UPDATE", held["id"]
        )
        assert ([free["id"]], []) == await record(db, *said)
    assert ([held["id"]], []) == await record(db, said[0])
    assert [row["status"] for row in await rows(db)] == ["completed", "completed"]


async def test_a_record_is_durable_though_the_session_is_not(db: Db) -> None:
    """With synchronous_commit off for the session, the record's own commit is still flushed."""
    job = await _claimed(db)
    await db.execute("SET synchronous_commit = off")
    async with db.transaction():
        await record(db, result(job, "completed", "deleted"))
        assert await db.fetchval("SELECT current_setting('synchronous_commit')") == "on"


async def _retry(db: Db, *ids: uuid.UUID) -> list[uuid.UUID]:
    answer = await db.fetch("SELECT id, refused FROM mediasweep.retry($1, 'ann')", ids)
    return [row["id"] for row in answer if row["refused"] is None]


async def test_a_retry_keeps_the_number_and_the_doubt(db: Db) -> None:
    """A failed row goes back to pending with fresh attempts and with what is known of its past."""
    job = await _claimed(db, doubtful=True)
    await record(db, result(job, "failed", "rejected", detail="bad id"))
    assert [job["id"]] == await _retry(db, job["id"])
    back = await row(db)
    assert tuple(
        back[name]
        for name in (
            "status",
            "claim_no",
            "in_doubt",
            "processing_attempts",
            "handovers",
            "processed_at",
            "error_message",
        )
    ) == ("pending", 2, True, 0, 0, None, None)
    assert (await events(db, "event", "actor", "claim_no"))[-1] == ("retried", "ann", 2)
    [again] = (await claim(db)).jobs
    assert (again["claim_no"], again["attempt"], again["in_doubt"]) == (3, 1, True)


async def test_a_stale_owner_is_stopped_by_a_retry_too(db: Db) -> None:
    """What an owner has to say of a claim from before a retry comes too late."""
    job = await _claimed(db)
    await record(db, result(job, "failed", "rejected"))
    await _retry(db, job["id"])
    assert ([], [job["id"]]) == await record(db, result(job, "completed", "deleted"))


@pytest.mark.parametrize("move", [None, "unknown", "completed"])
async def test_a_retry_is_for_rows_that_ended_without_success(db: Db, move: str | None) -> None:
    """Rows that are under way or completed are left alone by a retry."""
    job = await _claimed(db)
    if move:
        await record(db, result(job, move, "some"))
    before = await row(db)
    assert await _retry(db, job["id"]) == []
    assert before == await row(db)


async def test_a_retry_of_a_pending_row_does_nothing(db: Db) -> None:
    """A row that waits anyway is neither moved nor journalled."""
    ids = await enqueue(db, "a")
    before = await row(db)
    assert await _retry(db, *ids) == []
    assert (before, []) == (await row(db), await events(db))
