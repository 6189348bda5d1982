"""Commands as their users run them, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import pty
from dataclasses import dataclass

from tests.forks import Process

WITHIN_S = 50.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: its exit code, data (stdout) and log (stderr)."""

    code: int
    out: str
    err: str


async def start(env: dict[str, str], *args: str, stdin: int | None = None) -> Process:
    """Start a command, with a terminal if one is given."""
    return await Process.start(env, ("-m", "mediasweep", *args), stdin)


async def end(process: Process) -> Done:
    """Return what became of it."""
    async with asyncio.timeout(WITHIN_S):
        out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


async def mediasweep(env: dict[str, str], *args: str, typed: str | None = None) -> Done:
    """Run a command to its end; `typed`: at a terminal, where this is typed."""
    keyboard = terminal = None
    if typed is not None:
        keyboard, terminal = pty.openpty()
        os.write(keyboard, typed.encode())
    process = await start(env, *args, stdin=terminal)
    done = await end(process)
    for open_ in (keyboard, terminal):
        if open_ is not None:
            os.close(open_)
    return done
