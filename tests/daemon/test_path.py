"""The main job: a row goes, its asset goes, once, whatever happens to the daemon on the way."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from typing import Any

import cloudinary.uploader
import pytest

from mediasweep.demo.files import avi, csv, png
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, environment, finished, running, spawn, until

ENQUEUE = "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id) VALUES ($1)"
ROW = """
INSERT INTO public.media_assets (cloudinary_public_id, cloudinary_asset_id, resource_type,
file_size, mime_type, secure_url, url) VALUES ($1, $2, $3, $4, 'x', $5, $5)
"""
MANY_WITHIN_S = 100.0  # thousands of calls, on a machine that has other things to do


async def test_a_deleted_row_takes_its_uploaded_file_along(
    database: str, db: Db, cloud: Cloud
) -> None:
    """An image, a video and a raw file, uploaded by the SDK, are gone after a plain DELETE."""
    for name, data in (("a.png", png(8, 8, 1)), ("b.avi", avi(8, 8, 2)), ("c.csv", csv(9))):
        await db.execute(ROW, *await to_thread(_upload, cloud, name, data))
    async with running(environment(database, cloud.url)):
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"completed": 3}
    assert set() == await to_thread(cloud.assets)


@pytest.mark.timeout(150)
async def test_five_thousand_rows_of_one_statement_are_deleted_once_each(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A bulk delete makes exactly as many calls as there are rows."""
    await _fill(db, cloud, 5000)
    async with running(environment(database, cloud.url, MEDIASWEEP_LOG_LEVEL="info")):
        await db.execute("DELETE FROM media_assets")
        assert await finished(db, MANY_WITHIN_S) == {"completed": 5000}
    state = await to_thread(cloud.state)
    assert (state["assets"], state["calls"]["destroy"]) == (0, 5000)


@pytest.mark.timeout(180)  # ten daemons are started, one after the other
async def test_ten_kills_on_the_way_lose_nothing_and_repeat_only_what_was_in_flight(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Ten SIGKILLs in five thousand rows: all gone, none failed, only rows in flight repeated."""
    await _fill(db, cloud, 5000)
    env = environment(database, cloud.url, MEDIASWEEP_LOG_LEVEL="info")
    await db.execute("DELETE FROM media_assets")
    in_flight = 0
    for kill in range(1, 11):
        daemon = await spawn(env)
        await until(db, COMPLETED_AT_LEAST, kill * 200)
        await daemon.kill()
        in_flight += await db.fetchval(IN_FLIGHT)
    async with running(env):
        assert await finished(db, MANY_WITHIN_S) == {"completed": 5000}
    state = await to_thread(cloud.state)
    assert state["assets"] == 0
    assert 5000 <= state["calls"]["destroy"] <= 5000 + in_flight


@pytest.mark.timeout(150)
async def test_two_daemons_share_the_work(database: str, db: Db, cloud: Cloud) -> None:
    """Two daemons delete two thousand assets, each asset by one of them."""
    await _fill(db, cloud, 2000)
    env = environment(database, cloud.url, MEDIASWEEP_LOG_LEVEL="info")
    async with running(env) as one, running(env) as two:
        await db.execute("DELETE FROM media_assets")
        assert await finished(db, MANY_WITHIN_S) == {"completed": 2000}
        assert one.count("swept")
        assert two.count("swept")
    state = await to_thread(cloud.state)
    assert (state["assets"], state["calls"]["destroy"], state["deleted_twice"]) == (0, 2000, [])


async def test_a_stop_finishes_what_was_sent_and_hands_the_rest_back(
    database: str, db: Db, cloud: Cloud
) -> None:
    """SIGTERM under load: exit 0, nothing in flight, the rest pending with no attempt spent."""
    await _fill(db, cloud, 3000)
    await to_thread(cloud.faults, {"effect": "none", "latency_s": 0.05})
    daemon = await spawn(environment(database, cloud.url, MEDIASWEEP_LOG_LEVEL="info"))
    await db.execute("DELETE FROM media_assets")
    await until(db, COMPLETED_AT_LEAST, 50)
    assert await daemon.stop() == 0
    left = await db.fetch(
        "SELECT status, max(processing_attempts) AS spent FROM mediasweep.cloudinary_cleanup_queue"
        " WHERE status <> 'completed' GROUP BY status"
    )
    assert [tuple(row) for row in left] == [("pending", 0)]


async def test_the_same_id_with_an_unknown_type_is_found_under_any(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A row that names no type deletes a video, because all types are tried and none is in use."""
    await to_thread(cloud.fill, "film", 1, "video")
    async with running(environment(database, cloud.url)):
        await db.execute(ENQUEUE, "film0")
        await db.execute("SELECT mediasweep.wake()")
        assert await finished(db) == {"completed": 1}
    assert await to_thread(cloud.assets) == set()


def _upload(cloud: Cloud, name: str, data: bytes) -> tuple[Any, ...]:
    options = {"filename": name, "resource_type": "auto", **cloud.options()}
    answer = cloudinary.uploader.upload(data, **options)
    return tuple(answer[key] for key in ("public_id", "asset_id", "resource_type", "bytes", "url"))


async def _fill(db: Db, cloud: Cloud, count: int) -> None:
    await asyncio.gather(to_thread(cloud.fill, "a", count), db.execute(INSERT_ASSETS, "a", count))


COMPLETED_AT_LEAST = (
    "SELECT count(*) >= $1 FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'completed'"
)
IN_FLIGHT = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'processing'"
