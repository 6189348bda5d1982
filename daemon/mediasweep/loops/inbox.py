"""The inbox: what was written down by whichever daemon is applied to the library.

The daemon that received something knows at once; what another one received and left, and what could
not be applied, is found by the tick. Each notification is applied by itself, so that one which
cannot be blocks no other: it stays, with its error, and is tried again later and later. A failure
of the database ends the turn; what was taken comes back by itself.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from mediasweep.postgres.pool import PASSING, WAITED_OUT
from mediasweep.rules.events import DatabaseLost
from mediasweep.rules.notification import Notification
from mediasweep.rules.text import message
from mediasweep.rules.webhook import NotificationApplied, NotificationFailed

if TYPE_CHECKING:
    from mediasweep.postgres.inbox import Inbox, Received
    from mediasweep.rules.events import Emit

TICK_S = 5.0
# what reading a body may come to that somebody else wrote, or an older release took for readable;
# it comes again after each restart, so that it must not end the process
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
MOST = 50  # taken at a time; all of them are applied well before they fall due again


@dataclass(slots=True)
class InboxLoop:
    """Applies what is due, whenever it is woken or the tick comes."""

    inbox: Inbox
    heard: asyncio.Event
    emit: Emit

    async def run(self) -> None:
        """Apply until cancelled."""
        while True:
            self.heard.clear()  # before the look, so that what comes meanwhile is remembered
            try:
                while await self.once():
                    pass
            except WAITED_OUT as error:
                self.emit(DatabaseLost("inbox", message(error)))
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self.heard.wait()

    async def once(self) -> bool:
        """Apply some of what is due; tells whether there may be more."""
        taken = await self.inbox.take(MOST)
        for one in taken:
            await self._apply(one)
        return len(taken) == MOST

    async def _apply(self, one: Received) -> None:
        kind = "unknown"
        try:
            notification = Notification.read(one.body)
            kind, changes = notification.type, notification.changes(one.signed_at)
            outcome = await self.inbox.apply(one.digest, changes)
        except (asyncpg.PostgresError, *UNREADABLE) as error:
            if isinstance(error, PASSING) and not isinstance(error, asyncpg.LockNotAvailableError):
                raise
            said = message(error)
            await self.inbox.put_back(one.digest, said)
            self.emit(NotificationFailed(kind, one.digest.hex(), said))
        else:
            if outcome is not None:
                self.emit(NotificationApplied(kind, outcome, len(changes)))
