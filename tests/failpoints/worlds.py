"""The situations in which a daemon comes to its steps, and what each must have come to in the end.

A world is furnished before each daemon that starts in it, and healed before the last one, which has
to finish everything. In all of them rows were deleted, some of whose assets another table uses.
"""

from __future__ import annotations

import asyncio
import json
import socket
from asyncio import to_thread
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field

from mediasweep.loops.predecessor import identity
from mediasweep.postgres.scheduler import Scheduler
from tests.daemons import WITHIN_S, until
from tests.failpoints.nursery import Child
from tests.failpoints.queries import (
    ACKNOWLEDGE,
    ASLEEP,
    ASYNCHRONOUS,
    AT_HOME,
    COLUMN,
    DEAD_DAEMON,
    DELETED_BEFORE,
    FELL_BACK,
    FORCE_AGAIN,
    FORGET_SLEEPERS,
    HOLD_AGAIN,
    INSTALL,
    LOSE,
    MOVE,
    NO_GATE,
    NOTHING_OLD,
    OLD,
    OPEN,
    PAUSE,
    REFILLED,
    RESTART,
)
from tests.failpoints.scene import DUE_NOW, Scene

QUICK = {
    "MEDIASWEEP_HTTP_TIMEOUT": "0.8",
    "MEDIASWEEP_LEASE": "3",
    "MEDIASWEEP_STOP_TIMEOUT": "4",
    "MEDIASWEEP_HEALTH_CHECK_INTERVAL": "0.3",
    "MEDIASWEEP_RETRY_BASE": "0.05",
}
Act = Callable[[Scene], Awaitable[None]]
Beside = Callable[[Scene, Child], Coroutine[None, None, None]]


async def _nothing(_: Scene) -> None:
    """Do nothing."""


async def _stay(_: Scene, __: Child) -> None:
    """Leave the daemon alone."""


@dataclass(frozen=True, slots=True)
class World:
    """How to furnish and to heal; `meanwhile` goes on beside each daemon; `holds` in the end.

    `more` comes in again and again while one daemon takes all the blows.

    `goes_on`: the daemon that was struck can itself finish what is to be done.
    """

    furnish: Act
    env: Mapping[str, str] = field(default_factory=dict)
    meanwhile: Beside = _stay
    more: Act = _nothing
    heal: Act = _nothing
    holds: tuple[str, ...] = ()
    goes_on: bool = True


async def _deletions(scene: Scene) -> None:
    """Rows go, by commits that are not waited for; a daemon died here without a word."""
    dead = {"works": True, "process": identity() | {"started": 1}}
    await scene.db.execute(DEAD_DAEMON, json.dumps(dead))
    await scene.db.execute(ASYNCHRONOUS)
    await scene.db.execute("DELETE FROM mediasweep.installation")
    await scene.delete_some()


async def _refusal(scene: Scene) -> None:
    """Cloudinary finds that it is too much, once."""
    await scene.db.execute("DELETE FROM mediasweep.gate")
    await _refuse_again(scene)


async def _refuse_again(scene: Scene) -> None:
    await to_thread(scene.cloud.faults, {"status": 420, "message": "Too many", "times": 1})
    await scene.delete_some()


async def _chores(scene: Scene) -> None:
    """Captures fell back, finished rows grew old, and a closed brake has nothing left to hold."""
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


async def _force_again(scene: Scene, _: Child) -> None:
    """Ask again now and then: a sweep that found nothing yet has spent what was asked for."""
    for _turn in range(100):
        await scene.beside.execute(FORCE_AGAIN)


async def _resume(scene: Scene) -> None:
    await scene.db.execute("DELETE FROM mediasweep.gate")


async def _stop(_: Scene, child: Child) -> None:
    await child.seen("daemon_started")
    child.terminate()


async def _force_late(scene: Scene) -> None:
    """The stop was over before the sweep that was to pass it."""
    await scene.delete_some()
    await scene.db.execute("UPDATE mediasweep.scheduler SET forced = 3")


async def _burst(scene: Scene) -> None:
    """More is let go of at once than the brake of these daemons lets pass, and not in a day."""
    await scene.db.execute(OPEN)
    await scene.db.execute(ACKNOWLEDGE)
    await scene.delete_some()


async def _slow_loss(scene: Scene) -> None:
    """Paused, so that upkeep alone sees how much has gone within a day."""
    await scene.db.execute(OPEN)
    await scene.delete_some()
    await scene.db.execute(PAUSE)


async def _installed(scene: Scene) -> None:
    """Nothing differs, whatever a daemon that was struck has left."""
    await scene.db.execute(OPEN)
    await scene.db.execute("DELETE FROM mediasweep.installation")
    terms = {"cloud": scene.cloud.name, "host": socket.gethostname()}
    await scene.db.execute(INSTALL, json.dumps(terms))


async def _copy(scene: Scene) -> None:
    """The installation says that it is of another cloud."""
    await _installed(scene)
    await scene.db.execute("UPDATE mediasweep.installation SET cloud_name = 'another'")
    await scene.delete_some()


async def _adopt(scene: Scene) -> None:
    terms = {"cloud": scene.cloud.name, "host": socket.gethostname()}
    await scene.db.execute("SELECT mediasweep.adopt($1::jsonb, 'a test')", json.dumps(terms))


async def _move(scene: Scene, _: Child) -> None:
    """Let the server be another one than it was, for a daemon that was at home before."""
    await until(scene.beside, AT_HOME)
    await scene.beside.execute(MOVE)
    await scene.delete_some(scene.beside)


async def _restart(scene: Scene, _: Child) -> None:
    """Let the server have begun anew, for a daemon that was at home before."""
    await until(scene.beside, AT_HOME)
    await scene.beside.execute(RESTART)
    await scene.delete_some(scene.beside)


async def _fail_over(scene: Scene) -> None:
    """A standby was promoted, after more deletions than are looked at in one step."""
    await _installed(scene)
    await scene.db.execute(DELETED_BEFORE)
    await scene.db.execute("UPDATE mediasweep.installation SET timeline = timeline - 1")
    await scene.delete_some()


async def _just_now(scene: Scene, _: Child) -> None:
    """Let the hold begin anew for a while: whoever is to come during it may be late."""
    for _turn in range(30):
        await scene.beside.execute(HOLD_AGAIN)


async def _nobody_asleep(scene: Scene) -> None:
    """The server has lost the line to whoever slept, frozen as he may be."""
    await scene.db.execute(FORGET_SLEEPERS)
    await scene.delete_some()


async def _wake(scene: Scene, _: Child) -> None:
    """Let go of more than one batch when the daemon sleeps."""
    await until(scene.beside, ASLEEP)
    await scene.delete_some(scene.beside)


async def _sibling(scene: Scene) -> None:
    """Another daemon sleeps, and hears nothing."""
    if not scene.furnished:
        await scene.beside.execute("SELECT pg_advisory_lock(mediasweep.asleep_key())")
    await scene.delete_some()


async def _sibling_wakes(scene: Scene) -> None:
    await scene.beside.execute("SELECT pg_advisory_unlock_all()")
    await scene.delete_some()


async def _late_answers(scene: Scene) -> None:
    await scene.db.execute(OPEN)
    await to_thread(scene.cloud.faults, {"latency_s": 0.6})
    await scene.delete_some()


async def _lose_commits(scene: Scene, _: Child) -> None:
    """Lose all that the database knows of a deletion that Cloudinary is about to make."""
    after, lost = (await to_thread(scene.cloud.state))["seq"], None
    async with asyncio.timeout(WITHIN_S):
        while lost is None:
            await scene.beside.execute("SELECT pg_sleep(0.02)")
            calls = await to_thread(scene.cloud.calls, "destroy", after)
            out = [call["public_id"] for call in calls if not call["status"]]
            lost = await scene.beside.fetchval(LOSE, out)
    scene.lost.add(lost)
    scene.rows -= 1


WORLDS = {
    "deletions": World(_deletions, more=Scene.delete_some),
    "refusal": World(_refusal, more=_refuse_again, holds=(NO_GATE,)),
    "chores": World(_chores, holds=(NOTHING_OLD, REFILLED, NO_GATE)),
    "broken guard": World(_break_guard, heal=_mend_guard),
    "forced": World(_force, meanwhile=_force_again, heal=_resume),
    "forced, and resumed": World(_force_late),
    "burst": World(_burst, env={"MEDIASWEEP_BRAKE_FLOOR": "6"}, heal=_resume, goes_on=False),
    "slow loss": World(
        _slow_loss, env={"MEDIASWEEP_BRAKE_FLOOR": "1"}, heal=_resume, goes_on=False
    ),
    "copy": World(_copy, heal=_adopt),
    "moved": World(_installed, meanwhile=_move, heal=_adopt),
    "restarted": World(_installed, meanwhile=_restart, heal=_adopt),
    "failover": World(_fail_over, holds=(NO_GATE,)),
    "failover just now": World(_fail_over, meanwhile=_just_now, holds=(NO_GATE,)),
    "lost commits": World(_late_answers, meanwhile=_lose_commits, holds=(NO_GATE,)),
    "woken": World(_nobody_asleep, meanwhile=_wake, more=Scene.delete_some),
    "sibling asleep": World(_sibling, heal=_sibling_wakes),
    "starts paused": World(Scene.delete_some, env={"MEDIASWEEP_AUTO_START": "false"}, heal=_resume),
    "stops": World(Scene.delete_some, meanwhile=_stop, goes_on=False),
    "dry run": World(Scene.delete_some, env={"MEDIASWEEP_DRY_RUN": "true"}, goes_on=False),
}
