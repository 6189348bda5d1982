"""The hourly quota of Cloudinary's Admin API, which each of its answers tells in three headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LIMIT, LEFT, RESET = (f"x-featureratelimit-{what}" for what in ("limit", "remaining", "reset"))


@dataclass(frozen=True, slots=True)
class Quota:
    """So many calls an hour, of which so many are left until `reset_at`."""

    limit: int
    remaining: int
    reset_at: datetime


def read_quota(headers: Mapping[str, str]) -> Quota | None:
    """Read the headers of an answer, named in lower case; None where they do not tell."""
    try:
        reset_at = parsedate_to_datetime(headers.get(RESET, ""))
        told = Quota(int(headers[LIMIT]), int(headers[LEFT]), reset_at)
    except (KeyError, ValueError):
        return None
    return (
        told if reset_at.tzinfo else Quota(told.limit, told.remaining, reset_at.replace(tzinfo=UTC))
    )
