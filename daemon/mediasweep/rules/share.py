"""How much of the Admin API's hourly quota a reconciliation may take.

It takes a share and leaves the rest: it makes no call while fewer are left than the others are to
have, whoever made them. So nothing has to be counted or shared between processes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mediasweep.rules.quota import Quota

SLACK = timedelta(seconds=1)  # two clocks, and resets are told in whole seconds


def pause(quota: Quota, share: float, now: datetime) -> timedelta:
    """Return how long to wait before the next call: not at all, or until the reset."""
    mine = max(1, int(quota.limit * share))
    if quota.remaining > quota.limit - mine or now >= quota.reset_at:
        return timedelta(0)
    return quota.reset_at - now + SLACK


def next_hour(now: datetime) -> datetime:
    """Return when the quota is whole again, where nothing better is known."""
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
