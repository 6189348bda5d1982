"""Commands as their users run them, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from dataclasses import dataclass

from tests.daemons import ROOT

WITHIN_S = 50.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: its exit code, data (stdout) and log (stderr)."""

    code: int
    out: str
    err: str


async def mediasweep(env: dict[str, str], *args: str, typed: str | None = None) -> Done:
    """Run a command to its end; `typed`: at a terminal, where this is typed."""
    keyboard = terminal = None
    if typed is not None:
        keyboard, terminal = pty.openpty()
        os.write(keyboard, typed.encode())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mediasweep", *args),
        env=env,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL if terminal is None else terminal,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(WITHIN_S):
        out, err = await process.communicate()
    for open_ in (keyboard, terminal):
        if open_ is not None:
            os.close(open_)
    return Done(process.returncode or 0, out.decode(), err.decode())
