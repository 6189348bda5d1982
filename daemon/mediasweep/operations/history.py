"""What was done in each of the last hours, for who looks again and again: counted once, remembered.

The journal of a day may have a million rows. What is over does not change, so only the last minutes
are counted anew; and whoever looks first does not wait for the whole day, but is told what is known
by then.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mediasweep.postgres import clock
from mediasweep.postgres.activity import Activity

if TYPE_CHECKING:
    from mediasweep.postgres.pool import Connection, Pool

HOURS = 24
HOUR = timedelta(hours=1)
PART = timedelta(minutes=5)
SETTLES = timedelta(minutes=1)  # within which what was written down is committed
LOOK_S = 0.02


@dataclass(slots=True)
class Hour:
    """What became of rows in the hour from `at` on; not `known`: not counted yet."""

    at: datetime
    deleted: int = 0
    absent: int = 0
    failed: int = 0
    known: bool = False


@dataclass(slots=True)
class History:
    """What this process knows, by parts of five minutes, from `_since` to `_settled` for good."""

    _parts: dict[datetime, tuple[int, int, int]] = field(default_factory=dict)
    _since: datetime | None = None
    _settled: datetime | None = None

    async def look(self, connection: Pool | Connection) -> list[Hour]:
        """Return the last 24 hours, the oldest first, the present one included."""
        activity = Activity(connection)
        began_s = time.monotonic()
        now = await clock.now(connection)
        this = now.replace(minute=0, second=0, microsecond=0)
        oldest = this - (HOURS - 1) * HOUR
        if self._since is None or self._settled is None or now - self._settled > HOUR:
            self._since = self._settled = this  # nobody has looked for long: begin anew
        await self._count(activity, self._settled, now)
        settled = now - SETTLES
        self._settled = max(self._settled, settled - (settled - this) % PART)
        while self._since > oldest and time.monotonic() - began_s < LOOK_S:
            await self._count(activity, self._since - HOUR, self._since)
            self._since -= HOUR
        self._parts = {at: counts for at, counts in self._parts.items() if at >= oldest}
        return self._hours(oldest, now)

    async def _count(self, activity: Activity, since: datetime, until: datetime) -> None:
        for row in await activity.done(since, until):
            self._parts[row["at"]] = (row["deleted"], row["absent"], row["failed"])

    def _hours(self, oldest: datetime, now: datetime) -> list[Hour]:
        hours = [Hour(oldest + number * HOUR) for number in range(HOURS)]
        for hour in hours:
            hour.known = self._since is not None and hour.at >= self._since
        for at, (deleted, absent, failed) in self._parts.items():
            if at > now:  # known to who looked a moment later, or before the server was replaced
                continue
            hour = hours[(at - oldest) // HOUR]
            hour.deleted += deleted
            hour.absent += absent
            hour.failed += failed
        return hours
