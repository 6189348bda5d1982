"""What operations are given on behalf of who asks over HTTP, and what they may fail of by no fault
of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediasweep.cloudinary import Credentials
from mediasweep.postgres.pool import BROKEN, PASSING, DatabaseError, Pool
from mediasweep.rules.address import DELIVERY, delivery

__all__ = ["BROKEN", "PASSING", "DatabaseError", "Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """Connections that the work does not need, the cloud of this daemon, and where its assets are
    delivered from, as a page's policy names it.
    """

    pool: Pool
    cloud: str
    delivery: str = DELIVERY

    @classmethod
    def of(cls, pool: Pool, credentials: Credentials) -> Desk:
        """Return the desk of a daemon with these credentials."""
        return cls(pool, credentials.cloud_name, delivery(credentials.upload_prefix))
