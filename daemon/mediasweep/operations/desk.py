"""What operations are given on behalf of who asks over HTTP, and what they may fail of by no fault
of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediasweep.postgres.pool import BROKEN, PASSING, DatabaseError, Pool

__all__ = ["BROKEN", "PASSING", "DatabaseError", "Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """Connections that the work does not need, and the cloud of this daemon."""

    pool: Pool
    cloud: str
