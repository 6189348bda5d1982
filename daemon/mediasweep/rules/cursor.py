"""A cursor: a place in a list from the newest to the oldest, as it is handed out and comes back.

Pure. What was never handed out is a CursorError.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WRITTEN = re.compile(r"(\d{1,17})-([0-9a-f]{32})", re.ASCII)


class CursorError(ValueError):
    """A text is no place in a list; the message says where to get one."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """After the row of this time and id; of rows of the same time the greatest id comes first."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        """Return it as it is handed out."""
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.id.hex}"


def cursor(text: str) -> Cursor:
    """Return the cursor that was handed out like this."""
    written = WRITTEN.fullmatch(text)
    if not written:
        raise CursorError(f"{text!r} is no place in this list: give `next` of the page before")
    return Cursor(EPOCH + timedelta(microseconds=int(written[1])), UUID(written[2]))
