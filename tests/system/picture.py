"""`python -m tests.system.picture`: run two daemons through some troubles, and draw the dashboard.

Makes docs/pictures/dashboard.svg. Takes four minutes, and needs the programs of `make test-system`.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import to_thread
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.grafana.picture import charts, picture
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Emulator
from mediasweep.postgres.migrate import migrate
from tests.conftest import Server
from tests.daemons import ROOT
from tests.ports import free_port
from tests.system.monitoring import monitoring, passes
from tests.system.stories import COVERS
from tests.system.world import DELETE, Scene, World

JOB = "mediasweep"
INTO = ROOT / "docs" / "pictures" / "dashboard.svg"
SLOW = {"latency_s": 0.08}  # as Cloudinary answers


async def troubles(world: World) -> None:
    """Go through what a week may bring, in four minutes."""
    cloud = world.cloud
    await to_thread(cloud.faults, SLOW)
    await world.filled("a", 5000)
    await world.filled("burst", 1500)
    await world.db.execute(COVERS)
    await world.db.execute("INSERT INTO covers SELECT n, 'a' || n FROM generate_series(300, 400) n")
    daemon = await world.started()
    await world.started(1)
    await world.command("webhook", "register", daemon.address)
    async with world.dripping("a"):
        await passes(20)
        await world.command("reconcile")
        await passes(20)
        await world.db.execute(DELETE, "burst1")
        await passes(40)
        await world.command("pause", "--reason", "a look at the library")
        await passes(15)
        await world.command("resume")
        await passes(25)
        await to_thread(cloud.faults, {"status": 500, "probability": 0.9}, SLOW)
        await passes(15)
        await to_thread(cloud.faults, SLOW)
        await world.command("scheduler", "restart")
        await passes(25)
        await to_thread(cloud.faults, {"status": 420, "probability": 0.1}, SLOW)
        await passes(10)
        await to_thread(cloud.faults, {"latency_s": 0.8})
        await passes(3)
        await daemon.kill()
        await to_thread(cloud.faults, SLOW)
        await passes(8)
        await world.started()
        await passes(25)


async def main() -> None:
    """Run, and draw what Prometheus has seen."""
    ports = {JOB: [free_port(), free_port()]}
    with Emulator() as emulator, Cluster(durable=False) as cluster, TemporaryDirectory() as folder:
        server = Server(cluster.dsn(), cluster)
        await server.sql("CREATE DATABASE template")
        await migrate(server.dsn("template"), with_library=True)
        async with monitoring(Path(folder), ports) as monitor:
            scene = Scene(server, "template", emulator, monitor, ports)
            since = time.time()
            async with scene.world(JOB) as world:
                await troubles(world)
                shown = await to_thread(charts, monitor.address, since, time.time())
                drawn = await to_thread(picture, list(shown))
    INTO.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
