"""A reconciliation that is stopped anywhere is gone on with, and takes no more than its share."""

from __future__ import annotations

import json
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.loops.reconcile import PATIENCE, ReconcileLoop, Reconciler
from mediasweep.operations.reconcile import Ghosts, Orphans, ReconcileOptions, act
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.reconcile import Reconciliations
from mediasweep.rules.drift import Reconciled, ReconcileWaits
from mediasweep.rules.failures import BusyError
from tests.commands import mediasweep, start
from tests.conftest import Connect
from tests.daemons import environment, running, until
from tests.reconcile.sides import AGO, ASKED, DAY_S, HOUR, compare, found, in_library, reconciler
from tests.reconcile.test_acting import DELETE, QUEUED

READS = {"get", "last", "due", "unseen", "chosen", "count_chosen", "findings", "away"}
READS |= {"has_library", "library_ghosts"}
READS |= {"count_ghosts", "passed_over", "first", "newest", "under_way", "left", "acted"}
# whatever else there is writes, and is struck
STEPS = [name for name in vars(Reconciliations) if name[0] != "_" and name not in READS]
ADOPTING = {"mark", "unmark", "adopt"}


class KilledError(BaseException):
    """The process is gone, and with it the connection."""


async def killed(*_: object, **__: object) -> None:
    """Die in place of a step."""
    raise KilledError


def strike(one: Reconciler, db: Db, at: int) -> list[str]:
    """Let the connection be cut at the `at`th point, before and after each step in turn.

    Returns the list of the points that are come to.
    """
    points: list[str] = []

    def come_to(point: str) -> None:
        points.append(point)
        if len(points) == at:
            db.terminate()
            raise KilledError(point)

    def around(name: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(one.runs, name)

        async def struck(*args: object, **more: object) -> Any:  # noqa: ANN401  whatever it returns
            come_to(f"{name}:before")
            done = await call(*args, **more)
            come_to(f"{name}:after")
            return done

        return struck

    for name in STEPS:
        setattr(one.runs, name, around(name))
    return points


async def test_whatever_step_it_dies_at_the_next_one_goes_on(
    db: Db, connect: Connect, cloud: Cloud
) -> None:
    """Killed before and after each step, a second process comes to the same findings and queues
    each orphan once, and lists again no page that was kept.
    """
    await in_library(db, "gone", "p000")
    await to_thread(cloud.plant, "p", 501, age_s=3 * DAY_S)
    await to_thread(cloud.plant, "own/", 2, age_s=3 * DAY_S)
    await compare(db, cloud)
    await db.execute(AGO, 2 * HOUR)
    at, points = 0, [""]
    while len(points) >= at:
        at += 1
        dying = await connect()
        async with reconciler(dying, cloud) as first:
            points = strike(first, dying, at)
            with suppress(KilledError):
                run = await first.run(ASKED)
                await act(first, run, DELETE, "me", lambda _: None)
        where = points[min(at, len(points)) - 1]
        await db.execute(AGO, PATIENCE)
        async with reconciler(db, cloud) as second:
            begun = await db.fetchval(NEWEST)
            run = await (second.runs.get(begun) if begun else second.run(ASKED))
            await act(second, run, DELETE, "me", lambda _: None)
        found = run.counts["ghosts"], run.counts["orphans"], run.calls
        assert (run.state, *found) == ("done", 1, 502, 5), where
        queued = [row["cloudinary_public_id"] for row in await db.fetch(QUEUED)]
        assert queued == ["own/0", "own/1"], where
        await db.execute(BACK)
    assert {point.split(":")[0] for point in points} == {*STEPS} - ADOPTING


async def test_whatever_step_adopting_dies_at_the_next_one_does_the_rest(
    db: Db, connect: Connect, cloud: Cloud
) -> None:
    """Killed before and after each step, a second process leaves each orphan with one row, and each
    ghost marked.
    """
    await in_library(db, "gone", "p0")
    await to_thread(cloud.plant, "p", 3, age_s=3 * DAY_S)
    run = await compare(db, cloud)
    wanted = ReconcileOptions(orphans=Orphans.ADOPT, ghosts=Ghosts.MARK)
    at, points = 0, [""]
    while len(points) >= at:
        at += 1
        dying = await connect()
        async with reconciler(dying, cloud) as first:
            points = strike(first, dying, at)
            with suppress(KilledError):
                await act(first, run, wanted, "me", lambda _: None)
        async with reconciler(db, cloud) as second:
            await act(second, run, wanted, "me", lambda _: None)
        shown = [tuple(row) for row in await db.fetch(SHOWN)]
        where = points[min(at, len(points)) - 1]
        assert shown == [("gone", False), ("p0", True), ("p1", True), ("p2", True)], where
        assert not await db.fetch(QUEUED), where
        await db.execute(UNDONE)
    assert {point.split(":")[0] for point in points} == {*ADOPTING, "leave"}


SHOWN = """
SELECT m.cloudinary_public_id, m.sync_error_message IS NULL FROM public.media_assets m ORDER BY 1
"""
UNDONE = """
UPDATE mediasweep.reconcile_finding SET action = NULL, acted_at = NULL;
DELETE FROM public.media_assets m WHERE m.cloudinary_public_id IN ('p1', 'p2');
UPDATE public.media_assets SET sync_error_message = NULL;
DELETE FROM mediasweep.asset;
DELETE FROM mediasweep.asset_name;
DELETE FROM mediasweep.cloudinary_cleanup_queue;
"""
NEWEST = "SELECT max(r.id) FROM mediasweep.reconcile_run r WHERE r.state = 'done' AND r.id > 1"


BACK = """
DELETE FROM mediasweep.cloudinary_cleanup_queue;
DELETE FROM mediasweep.reconcile_run r WHERE r.id > 1
"""


async def test_a_killed_command_leaves_what_the_next_one_goes_on_with(
    db: Db, database: str, cloud: Cloud
) -> None:
    """SIGKILL in the middle of the listing: until then nobody else begins, and afterwards the next
    command goes on behind the page that was kept.
    """
    await in_library(db, "p000")
    await to_thread(cloud.plant, "p", 501, age_s=3 * DAY_S)
    await to_thread(cloud.faults, {"action": "resources", "effect": "hang", "skip": 1})
    env = environment(database, cloud.url)
    first = await start(env, "reconcile", "--json")
    await until(db, "SELECT EXISTS (SELECT FROM mediasweep.reconcile_run r WHERE r.calls = 1)")
    with pytest.raises(BusyError):
        await compare(db, cloud)
    first.kill()
    await first.wait()
    await to_thread(cloud.faults)
    await db.execute(AGO, HOUR)
    second = await mediasweep(env, "reconcile", "--json")
    told = json.loads(second.out)
    assert (second.code, told["counts"]["assets"], told["calls"]) == (0, 501, 4)


async def test_a_server_that_lost_the_listing_has_it_begun_anew(db: Db, cloud: Cloud) -> None:
    """A crash of the server empties what was staged; nothing is concluded from what is left."""
    await in_library(db, "p0")
    await to_thread(cloud.plant, "p", 1, age_s=3 * DAY_S)
    async with reconciler(db, cloud) as first:
        first.runs.compare = killed  # type: ignore[method-assign]
        with pytest.raises(KilledError):
            await first.run(ASKED)
    assert await db.fetchval("SELECT count(*) FROM mediasweep.reconcile_listed") == 1
    await db.execute("TRUNCATE mediasweep.reconcile_listed")
    run = await compare(db, cloud)
    assert (run.state, await found(db, run)) == ("done", [])


async def test_an_old_cursor_begins_its_type_anew(db: Db, cloud: Cloud) -> None:
    """What was listed of that type is not kept twice; a cursor that is never known is a failure."""
    await in_library(db, "p000")
    await to_thread(cloud.plant, "p", 501, age_s=3 * DAY_S)
    old = {"action": "resources", "status": 400, "skip": 1}
    old |= {"message": "Invalid value for parameter next_cursor"}
    await to_thread(cloud.faults, old | {"times": 1})
    run = await compare(db, cloud)
    assert (run.state, run.counts["listed"], run.calls) == ("done", 501, 6)
    assert await db.fetchval("SELECT count(*) FROM mediasweep.reconcile_listed") == 501
    await to_thread(cloud.faults, old)
    run = await compare(db, cloud)
    assert (run.state, "next_cursor" in (run.reason or "")) == ("failed", True)


async def test_who_was_taken_over_concludes_nothing(db: Db, cloud: Cloud) -> None:
    """The comparison of a process that somebody took over is not made, and is no report."""
    await in_library(db, "gone")
    await to_thread(cloud.plant, "p", 1, age_s=3 * DAY_S)
    async with reconciler(db, cloud) as one:
        listed = one.runs.keep

        async def then_lose(*given: Any) -> bool:  # noqa: ANN401  as it is called
            kept = await listed(*given)
            if given[1].resource_type == "raw":
                await db.execute("UPDATE mediasweep.reconcile_run r SET holder = gen_random_uuid()")
            return kept

        one.runs.keep = then_lose  # type: ignore[method-assign, assignment]
        with pytest.raises(BusyError):
            await one.run(ASKED)
    assert not await db.fetch("SELECT FROM mediasweep.reconcile_finding")


async def test_it_takes_no_more_than_its_share(db: Db, cloud: Cloud) -> None:
    """Of four calls an hour it makes two, says how long it waits, and goes on in the next hour."""
    await in_library(db, "gone")
    await to_thread(cloud.switch, admin_limit=4, admin_window_s=2)
    await to_thread(cloud.plant, "p", 1001, age_s=3 * DAY_S)
    said: list[object] = []
    async with reconciler(db, cloud, 0.5, said.append) as one:
        run = await one.run(ASKED)
    assert (run.state, run.calls) == ("done", 6)
    waits = [one for one in said if isinstance(one, ReconcileWaits)]
    assert waits
    assert all("left to others" in one.reason for one in waits)
    assert (await to_thread(cloud.state))["by_status"].get("resources 420", 0) == 0


async def test_it_comes_by_itself_when_it_is_time(db: Db, cloud: Cloud) -> None:
    """One of the fleet reconciles, once in the time that was set, and tells what it found."""
    await in_library(db, "gone")
    await to_thread(cloud.plant, "p", 1, age_s=3 * DAY_S)
    told: list[Any] = []
    async with reconciler(db, cloud) as one, reconciler(db, cloud) as other:
        for daemon in (one, other, one):
            await ReconcileLoop(daemon, timedelta(hours=6), ASKED, told.append).once()
        assert [event.state for event in told if isinstance(event, Reconciled)] == ["done"]
        await db.execute(AGO, 7 * HOUR)
        await ReconcileLoop(other, timedelta(hours=6), ASKED, told.append).once()
    assert len(told) == 2
    assert told[1].counts["ghosts"] == 1


async def test_a_daemon_reconciles_if_it_is_set_to(db: Db, database: str, cloud: Cloud) -> None:
    """By its own pool, beside its work; nothing is done about what it finds."""
    await in_library(db, "gone", "p0")
    await to_thread(cloud.plant, "p", 2, age_s=3 * DAY_S)
    async with running(environment(database, cloud.url, MEDIASWEEP_RECONCILE_HOURS="1")) as daemon:
        told = await daemon.seen("reconciled")
    assert (told["state"], told["counts"]["orphans"], told["counts"]["ghosts"]) == ("done", 1, 1)
    assert not await db.fetch(QUEUED)
