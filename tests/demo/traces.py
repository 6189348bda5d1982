"""What a program leaves behind: its files, the processes that have its temp folder, their end."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from pathlib import Path

GONE_WITHIN_S = 20.0


def contents(folder: Path) -> list[Path]:
    """Return what is in a folder."""
    return list(folder.iterdir())


def processes(folder: Path) -> set[int]:
    """Return the processes that were told to use this temp folder, or are in it."""
    told = f"TMPDIR={folder}".encode()
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):  # it has gone, or is not ours
                environment = (entry / "environ").read_bytes().split(b"\0")
                place = (entry / "cwd").readlink()
                if told in environment or place.is_relative_to(folder):
                    found.add(int(entry.name))
    return found


def wait_until_gone(pid: int) -> None:
    """Return when the process has ended; raises TimeoutError."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(GONE_WITHIN_S * 1000):
            raise TimeoutError(f"process {pid} is still there")
    finally:
        os.close(descriptor)
