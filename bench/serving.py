"""A daemon in a process of its own, and where it answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager


@asynccontextmanager
async def serving(env: Mapping[str, str]) -> AsyncIterator[tuple[int, str]]:
    """Run one with this environment, and yield its process and its address."""
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mediasweep", "run"),
        env=dict(env) | {"MEDIASWEEP_LOG_LEVEL": "info"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert daemon.stderr is not None
    while (said := json.loads(await daemon.stderr.readline()))["event"] != "daemon_started":
        pass
    yield daemon.pid, f"http://{said['http']}"
    daemon.terminate()
    await daemon.communicate()
