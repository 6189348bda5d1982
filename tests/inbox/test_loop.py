"""The loop that applies notifications goes on, whatever one of them says."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mediasweep.loops.inbox import InboxLoop
from mediasweep.postgres.inbox import Inbox, Received
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.events import Event
from mediasweep.rules.webhook import NotificationApplied, NotificationFailed
from tests.inbox.account import START

KEPT = "SELECT i.digest FROM mediasweep.inbox i WHERE i.done_at IS NULL AND i.error IS NOT NULL"


async def test_what_cannot_be_read_stays_and_blocks_nothing(db: Db) -> None:
    """It would come again after each restart, and end every daemon, so it ends none."""
    inbox, told = Inbox(db), list[Event]()
    for digest, body in ((b"1", b"no JSON"), (b"2", b'{"notification_type": "odd"}')):
        await inbox.receive(Received(digest, START, body), "odd", timedelta(0))
    await InboxLoop(inbox, asyncio.Event(), told.append).once()
    assert [type(event) for event in told] == [NotificationFailed, NotificationApplied]
    assert [row["digest"] for row in await db.fetch(KEPT)] == [b"1"]
