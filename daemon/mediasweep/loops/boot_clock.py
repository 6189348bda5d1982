"""The boot clock, which goes on while the machine sleeps: a lease must not look young because the
process was frozen. Times on it are seconds, and mean nothing to another machine.
"""

from __future__ import annotations

import time


def boot_s() -> float:
    """Return seconds on a clock that also runs while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
