"""A command in a process of its own, without a terminal."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from tests.daemons import ROOT

WITHIN_S = 50.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


async def mediasweep(env: dict[str, str], *args: str) -> Done:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mediasweep", *args),
        env=env,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(WITHIN_S):
        out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())
