"""Daemons in processes of their own, as they are run, and ways to wait for what they do.

A test waits for events of the log, for the emulator, or for a state of the database; never for
time.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from urllib.request import urlopen

import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from tests import forks

ROOT = forks.ROOT
WITHIN_S = 30.0
QUICK = {
    "MEDIASWEEP_HTTP_BIND": "127.0.0.1:0",
    "MEDIASWEEP_LOG_LEVEL": "debug",
    "MEDIASWEEP_HTTP_TIMEOUT": "1",
    "MEDIASWEEP_LEASE": "4",
    "MEDIASWEEP_STOP_TIMEOUT": "5",
    "MEDIASWEEP_RETRY_BASE": "0.2",
    "MEDIASWEEP_BRAKE_FLOOR": "1000000",  # tests of the brake set it back
}
Record = dict[str, Any]


def environment(dsn: str, cloudinary_url: str, **more: str) -> dict[str, str]:
    """Return the environment of a daemon with short times."""
    urls = {"DATABASE_URL": dsn, "CLOUDINARY_URL": cloudinary_url}
    return forks.plain() | urls | QUICK | more


class Daemon:
    """One running daemon, and everything that it has logged so far."""

    alive: ClassVar[set[Daemon]] = set()

    def __init__(self, process: forks.Process | asyncio.subprocess.Process) -> None:
        self.alive.add(self)
        self.process = process
        self.log: list[Record] = []
        self._grown = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            text = line.decode(errors="replace").strip()
            record = json.loads(text) if text.startswith("{") else {"event": "text", "text": text}
            async with self._grown:
                self.log.append(record)
                self._grown.notify_all()
        async with self._grown:
            self._grown.notify_all()

    async def seen(
        self, event: str, *, after: int = 0, where: Callable[[Record], bool] = lambda _: True
    ) -> Record:
        """Return the first log record of an event after position `after`, waiting for it."""

        def found() -> Record | None:
            records = (r for r in self.log[after:] if r["event"] == event and where(r))
            return next(records, None)

        async with asyncio.timeout(WITHIN_S), self._grown:
            await self._grown.wait_for(lambda: found() or self._reader.done())
        record = found()
        assert record, f"{event} did not come; the log ends with {self.log[-8:]}"
        return record

    def count(self, event: str) -> int:
        """Return how often an event was logged."""
        return sum(record["event"] == event for record in self.log)

    @property
    def address(self) -> str:
        """Return where its HTTP server answers."""
        started = next(r for r in self.log if r["event"] == "daemon_started")
        return f"http://{started['http']}"

    async def metrics(self) -> dict[str, float]:
        """Scrape it; returns each sample under its name and the values of its labels."""

        def read() -> str:
            with urlopen(f"{self.address}/metrics", timeout=WITHIN_S) as answer:  # noqa: S310  our own
                return str(answer.read().decode())

        families = text_string_to_metric_families(await asyncio.to_thread(read))
        return {
            " ".join(
                [sample.name.removeprefix("mediasweep_"), *sample.labels.values()]
            ): sample.value
            for family in families
            for sample in family.samples
        }

    async def kill(self) -> None:
        """Kill it as nothing else can be caught: SIGKILL."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reader
        self.alive.discard(self)

    async def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WITHIN_S):
            code = await self.process.wait()
        await self._reader
        self.alive.discard(self)
        return code


async def spawn(
    env: dict[str, str], program: tuple[str, ...] = ("-m", "mediasweep", "run")
) -> Daemon:
    """Start a daemon and return at once."""
    return Daemon(await forks.Process.start(env, program))


@asynccontextmanager
async def running(env: dict[str, str]) -> AsyncIterator[Daemon]:
    """Run a daemon that listens, and stop it afterwards."""
    daemon = await spawn(env)
    try:
        await daemon.seen("listener_up")
        yield daemon
    finally:
        await daemon.stop()


async def until(
    db: asyncpg.Connection[asyncpg.Record], sql: str, *args: object, within_s: float = WITHIN_S
) -> None:
    """Return when a query answers true; the server does the waiting."""
    async with asyncio.timeout(within_s):
        while not await db.fetchval(sql, *args):
            await db.execute("SELECT pg_sleep(0.02)")


async def finished(
    db: asyncpg.Connection[asyncpg.Record], within_s: float = WITHIN_S
) -> dict[str, int]:
    """Return the number of rows in each status, once no row is unfinished."""
    await until(db, UNFINISHED, within_s=within_s)
    rows = await db.fetch(
        "SELECT status, count(*) AS n FROM mediasweep.cloudinary_cleanup_queue GROUP BY status"
    )
    return {row["status"]: row["n"] for row in rows}


UNFINISHED = (
    "SELECT NOT EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue WHERE processed_at IS NULL)"
)
LIBRARY_BRAKED = """
INSERT INTO mediasweep.gate (name, source_id, reason, closed_by)
SELECT 'brake', a.id, 'a flood', 'test' FROM mediasweep.attached a
 WHERE a.relation = 'public.media_assets'::regclass
"""
INSERT_ASSETS = """
INSERT INTO public.media_assets (cloudinary_public_id, file_size, mime_type, secure_url, url,
resource_type) SELECT $1::text || n, 1, 'image/png', 'u', 'u', 'image' FROM generate_series(0,
$2::integer - 1) n
"""
