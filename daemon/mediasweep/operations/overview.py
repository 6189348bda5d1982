"""How everything stands, for who looks at the first page: what a person has to know before all.

A long queue costs a look no more than a short one. It raises what asyncpg raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.operations.fleet import still_closed
from mediasweep.postgres.activity import Activity
from mediasweep.postgres.fleet import Fleet
from mediasweep.rules.journal import Entries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediasweep.operations.history import History, Hour
    from mediasweep.postgres.pool import Connection, Pool

LATEST = 8


@dataclass(frozen=True, slots=True)
class FleetOverview:
    """`hours`: what was done in each of the last; `latest`: the newest entries of the journal."""

    figures: Mapping[str, Any]
    gates: Sequence[Mapping[str, Any]]
    daemons: Sequence[Mapping[str, Any]]
    capture: Sequence[str]
    strays: Sequence[Mapping[str, Any]]
    hours: Sequence[Hour]
    latest: Sequence[Mapping[str, Any]]

    @property
    def counting(self) -> bool:
        """Tell whether the first of these hours are still to be counted."""
        return not all(hour.known for hour in self.hours)

    @property
    def done(self) -> int:
        """Return how many assets are known to have gone."""
        return sum(hour.deleted + hour.absent for hour in self.hours)

    @property
    def absent(self) -> int:
        """Return how many of these were not there."""
        return sum(hour.absent for hour in self.hours)

    @property
    def failed(self) -> int:
        """Return how many rows failed."""
        return sum(hour.failed for hour in self.hours)

    @property
    def success_rate(self) -> float | None:
        """Return how many percent went well; None: there was nothing to do."""
        ended = self.done + self.failed
        return 100 * self.done / ended if ended else None


async def figures(connection: Pool | Connection) -> Mapping[str, Any]:
    """Return what is due, what failed, what is in doubt, and the drift, in figures."""
    return await Fleet(connection).standing()


async def look(
    connection: Pool | Connection, figures: Mapping[str, Any], history: History
) -> FleetOverview:
    """Return how everything stands, given the figures."""
    fleet = Fleet(connection)
    return FleetOverview(
        figures=figures,
        gates=await still_closed(connection),
        daemons=await fleet.daemons(),
        capture=await fleet.capture_trouble(),
        strays=await fleet.strays(),
        hours=await history.look(connection),
        latest=await Activity(connection).page(Entries(), None, None, LATEST),
    )
