"""What is forked is like what is started: what holds of the one in a test holds of the other."""

from __future__ import annotations

import os
import subprocess
import sys
from asyncio import to_thread
from pathlib import Path

import pytest

from tests.forks import ROOT, Process, plain


@pytest.mark.parametrize("words", [("version",), ("nonsense",), ("status",), ("queue", "--help")])
async def test_a_fork_says_what_a_process_says_and_ends_as_it_ends(words: tuple[str, ...]) -> None:
    """The same command, once forked and once started, has the same streams and exit code."""
    program = ("-m", "mediasweep", *words)
    command = [sys.executable, "-P", *program]
    started = await to_thread(
        subprocess.run, command, env=plain(), cwd=ROOT, capture_output=True, check=False
    )
    forked = await Process.start(plain(), program)
    assert await forked.communicate() == (started.stdout, started.stderr)
    assert forked.returncode == started.returncode


async def test_what_is_elsewhere_is_read_anew(tmp_path: Path) -> None:
    """With another PYTHONPATH its code is that of this path, and not what was read before."""
    (tmp_path / "mediasweep.py").write_text("print('another')", encoding="utf-8")
    other = await Process.start(plain() | {"PYTHONPATH": str(tmp_path)}, ("-m", "mediasweep"))
    assert await other.communicate() == (b"another\n", b"")


async def test_a_fork_that_is_killed_says_so() -> None:
    """Its end is that of a process killed by SIGKILL, and afterwards it can be killed again."""
    waiting = await Process.start(plain(), ("-c", "import signal; signal.pause()"))
    waiting.kill()
    assert await waiting.wait() == -9
    waiting.kill()
    assert not os.path.exists(f"/proc/{waiting.pid}")  # noqa: PTH110, ASYNC240  a look at the kernel
