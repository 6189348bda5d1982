"""What a game is played on: one database, one cloud, one account, and a clock of its own.

Time passes only when the game says so: the clock is put forward, and all that the database knows of
time is moved into the past by as much. A world is played on again and again; `clear` empties it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine
from datetime import datetime, timedelta
from types import SimpleNamespace, TracebackType
from typing import Any, Self, TypeVar
from unittest import mock

import asyncpg

import mediasweep.cloudinary
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection, Pool, open_pool
from tests.machine.account import SharedAccount
from tests.schema.queue import ARTICLES

T = TypeVar("T")
# nobody fills it; with it, deletions may go by asset id, unless a prefix is protected
CITING = ARTICLES.replace("cover text", "cover text, asset_id text").replace(
    '"cover"}', '"cover", "asset_id": "asset_id"}'
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT")
CLEAR = """
DELETE FROM public.articles;
DELETE FROM public.media_assets;
DELETE FROM mediasweep.cloudinary_cleanup_queue;
DELETE FROM mediasweep.fallback;
DELETE FROM mediasweep.journal;
DELETE FROM mediasweep.gate;
DELETE FROM mediasweep.protected;
DELETE FROM mediasweep.acknowledgement;
DELETE FROM mediasweep.installation;
UPDATE mediasweep.scheduler SET forced = 0, throttled_to = NULL, throttled_at = NULL;
"""
SHIFT = """
UPDATE mediasweep.cloudinary_cleanup_queue
   SET due_at = due_at - '{0} s'::interval, lease_until = lease_until - '{0} s'::interval,
       queued_at = queued_at - '{0} s'::interval, processed_at = processed_at - '{0} s'::interval;
UPDATE mediasweep.gate
   SET until = until - '{0} s'::interval, closed_at = closed_at - '{0} s'::interval,
       tested_at = tested_at - '{0} s'::interval;
UPDATE mediasweep.scheduler SET throttled_at = throttled_at - '{0} s'::interval;
"""
# all that is judged, in one look; `xmin` of a row is the transaction that let it be as it is
LOOK = """
SELECT jsonb_build_object(
  'now', extract(epoch FROM clock_timestamp()),
  'xmax', pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
  'rows', (SELECT coalesce(jsonb_agg(to_jsonb(q) || jsonb_build_object('xact', q.xact::text::bigint)
                           ORDER BY q.xact, q.queued_at, q.cloudinary_public_id), '[]')
             FROM mediasweep.cloudinary_cleanup_queue q),
  'journal', (SELECT coalesce(jsonb_agg(to_jsonb(j) ORDER BY j.id), '[]')
                FROM mediasweep.journal j WHERE j.id > $1),
  'fallback', (SELECT count(*) FROM mediasweep.fallback),
  'gates', (SELECT coalesce(jsonb_agg(g.name), '[]') FROM mediasweep.gate g
             WHERE g.source_id IS NULL AND (g.until IS NULL OR g.until > clock_timestamp())),
  'stopped', (SELECT coalesce(jsonb_agg(g.source_id), '[]')
                FROM mediasweep.gate g WHERE g.source_id IS NOT NULL),
  'testing', (SELECT count(*) FROM mediasweep.gate g WHERE g.until <= clock_timestamp()),
  'protected', (SELECT coalesce(jsonb_agg(p.prefix), '[]') FROM mediasweep.protected p),
  'library', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', a.id, 'public_id', a.cloudinary_public_id, 'type', a.resource_type,
                'asset_id', a.cloudinary_asset_id, 'live', a.deleted_at IS NULL,
                'xid', a.xmin::text::bigint) ORDER BY a.created_at, a.id), '[]')
                FROM public.media_assets a),
  'articles', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                 'id', r.id, 'public_id', r.cover, 'type', NULL, 'asset_id', NULL, 'live', true,
                 'xid', r.xmin::text::bigint) ORDER BY r.id), '[]')
                 FROM public.articles r))
"""


class Clock:
    """Seconds since the game began; what is asked for the time takes none."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


class World:
    """Everything that outlives a game. Use it as a context manager."""

    def __init__(self, dsn: str, cloud: Cloud) -> None:
        self.dsn = dsn
        self.cloud = cloud
        self.clock = Clock()
        self.account = SharedAccount(cloud, self.clock)
        self._loop = asyncio.new_event_loop()
        self._time = mock.patch.object(
            mediasweep.cloudinary, "time", SimpleNamespace(monotonic=self.clock)
        )
        self.pool: Pool
        self.db: Connection
        self.others: list[Connection] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the world's own event loop."""
        return self._loop.run_until_complete(work)

    def __enter__(self) -> Self:
        """Open the connections: the workers' pool, the application's, two with transactions."""
        self._time.start()
        self.run(self._open())
        return self

    async def _open(self) -> None:
        self.pool = await open_pool(self.dsn, size=1, patience=timedelta(seconds=10))
        self.db = await asyncpg.connect(self.dsn)
        await self.db.execute(CITING)
        await self.open_others()

    async def open_others(self) -> None:
        """Open connections for two transactions, in place of those there were."""
        for connection in self.others:
            await connection.close()
        self.others = [await asyncpg.connect(self.dsn) for _ in range(2)]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what was opened."""
        self.run(self._close())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._time.stop()

    async def _close(self) -> None:
        self.pool.terminate()
        self.account.close()
        for connection in [self.db, *self.others]:
            await connection.close()

    async def clear(self, **switches: object) -> None:
        """Begin anew: no rows, no gates, no assets, and the cloud's switches as given."""
        for connection in self.others:
            if connection.is_in_transaction():
                await connection.execute("ROLLBACK")
        await self.db.execute(CLEAR)
        self.cloud.reset()
        self.cloud.switch(**switches)
        self.clock.now_s = 0.0
        self.account.begin()

    async def look(self, after: int) -> dict[str, Any]:
        """Return all that is committed, and the journal after that id."""
        told: dict[str, Any] = json.loads(await self.db.fetchval(LOOK, after))
        return told

    async def shift(self, seconds: float) -> None:
        """Let the database's past be longer ago by so much."""
        if seconds:
            await self.db.execute(SHIFT.format(seconds))


def longer_ago(memory: str | None, seconds: float) -> str | None:
    """Return a claim's memory with every time in it so much earlier."""

    def moved(value: object) -> object:
        if isinstance(value, dict):
            return {name: moved(of) for name, of in value.items()}
        if isinstance(value, list):
            return [moved(of) for of in value]
        if not isinstance(value, str) or not TIME.match(value):
            return value  # `server` is written in another way
        return (datetime.fromisoformat(value) - timedelta(seconds=seconds)).isoformat()

    return None if memory is None else json.dumps(moved(json.loads(memory)))
