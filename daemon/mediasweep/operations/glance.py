"""The fleet's figures for who looks again and again and must not wait: counted at once where that
is quick. In a long queue they are those of the look before, and are counted anew once this one has
been answered.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mediasweep.postgres.fleet import Fleet

if TYPE_CHECKING:
    from mediasweep.postgres.pool import Connection, Pool

QUICK_S = 0.05
SLOW_FOR_S = 60.0  # after a count that was slow; most calls only bring what another has counted


@dataclass(slots=True)
class Glance:
    """What was counted last; empty before the first count."""

    _figures: Mapping[str, Any] = field(default_factory=dict)
    _slow_until_s: float = -math.inf

    @property
    def late(self) -> bool:
        """Tell whether `count` is to be called once there is time."""
        return time.monotonic() < self._slow_until_s

    async def figures(self, connection: Pool | Connection) -> Mapping[str, Any]:
        """Return the figures; raises what asyncpg raised."""
        if not self._figures or not self.late:
            await self.count(connection)
        return self._figures

    async def count(self, connection: Pool | Connection) -> None:
        """Count, unless somebody has just done so."""
        began_s = time.monotonic()
        self._figures = await Fleet(connection).state() or self._figures
        if time.monotonic() - began_s > QUICK_S:
            self._slow_until_s = time.monotonic() + SLOW_FOR_S
