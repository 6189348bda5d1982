"""The daemon as its users run it: a process of its own, configured by its environment.

It dies with this process, and its log goes with the folder that it was put into.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 30.0
POLL_S = 0.02
PR_SET_PDEATHSIG = 1
OK = 200
FOREIGN = ("DATABASE_URL", "CLOUDINARY_", "NEXT_PUBLIC_", "SUPABASE_", "MEDIASWEEP_", "PG")


class DaemonError(Exception):
    """The daemon did not become ready; the message holds the end of its log."""


@contextmanager
def daemon(log: Path, *, dsn: str, cloudinary_url: str, port: int) -> Iterator[str]:
    """Run the daemon and yield where it answers; port 0 takes a free one."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    env |= {
        "DATABASE_URL": dsn,
        "CLOUDINARY_URL": cloudinary_url,
        "MEDIASWEEP_HTTP_BIND": f"127.0.0.1:{port}",
        "MEDIASWEEP_LOG_FORMAT": "json",  # which says where it answers
    }
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def before_exec() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mediasweep", "run"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a Ctrl-C at the terminal is for us
            preexec_fn=before_exec,  # noqa: PLW1509  no thread of ours holds a lock here
        )
    try:
        yield _wait_until_ready(process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def http_status(url: str) -> int:
    """Return the status of a GET; 0 without an answer."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  our own loopback address
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return where the daemon answers, once it is ready."""
    until, address = time.monotonic() + READY_WITHIN_S, None
    while time.monotonic() < until and process.poll() is None:
        address = address or _address(log)
        if address is not None and http_status(f"{address}/readyz") == OK:
            return address
        time.sleep(POLL_S)
    end = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    raise DaemonError(f"the daemon did not become ready:\n{end}")


def _address(log: Path) -> str | None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    started = (line for line in lines if '"daemon_started"' in line and line.endswith("\n"))
    return next((f"http://{json.loads(line)['http']}" for line in started), None)
