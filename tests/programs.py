"""The daemon with gates that test themselves soon, in a process of the test's own:
`python -m tests.programs impatient`.
"""

from __future__ import annotations

import sys
from datetime import timedelta

import mediasweep.daemon
import mediasweep.loops.second_look
from mediasweep.cli import main


def impatient() -> None:
    """Shorten the waits of gates and backoff, and the hold after a failover."""
    short = timedelta(seconds=0.3)
    mediasweep.daemon.GATE_FIRST = dict.fromkeys(mediasweep.daemon.GATE_FIRST, short)
    mediasweep.daemon.GATE_LONGEST = timedelta(seconds=1)
    mediasweep.loops.second_look.HOLD = timedelta(seconds=1)


if __name__ == "__main__":
    impatient()
    sys.argv[1:] = ["run"]
    main()
