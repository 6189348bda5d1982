"""What one notification may not do: end the loop, or bring back what was let go of."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from mediasweep.loops.inbox import InboxLoop
from mediasweep.postgres.inbox import Inbox, Received
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.events import Event
from mediasweep.rules.webhook import NotificationApplied, NotificationFailed
from tests.inbox.account import START, Account
from tests.inbox.library import hear_all, receive
from tests.schema.queue import claim

KEPT = "SELECT i.digest FROM mediasweep.inbox i WHERE i.done_at IS NULL AND i.error IS NOT NULL"

ROW = """
INSERT INTO public.media_assets (cloudinary_public_id, cloudinary_asset_id, cloudinary_version,
                                 file_size, mime_type, secure_url, url)
VALUES ('a', $1, $2, 1, 'image/png', 'u', 'u')
"""
DELETED = {
    "softly": "UPDATE public.media_assets SET deleted_at = now()",
    "by asset id": "DELETE FROM public.media_assets",
    "by name": "UPDATE public.media_assets SET cloudinary_asset_id = NULL;"
    " DELETE FROM public.media_assets",
}


@pytest.mark.parametrize("how", DELETED)
async def test_an_upload_that_is_told_late_brings_nothing_back(db: Db, how: str) -> None:
    """What was let go of before we heard of it, by a clock that is ahead, stays so; a later file
    comes back.
    """
    account = Account(Random(1), now=datetime.now(UTC) + timedelta(minutes=1))
    asset = account.upload("a")
    await db.execute(ROW, asset.asset_id, asset.version)
    await db.execute(DELETED[how])
    assert await hear_all(db, account.told) == []
    account.upload("a")
    assert await hear_all(db, account.told) == account.rows()


async def test_a_newer_file_that_was_kept_comes_into_the_library(db: Db) -> None:
    """A row that was deleted while it knew an older file only has not let go of the newer one."""
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    account = Account(Random(1), now=hour_ago, keeps_asset_id=True, _made=1_700_000_000)
    asset = account.upload("a")
    await db.execute(ROW, asset.asset_id, asset.version)
    account.upload("a")
    await db.execute("DELETE FROM public.media_assets")
    await receive(db, account.told[1])
    assert (await claim(db)).skipped == 1
    assert await hear_all(db, account.told) == account.rows()


async def test_what_cannot_be_read_stays_and_blocks_nothing(db: Db) -> None:
    """It would come again after each restart, and end every daemon, so it ends none."""
    inbox, told = Inbox(db), list[Event]()
    for digest, body in ((b"1", b"no JSON"), (b"2", b'{"notification_type": "odd"}')):
        await inbox.receive(Received(digest, START, body), "odd", timedelta(0))
    await InboxLoop(inbox, asyncio.Event(), told.append).once()
    assert [type(event) for event in told] == [NotificationFailed, NotificationApplied]
    assert [row["digest"] for row in await db.fetch(KEPT)] == [b"1"]
