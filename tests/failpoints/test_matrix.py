"""Killed, frozen, failing, hanging at each step: what is left is finished by whoever comes next."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from asyncio import to_thread
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import asyncpg
import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import UNFINISHED, WITHIN_S, environment
from tests.failpoints import aftermath, cases, database
from tests.failpoints.cases import Blow
from tests.failpoints.nursery import FROZEN, Child, Nursery
from tests.failpoints.queries import ARTICLES
from tests.failpoints.scene import Scene
from tests.failpoints.worlds import QUICK, WORLDS, World

pytestmark = pytest.mark.timeout(180)  # one daemon after the other, or one blow after the other
AT_A_TIME = 8  # points for which one test has time
STARTED_LATER = {
    "MEDIASWEEP_DRY_RUN": "false",
    "MEDIASWEEP_AUTO_START": "true",
    "MEDIASWEEP_BRAKE_FLOOR": "1000000",
}
TIME_PASSES = "UPDATE mediasweep.daemon SET beat_at = beat_at - interval '1 minute'"
CALLS_LOST = "SELECT count(*) >= 2 FROM mediasweep.journal WHERE event = 'unknown'"
# in front of what was asked and behind it
BY_CLOUD = {
    blow: [{"effect": effect, "act": act, "times": 1} for act in (False, True)]
    for blow, effect in (("lost", "reset"), ("hang", "hang"))
}


@dataclass(slots=True)
class Play:
    """One world, and the daemons that are born into it."""

    world: World
    scene: Scene
    nursery: Nursery
    env: dict[str, str]

    async def born(
        self, points: dict[str, tuple[str, int]] | None = None, *, hurried: bool = False
    ) -> Child:
        """Start one more daemon."""
        return await self.nursery.bear(self.env, points, hurried=hurried)

    @asynccontextmanager
    async def beside(self, child: Child) -> AsyncIterator[None]:
        """Let go on what goes on beside a daemon in this world."""
        task = asyncio.create_task(self.world.meanwhile(self.scene, child))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def ended(self, child: Child) -> int | str:
        """Return how it ended."""
        async with self.beside(child):
            return await child.over()

    async def until_come_to(self, left: Callable[[], Awaitable[Iterable[str]]]) -> None:
        """Return when no point is left to come to, while time passes and work comes in."""
        before, until_s = -1, 0.0
        for turn in itertools.count(1):
            points = sorted(await left())
            if not points:
                return
            if len(points) != before:  # it goes on, however slowly
                before, until_s = len(points), time.monotonic() + WITHIN_S
            assert time.monotonic() < until_s, f"not come to: {points}"
            await self.scene.time_passes()
            if turn % 10 == 0:
                await self.world.more(self.scene)

    async def all_done(self) -> None:
        """Return when the queue is finished and the world as it is to be."""
        for holds in (UNFINISHED, *self.world.holds):
            async with asyncio.timeout(WITHIN_S):
                while not await self.scene.db.fetchval(holds):
                    await self.scene.time_passes()

    async def finish(self, last: Child | None = None) -> None:
        """Heal the world, let this or one more daemon finish, and see that all is well."""
        await self.world.heal(self.scene)
        last = last or await self.nursery.bear(self.env | STARTED_LATER)
        await self.all_done()
        await last.seen("daemon_started")  # else it could not be told to stop
        assert await last.stop() == 0
        await aftermath.check(self.scene)


@pytest.fixture
async def nursery() -> AsyncIterator[Nursery]:
    """Give a nursery of the test's own."""
    nursery = await Nursery.open()
    yield nursery
    await nursery.close()


@pytest.fixture
async def play(
    world: str, database: str, db: Db, cloud: Cloud, nursery: Nursery
) -> AsyncIterator[Play]:
    """Give a world to play in."""
    beside = await asyncpg.connect(database)
    await db.execute(ARTICLES)
    env = environment(database, cloud.url, **QUICK, **WORLDS[world].env)
    yield Play(WORLDS[world], Scene(db, cloud, beside), nursery, env)
    await beside.close()


def _chains(blow: str, *, inside: bool) -> list[object]:
    """Return worlds with the points that are come to one after the other, by a daemon each."""
    found: list[object] = []
    for world in cases.CASES:
        blows = cases.one_by_one(world, blow, inside=inside)
        parts = [blows[at : at + AT_A_TIME] for at in range(0, len(blows), AT_A_TIME)]
        found += [pytest.param(world, part, id=f"{world} {n}") for n, part in enumerate(parts, 1)]
    return found


@pytest.mark.parametrize(("world", "blows"), _chains("kill", inside=False))
async def test_a_daemon_killed_at_a_step_loses_nothing(play: Play, blows: list[Blow]) -> None:
    """SIGKILL before and after each step, one daemon after the other: the next one finishes."""
    for point, nth in blows:
        await play.world.furnish(play.scene)
        child = await play.born({point: ("kill", nth)})
        assert (await play.ended(child), child.struck()) == (-9, {point})
    await play.finish()


@pytest.mark.parametrize(("world", "blows"), _chains("bug", inside=False))
async def test_a_bug_at_a_step_ends_the_daemon_for_all_to_see(
    play: Play, blows: list[Blow]
) -> None:
    """An error that nobody planned for ends the process, with a traceback and a bad exit code."""
    for point, nth in blows:
        await play.world.furnish(play.scene)
        child = await play.born({point: ("bug", nth)})
        assert (await play.ended(child), child.struck()) == (1, {point})
        assert f"RuntimeError: failpoint {point}" in child.said()
    await play.finish()


@pytest.mark.parametrize(("world", "blows"), _chains("freeze", inside=False))
async def test_a_daemon_frozen_at_a_step_is_succeeded_and_does_no_harm_later(
    play: Play, blows: list[Blow]
) -> None:
    """Stopped where it stands, another takes over when its lease ends; thawed, it sends nothing."""
    for point, nth in blows:
        await play.world.furnish(play.scene)
        child = await play.born({point: ("freeze", nth)})
        assert (await play.ended(child), child.struck()) == (FROZEN, {point})
        await play.scene.db.execute(TIME_PASSES)  # else it would keep its share of the calls
    await play.world.heal(play.scene)
    frozen, last = list(play.nursery.born), await play.nursery.bear(play.env | STARTED_LATER)
    await play.all_done()
    await last.seen("daemon_started")
    assert await last.stop() == 0
    before = await to_thread(play.scene.cloud.calls)
    assert [await child.thaw_and_stop() for child in frozen] == [0] * len(frozen)
    assert await to_thread(play.scene.cloud.calls) == before
    await aftermath.check(play.scene)


@pytest.mark.parametrize("blow", ["lost", "hang"])
@pytest.mark.parametrize("world", ["deletions", "starts paused"])
async def test_a_database_lost_while_starting_ends_the_daemon_with_its_code(
    play: Play, world: str, blow: str
) -> None:
    """Before it has begun it does not retry: it says so and exits with 3, and is started again."""
    for point in cases.while_starting(world):
        await play.world.furnish(play.scene)
        child = await play.born({point: (blow, 1)}, hurried=blow == "hang")
        assert (await play.ended(child), child.struck()) == (3, {point})
        assert "the database does not answer" in child.said()
    await play.finish()


@pytest.mark.parametrize("blow", ["lost", "hang"])
@pytest.mark.parametrize("world", [w for w in cases.CASES if cases.at_once(w)])
async def test_a_step_that_is_lost_or_hangs_is_made_up_for(
    play: Play, world: str, blow: str
) -> None:
    """Each connection is lost, or each call unanswered, once: the same daemon does it all again."""
    points, by_cloud = cases.at_once(world), cases.fails_by_cloud(world)
    child = None
    for part in [points] if play.world.goes_on else [[point] for point in points]:
        await play.world.furnish(play.scene)
        if by_cloud:
            await to_thread(play.scene.cloud.faults, *BY_CLOUD[blow])
        child = await play.born(dict.fromkeys(part, (blow, 1)), hurried=blow == "hang")
        async with play.beside(child):
            await play.until_come_to(partial(_left, child, part))
            if by_cloud:
                await play.scene.wait(CALLS_LOST)
            if not play.world.goes_on:
                assert await child.stop() == 0
    await play.finish(child if play.world.goes_on else None)


async def _left(child: Child, points: list[str]) -> set[str]:
    return set(points) - child.struck()


@pytest.fixture
async def inside(play: Play) -> Play:
    """Give a world in whose database there are points."""
    await database.prepare(play.scene.db)
    await database.hold(play.scene.db)
    return play


@pytest.mark.parametrize(("world", "blows"), _chains("kill", inside=True))
async def test_a_daemon_killed_while_the_database_is_at_a_step_loses_nothing(
    inside: Play, blows: list[Blow]
) -> None:
    """SIGKILL while its statement stands at a step: that goes on, and commits for nobody."""
    for point, _ in blows:
        await inside.world.furnish(inside.scene)
        await database.arm(inside.scene.db, [point], "hang")
        child = await inside.born()
        async with inside.beside(child):
            await database.until_one_stands(inside.scene.db)
        child.kill()
        assert await child.over() == -9
        await database.let_go(inside.scene.db)
        await database.hold(inside.scene.db)  # when the statement is over
    await inside.finish()


@pytest.mark.parametrize(("world", "blows"), _chains("bug", inside=True))
async def test_a_bug_inside_the_database_ends_the_daemon_for_all_to_see(
    inside: Play, blows: list[Blow]
) -> None:
    """An error of the database that nobody planned for is rolled back and ends the process."""
    for point, _ in blows:
        await inside.world.furnish(inside.scene)
        await database.arm(inside.scene.db, [point], "bug")
        child = await inside.born()
        assert await inside.ended(child) in {1, 3}
        assert f"failpoint {point}" in child.said()
    await inside.finish()


@pytest.mark.parametrize("blow", ["cut", "deadlock", "hang"])
@pytest.mark.parametrize("world", [w for w in cases.CASES if cases.at_once(w, inside=True)])
async def test_a_statement_that_fails_or_hangs_at_a_step_is_made_up_for(
    inside: Play, world: str, blow: str
) -> None:
    """Cut off, chosen as a victim or never going on, once at each step: the same daemon goes on."""
    await inside.world.furnish(inside.scene)
    await database.arm(inside.scene.db, cases.at_once(world, inside=True), blow)
    child = await inside.born(hurried=blow == "hang")
    async with inside.beside(child):
        await inside.until_come_to(partial(database.left, inside.scene.db))
        if not inside.world.goes_on:
            assert await child.stop() == 0
        await inside.finish(child if inside.world.goes_on else None)


@pytest.mark.parametrize("blow", ["cut", "deadlock", "hang"])
@pytest.mark.parametrize("world", [w for w in cases.CASES if cases.while_starting(w, inside=True)])
async def test_a_statement_that_fails_while_starting_ends_the_daemon_with_its_code(
    inside: Play, world: str, blow: str
) -> None:
    """While it finds out where it is, it does not retry: it says so and exits with 3."""
    for point in cases.while_starting(world, inside=True):
        await inside.world.furnish(inside.scene)
        await database.arm(inside.scene.db, [point], blow)
        child = await inside.born(hurried=blow == "hang")
        assert (await inside.ended(child), point) == (3, point)
        assert re.fullmatch("mediasweep: .+", child.said())
    await database.arm(inside.scene.db, [], blow)
    await inside.finish()
