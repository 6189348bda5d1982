"""An asset that several rows let go of is deleted for the last of them, and not before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.queue import ARTICLES, claim, enqueue, insert_assets

HOUR = timedelta(hours=1)
WITHOUT = """
CREATE OR REPLACE FUNCTION mediasweep.holds_others(
  s mediasweep.cloudinary_cleanup_queue, grace interval, ripe_at timestamptz, free pg_snapshot,
  clear pg_snapshot, stopped integer[]) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT false'
"""
COPY = "INSERT INTO articles (title, cover) SELECT 'two', cover FROM articles"
CLOSE = """
INSERT INTO mediasweep.gate (name, source_id, reason, closed_by) VALUES ('brake', $1, 'r', 'd')
"""


@pytest.mark.parametrize("rule", [True, False])
async def test_a_copy_that_is_open_holds_every_row_of_the_asset(
    db: Db, connect: Connect, *, rule: bool
) -> None:
    """The last use is copied by an open transaction, then deleted: an older row must not go."""
    if not rule:
        await db.execute(WITHOUT)
    writer, deleter = await connect(), await connect()
    await db.execute(ARTICLES)
    await insert_assets(db, "a", "z")
    await db.execute("INSERT INTO articles (title, cover) VALUES ('one', 'a')")
    await db.execute("DELETE FROM media_assets WHERE cloudinary_public_id = 'z'")
    await db.execute("DELETE FROM media_assets")
    first = await claim(db, batch=1)  # takes z; a has been due at its barrier
    async with writer.transaction():
        await writer.execute(COPY)
        await deleter.execute("DELETE FROM articles WHERE title = 'one'")
        second = await claim(db, memory=first.memory)
        assert second.assets == ([] if rule else ["a"])
    if rule:
        assert second.held
        assert (await claim(db, memory=second.memory)).skipped == 2  # both: article two uses it


@pytest.mark.parametrize("by", ["public id", "asset id"])
async def test_the_grace_of_one_row_counts_for_all(db: Db, by: str) -> None:
    """A row whose grace is over waits for another row of the same asset that still rests."""
    await enqueue(db, "a", "a" if by == "public id" else "renamed", "b")
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET asset_id = 'x'"
        " WHERE cloudinary_public_id <> 'b'"
    )
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET due_at = due_at + interval '1 h'"
        " WHERE id = (SELECT id FROM mediasweep.cloudinary_cleanup_queue"
        " WHERE cloudinary_public_id <> 'b' ORDER BY queued_at DESC LIMIT 1)"
    )
    claimed = await claim(db)
    assert (claimed.assets, claimed.held) == (["b"], False)
    assert (await claim(db, memory=claimed.memory)).held


async def test_what_a_brake_holds_no_other_row_deletes(db: Db) -> None:
    """A row of an open source waits for one of the same asset whose source is stopped."""
    await enqueue(db, "a", source=0)
    await enqueue(db, "a", source=1)
    await db.execute(CLOSE, 1)
    assert (await claim(db)).brought_nothing
    await db.execute("DELETE FROM mediasweep.gate")
    assert (await claim(db)).assets == ["a", "a"]


async def test_rows_that_wait_for_another_do_not_fill_a_claim(db: Db) -> None:
    """Behind many rows that wait, one that need not is claimed at once."""
    await enqueue(db, *["a"] * 50, source=0)
    await enqueue(db, "a", source=1)
    await db.execute(CLOSE, 1)
    await enqueue(db, "b", source=0)
    assert (await claim(db, batch=10)).assets == ["b"]


async def test_a_grace_of_the_daemon_counts_as_well(db: Db) -> None:
    """A row that was claimed before waits for a new one that rests by the daemon's own grace."""
    await enqueue(db, "a")
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET claim_no = 1, status = 'pending'"
    )
    assert (await claim(db, grace=HOUR)).assets == ["a"]
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'pending', lease_until = NULL"
    )
    await enqueue(db, "a")
    assert (await claim(db, grace=HOUR)).brought_nothing
