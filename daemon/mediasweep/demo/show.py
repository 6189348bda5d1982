"""The demonstration itself: starts everything, plays the scenes, says what happened and why.

Owns three processes (Postgres, emulator, daemon), which all die with this one. What is shown is
looked up where it can be seen: the queue says why, and each asset's delivery URL says whether it is
gone. Leaves nothing behind but what it printed.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from os.path import commonpath

import asyncpg
from rich.console import Console
from rich.live import Live
from rich.table import Table

from mediasweep.cloudinary import Account, Credentials
from mediasweep.demo.cluster import Cluster
from mediasweep.demo.interrupts import Interrupts
from mediasweep.demo.processes import OK, POLL_S, daemon, http_status
from mediasweep.demo.scenes import SCENES, SQL, WITHOUT_ROW, Scene
from mediasweep.demo.uploads import row, upload
from mediasweep.emulator.client import Cloud, Emulator
from mediasweep.operations.webhooks import register
from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection

SCENE_WITHIN_S = 60.0
STOP_POLL_S = 0.2
COLOURS = {None: "yellow", True: "green", False: "red"}


@dataclass(slots=True)
class Played:
    """What became of a scene; `after` runs from its commit to the last of its assets."""

    scene: Scene
    statuses: Counter[str] = field(default_factory=Counter)
    why: str = ""
    after: timedelta | None = None
    right: bool | None = None


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
        asyncio.run(_have_it_told(cloud, address))
        played = asyncio.run(_play(cluster.dsn(), cloud, console))
        if not all(one.right for one in played):
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
    size = sum(answer["bytes"] for answer in answers)
    console.print(f"Uploaded {len(answers)} files, {size / 1024:.0f} KiB, and inserted their rows.")


async def _have_it_told(cloud: Cloud, address: str) -> None:
    """Let the daemon hear of what changes at Cloudinary."""
    credentials = Credentials(cloud.name, cloud.key, cloud.secret, cloud.api)
    account = Account(credentials, threads=1, timeout=timedelta(seconds=10))
    try:
        await register(account, address)
    finally:
        account.close()


async def _play(dsn: str, cloud: Cloud, console: Console) -> list[Played]:
    played: list[Played] = []
    connection = await asyncpg.connect(dsn)
    try:
        with Live(_table(played), console=console, refresh_per_second=20) as live:
            for scene in SCENES:
                async with connection.transaction():
                    await connection.execute(scene.sql)
                    committed = await connection.fetchval(SQL["now"])
                played.append(Played(scene))
                await _watch(connection, played[-1], committed, lambda: live.update(_table(played)))
                there = await asyncio.to_thread(_as_it_should_be, cloud, scene)
                played[-1].right = played[-1].right and there
                live.update(_table(played))
    finally:
        await connection.close()
    return played


async def _watch(
    connection: Connection, one: Played, committed: datetime, changed: Callable[[], None]
) -> None:
    """Follow a scene's rows in the queue until all are finished."""
    scene, until = one.scene, time.monotonic() + SCENE_WITHIN_S
    while sum(one.statuses.values()) < len(scene.assets) and time.monotonic() < until:
        await asyncio.sleep(POLL_S)
        rows = await connection.fetch(SQL["finished"], scene.assets, committed)
        one.statuses = Counter(row["status"] for row in rows)
        one.why = rows[0]["why"] if rows else ""
        one.after = max((row["after"] for row in rows), default=None)
        changed()
    expected = {"completed": len(scene.gone), "skipped": len(scene.kept)}
    one.right = one.statuses == Counter({k: n for k, n in expected.items() if n})


def _as_it_should_be(cloud: Cloud, scene: Scene) -> bool:
    """Ask for the files themselves: what is kept is delivered, what is gone is not there."""
    there = {public_id: kind for kind, _, public_id in cloud.assets()}
    delivered = (
        http_status(f"{cloud.api}/{cloud.name}/{there.get(name, 'image')}/upload/{name}") == OK
        for name in scene.kept
    )
    return all(delivered) and not any(name in there for name in scene.gone)


def _table(played: list[Played]) -> Table:
    """Return what has been played so far, made to fit 80 columns without breaking a word."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("what was done")
    table.add_column("file", no_wrap=True)
    table.add_column("became", no_wrap=True)
    table.add_column("why")
    table.add_column("after", justify="right", no_wrap=True)
    for one in played:
        many = len(one.scene.assets)
        became = ", ".join(f"{n} {s}" if many > 1 else s for s, n in one.statuses.items())
        after = "" if one.after is None else f"{one.after.total_seconds() * 1000:.0f} ms"
        table.add_row(
            one.scene.title,
            one.scene.assets[0] if many == 1 else f"{commonpath(one.scene.assets)}/*",
            f"[{COLOURS[one.right]}]{became or 'waiting'}[/]",
            _brief(one.why),
            after,
        )
    return table


def _brief(why: str) -> str:
    """Return a reason without schema and row; the queue has it whole."""
    return re.sub(r"^(in use by )(?:public\.)?(\S+) .*", r"\1\2", why)


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
        f'  {psql} "$DATABASE_URL"',
        "",
        "and in the last, delete a row of your own (demo/yours/1 to demo/yours/5 are for that):",
        "",
        f"  {SQL['yours']}",
        "",
        f"Its pages are at {address}/, and it answers at {address}/readyz and {address}/metrics",
    )
    console.print("\n".join(lines), highlight=False, soft_wrap=True, markup=False)
