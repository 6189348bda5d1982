"""A daemon while something of the schema is missing: it stays, says what, and goes on later."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from asyncio import to_thread
from collections.abc import Callable
from typing import Any

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.operations import scheduler
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import INSERT_ASSETS, WITHIN_S, Daemon, environment, running, until

DONE = """
SELECT count(*) = 1 AND bool_and(status = 'completed') FROM mediasweep.cloudinary_cleanup_queue
"""
EVERY_SECOND = {"MEDIASWEEP_HEALTH_CHECK_INTERVAL": "1"}


def _ask(address: str) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(f"{address}/readyz") as answer:  # noqa: S310  our own address
            return answer.status, json.load(answer)["checks"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["checks"]


async def _until(
    db: Db, daemon: Daemon, holds: Callable[[int, dict[str, str]], Any]
) -> tuple[int, dict[str, str]]:
    """Return the first answer of /readyz for which this holds."""
    async with asyncio.timeout(WITHIN_S):
        while not holds(*(answer := await to_thread(_ask, daemon.address))):
            await db.execute("SELECT pg_sleep(0.05)")
    return answer


async def test_a_queue_that_is_gone_is_said_and_waited_for(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Unready with the name of what is missing, so is the status; back, the deletion goes out."""
    await to_thread(cloud.fill, "a", 1)
    await db.execute(INSERT_ASSETS, "a", 1)
    env = environment(database, cloud.url, **EVERY_SECOND)
    async with running(env) as daemon:
        await db.execute("ALTER TABLE mediasweep.cloudinary_cleanup_queue RENAME TO lost")
        await db.execute("DELETE FROM media_assets")
        _, checks = await _until(db, daemon, lambda code, _: code == 503)
        assert "cloudinary_cleanup_queue" in checks["database"]
        _, checks = await _until(db, daemon, lambda _, checks: checks["capture"] != "ok")
        assert "mediasweep.cloudinary_cleanup_queue" in checks["capture"]
        told = await mediasweep(env, "status")
        assert (told.code, "is missing or renamed" in told.err) == (3, True)
        await db.execute("ALTER TABLE mediasweep.lost RENAME TO cloudinary_cleanup_queue")
        await until(db, DONE)
        await _until(db, daemon, lambda code, checks: code == 200 and checks["capture"] == "ok")


async def test_a_closed_gate_and_a_newer_schema_are_told_and_leave_it_ready(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Neither is mended by a restart, and notifications have to come in meanwhile."""
    later = "migrations/9999_later.sql"
    async with running(environment(database, cloud.url, **EVERY_SECOND)) as daemon:
        await _until(db, daemon, lambda _, told: (told["gates"], told["schema"]) == ("ok", "ok"))
        await scheduler.stop(db, who="ann")
        await db.execute("INSERT INTO mediasweep.migration VALUES ($1, 'x')", later)
        code, told = await _until(
            db, daemon, lambda _, told: "ok" not in {told["gates"], told["schema"]}
        )
        assert (code, told["gates"]) == (200, "closed: pause: the scheduler was stopped")
        assert told["schema"] == f"a later release has brought {later}: upgrade this daemon"
        await scheduler.start(db, who="ann")
        await _until(db, daemon, lambda _, told: told["gates"] == "ok")


@pytest.mark.parametrize("helper", ["resource_type(text)", "wake()"])
async def test_a_capture_that_falls_back_is_told_and_taken_up(
    database: str, db: Db, cloud: Cloud, helper: str
) -> None:
    """A helper that is missing costs no daemon; probe and status say why, and then it is mended."""
    name = helper.partition("(")[0]
    await to_thread(cloud.fill, "a", 1)
    await db.execute(INSERT_ASSETS, "a", 1)
    env = environment(database, cloud.url, **EVERY_SECOND)
    async with running(env) as daemon:
        await db.execute(f"ALTER FUNCTION mediasweep.{helper} RENAME TO away")
        await db.execute("DELETE FROM media_assets")
        code, checks = await _until(db, daemon, lambda _, checks: "fell back" in checks["capture"])
        assert (code, f"mediasweep.{name}" in checks["capture"]) == (200, True)
        told = await mediasweep(env, "status")
        assert "capture is broken: 1 of media_assets fell back" in told.out
        away = helper.replace(name, "away")
        await db.execute(f"ALTER FUNCTION mediasweep.{away} RENAME TO {name}")
        await until(db, DONE)
        await _until(db, daemon, lambda _, checks: checks["capture"] == "ok")
