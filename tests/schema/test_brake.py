"""The brake: more than its limit, let go of within a window, is stopped before the first is sent.

The limit here is ten rows of a source in ten minutes.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.brakes import (
    FINISH,
    LIMIT,
    MINUTE,
    PASS_THROUGH,
    acknowledge,
    braked,
    closed,
    digest,
    let_go,
    stopped,
    try_claim,
)
from tests.schema.queue import (
    DAEMON,
    NOTHING,
    events,
    make_due,
    record,
    result,
    rows,
)

HOUR = timedelta(hours=1)
FALL_BACK = """
INSERT INTO mediasweep.fallback (at, source_id, ref)
SELECT clock_timestamp() - n * $1::interval, 0, '{"public_id": "a"}' FROM generate_series(1, 30) n
"""
POSTPONE = "UPDATE mediasweep.cloudinary_cleanup_queue SET due_at = due_at + $2 WHERE id = $1"


async def test_the_limit_may_go(db: Db) -> None:
    """As many rows as the limit, at once, are claimed."""
    await let_go(db, "a", LIMIT)
    assert len((await try_claim(db)).jobs) == LIMIT
    assert await closed(db) == []


async def test_one_more_stops_all_of_it(db: Db) -> None:
    """One row above the limit, and not a single row moves; the gate and the claim say why."""
    await let_go(db, "a", LIMIT + 1)
    claimed = await try_claim(db)
    why = (
        "more than 10 rows of manual were let go of within 10 min (the limit is the "
        "floor of 10 rows); 11 waited when it closed"
    )
    told = {"source_id": 0, "source": "manual", "rows": 11, "limit": 10, "reason": why}
    assert braked(claimed) == [told]
    assert claimed.brought_nothing
    assert {row["status"] for row in await rows(db)} == {"pending"}
    assert await events(db, "event", "outcome", "detail") == [("gate_closed", "brake", why)]
    gate = await db.fetchrow("SELECT * FROM mediasweep.gate")
    assert gate is not None
    assert (gate["name"], gate["source_id"], gate["reason"]) == ("brake", 0, why)
    assert (gate["closed_by"], gate["until"], gate["probe"]) == ("mediasweep", None, None)


async def test_without_the_brake_all_of_it_would_go(db: Db) -> None:
    """With the brake taken out, the same rows are claimed: nothing else holds them."""
    await db.execute(PASS_THROUGH)
    await let_go(db, "a", LIMIT + 1)
    assert len((await try_claim(db)).jobs) == LIMIT + 1


async def test_a_closed_brake_is_told_once(db: Db) -> None:
    """Later claims pass the source by, and say nothing of it."""
    await stopped(db)
    claimed = await try_claim(db)
    assert (claimed.brought_nothing, claimed.held, braked(claimed)) == (True, False, [])
    assert await events(db) == ["gate_closed"]


async def test_the_other_sources_go_on(db: Db) -> None:
    """The claim that stops one source brings the rows of the others at once."""
    await let_go(db, "a", LIMIT + 1, source=0)
    await let_go(db, "b", LIMIT, source=1)
    claimed = await try_claim(db)
    assert len(braked(claimed)) == 1
    assert sorted(claimed.assets) == sorted(f"b{n}" for n in range(1, LIMIT + 1))


async def test_a_claim_that_begins_again_passes_nothing_by(db: Db) -> None:
    """The rows of others that were locked beside a burst come in the same claim, in their order."""
    await let_go(db, "b", 9, source=1, ago=MINUTE, at_once=False)
    memory = (await try_claim(db, batch=2)).memory
    await let_go(db, "a", LIMIT + 1, source=0)
    claimed = await try_claim(db, memory=memory, batch=4)
    assert claimed.assets == ["b3-1", "b4-1", "b5-1", "b6-1"]
    assert (await try_claim(db, memory=claimed.memory)).assets == ["b7-1", "b8-1", "b9-1"]


async def test_several_sources_are_stopped_in_one_claim(db: Db) -> None:
    """Each source has its own count and its own gate."""
    await let_go(db, "a", LIMIT + 1, source=0)
    await let_go(db, "b", LIMIT + 1, source=1)
    assert {told["source"] for told in braked(await try_claim(db))} == {
        "manual",
        "media_assets",
    }
    assert await closed(db) == [0, 1]


async def test_two_daemons_close_it_once(db: Db, connect: Connect) -> None:
    """Of daemons that find too much at the same time, one closes the gate and none sends."""
    await let_go(db, "a", 500)
    daemons = [await connect() for _ in range(4)]
    async with asyncio.timeout(30):
        claims = await asyncio.gather(*(try_claim(daemon, batch=20) for daemon in daemons))
    assert all(claimed.brought_nothing for claimed in claims)
    while not await closed(db):  # each was held by the others' open claims
        claims.append(await try_claim(db))
    assert len([told for claimed in claims for told in braked(claimed)]) == 1


async def test_many_small_deletions_are_stopped_at_the_limit(db: Db) -> None:
    """Of single deletions, each done before the next comes, ten go, and the eleventh does not."""
    memory = None
    for n in range(LIMIT + 2):
        await let_go(db, f"a{n}-", 1)
        claimed = await try_claim(db, memory=memory)
        memory = claimed.memory
        assert len(claimed.jobs) == (n < LIMIT)
        await db.execute(FINISH + " AND claim_no > 0", "completed")


@pytest.mark.parametrize(("apart", "go"), [(59.0, False), (61.0, True)])
async def test_only_what_falls_within_a_window_counts(db: Db, apart: float, go: bool) -> None:
    """Eleven rows within ten minutes are too many; spread over a little more, they may go."""
    every = timedelta(seconds=apart)
    await let_go(db, "a", LIMIT + 1, every=every, at_once=False)
    assert len((await try_claim(db)).jobs) == (LIMIT + 1) * go


async def test_a_backlog_of_days_at_a_usual_rate_is_no_burst(db: Db) -> None:
    """What piled up during a pause, ten rows in each quarter of an hour, is worked off whole."""
    for n in range(30):
        await let_go(db, f"a{n}-", LIMIT, ago=n * 15 * MINUTE)
    memory, got = None, 0
    while got < 30 * LIMIT:
        claimed = await try_claim(db, memory=memory)
        assert claimed.jobs
        memory, got = claimed.memory, got + len(claimed.jobs)


async def test_a_burst_late_in_a_backlog_is_found(db: Db) -> None:
    """What was deleted quietly goes; the burst hours after it is stopped before its first row."""
    await let_go(db, "quiet", 5, ago=5 * HOUR, every=30 * MINUTE)
    await let_go(db, "burst", LIMIT + 1)
    memory: str | None = None
    got: list[str] = []
    for _ in range(6):
        claimed = await try_claim(db, memory=memory, batch=1)
        memory, got = claimed.memory, got + claimed.assets
    assert got == [f"quiet{n}" for n in range(5, 0, -1)]
    assert await closed(db) == [0]


async def test_a_burst_behind_other_candidates_of_the_claim_is_found(db: Db) -> None:
    """A claim whose first rows are quiet ones looks at its later ones as well."""
    await let_go(db, "quiet", 5, ago=5 * HOUR, every=30 * MINUTE)
    await let_go(db, "burst", LIMIT + 1)
    assert (await try_claim(db, batch=6)).brought_nothing


async def test_a_transaction_lets_go_of_all_at_its_end(db: Db) -> None:
    """Eleven rows of one transaction are a burst, though it took longer than the window."""
    await let_go(db, "a", LIMIT + 1, every=1.5 * MINUTE)
    assert (await try_claim(db)).brought_nothing
    assert await closed(db) == [0]


async def test_rows_that_still_rest_count(db: Db) -> None:
    """Of a burst that rests for an hour, the first row that falls due stops all."""
    await let_go(db, "a", LIMIT + 1, ago=55 * MINUTE, every=MINUTE / 2, at_once=False)
    await db.execute("UPDATE mediasweep.cloudinary_cleanup_queue SET due_at = due_at + $1", HOUR)
    assert (await rows(db))[0]["due_at"] < datetime.now(UTC) < (await rows(db))[-1]["due_at"]
    claimed = await try_claim(db)
    assert (len(braked(claimed)), claimed.brought_nothing) == (1, True)


@pytest.mark.parametrize("apart", [15 * MINUTE, HOUR, timedelta(days=1)])
async def test_a_burst_that_falls_due_bit_by_bit_is_a_burst(db: Db, apart: timedelta) -> None:
    """Eleven rows of one moment are too many, whenever each of them falls due."""
    await let_go(db, "a", LIMIT + 1, at_once=False)
    for n, row in enumerate(await rows(db)):
        await db.execute(POSTPONE, row["id"], n * apart)
    claimed = await try_claim(db)
    assert (len(braked(claimed)), claimed.brought_nothing) == (1, True)


@pytest.mark.parametrize(
    ("status", "go"), [("completed", False), ("failed", False), ("skipped", True)]
)
async def test_what_was_done_counts_and_what_was_kept_does_not(
    db: Db, status: str, go: bool
) -> None:
    """Rows of the window that are finished count, unless their asset was kept."""
    await let_go(db, "a", 6)
    await db.execute(FINISH, status)
    await let_go(db, "b", 5)
    assert bool((await try_claim(db)).jobs) == go


async def test_a_retry_of_many_goes_through_the_brake(db: Db) -> None:
    """Rows that failed one by one over weeks, all put back at once, are a burst of now."""
    await let_go(db, "a", LIMIT + 1, ago=timedelta(days=9), every=HOUR, at_once=False)
    await db.execute(FINISH, "failed")
    ids = [row["id"] for row in await rows(db)]
    await db.execute("SELECT mediasweep.retry($1, 'ann')", ids[1:])
    assert len((await try_claim(db, batch=1)).jobs) == 1
    await db.execute("SELECT mediasweep.retry($1, 'ann')", ids[:1])
    assert (await try_claim(db)).brought_nothing
    assert await closed(db) == [0]


async def test_an_acknowledged_row_is_counted_again_when_it_is_retried(db: Db) -> None:
    """Who acknowledged what was there has not seen what failed before and is put back later."""
    await let_go(db, "old", LIMIT + 1, ago=timedelta(days=3))
    await db.execute(FINISH, "failed")
    ids = [row["id"] for row in await rows(db)]
    assert await acknowledge(db, await stopped(db)) == (LIMIT + 1, None)
    await db.execute(FINISH, "completed")
    await db.execute("SELECT mediasweep.retry($1, 'ann')", ids)
    assert (await try_claim(db)).brought_nothing


async def test_a_guard_that_failed_for_days_makes_no_burst(db: Db) -> None:
    """Rows that were put off until the same moment count by when they were queued."""
    await let_go(db, "a", 30, every=HOUR, at_once=False)
    await make_due(db)
    assert len((await try_claim(db)).jobs) == 30


async def test_what_fell_back_counts_by_when_it_was_let_go_of(db: Db) -> None:
    """Captures of days that are queued at once are no burst; captures of one moment are."""
    await db.execute(FALL_BACK, HOUR)
    await db.execute("SELECT mediasweep.refill(100)")
    assert len((await try_claim(db)).jobs) == 30
    await db.execute(FALL_BACK, NOTHING)
    await db.execute("SELECT mediasweep.refill(100)")
    assert (await try_claim(db)).brought_nothing


async def test_rows_in_doubt_wait_with_the_others(db: Db) -> None:
    """A row that was sent before its source was stopped is not sent again meanwhile."""
    await let_go(db, "doubtful", 1)
    [job] = (await try_claim(db)).jobs
    await record(db, result(job, "unknown", "unclear"))
    await let_go(db, "a", LIMIT)
    assert (await try_claim(db)).brought_nothing
    assert (await try_claim(db)).brought_nothing


async def test_a_daemon_of_the_release_before_is_held_by_the_defaults(db: Db) -> None:
    """A claim that names no limit has the one of the manual, a thousand rows."""
    old = "SELECT cardinality((c).jobs) FROM mediasweep.claim($1, 100, $2, '0', 3, false, NULL) c"
    await let_go(db, "a", 1001)
    assert await db.fetchval(old, DAEMON, MINUTE) == 0
    assert json.loads(await db.fetchval("SELECT detail FROM mediasweep.gate"))["limit"] == 1000
    assert (await digest(db)).startswith("0-1001-")
