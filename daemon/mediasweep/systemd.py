"""The supervisor: told when the daemon is up, what it does, and that its work loop turns.

Speaks sd_notify(3): a datagram to the socket that NOTIFY_SOCKET names. Without one nothing happens.
A message that cannot be sent is dropped, because the next turn says everything again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

SAID_EVERY_S = 2.0
LONGEST = (
    500  # characters of a status: systemd drops a message of more than 4 KiB, watchdog and all
)


class Supervisor:
    """Who started this process, if they want to hear of it."""

    def __init__(
        self, environ: Mapping[str, str], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Read where it listens, and how long it bears silence."""
        path = environ.get("NOTIFY_SOCKET", "")
        # a name that begins with @ is in the abstract namespace
        self._address = path.replace("@", "\0", 1) if path.startswith("@") else path
        self._every_s = min(SAID_EVERY_S, _watchdog_s(environ) / 4)
        self._clock_s = clock_s
        self._next_s = float("-inf")

    def starting(self, status: str, within: timedelta) -> None:
        """Say what the start waits for, and that the next word comes within this time."""
        self._say(STATUS=status, EXTEND_TIMEOUT_USEC=_usec(within))

    def turned(self, status: Callable[[], str]) -> None:
        """Say that the daemon is up and its work loop has turned, if that is worth saying again."""
        if self._clock_s() >= self._next_s:
            self._next_s = self._clock_s() + self._every_s
            self._say(READY="1", WATCHDOG="1", STATUS=status())

    def stopping(self, status: str, within: timedelta) -> None:
        """Say that the daemon stops, and how long that may take."""
        self._say(STOPPING="1", STATUS=status, EXTEND_TIMEOUT_USEC=_usec(within))

    def _say(self, **values: str) -> None:
        if not self._address:
            return
        lines = (f"{name}={' '.join(value.split())[:LONGEST]}" for name, value in values.items())
        text = "\n".join(lines).encode(errors="replace")
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK  # a deaf supervisor must not hold us up
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as out:
            out.sendto(text, self._address)


def _watchdog_s(environ: Mapping[str, str]) -> float:
    """Return after how much silence the supervisor kills this process; infinite: never."""
    usec = environ.get("WATCHDOG_USEC", "")
    ours = environ.get("WATCHDOG_PID") in {None, str(os.getpid())}
    return int(usec) / 1e6 if usec.isdecimal() and ours else float("inf")


def _usec(duration: timedelta) -> str:
    return str(round(duration.total_seconds() * 1e6))
