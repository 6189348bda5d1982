"""How far a long command is: one line at a terminal, seldom a line elsewhere."""

from __future__ import annotations

import asyncio
import os
import pty
import sys

from mediasweep.cli.progress import SELDOM_S, Progress
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import WITHIN_S
from tests.daemons import ROOT, environment
from tests.restores import destroyed, restore


def test_where_nobody_watches_a_line_comes_seldom() -> None:
    """Of what is told too soon after a line only what is important is said."""
    said: list[str] = []
    progress = Progress(None, said.append, now_s=100)
    progress.tell("at once", now_s=100)
    progress.tell("soon", now_s=99.9 + SELDOM_S)
    progress.tell("in time", now_s=100 + SELDOM_S)
    progress.tell("soon again", now_s=101 + SELDOM_S)
    progress.tell("waiting", now_s=101 + SELDOM_S, important=True)
    progress.tell("soon after it", now_s=100 + 2 * SELDOM_S)
    progress.tell("at last", now_s=101 + 2 * SELDOM_S)
    assert said == ["in time", "waiting", "at last"]


async def test_a_restore_in_a_script_says_how_it_ended(database: str, db: Db, cloud: Cloud) -> None:
    """Three calls within a moment are one line on stderr."""
    await destroyed(db, cloud, "a", 300)
    done = await restore(environment(database, cloud.url), "--since", "1h", "--yes")
    assert (done.code, done.err) == (0, "restored 300 of 300\n")


async def test_a_restore_at_a_terminal_renews_its_line(database: str, db: Db, cloud: Cloud) -> None:
    """The line is written over itself, and wiped off before the result."""
    await destroyed(db, cloud, "a", 300)
    await asyncio.to_thread(cloud.faults, {"action": "restore", "latency_s": 0.4})
    ours, its = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "mediasweep", "restore", "--since", "1h", "--yes"),
        env=environment(database, cloud.url, TERM="xterm"),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=its,
    )
    os.close(its)
    async with asyncio.timeout(WITHIN_S):
        said = await asyncio.to_thread(_read, ours)
        assert await process.wait() == 0
    assert "restoring 300 assets" in said
    assert "100 of 300, 0 of them not restored" in said
    assert "\x1b[2K" in said  # rich clears the line that it writes anew
    after = said.rpartition("\x1b[2K")[2]
    assert ("restored 300 of 300" in after, "restoring" in after) == (True, False)
    assert said.count("\n") <= 3


def _read(terminal: int) -> str:
    """Return all that is written to a terminal until it is hung up."""
    said = b""
    while True:
        try:
            said += os.read(terminal, 4096)
        except OSError:  # how Linux says that nobody has it open any more
            os.close(terminal)
            return said.decode()
