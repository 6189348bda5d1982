"""Stories in which something goes wrong for real, each in a world of its own.

A story causes what some alerts are about, waits until the Alertmanager has told of them, mends it,
and waits until it has told that they are over. Stories run beside each other, because what would
hide another trouble is in another one.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import to_thread
from random import Random

from mediasweep.demo.cluster import Cluster
from mediasweep.postgres.migrate import migrate
from tests.copies import copied
from tests.daemons import INSERT_ASSETS, finished
from tests.inbox.account import Account
from tests.inbox.library import receive
from tests.system.world import DELETE, SOME, Scene

REFUSING = "ALTER TABLE media_assets ADD CONSTRAINT good CHECK (display_name <> 'bad')"
MENDED = """
ALTER TABLE media_assets DROP CONSTRAINT good;
UPDATE mediasweep.inbox SET due_at = now() WHERE done_at IS NULL
"""
YEARS_S = 10**9  # until the calls of an account are reset
COVERS = """
CREATE TABLE covers (id integer, cover text);
SELECT mediasweep.attach('covers', '{"public_id": "cover"}')
"""


async def queue(scene: Scene) -> None:
    """Rows that Cloudinary rejects, and a pause that somebody forgot."""
    async with scene.world("mediasweep-queue") as world:
        await world.filled("bad", 300)
        await to_thread(world.cloud.faults, {"status": 400, "public_id": "bad*"})
        await world.started()
        await world.watched()
        async with world.dripping("bad"):
            await world.told("MediasweepManyFailed", "MediasweepFailureRate")
            await world.command("pause", "--reason", "nobody knows")
            await world.told("MediasweepSchedulerDown")
        await to_thread(world.cloud.faults)
        await world.command("queue", "retry", "--status", "failed", "--yes")
        await world.command("resume")
        await world.over("MediasweepManyFailed", "MediasweepFailureRate", "MediasweepSchedulerDown")


async def outage(scene: Scene) -> None:
    """A database that is away, and then a daemon that was killed."""
    async with scene.proxy() as way, scene.world("mediasweep-outage") as world:
        world.settings["DATABASE_URL"] = way.dsn(world.dsn)
        daemon = await world.started()
        await world.watched()
        way.refuse()
        way.reset()
        await world.told("MediasweepDatabaseLost")
        await way.heal()
        await world.over("MediasweepDatabaseLost")
        await daemon.kill()
        await world.told("MediasweepDown")
        await world.started()
        await world.over("MediasweepDown")


async def key(scene: Scene) -> None:
    """A key that was revoked, and a way for notifications that was closed."""
    async with scene.proxy() as way, scene.world("mediasweep-key") as world:
        await world.filled("a", 3)
        await world.started(MEDIASWEEP_LISTEN_URL=way.dsn(world.dsn))
        await world.watched()
        way.refuse()
        way.reset()
        await to_thread(world.cloud.switch, revoked=True)
        await world.db.execute(DELETE, "a")
        await world.told("MediasweepAuthRefused", "MediasweepPollingOnly")
        await to_thread(world.cloud.switch, revoked=False)
        await way.heal()
        await world.over("MediasweepAuthRefused", "MediasweepPollingOnly")


async def pair(scene: Scene) -> None:
    """Two daemons of which one is deaf, and a column that the guard does not find."""
    async with scene.proxy() as way, scene.world("mediasweep-pair") as world:
        await world.filled("a", 300)
        await world.db.execute(COVERS)
        await world.started()
        await world.started(1, MEDIASWEEP_LISTEN_URL=way.dsn(world.dsn))
        await world.watched()
        way.refuse()
        way.reset()
        await world.db.execute("ALTER TABLE covers RENAME cover TO picture")
        async with world.dripping("a"):
            await world.told("MediasweepListenerLost", "MediasweepGuardFails")
            await world.db.execute("ALTER TABLE covers RENAME picture TO cover")
        await way.heal()
        await world.over("MediasweepListenerLost", "MediasweepGuardFails")


async def brake(scene: Scene) -> None:
    """Rows without an asset, and then more at once than the brake lets go."""
    async with scene.world("mediasweep-brake", MEDIASWEEP_BRAKE_FLOOR="30") as world:
        await world.db.execute(INSERT_ASSETS, "none", 20)
        await world.started()
        await world.watched()
        await world.db.execute(DELETE, "none")
        await world.told("MediasweepAbsentShare")
        await world.filled("a", 60)
        await world.db.execute(DELETE, "a")
        await world.told("MediasweepBrakeClosed", "MediasweepManyDue")
        [held] = json.loads(await world.command("brake", "show", "--json"))
        await world.command("brake", "ack", held["digest"], "--yes")
        await world.over("MediasweepBrakeClosed", "MediasweepManyDue", "MediasweepAbsentShare")


async def limits(scene: Scene) -> None:
    """An account whose calls are used up, 420 for every deletion, and a capture that fails."""
    often = {"MEDIASWEEP_HEALTH_CHECK_INTERVAL": "1"}
    async with scene.world("mediasweep-limits", **often) as world:
        await world.filled("a", 6)
        await to_thread(world.cloud.faults, {"status": 420})
        await to_thread(world.cloud.switch, admin_limit=1, admin_window_s=YEARS_S)
        daemon = await world.started()
        await world.told("MediasweepQuotaLow")
        await world.db.execute(SOME, "a")
        await world.db.execute("ALTER FUNCTION mediasweep.wake() RENAME TO away")
        await world.db.execute(DELETE, "a")
        await world.told("MediasweepCaptureBroken", "MediasweepRateLimited")
        await world.db.execute("ALTER FUNCTION mediasweep.away() RENAME TO wake")
        await to_thread(world.cloud.faults)
        await world.over("MediasweepCaptureBroken", "MediasweepRateLimited")
        await to_thread(world.cloud.switch, admin_limit=500)
        assert await daemon.stop() == 0
        await world.started()
        await world.over("MediasweepQuotaLow")


async def breaker(scene: Scene) -> None:
    """Cloudinary in trouble, and an application that left a transaction open."""
    async with scene.world("mediasweep-breaker", MEDIASWEEP_MAX_RETRIES="100") as world:
        await world.filled("a", 20)
        await to_thread(world.cloud.faults, {"status": 500})
        await world.started()
        await world.watched()
        await world.db.execute(SOME, "a")
        await world.db.execute(SOME, "a")
        await world.told("MediasweepBreakerOpen")
        writing = (application := await world.connected()).transaction()
        await writing.start()
        await application.execute("SELECT pg_current_xact_id()")
        await world.db.execute(DELETE, "a")
        await world.told("MediasweepHorizonHeld", "MediasweepOldestDue")
        await writing.rollback()
        await to_thread(world.cloud.faults)
        await world.over("MediasweepBreakerOpen", "MediasweepHorizonHeld", "MediasweepOldestDue")


async def place(scene: Scene) -> None:
    """A daemon that comes back with another account."""
    async with scene.world("mediasweep-place") as world:
        daemon = await world.started()
        await world.watched()
        assert await daemon.stop() == 0
        world.cloud = await to_thread(scene.emulator.cloud)
        await world.started()
        await world.told("MediasweepEnvironmentChanged")
        await world.command("adopt", "--yes")
        await world.over("MediasweepEnvironmentChanged")


async def failover(scene: Scene) -> None:
    """A standby takes over that has not heard of the last deletions."""
    often = {"MEDIASWEEP_HEALTH_CHECK_INTERVAL": "0.5"}
    with Cluster(durable=False) as primary:
        await migrate(primary.dsn(), with_library=True)
        async with scene.world("mediasweep-failover", primary.dsn(), **often) as world:
            await world.filled("a", 3)
            await world.started()
            await world.watched()
            standby = world.stack.enter_context(copied(primary))
            await world.db.execute(DELETE, "a")
            await finished(world.db)
            await to_thread(standby.take_over)
            await world.told("MediasweepFailoverHeld")
            await world.command("adopt", "--yes")
            await world.over("MediasweepFailoverHeld")


async def drift(scene: Scene) -> None:
    """Rows whose assets went, and then no comparison; a notification that cannot be applied."""
    account = Account(Random(1))
    account.upload("mail", "bad")
    async with scene.world("mediasweep-drift", MEDIASWEEP_RECONCILE_HOURS="0.0015") as world:
        await world.filled("a", 3)
        await world.started()
        await world.watched()
        await world.db.execute(REFUSING)
        await receive(world.db, account.told[0])
        await world.db.execute(INSERT_ASSETS, "ghost", 20)
        await world.command("reconcile")
        await world.told("MediasweepDrift", "MediasweepReconcileLate", "MediasweepInboxLate")
        await world.db.execute(MENDED)
        await to_thread(world.cloud.fill, "ghost", 20)
        await world.command("reconcile")
        await world.over("MediasweepDrift", "MediasweepReconcileLate", "MediasweepInboxLate")


async def well(scene: Scene, others: asyncio.Event) -> None:
    """Nothing goes wrong, from the first story to the last.

    On a server of its own: a transaction that is open in another database makes readers in this one
    look old, and rows wait for those, for some seconds.
    """
    with Cluster(durable=False) as calm:
        await migrate(calm.dsn(), with_library=True)
        async with scene.world("mediasweep-well", calm.dsn()) as world:
            await world.filled("a", 3000)
            await world.started()
            await world.watched()
            while not others.is_set():  # a busy machine, whose daemons are late, makes no backlog
                await world.db.execute(SOME, "a")
                await finished(world.db)
                await world.db.execute("SELECT pg_sleep(0.2)")
            fired = {name for name, job in scene.monitor.fired if job == world.job}
    # shrunk to half a second, which on a busy machine a scrape or a short transaction may take
    late = {"MediasweepDown", "MediasweepHorizonHeld"}
    assert fired <= late, [scene.monitor.said[name, "mediasweep-well"] for name in fired]


STORIES = (queue, outage, key, pair, brake, limits, breaker, place, failover, drift)
DAEMONS = {"mediasweep-well": 1} | {f"mediasweep-{story.__name__}": 1 for story in STORIES}
DAEMONS["mediasweep-pair"] = 2
