"""The situations in which a daemon comes to its steps, and what each must have come to in the end.

A world is furnished before each daemon that starts in it, and healed before the last one, which has
to finish everything. In all of them rows were deleted, some of whose assets another table uses.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import to_thread
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import cloudinary.uploader

from mediasweep.emulator.client import Cloud
from mediasweep.loops.predecessor import identity
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.scheduler import Scheduler
from tests.daemons import INSERT_ASSETS, WITHIN_S, until
from tests.failpoints.nursery import Child

ROWS = 22  # deleted before each daemon: more than two batches
USED = 2  # of them are used by another row
QUICK = {
    "MEDIASWEEP_HTTP_TIMEOUT": "0.8",
    "MEDIASWEEP_LEASE": "3",
    "MEDIASWEEP_STOP_TIMEOUT": "4",
    "MEDIASWEEP_HEALTH_CHECK_INTERVAL": "0.3",
    "MEDIASWEEP_RETRY_BASE": "0.05",
}
ARTICLES = """
CREATE TABLE public.articles (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, cover text);
SELECT mediasweep.attach('public.articles', '{"public_id": "cover"}')
"""
ASYNCHRONOUS = """
DO $$ BEGIN
  EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
END $$
"""
NAMED = "UPDATE media_assets SET cloudinary_asset_id = $2 WHERE cloudinary_public_id = $1"
DEAD_DAEMON = """
INSERT INTO mediasweep.daemon (id, host, pid, version, concurrency, config)
VALUES (gen_random_uuid(), 'here', 1, 'dead', 3, $1::jsonb)
"""
FELL_BACK = """
INSERT INTO mediasweep.fallback (source_id, ref)
VALUES (1, jsonb_build_object('public_id', $1::text, 'resource_type', 'image')), (1, '{"row": 1}')
"""
OLD = """
WITH queue AS (
  INSERT INTO mediasweep.cloudinary_cleanup_queue
    (cloudinary_public_id, status, queued_at, processed_at, claim_no)
  VALUES ('old', 'completed', now() - interval '60 days', now() - interval '60 days', 1))
INSERT INTO mediasweep.journal (id, at, event) OVERRIDING SYSTEM VALUE
SELECT least(0, min(j.id)) - 1, now() - interval '60 days', 'old' FROM mediasweep.journal j
"""
NOTHING_OLD = """
SELECT NOT EXISTS (SELECT FROM mediasweep.journal j WHERE j.event = 'old')
   AND NOT EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue q
                    WHERE q.cloudinary_public_id = 'old')
"""
REFILLED = "SELECT NOT EXISTS (SELECT FROM mediasweep.fallback f WHERE f.refused IS NULL)"
DUE_NOW = """
UPDATE mediasweep.cloudinary_cleanup_queue SET due_at = clock_timestamp()
 WHERE processed_at IS NULL AND lease_until IS NULL
"""
DUE_AGAIN = DUE_NOW + " AND error_message LIKE 'the guard could not answer%' AND due_at > now()"
NO_GATE = "SELECT NOT EXISTS (SELECT FROM mediasweep.gate)"
ASLEEP = """
SELECT EXISTS (
  SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
    JOIN pg_stat_activity a ON a.pid = l.pid AND a.application_name = 'mediasweep listener'
   WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND l.granted)
"""
COLUMN = "ALTER TABLE public.articles RENAME COLUMN {} TO {}"
PAUSE = """
INSERT INTO mediasweep.gate (name, reason, closed_by) VALUES ('pause', 'a test', 'a test')
ON CONFLICT DO NOTHING
"""


@dataclass(slots=True)
class Scene:
    """One database and one cloud, and what the test has put there."""

    db: Db
    cloud: Cloud
    gone: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    by_asset_id: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    furnished: int = 0

    async def delete_some(self) -> None:
        """Delete rows, of whose assets some are used elsewhere, and one has an asset id."""
        self.furnished += 1
        prefix = f"n{self.furnished}_"
        ids = [f"{prefix}{n}" for n in range(ROWS)]
        await to_thread(self.cloud.fill, prefix, ROWS)
        upload = {**self.cloud.options(), "public_id": ids[0]}
        told = await to_thread(cloudinary.uploader.upload, b"bytes", **upload)
        await self.db.execute(INSERT_ASSETS, prefix, ROWS)
        await self.db.execute(NAMED, ids[0], told["asset_id"])
        await self.db.execute(
            "INSERT INTO public.articles (cover) SELECT unnest($1::text[])", ids[-USED:]
        )
        await self.db.execute("DELETE FROM media_assets")
        self.by_asset_id[told["asset_id"]] = ids[0]
        self.gone |= set(ids[:-USED])
        self.kept |= set(ids[-USED:])
        self.rows += ROWS

    async def wait(self, sql: str) -> None:
        """Return when a query answers true."""
        await until(self.db, sql)


    async def time_passes_until(self, sql: str) -> None:
        """Return when a query answers true; what the guard's failure put off is due at once."""
        async with asyncio.timeout(WITHIN_S):
            while not await self.db.fetchval(sql):
                await self.db.execute(DUE_AGAIN)
                await self.db.execute("SELECT pg_sleep(0.05)")


Act = Callable[[Scene], Awaitable[None]]


async def _nothing(_: Scene) -> None:
    """Do nothing."""


async def _stay(_: Scene, __: Child) -> None:
    """Leave the daemon alone."""


@dataclass(frozen=True, slots=True)
class World:
    """How to furnish and to heal; `meanwhile` goes on beside each daemon; `holds` in the end."""

    furnish: Act
    env: Mapping[str, str] = field(default_factory=dict)
    meanwhile: Callable[[Scene, Child], Awaitable[None]] = _stay
    heal: Act = _nothing
    holds: tuple[str, ...] = ()


async def _deletions(scene: Scene) -> None:
    """Rows go, by commits that are not waited for; a daemon died here without a word."""
    dead = {"works": True, "process": identity() | {"started": 1}}
    await scene.db.execute(DEAD_DAEMON, json.dumps(dead))
    await scene.db.execute(ASYNCHRONOUS)
    await scene.delete_some()


async def _refusal(scene: Scene) -> None:
    """Cloudinary finds that it is too much, once."""
    await scene.db.execute("DELETE FROM mediasweep.gate")
    await to_thread(scene.cloud.faults, {"status": 420, "message": "Too many", "times": 1})
    await scene.delete_some()


async def _chores(scene: Scene) -> None:
    """Captures fell back, of which one cannot be read; and what is finished has grown old."""
    await scene.db.execute(OLD)
    await _fall_back(scene)
    await scene.delete_some()


async def _fall_back(scene: Scene) -> None:
    scene.furnished += 1
    name = f"fallen{scene.furnished}_"
    await to_thread(scene.cloud.fill, name, 1)
    await scene.db.execute(FELL_BACK, f"{name}0")
    scene.gone.add(f"{name}0")
    scene.rows += 1


async def _fall_back_late(scene: Scene, _: Child) -> None:
    await until(scene.db, ASLEEP)
    await _fall_back(scene)


async def _break_guard(scene: Scene) -> None:
    """A column that the guard reads was renamed."""
    if not scene.furnished:
        await scene.delete_some()
        await scene.db.execute(COLUMN.format("cover", "image"))
        return
    await scene.db.execute(DUE_NOW)


async def _mend_guard(scene: Scene) -> None:
    await scene.db.execute(COLUMN.format("image", "cover"))
    await scene.db.execute(DUE_NOW)


async def _force(scene: Scene) -> None:
    """Paused, and one sweep was asked for all the same, for more rows than there are."""
    await scene.db.execute(PAUSE)
    await scene.delete_some()
    await Scheduler(scene.db).force(None, "a test")
    await scene.db.execute("UPDATE mediasweep.scheduler SET forced = forced + 1")


async def _resume(scene: Scene) -> None:
    await scene.db.execute("DELETE FROM mediasweep.gate")


async def _stop(_: Scene, child: Child) -> None:
    await child.seen("daemon_started")
    child.terminate()


WORLDS = {
    "deletions": World(_deletions),
    "refusal": World(_refusal, holds=(NO_GATE,)),
    "chores": World(_chores, holds=(NOTHING_OLD, REFILLED)),
    "late fallback": World(Scene.delete_some, meanwhile=_fall_back_late, holds=(REFILLED,)),
    "broken guard": World(_break_guard, heal=_mend_guard),
    "forced": World(_force, heal=_resume),
    "starts paused": World(
        Scene.delete_some, env={"MEDIASWEEP_AUTO_START": "false"}, heal=_resume
    ),
    "stops": World(Scene.delete_some, meanwhile=_stop),
    "dry run": World(Scene.delete_some, env={"MEDIASWEEP_DRY_RUN": "true"}),
}
