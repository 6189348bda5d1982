"""The scheduler's actions: they reach every daemon, soon, and what cannot be set is refused."""

from __future__ import annotations

import asyncio
import time
from asyncio import to_thread
from contextlib import AsyncExitStack
from datetime import timedelta
from inspect import signature
from uuid import uuid4

import pytest

from mediasweep.cli.scheduler import configure
from mediasweep.emulator.client import Cloud
from mediasweep.http.scheduler import ConfigRequest
from mediasweep.operations import fleet, scheduler
from mediasweep.operations.fleet import pause_if_alone
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.scheduler import Forced, Scheduler
from mediasweep.rules.settable import LIMITS, SETTABLE
from tests.daemons import INSERT_ASSETS, Daemon, environment, finished, running, until
from tests.operations.standing import beat
from tests.schema.queue import enqueue

WITHIN_S = 2.0
KEPT_BESIDE = ("one", "configured_by", "configured_at", "forced", "throttled_to", "throttled_at")
NOT_DUE = """
UPDATE mediasweep.cloudinary_cleanup_queue
   SET due_at = due_at + CASE cloudinary_public_id WHEN 'rests' THEN interval '1 h'
                                                   ELSE interval '0' END,
       status = CASE cloudinary_public_id WHEN 'leased' THEN 'processing' ELSE status END,
       claim_no = CASE cloudinary_public_id WHEN 'leased' THEN 1 ELSE 0 END,
       lease_until = CASE cloudinary_public_id WHEN 'leased' THEN now() + interval '1 h' END,
       source_id = CASE WHEN cloudinary_public_id LIKE 'of%' THEN 99 ELSE 0 END
"""
COMPLETED = (
    "SELECT count(*) = $1 FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'completed'"
)


async def test_all_that_is_settable_is_known_everywhere(db: Db) -> None:
    """To the database, which keeps each of them and nothing else, to the API and to the command."""
    given: dict[str, float | bool] = {"auto_start": False}
    given |= {name: most for name, (_, _, most) in LIMITS.items()}
    assert given.keys() == set(SETTABLE)
    await scheduler.configure(db, given, who="ann")
    kept = dict(await db.fetchrow("SELECT * FROM mediasweep.scheduler") or {})
    assert kept.keys() == {*SETTABLE, *KEPT_BESIDE}
    told = await Scheduler(db).config()
    assert {name: kept[name] for name in given} == {name: told[name] for name in given} == given
    assert ConfigRequest.model_fields.keys() == {*SETTABLE, "enabled"}
    assert signature(configure).parameters.keys() == {*SETTABLE, "reset", "as_json"}


async def _delete(db: Db, cloud: Cloud, name: str, rows: int) -> None:
    await to_thread(cloud.fill, name, rows)
    await db.execute(INSERT_ASSETS, name, rows)
    await db.execute("DELETE FROM media_assets")


async def _all_say(daemons: list[Daemon], event: str, after: list[int]) -> float:
    """Return within how many seconds each daemon has logged an event."""
    started_s = time.monotonic()
    waits = (d.seen(event, after=n) for d, n in zip(daemons, after, strict=True))
    await asyncio.gather(*waits)
    return time.monotonic() - started_s


async def test_stop_configure_and_start_reach_every_daemon_within_two_seconds(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Each of three daemons says within two seconds that it was stopped, configured, started."""
    env = environment(database, cloud.url)
    async with AsyncExitStack() as stack:
        daemons = [await stack.enter_async_context(running(env)) for _ in range(3)]
        for operation, event in (
            (scheduler.stop(db, who="ann"), "held"),
            (scheduler.configure(db, {"interval_minutes": 7.5}, who="ann"), "configured"),
            (scheduler.start(db, who="ann"), "released"),
        ):
            logged = [len(daemon.log) for daemon in daemons]
            await operation
            assert await _all_say(daemons, event, logged) < WITHIN_S
        assert (await scheduler.status(db))["config"]["interval_minutes"] == 7.5


async def test_nothing_is_sent_while_stopped_but_a_forced_sweep(
    database: str, db: Db, cloud: Cloud
) -> None:
    """While stopped, exactly as many rows go as a forced sweep allows; a start lets go the rest."""
    async with running(environment(database, cloud.url)) as daemon:
        await scheduler.stop(db, who="ann")
        await daemon.seen("held")
        await to_thread(cloud.faults, {"latency_s": 0.1})  # so that they wait for their turn
        await _delete(db, cloud, "a", 30)
        assert await scheduler.force_cleanup(db, who="ann", limit=12) == Forced(
            paused=True, rows=12, behind={}
        )
        await until(db, COMPLETED, 12)
        await until(db, "SELECT forced = 0 FROM mediasweep.scheduler")
        assert (await to_thread(cloud.state))["calls"]["destroy"] == 12
        assert (
            await db.fetchval("SELECT count(*) FROM mediasweep.journal WHERE event = 'refused'")
            == 0
        )
        assert (await scheduler.status(db))["is_running"] is False
        await scheduler.start(db, who="ann")
        assert await finished(db) == {"completed": 30}


async def test_a_forced_sweep_ends_with_what_was_due(database: str, db: Db, cloud: Cloud) -> None:
    """A forced sweep of an empty queue lets nothing through that comes later."""
    async with running(environment(database, cloud.url)) as daemon:
        await scheduler.stop(db, who="ann")
        await daemon.seen("held")
        assert await scheduler.force_cleanup(db, who="ann") == Forced(
            paused=True, rows=0, behind={}
        )
        await _delete(db, cloud, "a", 3)
        await scheduler.configure(db, {"batch_size": 3}, who="ann")
        await daemon.seen("configured")
        assert (await to_thread(cloud.state))["calls"].get("destroy", 0) == 0


async def test_a_forced_sweep_counts_only_what_it_lets_through(db: Db) -> None:
    """What rests, is leased or of no attached table is not due; without a stop nothing is forced,
    so that the next stop is not passed by what was asked for before it.
    """
    await enqueue(db, "due", "rests", "leased", "of a table that is gone")
    await db.execute(NOT_DUE)
    await beat(db, grace_s=3600, works=True)
    assert await scheduler.force_cleanup(db, who="ann") == Forced(paused=False, rows=0, behind={})
    await db.execute("DELETE FROM mediasweep.daemon")
    assert await scheduler.force_cleanup(db, who="ann") == Forced(paused=False, rows=1, behind={})
    assert await db.fetchval("SELECT forced FROM mediasweep.scheduler") == 0
    await scheduler.stop(db, who="ann")
    assert await scheduler.force_cleanup(db, who="ann") == Forced(paused=True, rows=1, behind={})
    assert await db.fetchval("SELECT forced FROM mediasweep.scheduler") == 1


async def test_restart_tests_closed_gates_now(db: Db) -> None:
    """A restart ends a stop and brings forward what tests itself, but opens no brake."""
    await scheduler.stop(db, who="ann")
    await db.execute(
        "INSERT INTO mediasweep.gate (name, reason, closed_by, until, probe) VALUES"
        " ('auth', 'r', 'd', now() + interval '1 h', '1 h'), ('brake', 'r', 'd', NULL, NULL)"
    )
    assert await scheduler.restart(db, who="ann") == ["pause", "auth"]
    left = await db.fetch("SELECT name, until <= now() AS now FROM mediasweep.gate ORDER BY name")
    assert [tuple(row) for row in left] == [("auth", True), ("brake", None)]


async def test_whether_daemons_begin_to_work_is_set_for_all(db: Db) -> None:
    """It goes before each daemon's own setting, until it is taken back."""
    for common, own, paused in (
        (False, True, True),
        (True, False, False),
        (None, True, False),
        (None, False, True),
    ):
        config = await scheduler.configure(db, {"auto_start": common}, who="ann")
        assert config["auto_start"] is common  # no daemon is there that has one of its own
        assert await pause_if_alone(db, who="d", auto_start=own) is paused
        assert await scheduler.start(db, who="ann") is paused


async def test_a_daemon_that_begins_paused_keeps_what_somebody_said(db: Db) -> None:
    """A stop without an end stays as it is; one with an end has none any more, and its reason."""
    await fleet.pause(db, reason="migration", who="ann", duration=timedelta(minutes=30))
    assert await pause_if_alone(db, who="d", auto_start=False)
    assert not await pause_if_alone(db, who="e", auto_start=False)
    [gate] = await fleet.still_closed(db)
    assert (gate["until"], gate["closed_by"]) == (None, "d")
    assert gate["reason"].endswith("before that: migration")


@pytest.mark.parametrize(
    "given",
    [
        {"interval": 5},
        {"interval_minutes": 0},
        {"interval_minutes": "5"},
        {"batch_size": 101},
        {"batch_size": 1.5},
        {"max_retries": True},
        {"concurrency": 21},
        {"enabled": 1},
        {"auto_start": 1},
    ],
    ids=str,
)
async def test_what_cannot_be_set_is_refused_whole(db: Db, given: dict[str, object]) -> None:
    """A wrong value is named, and nothing that came with it is set."""
    with pytest.raises(ValueError, match=next(iter(given))):
        await scheduler.configure(db, {"max_retries": 9} | given, who="ann")
    assert await db.fetchval("SELECT configured_at FROM mediasweep.scheduler") is None


async def test_a_fleet_that_only_looks_is_not_enabled(db: Db) -> None:
    """One daemon that is disabled does no work, and says so; one beside it that deletes does."""
    told = await scheduler.status(db)
    assert (told["daemons"], told["only_looking"], told["config"]["enabled"]) == (0, 0, True)
    await beat(db, works=False)
    told = await scheduler.status(db)
    assert (told["daemons"], told["only_looking"], told["config"]["enabled"]) == (0, 1, False)
    await beat(db, id_=uuid4(), works=True)
    told = await scheduler.status(db)
    assert (told["daemons"], told["only_looking"], told["config"]["enabled"]) == (1, 1, True)


async def test_the_status_has_the_keys_of_the_origin(database: str, db: Db, cloud: Cloud) -> None:
    """Status tells what was done, how well, and under which configuration."""
    async with running(environment(database, cloud.url)):
        await _delete(db, cloud, "a", 5)
        assert await finished(db) == {"completed": 5}
        await until(db, "SELECT sum(completed) = 5 FROM mediasweep.daemon")
        told = await scheduler.status(db)
    assert told["is_running"]
    assert (told["total_processed"], told["total_failed"], told["success_rate"]) == (5, 0, 100.0)
    assert told["queue_size"] == 0
    assert told["queue_stats"] == {"completed": 5}
    assert told["config"]["batch_size"] == 10
    assert told["config"]["enabled"]
    assert told["next_run"] > told["last_run"]
    assert told["uptime_minutes"] > 0
