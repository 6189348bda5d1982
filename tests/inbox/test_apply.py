"""What a notification does to the library, and that it never destroys anything."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import asyncpg
import pytest

from mediasweep.postgres.inbox import Inbox, Received
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.inbox.account import START, Account
from tests.inbox.library import QUEUED, hear, hear_all, library
from tests.schema.queue import ARTICLES, claim
from tests.schema.roles import staffed

ROW = """
INSERT INTO public.media_assets (cloudinary_public_id, cloudinary_asset_id, cloudinary_version,
                                 file_size, mime_type, secure_url, url, tags, alt_text, created_at)
VALUES ($1, $2, $3, 1, 'image/png', 'u', 'u', '{own}', 'own', $4) RETURNING id
"""
DELETED_AT = "SELECT deleted_at FROM public.media_assets WHERE id = $1"
DUE = "SELECT count(*) FROM mediasweep.inbox WHERE done_at IS NULL"


@pytest.fixture
def account() -> Account:
    """Give an account with nothing in it."""
    return Account(Random(7))


async def test_an_upload_makes_a_row_and_a_delete_ends_it(db: Db, account: Account) -> None:
    """What was uploaded at Cloudinary is in the library, and what was deleted there is deleted."""
    account.upload("folder/a b")
    account.tag()
    assert await hear_all(db, account.told) == account.rows()
    account.delete()
    assert await hear_all(db, account.told) == []
    [row] = await db.fetch("SELECT deleted_at, mime_type FROM public.media_assets")
    assert tuple(row.values()) == (account.now, "image/png")


async def test_what_only_the_application_knows_stays(db: Db, account: Account) -> None:
    """Columns of which nothing was said, and tags that Cloudinary never had, stay in a row."""
    asset = account.upload("a")
    await db.fetchval(ROW, "a", None, 1, START)
    await hear(db, account.told[0].replace(b'"context": {"custom"', b'"other": {"custom"'))
    [row] = await db.fetch("SELECT tags, alt_text, cloudinary_asset_id FROM media_assets")
    assert row["tags"] == sorted({"own", *asset.tags})
    assert (row["alt_text"], row["cloudinary_asset_id"]) == ("own", asset.asset_id)


async def test_a_delete_queues_nothing_whatever_triggers_make_of_it(
    db: Db, account: Account
) -> None:
    """Neither the asset, nor what triggers let go of then and at the end, comes to be queued."""
    await db.execute(ARTICLES)
    await db.execute(TRIGGERS)
    await db.execute("INSERT INTO articles (title, cover) VALUES ('now', 'x'), ('late', 'y')")
    account.upload("a")
    account.delete()
    assert await hear_all(db, account.told) == []
    assert await db.fetchval("SELECT count(*) FROM articles") == 0
    assert await db.fetchval(QUEUED) == 0


TRIGGERS = """
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN DELETE FROM public.articles WHERE title = TG_ARGV[0]; RETURN NULL; END $$;
CREATE TRIGGER now AFTER UPDATE ON media_assets FOR EACH ROW EXECUTE FUNCTION forget('now');
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON media_assets DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION forget('late')
"""


WITHOUT_TAKING_BACK = """
CREATE OR REPLACE FUNCTION mediasweep.queue_nothing(began timestamptz) RETURNS void
LANGUAGE sql AS ''
"""
WITHOUT_ASKING = """
UPDATE pg_proc SET prosrc = replace(prosrc, 'SET CONSTRAINTS ALL IMMEDIATE;', '')
 WHERE proname = 'queue_nothing'
"""


@pytest.mark.parametrize("without", [WITHOUT_TAKING_BACK, WITHOUT_ASKING])
async def test_what_keeps_the_queue_empty_is_needed(db: Db, account: Account, without: str) -> None:
    """Without taking back, or without asking deferred triggers first, something is queued."""
    await db.execute(without)
    with pytest.raises(AssertionError):
        await test_a_delete_queues_nothing_whatever_triggers_make_of_it(db, account)


async def test_what_others_queue_meanwhile_stays(
    db: Db, connect: Connect, account: Account
) -> None:
    """Only what the notification itself let go of is taken back, also of the same asset."""
    account.upload("a")
    account.delete()
    await hear(db, account.told[0])
    await db.execute("INSERT INTO mediasweep.cloudinary_cleanup_queue VALUES (DEFAULT, 'a')")
    # as a dump would bring it along that was made on another server
    await db.execute(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, xact)"
        " SELECT 'b', (pg_current_xact_id()::text::bigint + n)::text::xid8"
        " FROM generate_series(1, 20) n"
    )
    assert await hear_all(await connect(), account.told[1:]) == []
    assert await db.fetchval(QUEUED) == 21


async def test_that_a_row_is_ones_own_is_more_than_its_transaction_id(
    db: Db, connect: Connect, account: Account
) -> None:
    """If the number of a transaction alone decided, a row of another server would be lost."""
    await db.execute(
        "CREATE OR REPLACE FUNCTION mediasweep.is_mine(made_by xid) RETURNS boolean"
        " LANGUAGE sql AS 'SELECT true'"
    )
    with pytest.raises(AssertionError):
        await test_what_others_queue_meanwhile_stays(db, connect, account)


async def test_while_capture_falls_back_nothing_is_applied(db: Db, account: Account) -> None:
    """A delete whose capture fails is not applied, because what fell back is queued later."""
    account.upload("a")
    account.delete()
    await hear(db, account.told[0])
    await db.execute("ALTER TABLE mediasweep.cloudinary_cleanup_queue RENAME COLUMN folder TO f")
    with pytest.raises(asyncpg.RaiseError, match="capture is broken"):
        await hear(db, account.told[1])
    assert await db.fetchval("SELECT count(*) FROM mediasweep.fallback") == 0
    await db.execute("ALTER TABLE mediasweep.cloudinary_cleanup_queue RENAME COLUMN f TO folder")
    assert await hear_all(db, account.told[1:]) == []


@pytest.mark.parametrize("status", ["pending", "completed"])
async def test_a_late_upload_does_not_bring_back_what_was_let_go_of(
    db: Db, account: Account, status: str
) -> None:
    """An upload of which is heard after its row was deleted makes no row that would keep it."""
    asset = account.upload("a")
    await db.execute(ROW, "a", asset.asset_id, 1, START)
    await db.execute("DELETE FROM public.media_assets")
    if status == "completed":
        await db.execute(
            "UPDATE mediasweep.cloudinary_cleanup_queue SET status = $1, processed_at = now()",
            status,
        )
    assert await hear_all(db, account.told) == []
    account.now += timedelta(days=20_000)
    account.tag()
    assert await hear_all(db, account.told[1:]) == []
    claimed = await claim(db)
    assert (len(claimed.jobs), claimed.skipped) == (int(status == "pending"), 0)


async def test_without_asking_the_queue_the_deletion_would_be_lost(
    db: Db, account: Account
) -> None:
    """If the queue were not asked, the late row would be a use, and the asset never deleted."""
    await db.execute(
        "CREATE OR REPLACE FUNCTION mediasweep.was_let_go(asset text, name jsonb, uploaded"
        " timestamptz, file bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false'"
    )
    with pytest.raises(AssertionError):
        await test_a_late_upload_does_not_bring_back_what_was_let_go_of(db, account, "pending")


async def test_what_the_application_deleted_stays_deleted(db: Db, account: Account) -> None:
    """A row that was deleted softly comes back by a later upload, and by nothing else."""
    account.upload("a")
    await hear_all(db, account.told)
    await db.execute("UPDATE media_assets SET deleted_at = $1", START + timedelta(seconds=1))
    account.now += timedelta(minutes=1)
    account.tag()
    assert await hear_all(db, account.told) == []
    account.upload("a")
    assert await hear_all(db, account.told) == account.rows()


async def test_an_old_delete_spares_a_row_that_was_made_later(db: Db, account: Account) -> None:
    """A row without asset id that was made after the delete, or of a later file, stays."""
    asset = account.upload("a")
    account.delete()
    made = account.now + timedelta(seconds=1)
    row = await db.fetchval(ROW, "a", None, 1, made)
    for body in reversed(account.told):
        await hear(db, body)
    assert await db.fetchval(DELETED_AT, row) is None
    await db.execute("UPDATE public.media_assets SET created_at = $1", START)
    account.told.clear()
    account.upload("a")
    account.assets.clear()
    account.tell("delete", resources=[{**asset.named(), "public_id": "a", "x": 1}])
    await hear(db, account.told[-1])
    assert await db.fetchval(DELETED_AT, row) == account.now


async def test_an_asset_that_lost_its_name_leaves_it(db: Db, account: Account) -> None:
    """Of two assets that have had one name the later one has it, also in a row of the user's."""
    account.keeps_asset_id = False
    row = await db.fetchval(ROW, "a", "older", 1, START - timedelta(days=1))
    account.upload("a")
    assert await hear_all(db, account.told) == account.rows()
    assert await db.fetchval(DELETED_AT, row) == account.now
    older = {"asset_id": "older", "resource_type": "image", "type": "upload"}
    body = account.tell("rename", **older, from_public_id="a", to_public_id="b")
    await hear(db, body.replace(b"12:00:00.002", b"11:00:00.000"))
    assert await db.fetchval(DELETED_AT, row) is None
    assert {one["public_id"] for one in await library(db)} == {"a", "b"}
    assert await db.fetchval(QUEUED) == 0


async def test_what_nobody_knows_is_kept_and_counted(db: Db, account: Account) -> None:
    """A notification of another type changes nothing and stays in the inbox as ignored."""
    body = account.tell("create_folder", folder_path="a", folder_name="a")
    assert await hear(db, body) == "ignored"
    assert await hear(db, body) is None
    kept = await db.fetchrow("SELECT notification_type, outcome, body FROM mediasweep.inbox")
    assert kept is not None
    assert tuple(kept.values()) == ("create_folder", "ignored", body)


async def test_what_is_old_is_dropped_and_what_was_not_applied_is_not(
    db: Db, account: Account
) -> None:
    """After the retention a notification goes, and what it said; nothing younger than two days."""
    account.upload("a")
    await hear_all(db, account.told)
    waits = Received(b"waits", START, account.tell("delete"))
    await Inbox(db).receive(waits, "delete", timedelta(0))
    await db.execute(LONG_AGO, timedelta(days=1.9))
    assert await Inbox(db).prune(timedelta(hours=1), 10) == 0
    await db.execute(LONG_AGO, timedelta(days=1))
    assert await Inbox(db).prune(timedelta(hours=1), 10) == 1
    assert await db.fetchval("SELECT array_agg(digest) FROM mediasweep.inbox") == [b"waits"]
    assert await db.fetchval(REMEMBERED) == 0
    account.move()
    assert await hear_all(db, account.told[-1:]) == account.rows()


LONG_AGO = """
WITH inbox AS (
  UPDATE mediasweep.inbox SET done_at = done_at - $1::interval, due_at = due_at - $1::interval),
name AS (UPDATE mediasweep.asset_name SET heard_at = heard_at - $1::interval)
UPDATE mediasweep.asset SET heard_at = heard_at - $1::interval
"""
REMEMBERED = """
SELECT (SELECT count(*) FROM mediasweep.asset) + (SELECT count(*) FROM mediasweep.asset_name)
"""


@pytest.mark.parametrize(
    "lost", ["SELECT mediasweep.detach('media_assets')", "DROP TABLE media_assets"]
)
async def test_without_a_library_of_ours_nothing_is_written(
    db: Db, account: Account, lost: str
) -> None:
    """Where the table is not attached, or not there, notifications are kept and no more."""
    await db.execute(lost)
    account.upload("a")
    assert await hear(db, account.told[0]) == "no_library"
    assert await db.fetchval("SELECT count(*) FROM mediasweep.asset") == 0


async def test_the_daemons_role_needs_no_right_on_the_library(
    database: str, db: Db, account: Account
) -> None:
    """Of three roles the owner may write the library, the daemon not, and the reader may look."""
    async with staffed(database) as staff:
        daemon = await asyncpg.connect(staff.daemon.dsn)
        account.upload("a")
        assert [await hear(daemon, body) for body in account.told] == ["applied"]
        await daemon.close()
        reader = await asyncpg.connect(staff.reader.dsn)
        assert await reader.fetchval("SELECT count(*) FROM mediasweep.inbox") == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await hear(reader, account.tell("delete"))
        await reader.close()
    assert await library(db) == account.rows()


async def test_a_notification_waits_for_nobody_long(
    db: Db, connect: Connect, account: Account
) -> None:
    """While a transaction holds the row, applying gives up soon, and is done all the same later."""
    account.upload("a")
    account.delete()
    await hear(db, account.told[0])
    other = await connect()
    async with other.transaction():
        await other.execute("UPDATE media_assets SET display_name = 'mine'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await hear(db, account.told[1])
    assert await db.fetchval(DUE) == 1
    assert await hear_all(db, account.told[1:]) == []
