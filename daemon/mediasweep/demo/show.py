"""The demonstration itself: starts everything, plays the scenes, says what happened and why.

Owns three processes (Postgres, emulator, daemon), which all die with this one. What is shown is
looked up where it can be seen: the queue says why, each asset's delivery URL says whether it is
gone, and the library says what was done at Cloudinary. Leaves nothing behind but what it printed.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from os.path import commonpath

import asyncpg
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from mediasweep.cloudinary import Account, Credentials
from mediasweep.demo.cloud_changes import follow
from mediasweep.demo.cluster import Cluster
from mediasweep.demo.comparison import compare, differ
from mediasweep.demo.interrupts import Interrupts
from mediasweep.demo.processes import OK, POLL_S, daemon, http_status
from mediasweep.demo.results import SceneResult, table
from mediasweep.demo.scenes import SCENES, SQL, WITHOUT_ROW, Scene
from mediasweep.demo.uploads import row, upload
from mediasweep.emulator.client import Cloud, Emulator
from mediasweep.operations import selftest, webhooks
from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection
from mediasweep.rules.number import size
from mediasweep.rules.selftest import CheckResult

SCENE_WITHIN_S = 60.0
STOP_POLL_S = 0.2


def show(*, once: bool, port: int) -> int:
    """Show everything; returns the exit code."""
    console = Console()
    with Interrupts() as interrupts:
        try:
            with ExitStack() as stack:
                return _show(console, stack, interrupts, once=once, port=port)
        except KeyboardInterrupt:
            console.print("\nStopped; nothing is left behind.")
            return 0


def _show(
    console: Console, stack: ExitStack, interrupts: Interrupts, *, once: bool, port: int
) -> int:
    console.print("Starting PostgreSQL, a Cloudinary emulator and the daemon …")
    cluster = stack.enter_context(Cluster())
    cloud = stack.enter_context(Emulator()).cloud("demo")
    with interrupts.allowed():
        asyncio.run(_prepare(cluster.dsn(), cloud, console))
    log = cluster.root / "daemon.log"
    running = daemon(log, dsn=cluster.dsn(), cloudinary_url=cloud.url, port=port)
    address = stack.enter_context(running)
    with interrupts.allowed():
        if not asyncio.run(_play(cluster.dsn(), cloud, address, console)):
            console.print("[red]Not everything went as it should.[/red]")
            return 1
        if not once:
            _invite(console, cluster, cloud, address)
            while True:  # one long wait could miss a signal that comes just before it
                time.sleep(STOP_POLL_S)
    return 0


async def _prepare(dsn: str, cloud: Cloud, console: Console) -> None:
    await migrate(dsn, with_library=True)
    answers = await asyncio.to_thread(upload, cloud.options())
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(SQL["setup"])
        rows = [row(answer) for answer in answers if answer["public_id"] not in WITHOUT_ROW]
        await connection.executemany(SQL["insert_row"], rows)
    finally:
        await connection.close()
    await asyncio.to_thread(differ, cloud)
    amount = size(sum(answer["bytes"] for answer in answers))
    console.print(f"Uploaded {len(answers)} files, {amount}, and inserted their rows.")


async def _play(dsn: str, cloud: Cloud, address: str, console: Console) -> bool:
    """Play both directions at once, and test everything; tells whether all went as it should."""
    given = Credentials(cloud.name, cloud.key, cloud.secret, cloud.api)
    account = Account(given, threads=1, timeout=timedelta(seconds=10))
    connection, beside = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        await webhooks.register(account, address)
        console.print("Cloudinary tells the daemon of every change from now on.\n")
        played: list[SceneResult] = []
        followed: list[SceneResult] = []
        compared: list[SceneResult] = []
        with Live(table(played), console=console, refresh_per_second=20) as live:

            def changed() -> None:
                live.update(table(played + followed + compared))

            async with asyncio.TaskGroup() as group:
                group.create_task(follow(beside, cloud.options(), followed, changed))
                await _scenes(connection, cloud, played, changed)
            await compare(connection, account, compared, changed)
        return all(one.right for one in played + followed + compared) and await _test(
            connection, account, console
        )
    finally:
        await connection.close()
        await beside.close()
        account.close()


async def _scenes(
    connection: Connection, cloud: Cloud, played: list[SceneResult], changed: Callable[[], None]
) -> None:
    for scene in SCENES:
        async with connection.transaction():
            await connection.execute(scene.sql)
            committed = await connection.fetchval(SQL["now"])
        many = len(scene.assets) > 1
        one = SceneResult(scene.title, f"{commonpath(scene.assets)}/*" if many else scene.assets[0])
        played.append(one)
        right = await _watch(connection, scene, one, committed, changed)
        one.right = right and await asyncio.to_thread(_as_it_should_be, cloud, scene)
        changed()


async def _watch(
    connection: Connection,
    scene: Scene,
    one: SceneResult,
    committed: datetime,
    changed: Callable[[], None],
) -> bool:
    """Follow a scene's rows in the queue until all are finished; tells whether they ended well."""
    statuses: Counter[str] = Counter()
    many, until = len(scene.assets) > 1, time.monotonic() + SCENE_WITHIN_S
    while sum(statuses.values()) < len(scene.assets) and time.monotonic() < until:
        await asyncio.sleep(POLL_S)
        rows = await connection.fetch(SQL["finished"], scene.assets, committed)
        statuses = Counter(row["status"] for row in rows)
        one.became = ", ".join(f"{n} {s}" if many else s for s, n in statuses.items())
        one.why = rows[0]["why"] if rows else ""
        one.after = max((row["after"] for row in rows), default=None)
        changed()
    expected = {"completed": len(scene.gone), "skipped": len(scene.kept)}
    return statuses == Counter({k: n for k, n in expected.items() if n})


async def _test(connection: Connection, account: Account, console: Console) -> bool:
    """Run the self-test, as `mediasweep selftest` does."""
    console.print("\nThe self-test:")

    def say(result: CheckResult) -> None:
        word = "[green]passed[/]" if result.passed else "[red]FAILED[/]"
        console.print(f"{word}  {result.name}: {escape(result.message)}", highlight=False)

    within = timedelta(seconds=SCENE_WITHIN_S)
    report = await selftest.run(connection, account, who="demo", within=within, say=say)
    console.print(f"{report.passed} of {len(report.results)} checks passed", highlight=False)
    return report.passed == len(report.results)


def _as_it_should_be(cloud: Cloud, scene: Scene) -> bool:
    """Ask for the files themselves: what is kept is delivered, what is gone is not there."""
    there = {public_id: kind for kind, _, public_id in cloud.assets()}
    delivered = (
        http_status(f"{cloud.api}/{cloud.name}/{there.get(name, 'image')}/upload/{name}") == OK
        for name in scene.kept
    )
    return all(delivered) and not any(name in there for name in scene.gone)


def _invite(console: Console, cluster: Cluster, cloud: Cloud, address: str) -> None:
    program = shlex.quote(sys.argv[0])
    psql = shlex.quote(cluster.psql)
    lines = (
        "",
        "Everything stays up until Ctrl-C. In another terminal, try:",
        "",
        f"  export DATABASE_URL={cluster.dsn()}",
        f"  export CLOUDINARY_URL={shlex.quote(cloud.url)}",
        f"  {program} status",
        f"  {program} queue list",
        f"  {program} selftest",
        f'  {psql} "$DATABASE_URL"',
        "",
        "and in the last, delete a row of your own (demo/yours/1 to demo/yours/5 are for that):",
        "",
        f"  {SQL['yours']}",
        "",
        f"Its pages are at {address}/, and it answers at {address}/readyz and {address}/metrics",
        "Delete demo/gallery/harbour there: it says which article uses it, and that it would stay.",
    )
    console.print("\n".join(lines), highlight=False, soft_wrap=True, markup=False)
