"""`make pictures`: the admin UI as the docs show it, into docs/pictures/. `ARGS=folder`: every page
into that folder, wide and narrow, light and dark, to be looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from asyncio import to_thread
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import ViewportSize

from mediasweep.demo.cluster import Cluster
from mediasweep.demo.scenes import SQL
from mediasweep.demo.uploads import row, upload
from mediasweep.emulator.client import Emulator
from mediasweep.operations import webhooks
from mediasweep.postgres.migrate import migrate
from tests.conftest import Server
from tests.daemons import ROOT, finished
from tests.http.routes import pages
from tests.system.browser import NARROW, WIDE, Sight, World, chromium, world
from tests.upload.uploads import opened

INTO = ROOT / "docs" / "pictures"
GALLERY = "demo/gallery/"
DELETED = "DELETE FROM media_assets WHERE cloudinary_public_id LIKE $1"
SMALL = {"MEDIASWEEP_BRAKE_FLOOR": "100"}
ASKED = {
    "/api/test-bidirectional-sync": None,
    "/api/cloudinary/sync": {"orphans": "report", "ghosts": "report"},
}
# a day of work, as its journal would have it
DAY = """
INSERT INTO mediasweep.journal (at, event, status, outcome, public_id, source_id)
SELECT now() - make_interval(mins => 29 * n), e, e, CASE e WHEN 'completed' THEN 'deleted' END,
       'covers/' || n, 1
  FROM generate_series(1, 48) n,
       generate_series(1, 3 + (n * n * 7) % 23) k,
       LATERAL (SELECT CASE WHEN (n * k) % 61 = 60 THEN 'failed' ELSE 'completed' END) t (e)
"""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A page, and how it is looked at."""

    name: str
    path: str
    scheme: str = "light"
    viewport: ViewportSize | None = None  # wide


SHOWN = (
    Portrait("ui-overview", "/"),
    Portrait("ui-library", "/library?folder=demo/gallery"),
    Portrait("ui-delete", "/library/delete?public_ids={harbour}&public_ids={fjord}", "dark"),
    Portrait("ui-queue", "/queue", "dark"),
    Portrait("ui-brake", "/gates/brake"),
    Portrait("ui-overview-phone", "/", "dark", NARROW),
    Portrait("ui-library-phone", "/library?folder=demo/gallery", "light", NARROW),
)


def every(paths: Iterator[str]) -> Iterator[Portrait]:
    """Yield each page in each way."""
    for path in paths:
        for size, viewport in (("wide", WIDE), ("narrow", NARROW)):
            for scheme in ("light", "dark"):
                name = path.strip("/").replace("/", "-") or "overview"
                yield Portrait(f"{name}-{size}-{scheme}", path, scheme, viewport)


@asynccontextmanager
async def scene() -> AsyncIterator[World]:
    """Give a world in which something has happened."""
    with Emulator() as emulator, Cluster(durable=False) as cluster:
        server = Server(cluster.dsn(), cluster)
        await server.sql("CREATE DATABASE template")
        await migrate(server.dsn("template"), with_library=True)
        async with (
            chromium() as browser,
            world(browser, server, "template", emulator, None, "shop", **SMALL) as made,
        ):
            await _played(made)
            yield made


async def _played(made: World) -> None:
    """Upload the demo's files, and let the rows of some go."""
    await webhooks.register(opened(made.cloud), made.daemon.address)
    await made.db.execute(SQL["setup"])
    answers = await to_thread(upload, made.cloud.options())
    await made.db.executemany(SQL["insert_row"], [row(answer) for answer in answers])
    await to_thread(made.cloud.plant, "lost/", 12, age_s=3 * 86400)
    async with httpx.AsyncClient(base_url=made.daemon.address, timeout=60) as client:
        for path, body in ASKED.items():
            (await client.post(path, json=body)).raise_for_status()
    await made.db.execute(DAY)
    await to_thread(made.cloud.faults, {"status": 400, "public_id": "demo/yours/*"})
    for name in ("demo/picture", "demo/film", "demo/table.csv", "demo/shared", "demo/yours/2"):
        await made.db.execute(DELETED, name)
    await made.db.execute(SQL["soft"])
    await finished(made.db)


async def taken(made: World, portrait: Portrait, into: Path, *, whole: bool) -> None:
    """Take a picture, `whole`: of all that can be scrolled to; stderr says what the page says."""
    ids = {name: f"{GALLERY}{name}" for name in ("harbour", "fjord")}
    looks: dict[str, Any] = {"color_scheme": portrait.scheme, "viewport": portrait.viewport or WIDE}
    async with made.visitor(**looks) as context:
        sight = Sight(await context.new_page())
        await sight.goto(portrait.path.format(**ids))
        await sight.page.wait_for_load_state("networkidle")
        await sight.page.get_by_text("still counting").wait_for(state="hidden")
        for complaint in await sight.look():
            sys.stderr.write(f"{portrait.name}: {complaint}\n")
        await sight.page.screenshot(path=into / f"{portrait.name}.png", full_page=whole)


async def main() -> None:
    """Read the arguments, play the scene and take the pictures."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="for every page, instead of the docs'")
    given = parser.parse_args()
    if given.folder:
        given.folder.mkdir(exist_ok=True)
    async with scene() as made:
        for portrait in every(pages()) if given.folder else SHOWN:
            if portrait.path == "/gates/brake":
                await made.db.execute(DELETED, "demo/bulk/%")
                await made.daemon.seen("brake_closed")
            await taken(made, portrait, given.folder or INTO, whole=bool(given.folder))


if __name__ == "__main__":
    asyncio.run(main())
