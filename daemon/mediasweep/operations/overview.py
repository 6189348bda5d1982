"""How everything stands, for who looks at the first page: what a person has to know before all.

Figures come counted as metrics have them, so that a long queue costs a look no more than a short
one. It raises what asyncpg raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.operations.fleet import still_closed
from mediasweep.postgres.activity import Activity
from mediasweep.postgres.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediasweep.postgres.pool import Connection, Pool


@dataclass(frozen=True, slots=True)
class Overview:
    """`state`: the figures, `age_s` old; `hours`: what was done in each of the last 24, the oldest
    first.
    """

    state: Mapping[str, Any]
    gates: Sequence[Mapping[str, Any]]
    daemons: Sequence[Mapping[str, Any]]
    capture: Sequence[str]
    strays: Sequence[Mapping[str, Any]]
    hours: Sequence[Mapping[str, Any]]

    @property
    def success_rate(self) -> float | None:
        """Return how many percent of the last 24 hours' deletions went well; None: of none."""
        done = sum(hour["deleted"] + hour["absent"] for hour in self.hours)
        failed = sum(hour["failed"] for hour in self.hours)
        return 100 * done / (done + failed) if done + failed else None


async def look(connection: Pool | Connection) -> Overview:
    """Return how everything stands."""
    fleet = Fleet(connection)
    return Overview(
        state=await fleet.state() or {},
        gates=await still_closed(connection),
        daemons=await fleet.daemons(),
        capture=await fleet.capture_trouble(),
        strays=await fleet.strays(),
        hours=await Activity(connection).hours(),
    )
