"""A moment as people type it: how long ago (`1h`, `90m`, `1d12h`), or a date and time.

Pure: the present is an argument. What is neither raises MomentError, whose text says what to write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
AGO = re.compile(r"(?:[0-9]{1,6}[wdhms])+")
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
PART = re.compile(r"([0-9]+)([wdhms])")


class MomentError(ValueError):
    """A text names no moment, or two moments no window; the message says what to write."""


def moment(text: str, now: datetime) -> datetime:
    """Return the moment that a text names, in UTC.

    `1h`, `30m`, `2d`, `1d12h`: so long before `now`. Otherwise ISO 8601; without an offset it is in
    UTC, as everything that is printed. Raises MomentError.
    """
    said = text.strip()
    try:
        if AGO.fullmatch(said.lower()):
            parts = PART.findall(said.lower())
            ago = sum((timedelta(**{UNITS[u]: int(n)}) for n, u in parts), timedelta())
            return (now - ago).astimezone(UTC)
        read = datetime.fromisoformat(said)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MomentError(
            f"{text!r} is no moment: give how long ago, as in 30m, 1h or 2d, "
            "or a time, as in 2026-03-01T14:30 (UTC) or 2026-03-01T14:30+01:00"
        ) from None


def from_json(said: str) -> datetime:
    """Return the time that PostgreSQL has written into JSON, in UTC.

    Of what Python has no time for, as infinity, the first or the last that it has.
    """
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except (ValueError, OverflowError):
        return FIRST if said.startswith("-") or said.endswith("BC") else LAST


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` up to, but not including, `until`; None: without a bound."""

    since: datetime | None = None
    until: datetime | None = None


def window(since: str | None, until: str | None, now: datetime) -> Window:
    """Return the window between two texts; raises MomentError, also if it could hold nothing."""
    found = Window(
        None if since is None else moment(since, now),
        None if until is None else moment(until, now),
    )
    if found.since and found.until and found.since >= found.until:
        raise MomentError(
            f"nothing lies between {since!r} and {until!r}: the first has to be older"
        )
    if found.since and found.since > now:
        raise MomentError(f"{since!r} has not come yet")
    return found
