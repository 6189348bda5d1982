"""The inbox, struck at each of its steps: every notification is applied, and once."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import asyncpg
import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.inbox import Inbox, Received
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.notification import Notification
from tests.daemons import environment
from tests.failpoints import cases, database
from tests.failpoints.inbox import INBOX
from tests.failpoints.nursery import Nursery
from tests.failpoints.steps import SIDES
from tests.failpoints.worlds import QUICK
from tests.inbox.account import Account
from tests.inbox.library import QUEUED, library

pytestmark = pytest.mark.timeout(180)  # one daemon after the other
# what cannot be applied at first, and a count of how often each notification was
WATCHED = """
CREATE TABLE public.done (digest bytea);
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.done VALUES (new.digest); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON mediasweep.inbox FOR EACH ROW
  WHEN (old.done_at IS NULL AND new.done_at IS NOT NULL) EXECUTE FUNCTION public.note();
ALTER TABLE public.media_assets ADD CONSTRAINT good CHECK (display_name <> 'bad')
"""
MEND = "ALTER TABLE public.media_assets DROP CONSTRAINT good"
# in the order in which they came: what is said of a name that is gone would write no row
DUE = "UPDATE mediasweep.inbox SET due_at = received_at WHERE done_at IS NULL"
ALL_DONE = "SELECT NOT EXISTS (SELECT FROM mediasweep.inbox WHERE done_at IS NULL)"
INSIDE = ("list:write_row:after", "apply_notification:UPDATE inbox:after")
TWICE = "SELECT digest FROM public.done GROUP BY digest HAVING count(*) <> 1"


@dataclass(slots=True)
class Mail:
    """An account, and the database that hears of it."""

    db: Db
    beside: Db
    account: Account
    env: dict[str, str]
    nursery: Nursery
    sent: int = 0

    async def comes(self) -> None:
        """Let something come that takes every step; one of it fails as long as it may."""
        self.account.keeps_asset_id = False
        name = f"n{len(self.account.told)}"
        self.account.upload(name)
        self.account.upload(name)  # over it, by another asset
        self.account.upload(f"bad{name}", "bad")
        self.account.tag()
        self.account.rename()
        self.account.delete()
        for body in self.account.told[self.sent :]:
            one = Received(hashlib.sha256(body).digest(), self.account.now, body)
            await Inbox(self.db).receive(one, Notification.read(body).type, timedelta(0))
        self.sent = len(self.account.told)
        await self.db.execute(DUE)

    async def all_applied(self) -> None:
        """Let one more daemon finish, and see that all is in the library, and nothing queued."""
        await self.db.execute(MEND)
        last = await self.nursery.bear(self.env)
        await last.seen("daemon_started")
        while not await self.db.fetchval(ALL_DONE):
            await self.db.execute(f"{DUE}; SELECT pg_sleep(0.1)")
        assert await last.stop() == 0
        assert await library(self.db) == self.account.rows()
        assert await self.db.fetch(TWICE) == []
        assert await self.db.fetchval(QUEUED) == 0


@pytest.fixture
async def mail(database: str, db: Db, cloud: Cloud) -> AsyncIterator[Mail]:
    """Give an account whose notifications come."""
    nursery = await Nursery.open()
    beside = await asyncpg.connect(database)
    await db.execute(WATCHED)
    yield Mail(db, beside, Account(Random(5)), environment(database, cloud.url, **QUICK), nursery)
    await beside.close()
    await nursery.close()


async def test_a_daemon_killed_at_a_step_of_the_inbox_loses_nothing(mail: Mail) -> None:
    """SIGKILL before and after each step of the process, and while the database is at one."""
    steps = (step for step in cases.listed(INBOX) if step.startswith("inbox."))
    for point in [f"{step}:{side}" for step in steps for side in SIDES]:
        await mail.comes()
        child = await mail.nursery.bear(mail.env, {point: ("kill", 1)})
        assert (await child.over(), child.struck()) == (-9, {point})
    await database.prepare(mail.db)
    for point in INSIDE:
        await mail.comes()  # no daemon is there yet
        await database.hold(mail.db)
        await database.arm(mail.db, [point], "hang")
        child = await mail.nursery.bear(mail.env)
        await database.until_one_stands(mail.db)
        child.kill()
        assert await child.over() == -9
        await database.let_go(mail.db)
    await mail.all_applied()


async def test_a_notification_that_fails_at_a_step_is_applied_later(mail: Mail) -> None:
    """Cut off or failing inside the database: the same daemon goes on, with the others first."""
    await database.prepare(mail.db)
    child = await mail.nursery.bear(mail.env)
    for blow in ("cut", "bug", "deadlock"):
        await database.arm(mail.db, INSIDE, blow)
        await mail.comes()
        while await database.left(mail.db):
            await mail.db.execute(f"{DUE}; SELECT pg_sleep(0.1)")
    assert await child.stop() == 0
    await mail.all_applied()
