"""The claim: who gets which row, what a hand-over costs, and when a row is given up."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

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
    make_due,
    record,
    result,
    row,
    rows,
    without_horizon,
)

UNCLAIMED = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'pending'"


async def _drain(db: Db) -> list[str]:
    got, horizon = [], None
    while await db.fetchval(UNCLAIMED):
        claimed = await claim(db, batch=50, memory=horizon)
        horizon = claimed.memory
        got += claimed.assets
    return got


async def test_each_row_goes_to_one_claimer(connect: Connect) -> None:
    """Three claimers that race for two thousand rows get each row exactly once."""
    claimers = [await connect() for _ in range(3)]
    await enqueue(claimers[0], *(f"a{n}" for n in range(2000)))
    async with asyncio.timeout(40):
        got = await asyncio.gather(*(_drain(db) for db in claimers))
    counted = Counter(asset for assets in got for asset in assets)
    assert Counter(f"a{n}" for n in range(2000)) == counted


async def test_a_claim_passes_by_what_others_hold(db: Db, connect: Connect) -> None:
    """A row that somebody has locked is passed by without waiting."""
    other = await connect()
    first, _ = await enqueue(db, "a", "b")
    async with other.transaction():
        await other.execute(
            "SELECT FROM mediasweep.cloudinary_cleanup_queue WHERE id = $1 FOR SHARE", first
        )
        await db.execute("SET lock_timeout = '1ms'")
        await without_horizon(db)  # to which whoever locks a row is a writer
        assert (await claim(db)).assets == ["b"]


async def test_the_oldest_rows_go_first(db: Db) -> None:
    """A batch takes the rows that have been due for longest, whichever source they are of."""
    await enqueue(db, "a", "b", source=0)
    await enqueue(db, "c", source=1)
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue"
        " SET due_at = now() - CASE cloudinary_public_id WHEN 'c' THEN 2 WHEN 'b' THEN 1 ELSE 0 END"
        " * interval '1 min'"
    )
    assert (await claim(db, batch=2)).assets == ["c", "b"]


async def test_a_claimed_row_is_leased(db: Db) -> None:
    """A claim numbers itself, charges an attempt, and holds the row until its lease ends."""
    await enqueue(db, "a")
    [job] = (await claim(db, lease=timedelta(minutes=5), max_attempts=4)).jobs
    assert tuple(job[name] for name in ("claim_no", "attempt", "max_attempts", "in_doubt")) == (
        1,
        1,
        4,
        False,
    )
    assert (await claim(db)).brought_nothing
    claimed = await row(db)
    assert tuple(
        claimed[name] for name in ("status", "claim_no", "processing_attempts", "processed_at")
    ) == ("processing", 1, 1, None)
    lease = await db.fetchval(
        "SELECT lease_until - clock_timestamp() FROM mediasweep.cloudinary_cleanup_queue"
    )
    assert timedelta(minutes=4) < lease <= timedelta(minutes=5)
    assert await events(db, "event", "claim_no", "public_id", "daemon") == [
        ("claimed", 1, "a", DAEMON)
    ]


async def test_a_claim_of_a_rolled_back_transaction_never_was(db: Db) -> None:
    """A claimer that dies before its commit leaves the row as it was."""
    await enqueue(db, "a")
    transaction = db.transaction()
    await transaction.start()
    assert (await claim(db)).assets == ["a"]
    await transaction.rollback()
    assert (
        (await row(db))["status"],
        (await row(db))["claim_no"],
        await events(db),
    ) == ("pending", 0, [])


async def test_a_lease_that_ended_is_handed_over(db: Db) -> None:
    """The next claimer goes on with the attempt that was charged, in doubt, under a new number."""
    await enqueue(db, "a")
    await claim(db)
    await end_leases(db)
    [job] = (await claim(db)).jobs
    assert (job["claim_no"], job["attempt"], job["in_doubt"]) == (2, 1, True)
    taken = await row(db)
    assert tuple(
        taken[name]
        for name in ("status", "claim_no", "processing_attempts", "handovers", "in_doubt")
    ) == ("processing", 2, 1, 1, True)
    assert await events(db) == ["claimed", "handed_over"]


async def test_a_recorded_unknown_is_claimed_with_an_attempt_of_its_own(db: Db) -> None:
    """An owner that said it does not know has used its attempt, and the next one is charged."""
    await enqueue(db, "a")
    await record(db, result((await claim(db)).jobs[0], "unknown", "unclear"))
    [job] = (await claim(db)).jobs
    assert (job["claim_no"], job["attempt"], job["in_doubt"]) == (2, 2, True)
    assert (await row(db))["handovers"] == 0


async def test_twenty_silent_hand_overs_are_poison(db: Db) -> None:
    """A row that twenty owners in a row said nothing about is failed, and not sent again."""
    await enqueue(db, "a")
    await claim(db, max_attempts=1)
    for _ in range(20):
        await end_leases(db)
        assert (await claim(db, max_attempts=1)).assets == ["a"]
    await end_leases(db)
    assert (await claim(db, max_attempts=1)).brought_nothing  # its last request may be on its way
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue"
        " SET lease_until = lease_until - interval '1 min'"
    )
    claimed = await claim(db, max_attempts=1)
    assert (claimed.assets, claimed.failed) == ([], 1)
    assert (await events(db, "event", "outcome"))[-2] == ("handed_over", None)
    assert (await events(db, "event", "outcome"))[-1] == ("failed", "poison")


async def test_a_word_from_an_owner_ends_the_count_of_silent_ones(db: Db) -> None:
    """Hand-overs count in a row only: any recorded outcome starts them anew."""
    await enqueue(db, "a")
    await claim(db)
    for _ in range(19):
        await end_leases(db)
        [job] = (await claim(db)).jobs
    await record(db, result(job, "refused", "throttled"))
    assert (await row(db))["handovers"] == 0


async def test_spent_attempts_fail_by_the_next_claim(db: Db) -> None:
    """A row whose attempts are spent stays unfinished until a claim has looked at it again."""
    await enqueue(db, "a")
    for _ in range(2):
        [job] = (await claim(db, max_attempts=2)).jobs
        await record(db, result(job, "unknown", "unclear", detail="timed out"))
        assert (await row(db))["status"] == "processing"
    claimed = await claim(db, max_attempts=2)
    assert (claimed.assets, claimed.skipped, claimed.failed) == ([], 0, 1)
    given_up = await row(db)
    assert (
        given_up["status"],
        given_up["error_message"],
    ) == ("failed", "gave up after 2 attempts; last: timed out")
    assert (await events(db, "event", "outcome", "claim_no"))[-1] == ("failed", "attempts_spent", 2)


async def test_spent_attempts_wait_for_their_time(db: Db) -> None:
    """A row is not given up before the time in which its last request may still take effect."""
    await enqueue(db, "a")
    [job] = (await claim(db, max_attempts=1)).jobs
    await record(db, result(job, "unknown", "unclear", due_in=timedelta(minutes=2)))
    assert (await claim(db, max_attempts=1)).brought_nothing
    await make_due(db)
    assert (await claim(db, max_attempts=1)).failed == 1


async def test_a_row_keeps_the_number_of_attempts_of_its_first_claim(db: Db) -> None:
    """Another daemon's setting does not change a row that is under way."""
    await enqueue(db, "a")
    await record(db, result((await claim(db, max_attempts=2)).jobs[0], "unknown", "unclear"))
    [job] = (await claim(db, max_attempts=9)).jobs
    assert job["max_attempts"] == 2


async def test_a_claim_is_durable_though_the_session_is_not(db: Db) -> None:
    """With synchronous_commit off for the session, the claim's own commit is still flushed."""
    setting = "SELECT current_setting('synchronous_commit')"
    await enqueue(db, "a")
    await db.execute("SET synchronous_commit = off")
    async with db.transaction():
        await claim(db)
        assert await db.fetchval(setting) == "on"
    assert await db.fetchval(setting) == "off"


async def test_a_claim_keeps_a_stricter_commit(db: Db) -> None:
    """A session that waits for a standby to apply goes on to do so."""
    await db.execute("SET synchronous_commit = remote_apply")
    async with db.transaction():
        await claim(db)
        assert await db.fetchval("SELECT current_setting('synchronous_commit')") == "remote_apply"


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_a_claim_with_one_snapshot_for_all_is_refused(db: Db, isolation: str) -> None:
    """Where the guard could not see what was committed after the locks, nothing is claimed."""
    await enqueue(db, "a")
    await db.execute(f"SET default_transaction_isolation = '{isolation}'")
    with pytest.raises(asyncpg.PostgresError, match=r"(?i)read committed"):
        await claim(db)
    assert [row["status"] for row in await rows(db)] == ["pending"]
