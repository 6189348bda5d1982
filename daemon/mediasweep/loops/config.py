"""What an operator has set for all daemons, over what this one was started with.

It arrives with each claim; what is not set, or is taken back, is this daemon's own setting again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mediasweep.rules.settable import SETTABLE


@dataclass(slots=True)
class Config:
    """How often to look, how many rows at a time, how often to do the chores: own, and set."""

    own_interval: timedelta
    own_batch: int
    own_health_check: timedelta
    common: dict[str, Any] = field(default_factory=dict)

    def obey(self, told: Mapping[str, Any]) -> bool:
        """Take over what is set for all; tells whether that is news."""
        common = {name: told[name] for name in SETTABLE if told.get(name) is not None}
        is_news, self.common = common != self.common, common
        return is_news

    @property
    def interval(self) -> timedelta:
        """How long between two sweeps."""
        minutes = self.common.get("interval_minutes")
        return self.own_interval if minutes is None else timedelta(minutes=minutes)

    @property
    def batch(self) -> int:
        """How many rows to claim at the least."""
        return int(self.common.get("batch_size", self.own_batch))

    @property
    def health_check(self) -> timedelta:
        """How long between two rounds of chores."""
        seconds = self.common.get("health_check_interval")
        return self.own_health_check if seconds is None else timedelta(seconds=seconds)
