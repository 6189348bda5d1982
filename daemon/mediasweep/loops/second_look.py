"""After a failover: what was deleted before is looked at again before anything more is deleted.

A chore, repeated by every daemon. Each hands in what it remembers to have deleted whenever the
server process is another one; a journal that does not know it has lost commits. Once the hold is
over, whoever comes first asks the guard about the deletions of the last hour, step by step. Nothing
in use again: the gate opens by itself. Otherwise it stays, and says what was found. A guard that
cannot answer is asked again in the next round; a failure of the database is left to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mediasweep.rules.events import GuardFailed, LookedAgain, Recalled

if TYPE_CHECKING:
    from uuid import UUID

    from mediasweep.loops.recent_deletions import RecentDeletions
    from mediasweep.postgres.environment import Environment
    from mediasweep.rules.events import Emit

HOLD = timedelta(minutes=5)  # in which every daemon hands in what it remembers
RECALL_MOST = 1000
LOOK_MOST = 100  # what a guard is asked about in one claim, too
NAMED_MOST = 5


@dataclass(slots=True)
class SecondLook:
    """The second look of one daemon."""

    environment: Environment
    daemon: UUID
    recent: RecentDeletions
    emit: Emit
    _server: str | None = None

    async def once(self) -> None:
        """Hand in what is remembered, if it may have been lost; look at all that there is."""
        await self._recall()
        found: list[str] = []
        while True:
            look = await self.environment.look_again(HOLD, LOOK_MOST)
            found += look.in_use
            if look.state != "looking":
                break
        if look.error is not None:
            self.emit(GuardFailed(look.error))
        if found or look.state == "clean":
            self.emit(LookedAgain(look.looked, len(found), tuple(found[:NAMED_MOST])))

    async def _recall(self) -> None:
        server = await self.environment.server()
        if server == self._server and not self.recent.lost:
            return
        self.recent.lost = False
        self._server = None  # should a call fail, all is asked again
        kept, recalled = self.recent.deletions(), 0
        for first in range(0, len(kept), RECALL_MOST):
            some = kept[first : first + RECALL_MOST]
            recalled += await self.environment.recall(self.daemon, some)
        self._server = server
        if recalled:
            self.emit(Recalled(recalled))
