"""Capture: which statements let go of which assets, and that nothing else is queued."""

from __future__ import annotations

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.queue import ARTICLES, claim, insert_assets, queued, row, rows


async def test_a_delete_queues_the_whole_identity_of_the_asset(db: Db) -> None:
    """A DELETE queues one pending row that has all that the table knew about the asset."""
    await insert_assets(db, "a", resource_type="video", delivery_type="private")
    await db.execute("DELETE FROM media_assets")
    expected = {
        "status": "pending",
        "cloudinary_public_id": "a",
        "resource_type": "video",
        "delivery_type": "private",
        "asset_id": "asset-a",
        "version": 7,
        "original_filename": "a.png",
        "file_size": 11,
        "folder": "folder",
        "deletion_reason": "row_deleted",
        "trigger_source": "trigger",
        "claim_no": 0,
        "processing_attempts": 0,
        "in_doubt": False,
    }
    found = await row(db)
    assert expected == {column: found[column] for column in expected}


async def test_a_soft_delete_queues_its_asset(db: Db) -> None:
    """Setting deleted_at lets the asset go."""
    await insert_assets(db, "a", "b")
    await db.execute("UPDATE media_assets SET deleted_at = now() WHERE cloudinary_public_id = 'a'")
    assert await queued(db) == [("a", "soft_deleted")]


async def test_a_soft_deleted_row_lets_go_only_once(db: Db) -> None:
    """Purging a row that was soft-deleted before queues nothing a second time."""
    await insert_assets(db, "a")
    await db.execute("UPDATE media_assets SET deleted_at = now()")
    await db.execute("DELETE FROM media_assets")
    assert await queued(db) == [("a", "soft_deleted")]


async def test_an_undelete_in_the_same_transaction_keeps_the_asset(db: Db) -> None:
    """An asset that was let go and taken back in one transaction is not deleted."""
    await insert_assets(db, "a")
    async with db.transaction():
        await db.execute("UPDATE media_assets SET deleted_at = now()")
        await db.execute("UPDATE media_assets SET deleted_at = NULL")
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped) == ([], 1)


async def test_a_changed_id_queues_the_old_one(db: Db) -> None:
    """Replacing an asset lets the old one go and not the new one."""
    await insert_assets(db, "old")
    await db.execute("UPDATE media_assets SET cloudinary_public_id='new', cloudinary_asset_id='n'")
    assert await queued(db) == [("old", "reference_removed")]


async def test_a_renamed_asset_stays(db: Db) -> None:
    """A public id that changes while the asset id stays is a rename, and nothing is let go."""
    await insert_assets(db, "old")
    await db.execute("UPDATE media_assets SET cloudinary_public_id = 'new'")
    assert await queued(db) == []


@pytest.mark.parametrize("nothing", [None, ""])
async def test_an_asset_without_an_id_of_its_own_is_known_by_name(
    db: Db, nothing: str | None
) -> None:
    """Rows without an asset id, however they say so, do not keep each other's assets."""
    await insert_assets(db, "a", "b", "kept")
    await db.execute("UPDATE media_assets SET cloudinary_asset_id = $1", nothing)
    await db.execute(
        "UPDATE media_assets SET cloudinary_public_id = 'new' WHERE cloudinary_public_id = 'a';"
        "DELETE FROM media_assets WHERE cloudinary_public_id = 'b'"
    )
    assert sorted((await claim(db)).assets) == ["a", "b"]


async def test_a_changed_type_queues_the_asset_of_the_old_type(db: Db) -> None:
    """The same public id under another resource type is another asset."""
    await insert_assets(db, "a", resource_type="video")
    await db.execute("UPDATE media_assets SET resource_type = 'image', cloudinary_asset_id = 'n'")
    assert (await row(db))["resource_type"] == "video"


async def test_rows_that_swap_their_assets_queue_nothing(db: Db) -> None:
    """What one row lets go in a statement and another takes up is still in use."""
    await db.execute(ARTICLES)
    await db.execute("INSERT INTO articles VALUES (1, '', 'a'), (2, '', 'b')")
    await db.execute("UPDATE articles SET cover = CASE cover WHEN 'a' THEN 'b' ELSE 'a' END")
    assert await queued(db) == []


async def test_an_unrelated_update_queues_nothing(db: Db) -> None:
    """Changing what has nothing to do with the asset queues nothing."""
    await insert_assets(db, "a")
    await db.execute("UPDATE media_assets SET description = 'new', tags = '{x}'")
    assert await queued(db) == []


async def test_a_new_version_queues_nothing(db: Db) -> None:
    """An asset that was overwritten in place is the same asset."""
    await insert_assets(db, "a")
    await db.execute("UPDATE media_assets SET cloudinary_version = 8, cloudinary_asset_id = 'b'")
    assert await queued(db) == []


async def test_an_upsert_that_replaces_an_id_queues_the_old_one(db: Db) -> None:
    """INSERT … ON CONFLICT DO UPDATE is captured like an UPDATE."""
    await db.execute(ARTICLES)
    upsert = (
        "INSERT INTO articles VALUES (1, '', $1)"
        " ON CONFLICT (id) DO UPDATE SET cover = excluded.cover"
    )
    await db.execute(upsert, "old")
    await db.execute(upsert, "new")
    assert await queued(db) == [("old", "reference_removed")]


async def test_a_truncate_queues_every_live_asset(db: Db) -> None:
    """TRUNCATE lets go of what the rows used, and not of what was soft-deleted before."""
    await insert_assets(db, "a", "b", "gone")
    await db.execute("UPDATE media_assets SET deleted_at = now() WHERE cloudinary_public_id='gone'")
    await db.execute("TRUNCATE media_assets")
    assert (await queued(db)) == [
        ("a", "table_truncated"),
        ("b", "table_truncated"),
        ("gone", "soft_deleted"),
    ]


async def test_a_cascade_queues_the_assets_of_the_rows_that_follow(db: Db) -> None:
    """Rows that a foreign key deletes are captured like any others."""
    await db.execute(ARTICLES)
    await db.execute(
        "CREATE TABLE public.author (id integer PRIMARY KEY);"
        "ALTER TABLE articles ADD author integer REFERENCES author ON DELETE CASCADE;"
        "INSERT INTO author VALUES (1), (2);"
        "INSERT INTO articles VALUES (1, '', 'a', 1), (2, '', 'b', 1), (3, '', 'c', 2);"
        "DELETE FROM author WHERE id = 1"
    )
    assert await queued(db) == [("a", "row_deleted"), ("b", "row_deleted")]


async def test_one_statement_queues_an_asset_once(db: Db) -> None:
    """Many rows with the same asset that go in one statement make one row of the queue."""
    await db.execute(ARTICLES)
    await db.execute(
        "INSERT INTO articles SELECT n, '', 'c' || n % 3 FROM generate_series(1, 99) n"
    )
    await db.execute("DELETE FROM articles")
    assert [(f"c{n}", "row_deleted") for n in range(3)] == await queued(db)


async def test_rows_without_an_asset_queue_nothing(db: Db) -> None:
    """A public id that is NULL or empty names no asset."""
    await db.execute(ARTICLES)
    await db.execute("INSERT INTO articles VALUES (1, '', NULL), (2, '', ''), (3, '', 'a')")
    await db.execute("UPDATE articles SET cover = NULL WHERE id < 3")
    await db.execute("DELETE FROM articles")
    assert await queued(db) == [("a", "row_deleted")]


async def test_a_table_is_captured_whatever_it_is_called(db: Db) -> None:
    """Quoted camelCase names in a schema of their own work in capture and in guard."""
    await db.execute(
        'CREATE SCHEMA "myApp"; CREATE TABLE "myApp"."blogPosts" ("postId" int PRIMARY KEY,'
        ' "coverId" text, "select" text, "isGone" timestamptz);'
        """SELECT mediasweep.attach('"myApp"."blogPosts"',
             '{"public_id": "coverId", "resource_type": "select", "deleted_at": "isGone"}');"""
        """INSERT INTO "myApp"."blogPosts" VALUES (1, 'a', 'raw'), (2, 'b', 'raw');"""
        """INSERT INTO "myApp"."blogPosts" VALUES (3, 'b', 'raw');"""
        """DELETE FROM "myApp"."blogPosts" WHERE "postId" < 3"""
    )
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped) == (["a"], 1)
    kept = (await rows(db))[1]
    assert kept["error_message"] == 'in use by "myApp"."blogPosts" postId=3'


async def test_a_rollback_leaves_nothing(db: Db) -> None:
    """What was not committed was not let go."""
    await insert_assets(db, "a")
    transaction = db.transaction()
    await transaction.start()
    await db.execute("DELETE FROM media_assets")
    await transaction.rollback()
    assert await queued(db) == []


async def test_transactions_that_delete_the_same_assets_never_wait(
    db: Db, connect: Connect
) -> None:
    """Two open transactions that let go of the same two assets in opposite order do not meet."""
    other = await connect()
    await db.execute(ARTICLES)
    await db.execute(
        "INSERT INTO articles VALUES (1, '', 'a'), (2, '', 'b'), (3, '', 'a'), (4, '', 'b')"
    )
    delete = "DELETE FROM articles WHERE id = $1"
    for session in (db, other):
        await session.execute("SET lock_timeout = '1ms'")
    async with db.transaction(), other.transaction():
        await db.execute(delete, 1)
        await other.execute(delete, 4)
        await db.execute(delete, 2)
        await other.execute(delete, 3)
    assert await queued(db) == 2 * [("a", "row_deleted")] + 2 * [("b", "row_deleted")]


async def test_the_grace_of_a_table_puts_its_rows_off(db: Db) -> None:
    """A table attached with a grace has its assets due only after it."""
    await db.execute(
        "CREATE TABLE public.t (cover text);"
        """SELECT mediasweep.attach('public.t', '{"public_id": "cover", "grace": "1 hour"}');"""
        "INSERT INTO t VALUES ('a'); DELETE FROM t"
    )
    assert round(((await row(db))["due_at"] - (await row(db))["queued_at"]).seconds / 60) == 60


@pytest.mark.parametrize("mode", ["", ', "references": "refuse"'])
async def test_a_bulk_update_of_one_asset_compares_it_once(db: Db, mode: str) -> None:
    """Thousands of rows that name one asset, and take another type, cost no product."""
    await db.execute(
        "CREATE TABLE public.t (id integer PRIMARY KEY, cover text, type text);"
        "INSERT INTO t SELECT n, 'a', 'image' FROM generate_series(1, 8000) n;"
        f"""SELECT mediasweep.attach('public.t',
              '{{"public_id": "cover", "resource_type": "type"{mode}}}');"""
    )
    await db.execute("UPDATE t SET type = 'video'", timeout=20)
    assert await queued(db) == [("a", "reference_removed")]
