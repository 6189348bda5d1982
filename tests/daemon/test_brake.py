"""The brake before a running daemon: what is deleted by mistake stays until a person says so."""

from __future__ import annotations

import asyncio
import json
from asyncio import to_thread
from typing import Any

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import Done, mediasweep
from tests.daemons import INSERT_ASSETS, environment, finished, running, until
from tests.schema.brakes import PASS_THROUGH

DEFAULT = {"MEDIASWEEP_BRAKE_FLOOR": "1000", "MEDIASWEEP_LOG_LEVEL": "info"}
POSTS = """
CREATE TABLE public.posts (id integer PRIMARY KEY, cover text);
CREATE INDEX posts_cover ON public.posts (cover);
SELECT mediasweep.attach('public.posts', '{"public_id": "cover", "resource_type":
  {"value": "image"}, "delivery_type": {"value": "upload"}}');
INSERT INTO public.posts SELECT n, 'post' || n FROM generate_series(0, 99) n
"""
DELETE = """
DELETE FROM media_assets WHERE cloudinary_public_id = ANY (
  SELECT $1::text || n FROM generate_series($2::integer, $3::integer - 1) n)
"""
ALL_GONE = """
SELECT NOT EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue
                    WHERE processed_at IS NULL AND source_id = $1)
"""
# how many of the fifty thousand a test has the patience for; the others are seen to be on their way
DRAINED = 2000
UNFINISHED = """
SELECT q.cloudinary_public_id FROM mediasweep.cloudinary_cleanup_queue q
 WHERE q.processed_at IS NULL AND NOT q.in_doubt
"""
# a forced sweep is spent by a look that finds everything held back, so it may take several
FORCED_UNTIL = """
WITH forced AS (UPDATE mediasweep.scheduler SET forced = 1000
                RETURNING pg_notify('mediasweep', ''))
SELECT NOT EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue
                    WHERE processed_at IS NULL AND source_id = $1) FROM forced
"""


async def _fill(db: Db, cloud: Cloud, rows: int) -> None:
    await to_thread(cloud.fill, "a", rows)
    await db.execute(INSERT_ASSETS, "a", rows)
    await db.execute("ANALYZE public.media_assets")


async def _destroyed(cloud: Cloud) -> list[str]:
    """Return the public ids of all calls, in order."""
    return [call["public_id"] for call in await to_thread(cloud.calls)]


async def _shown(env: dict[str, str]) -> dict[str, Any]:
    """Return the one closed brake as `brake show` has it."""
    [held] = json.loads((await mediasweep(env, "brake", "show", "--json")).out)
    return dict(held)


async def _ack(env: dict[str, str], digest: str) -> Done:
    return await mediasweep(env, "brake", "ack", digest, "--yes")


@pytest.mark.timeout(180)
async def test_of_fifty_thousand_rows_none_goes_before_exactly_these_are_acknowledged(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A DELETE that went wrong: nothing sent, all listed, others served; then those, no others."""
    await _fill(db, cloud, 60_000)
    await db.execute("ALTER TABLE media_assets SET (autovacuum_enabled = false)")
    await db.execute(POSTS)
    await to_thread(cloud.fill, "post", 100)
    env = environment(database, cloud.url, **DEFAULT, MEDIASWEEP_CONCURRENCY="20")
    async with running(env) as daemon:
        await db.execute(DELETE, "a", 0, 50_000)
        told = await daemon.seen("brake_closed")
        assert (told["source"], told["rows"], told["limit"]) == ("media_assets", 50_000, 3000)
        assert told["level"] == "error"
        await db.execute("DELETE FROM posts")
        await until(db, ALL_GONE, 2)
        assert sorted(await _destroyed(cloud)) == sorted(f"post{n}" for n in range(100))
        assert (await daemon.metrics())["gate_closed brake"] == 1
        held = await _shown(env)
        assert (held["source"], held["queue_rows"]) == ("media_assets", 50_000)
        assert (await _ack(env, held["digest"])).code == 0
        await to_thread(cloud.wait_calls, 100 + DRAINED, timeout_s=90.0)
        assert await db.fetchval("SELECT count(*) FROM mediasweep.gate") == 0
    calls = (await _destroyed(cloud))[100:]
    rest = [row["cloudinary_public_id"] for row in await db.fetch(UNFINISHED)]
    assert len(calls) >= DRAINED
    assert sorted(calls + rest) == sorted(f"a{n}" for n in range(50_000))


async def test_a_second_burst_is_held_again(database: str, db: Db, cloud: Cloud) -> None:
    """What was acknowledged goes; what is let go of later is held, and no old digest opens it."""
    await _fill(db, cloud, 4000)
    env = environment(database, cloud.url, **DEFAULT)
    async with running(env) as daemon:
        await db.execute(DELETE, "a", 0, 1500)
        await daemon.seen("brake_closed")
        first = (await _shown(env))["digest"]
        assert (await _ack(env, first)).code == 0
        await until(db, ALL_GONE, 1)
        before = len(daemon.log)
        await db.execute(DELETE, "a", 1500, 3000)
        await daemon.seen("brake_closed", after=before)
        refused = await _ack(env, first)
        assert refused.code == 6
        assert "older than the brake" in refused.err
        assert (await _shown(env))["queue_rows"] == 1500
    assert set(await _destroyed(cloud)) == {f"a{n}" for n in range(1500)}


async def test_a_changed_list_is_refused_by_a_running_fleet(
    database: str, db: Db, cloud: Cloud
) -> None:
    """One row that somebody cancelled after looking, and nothing is sent."""
    await _fill(db, cloud, 1500)
    env = environment(database, cloud.url, **DEFAULT)
    async with running(env) as daemon:
        await db.execute("DELETE FROM media_assets")
        await daemon.seen("brake_closed")
        digest = (await _shown(env))["digest"]
        await db.execute(
            "UPDATE mediasweep.cloudinary_cleanup_queue SET status = 'skipped',"
            " processed_at = now() WHERE cloudinary_public_id = 'a7'"
        )
        assert (await _ack(env, digest)).code == 6
        await db.execute("NOTIFY mediasweep")
    assert await _destroyed(cloud) == []


async def test_a_sweep_that_is_forced_during_a_pause_does_not_pass_it(
    database: str, db: Db, cloud: Cloud
) -> None:
    """What is forced is what the brake would let go: the other table's rows, not the burst."""
    await _fill(db, cloud, 1500)
    await db.execute(POSTS)
    await to_thread(cloud.fill, "post", 100)
    env = environment(database, cloud.url, **DEFAULT)
    async with running(env) as daemon:
        assert (await mediasweep(env, "pause")).code == 0
        await db.execute("DELETE FROM media_assets; DELETE FROM posts")
        await until(db, FORCED_UNTIL, 2)
        await daemon.seen("brake_closed")
        await until(db, "SELECT forced = 0 FROM mediasweep.scheduler")
    assert set(await _destroyed(cloud)) == {f"post{n}" for n in range(100)}


async def test_a_slow_loss_is_stopped_by_the_chores(database: str, db: Db, cloud: Cloud) -> None:
    """More than five times the limit within a day, each window below it, and the rest stays."""
    await db.execute(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, resource_type,"
        " status, processed_at, queued_at) SELECT 'lost' || n, 'image', 'completed', now(),"
        " now() - n * interval '14 s' FROM generate_series(1, 5001) n"
    )
    env = environment(database, cloud.url, **DEFAULT)
    async with running(env) as daemon:
        told = await daemon.seen("brake_closed")
        assert "within 24 h" in told["reason"]
        assert (await _ack(env, (await _shown(env))["digest"])).code == 0


async def test_without_the_brake_they_would_be_destroyed(
    database: str, db: Db, cloud: Cloud
) -> None:
    """With the brake taken out of the database, the same deletion is carried out at once."""
    await db.execute(PASS_THROUGH)
    await _fill(db, cloud, 1500)
    async with running(environment(database, cloud.url, **DEFAULT)) as daemon:
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"completed": 1500}
        assert daemon.count("brake_closed") == 0
    assert len(await _destroyed(cloud)) == 1500


async def test_a_dry_run_tells_what_the_brake_would_stop(
    database: str, db: Db, cloud: Cloud
) -> None:
    """The burst is told once and not as to be deleted, the other rows are; no gate is closed."""
    await _fill(db, cloud, 1500)
    await db.execute(POSTS)
    await db.execute("DELETE FROM media_assets; DELETE FROM posts")
    env = environment(database, cloud.url, **DEFAULT, MEDIASWEEP_DRY_RUN="true")
    async with running(env) as daemon:
        assert (await daemon.seen("brake_closed"))["rows"] == 1500
        assert (await daemon.seen("rehearsed"))["would_delete"] == 100
        await db.execute("INSERT INTO posts VALUES (100, 'post100')")
        before = len(daemon.log)
        await db.execute("DELETE FROM posts")
        assert (await daemon.seen("rehearsed", after=before))["would_delete"] == 1
        assert daemon.count("brake_closed") == 1
    assert await db.fetchval("SELECT count(*) FROM mediasweep.gate") == 0


async def test_two_daemons_obey_one_brake(database: str, db: Db, cloud: Cloud) -> None:
    """Of two daemons one closes it, neither sends, and both go on once it is acknowledged."""
    await _fill(db, cloud, 1500)
    env = environment(database, cloud.url, **DEFAULT)
    async with running(env) as one, running(env) as two:
        await db.execute("DELETE FROM media_assets")
        await until(db, "SELECT EXISTS (SELECT FROM mediasweep.gate WHERE name = 'brake')")
        held = await _shown(env)
        assert (held["queue_rows"], await _destroyed(cloud)) == (1500, [])
        assert (await _ack(env, held["digest"])).code == 0
        async with asyncio.timeout(40):
            assert await finished(db) == {"completed": 1500}
        assert one.count("brake_closed") + two.count("brake_closed") == 1
