"""Capture when it cannot queue: the user's statement comes first, and what it let go is kept."""

from __future__ import annotations

import contextlib

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import insert_assets, queued, row

LOSE = "ALTER TABLE mediasweep.cloudinary_cleanup_queue RENAME TO lost"
FIND = "ALTER TABLE mediasweep.lost RENAME TO cloudinary_cleanup_queue"


def _warnings(db: Db) -> list[str]:
    heard: list[str] = []
    db.add_log_listener(lambda _, message: heard.append(str(message)))
    return heard


async def test_a_delete_succeeds_without_a_queue(db: Db) -> None:
    """Without a queue a DELETE still succeeds, warns, and leaves what it let go in the fallback."""
    warnings = _warnings(db)
    await insert_assets(db, "a", "b")
    await db.execute(LOSE)
    assert await db.execute("DELETE FROM media_assets") == "DELETE 2"
    kept = await db.fetch(
        "SELECT ref ->> 'public_id' AS id, reason, actor, left(error, 5) AS error"
        " FROM mediasweep.fallback ORDER BY 1"
    )
    actor = await db.fetchval("SELECT session_user")
    assert [(id_, "row_deleted", actor, "42P01") for id_ in "ab"] == [tuple(row) for row in kept]
    assert ["could not queue the assets of" in warning for warning in warnings] == [True]


async def test_what_fell_back_is_queued_later(db: Db) -> None:
    """Once the queue is back, refill queues what fell back as it was, and forgets it."""
    await insert_assets(db, "a", resource_type="video")
    await db.execute("SET application_name = 'the shop'")
    await db.execute(LOSE)
    await db.execute("DELETE FROM media_assets")
    await db.execute(FIND)
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 1
    found = await row(db)
    expected = {
        "cloudinary_public_id": "a",
        "resource_type": "video",
        "delivery_type": "upload",
        "asset_id": "asset-a",
        "version": 7,
        "file_size": 11,
        "deletion_reason": "row_deleted",
        "trigger_source": "fallback",
        "app": "the shop",
        "status": "pending",
    }
    assert expected == {column: found[column] for column in expected}
    assert await db.fetchval("SELECT count(*) FROM mediasweep.fallback") == 0


async def test_refill_queues_no_more_than_it_was_told(db: Db) -> None:
    """A refill takes at most as many rows as it was told, oldest first."""
    await insert_assets(db, "a", "b", "c")
    await db.execute(LOSE)
    for id_ in "abc":
        await db.execute("DELETE FROM media_assets WHERE cloudinary_public_id = $1", id_)
    await db.execute(FIND)
    assert [await db.fetchval("SELECT mediasweep.refill(2)") for _ in range(3)] == [2, 1, 0]


async def test_a_refill_that_comes_too_early_loses_nothing(db: Db) -> None:
    """What a refill could not queue because the queue was away is queued by the next one."""
    await insert_assets(db, "a")
    await db.execute(LOSE)
    await db.execute("DELETE FROM media_assets")
    with contextlib.suppress(asyncpg.UndefinedTableError):
        await db.fetchval("SELECT mediasweep.refill(10)")
    await db.execute(FIND)
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 1


async def test_what_the_queue_refuses_stays_and_blocks_nothing(db: Db) -> None:
    """A row that can never be queued keeps its reason, and the others are queued past it."""
    await db.execute(
        "INSERT INTO mediasweep.fallback (ref, reason) VALUES"
        """ ('{"public_id": ""}', 'r'), ('{"row": {"c": 1}}', 'unread'),"""
        """ ('{"public_id": "a"}', 'r')"""
    )
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 1
    assert await queued(db) == [("a", "r")]
    assert await db.fetchval("SELECT count(refused) FROM mediasweep.fallback") == 2
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 0


async def test_a_delete_succeeds_without_queue_and_fallback(db: Db) -> None:
    """Even when nothing of ours is there, a DELETE succeeds and says what was not kept."""
    warnings = _warnings(db)
    await insert_assets(db, "a")
    await db.execute(f"{LOSE}; DROP TABLE mediasweep.fallback")
    assert await db.execute("DELETE FROM media_assets") == "DELETE 1"
    assert ["not keep them either" in warning for warning in warnings] == [True]


async def test_a_value_that_does_not_fit_loses_no_deletion(db: Db) -> None:
    """A column that holds no number where one is told to be does not cost the deletion."""
    await db.execute(
        "CREATE TABLE public.t (cover text, v text);"
        """SELECT mediasweep.attach('public.t', '{"public_id": "cover", "version": "v"}');"""
        "INSERT INTO t VALUES ('a', 'v12'), ('b', '7'); DELETE FROM t"
    )
    fallen_back = await db.fetchval("SELECT count(*) FROM mediasweep.fallback")
    assert len(await queued(db)) + fallen_back == 2


async def test_a_strict_table_fails_rather_than_falls_back(db: Db) -> None:
    """For a strict table a row does not go if its asset cannot be queued."""
    await db.execute(
        "CREATE TABLE public.t (cover text); INSERT INTO t VALUES ('a');"
        """SELECT mediasweep.attach('public.t', '{"public_id": "cover", "strict": true}');"""
    )
    await db.execute(LOSE)
    with pytest.raises(asyncpg.UndefinedTableError):
        await db.execute("DELETE FROM t")
    assert await db.fetchval("SELECT count(*) FROM t") == 1
    assert await db.fetchval("SELECT count(*) FROM mediasweep.fallback") == 0


async def test_a_row_that_could_not_be_read_is_read_again_later(db: Db) -> None:
    """When even the expressions fail the whole row is kept, and read once they work again."""
    await insert_assets(db, "a")
    await db.execute("ALTER FUNCTION mediasweep.resource_type(text) RENAME TO away")
    await db.execute("DELETE FROM media_assets")
    assert await db.fetchval("SELECT ref ? 'row' FROM mediasweep.fallback")
    await db.execute("ALTER FUNCTION mediasweep.away(text) RENAME TO resource_type")
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 1
    assert await queued(db) == [("a", "unread")]


async def test_what_was_refused_is_queued_once_its_table_is_attached_anew(db: Db) -> None:
    """A row deleted after its column was renamed waits for whoever attaches the new name; one that
    was kept under the old name stays, for it would name nothing.
    """
    await db.execute(
        "CREATE TABLE public.t (cover text); INSERT INTO t VALUES ('a');"
        """SELECT mediasweep.attach('public.t', '{"public_id": "cover"}');"""
        "INSERT INTO mediasweep.fallback (source_id, ref, refused)"
        """ SELECT max(id), '{"row": {"cover": "b"}}', 'odd' FROM mediasweep.attached;"""
        "ALTER TABLE t RENAME COLUMN cover TO image; DELETE FROM t"
    )
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 0
    assert await db.fetchval("SELECT count(refused) FROM mediasweep.fallback") == 2
    await db.execute(
        "SELECT mediasweep.detach('public.t'::regclass);"
        """SELECT mediasweep.attach('public.t', '{"public_id": "image"}')"""
    )
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 1
    assert await queued(db) == [("a", "unread")]
    assert await db.fetchval("SELECT refused FROM mediasweep.fallback") == (
        "a column has another name now than it has in the row that was kept"
    )
