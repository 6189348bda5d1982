"""The daemon with something of it replaced, in a process of the test's own.

`python -m tests.programs impatient` runs it with gates that test themselves soon;
`python -m tests.programs die POINT N` kills it the Nth time that it comes to a point.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import mediasweep.daemon
import mediasweep.loops.second_look
from mediasweep.cli import main
from mediasweep.cloudinary import Account
from mediasweep.postgres.queue import Queue

Step = Callable[..., Awaitable[Any]]
STEPS: dict[str, tuple[type, str]] = {
    "claim": (Queue, "claim"),
    "send": (Account, "destroy"),
    "record": (Queue, "record"),
}
POINTS = [f"{when}_{step}" for step in STEPS for when in ("before", "after")]


def impatient() -> None:
    """Shorten the waits of gates and backoff, and the hold after a failover."""
    short = timedelta(seconds=0.3)
    mediasweep.daemon.GATE_FIRST = dict.fromkeys(mediasweep.daemon.GATE_FIRST, short)
    mediasweep.daemon.GATE_LONGEST = timedelta(seconds=1)
    mediasweep.loops.second_look.HOLD = timedelta(seconds=1)


def die(point: str, times: int) -> None:
    """Kill this process at a point, the `times`th time that it is reached."""
    when, _, step = point.partition("_")
    owner, name = STEPS[step]
    original: Step = getattr(owner, name)
    reached = 0

    async def instrumented(self: object, *args: object, **more: object) -> object:
        nonlocal reached
        reached += when == "before"
        if when == "before" and reached == times:
            os.kill(os.getpid(), signal.SIGKILL)
        done = await original(self, *args, **more)
        reached += when == "after" and (step != "claim" or bool(done.jobs))
        if when == "after" and reached == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(owner, name, instrumented)


if __name__ == "__main__":
    if sys.argv[1] == "die":
        die(sys.argv[2], int(sys.argv[3]))
    impatient()
    sys.argv[1:] = ["run"]
    main()
