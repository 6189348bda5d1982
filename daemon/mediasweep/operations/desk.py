"""What operations are given on behalf of who asks over HTTP, and what they may fail of by no fault
of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediasweep.postgres.pool import BROKEN, PASSING, DatabaseError, Pool
from mediasweep.rules.address import delivery

if TYPE_CHECKING:
    from mediasweep.cloudinary import Account

__all__ = ["BROKEN", "PASSING", "DatabaseError", "Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """Connections that the work does not need, and the account."""

    pool: Pool
    account: Account

    @property
    def cloud(self) -> str:
        """Return the cloud of this daemon."""
        return self.account.credentials.cloud_name

    @property
    def delivery(self) -> str:
        """Return where its assets are delivered from, as a page's policy names it."""
        return delivery(self.account.credentials.upload_prefix)
