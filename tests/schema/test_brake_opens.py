"""What does not count for the brake, or not any more: what was cancelled, what the original of a
copy finished, and the rows of uploads.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.brakes import (
    FINISH,
    LIMIT,
    MINUTE,
    acknowledge,
    closed,
    digest,
    let_go,
    stopped,
    try_claim,
)
from tests.schema.queue import DAEMON, NOBODY_OLDER, events

HOUR = timedelta(hours=1)
CHORE = 'SELECT mediasweep.brake_dribble(\'{"brake_floor": 10, "brake_window": "600 s"}\')'
CANCEL = """
SELECT mediasweep.cancel(ARRAY(SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q
                                WHERE q.cloudinary_public_id <> $1), 'ann', NULL)
"""
UPLOAD = """
UPDATE mediasweep.cloudinary_cleanup_queue
   SET deletion_reason = $1, trigger_source = $2, due_at = queued_at + $3
 WHERE processed_at IS NULL AND cloudinary_public_id LIKE 'u%'
"""
COPIED = "UPDATE mediasweep.installation SET system_identifier = 'of the original'"
INSTALLED = 'SELECT mediasweep.recognise($1, \'{"cloud": "demo"}\')'
ADOPT = "SELECT * FROM mediasweep.adopt('{\"cloud\": \"demo\"}', 'ann')"


async def _upload(db: Db, rows: int, **more: Any) -> None:  # noqa: ANN401  what let_go takes
    """Begin so many uploads an hour ago, one by one, so that their rows fall due now."""
    await let_go(db, "u", rows, ago=HOUR, at_once=False, **more)
    await db.execute(UPLOAD, "upload_pending", "upload", HOUR)


# -- opens by itself -------------------------------------------------------------------------------


async def test_a_brake_of_which_all_was_cancelled_opens_by_itself(db: Db, connect: Connect) -> None:
    """Nobody has to acknowledge nothing: a chore opens it, the journal and the fleet hear of it."""
    await stopped(db)
    await db.execute(CANCEL, "")
    listener = await connect()
    heard: list[object] = []
    await listener.add_listener("mediasweep", lambda *_: heard.append(True))
    assert await db.fetchval(CHORE) == "[]"
    assert await closed(db) == []
    last = (await events(db, "event", "outcome", "detail", "actor"))[-1]
    assert last == ("gate_opened", "brake", "nothing that it held is left", "mediasweep")
    await listener.fetchval("SELECT 1")
    assert heard == [True]
    await let_go(db, "b", LIMIT)
    assert len((await try_claim(db)).jobs) == LIMIT


async def test_a_brake_that_holds_one_row_stays_closed(db: Db) -> None:
    """Whoever cancels all but one has not said that this one may go."""
    await stopped(db)
    await db.execute(CANCEL, "a1")
    await db.execute(CHORE)
    assert await closed(db) == [0]


async def test_a_brake_that_opened_by_itself_still_counts_what_went(db: Db) -> None:
    """Ten rows that went before it closed leave no room for one more within the window."""
    await let_go(db, "gone", LIMIT)
    memory = (await try_claim(db)).memory
    await db.execute(FINISH, "completed")
    await let_go(db, "a", 1)
    assert (await try_claim(db, memory=memory)).brought_nothing
    await db.execute(CANCEL, "")
    await db.execute(CHORE)
    assert await closed(db) == []
    await let_go(db, "b", 1)
    assert (await try_claim(db, memory=memory)).brought_nothing
    assert await closed(db) == [0]


async def test_a_slow_loss_holds_what_is_yet_to_come(db: Db) -> None:
    """Closed for what a day has lost, it stays closed although nothing waits."""
    await let_go(db, "a", 5 * LIMIT + 1, every=20 * MINUTE, at_once=False)
    await db.execute(FINISH, "completed")
    assert await db.fetchval(CHORE) != "[]"
    assert await db.fetchval(CHORE) == "[]"
    assert await closed(db) == [0]


# -- a copy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("copied", "go"), [(True, True), (False, False)])
async def test_what_the_original_finished_does_not_count_in_an_adopted_copy(
    db: Db, copied: bool, go: bool
) -> None:
    """After the adoption of a copy ten rows may go; of a database that is no copy, none more."""
    await db.execute(INSTALLED, DAEMON)
    await let_go(db, "a", LIMIT)
    await db.execute(FINISH, "completed")
    if copied:
        await db.execute(COPIED)
    assert bool(await db.fetch(ADOPT)) == copied
    await let_go(db, "b", LIMIT)
    assert bool((await try_claim(db, cloud="demo")).jobs) == go


async def test_what_waits_in_an_adopted_copy_counts(db: Db) -> None:
    """A burst that the original had not sent is held in the copy as well."""
    await db.execute(INSTALLED, DAEMON)
    await let_go(db, "a", LIMIT + 1)
    await db.execute(COPIED)
    await db.execute(ADOPT)
    assert (await try_claim(db, cloud="demo")).brought_nothing
    assert await closed(db) == [0]


# -- uploads ---------------------------------------------------------------------------------------


async def test_uploads_trip_no_brake(db: Db) -> None:
    """An hour of uploads that fall due at once goes through to the guard, and counts for no one."""
    await _upload(db, 3 * LIMIT)
    await let_go(db, "a", LIMIT, ago=HOUR)
    assert len((await try_claim(db)).jobs) == 4 * LIMIT
    assert await closed(db) == []


@pytest.mark.parametrize(
    ("reason", "origin"), [("upload_pending", "api"), ("manual", "upload"), ("manual", "manual")]
)
async def test_only_the_rows_of_uploads_are_spared(db: Db, reason: str, origin: str) -> None:
    """What a caller names only half like an upload's row counts as ever."""
    await let_go(db, "u", LIMIT + 1)
    await db.execute(UPLOAD, reason, origin, timedelta())
    assert (await try_claim(db)).brought_nothing


async def test_uploads_that_were_kept_make_no_room_smaller(db: Db) -> None:
    """Of uploads whose assets are in use any number may be followed by ten that are not."""
    await _upload(db, 3 * LIMIT)
    await db.execute(FINISH, "skipped")
    await _upload(db, LIMIT)
    assert len((await try_claim(db)).jobs) == LIMIT


@pytest.mark.parametrize("status", ["completed", "failed", None])
async def test_uploads_that_nothing_uses_are_stopped(db: Db, status: str | None) -> None:
    """More abandoned uploads than the limit are a mistake: what was sent counts, by any daemon."""
    await _upload(db, 2 * LIMIT)
    memory = (await try_claim(db, batch=3)).memory
    assert len((await try_claim(db, batch=LIMIT - 2)).jobs) == LIMIT - 2  # another daemon
    if status:
        await db.execute(FINISH + " AND claim_no > 0", status)
    claimed = await try_claim(db, memory=memory)
    assert claimed.brought_nothing
    assert "more than 10 rows of uploads that nothing uses" in claimed.news
    assert (await digest(db)).startswith(f"0-{9 if status else 20}-")


async def test_uploads_do_not_hold_a_brake_closed(db: Db) -> None:
    """A brake whose rows were all cancelled opens, although uploads go on."""
    await stopped(db)
    await db.execute(CANCEL, "")
    await _upload(db, 3)
    await db.execute(CHORE)
    assert await closed(db) == []


async def test_abandoned_uploads_are_part_of_a_slow_loss(db: Db) -> None:
    """Over a day they count with the rest, once they are deleted."""
    await _upload(db, 5 * LIMIT + 1, every=20 * MINUTE)
    assert await db.fetchval(CHORE) == "[]"
    await db.execute(FINISH, "completed")
    assert await db.fetchval(CHORE) != "[]"


# -- a transaction that is open --------------------------------------------------------------------


async def test_a_digest_names_the_transactions_that_were_open(db: Db, connect: Connect) -> None:
    """With several transactions open at the list, the digest is as easy to copy, and works."""
    await db.execute(NOBODY_OLDER)
    others = [await connect() for _ in range(3)]
    for other in others:
        await other.execute("BEGIN; SELECT pg_current_xact_id()")
    named = await stopped(db)
    assert named.count(".") == 2
    assert named[-1].isdigit()
    assert await acknowledge(db, named) == (LIMIT + 1, None)
    assert await closed(db) == []
