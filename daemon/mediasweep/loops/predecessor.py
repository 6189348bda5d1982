"""Whether a daemon of this machine that the registry still lists is gone for certain.

A daemon that was killed keeps its share of the calls until it has been silent for long enough. One
that ran where this one runs, under the same kernel and in the same process namespace, can be asked
after: its process is there, or it is not. Where /proc does not tell, because it hides the processes
of other users, nobody who runs is said to be gone.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PROC = Path("/proc")
STARTED_AT = 19  # the field of /proc/PID/stat, counted from behind the name of the program


def identity() -> dict[str, Any]:
    """Return what names this process among all others: kernel, namespace, pid and start."""
    try:
        return {
            "boot": (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
            "namespace": (PROC / "self/ns/pid").stat().st_ino,
            "pid": os.getpid(),
            "started": _started(os.getpid()),
        }
    except OSError:
        return {}


def is_gone(other: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    """Tell whether the process of that identity is certainly no more."""
    same = bool(here) and all(other.get(name) == here[name] for name in ("boot", "namespace"))
    if not same:
        return False
    started = _started(other["pid"])
    return started != other["started"] if started is not None else not _exists(other["pid"])


def _started(pid: int) -> int | None:
    """Return when a process began, in clock ticks since the boot; None: none is to be seen."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[STARTED_AT])


def _exists(pid: int) -> bool:
    """Tell whether there is a process, hidden or not."""
    with contextlib.suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
