"""Every page of the admin UI in a real Chromium: nothing runs that people wrote, nothing complains,
nobody is shut out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from mediasweep.emulator.client import Emulator
from tests.conftest import Server
from tests.http.routes import pages
from tests.proxy import Proxy
from tests.system.browser import NARROW, WIDE, Sight, World, world
from tests.system.corpus import CORPUS, SCRIPTS, SOLVED, careless
from tests.system.planting import plant

pytestmark = pytest.mark.asyncio(loop_scope="session")
TABLE = "<img src=x onerror=top.ran99=1>"
PUT = """(pieces) => pieces.forEach((piece) =>
  document.body.append(document.createRange().createContextualFragment(piece)))"""
RAN = f"Object.keys(window).filter((name) => /^ran/.test(name)).length === {len(SCRIPTS)}"
SCRIPTS_OUT = """'"></textarea></title></script><script>top.ran98=1</script>"""
REFLECTING = (
    *("/library?search={}", "/library?folder={}&tags={}", "/library/delete?public_ids={}"),
    *("/queue?public_id={}&filename={}", "/queue?status={}", "/queue?reason={}&actor={}"),
    *("/activity?before={}", "/activity?actor={}"),
    *("/login?next={}", "/{}"),
)
SOME_ROWS = """
SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q ORDER BY q.original_filename LIMIT 8
"""
# fields of the tables that pages show, which the corpus has to have reached
REACHED = {
    *("media_assets.cloudinary_public_id", "media_assets.original_filename", "media_assets.folder"),
    *("media_assets.tags", "media_assets.display_name", "media_assets.alt_text"),
    *("media_assets.secure_url", "media_assets.sync_error_message", "inbox.notification_type"),
    *("inbox.error", "cloudinary_cleanup_queue.cloudinary_public_id", "journal.detail"),
    *("cloudinary_cleanup_queue.error_message", "cloudinary_cleanup_queue.actor"),
    *("cloudinary_cleanup_queue.app", "gate.reason", "reconcile_finding.public_id"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile(
    browser: Browser, server: Server, template: str, emulator: Emulator
) -> AsyncIterator[World]:
    """Give a world in which every field is written by somebody who means harm."""
    async with world(browser, server, template, emulator) as made:
        written = await plant(made.db, CORPUS, TABLE)
        assert written >= REACHED
        yield made


async def test_the_corpus_runs_where_a_page_is_careless(browser: Browser) -> None:
    """Every script of the corpus runs somewhere, so that its silence elsewhere means something."""
    page = await browser.new_page()
    await page.evaluate(PUT, [piece for text in SCRIPTS for piece in careless(text)])
    await page.wait_for_function(RAN)
    await page.close()


async def asked(made: World) -> list[str]:
    """Return the pages to look at: each, some rows, and what answers to what stands in the URL."""
    rows = await made.db.fetch(SOME_ROWS)
    own = [path.replace("{}", quote(SCRIPTS_OUT)) for path in REFLECTING]
    return [*pages(), *(f"/queue/{row['id']}" for row in rows), *own]


async def test_nothing_runs_that_people_wrote(hostile: World) -> None:
    """Each page, as it comes and as the script renews it, shows the corpus and obeys none of it."""
    wrong = {}
    async with hostile.visitor() as context:
        sight = Sight(await context.new_page())
        for path in await asked(hostile):
            await sight.goto(path)
            found = await sight.look()
            await sight.renewed()
            found += await sight.look()
            if SOLVED in await sight.page.content():
                found.append("a template was filled in")
            if found:
                wrong[path] = found
            sight.complaints.clear()
    assert (wrong, hostile.elsewhere) == ({}, [])


@pytest.mark.timeout(150)  # axe reads each page twice
async def test_nobody_is_shut_out(hostile: World) -> None:
    """Axe finds nothing serious on any page, wide or narrow, light or dark, and each fits into its
    window.
    """
    wide = _shut_out(hostile, color_scheme="light", viewport=WIDE)
    narrow = _shut_out(hostile, color_scheme="dark", viewport=NARROW)
    assert [*await asyncio.gather(wide, narrow)] == [{}, {}]


async def _shut_out(made: World, **looks: Any) -> dict[str, list[str]]:  # noqa: ANN401  Playwright's
    """Return what is wrong with each page, looked at like this."""
    wrong = {}
    async with made.visitor(**looks) as context:
        sight = Sight(await context.new_page())
        for path in pages():
            await sight.goto(path)
            if found := [*await sight.look(), *await sight.barriers()]:
                wrong[path] = found
            sight.complaints.clear()
    return wrong


async def test_without_data_and_without_a_database_pages_say_what_to_do(
    browser: Browser, server: Server, template: str, emulator: Emulator
) -> None:
    """An empty installation complains of nothing; without its database a page says so, and comes
    back by itself.
    """
    async with (
        Proxy(server.address()) as way,
        world(browser, server, template, emulator, way) as made,
        made.sight("/") as sight,
    ):
        for path in pages():
            assert (path, await sight.goto(path), await sight.look()) == (path, 200, [])
        await sight.goto("/queue")
        way.refuse()
        way.reset()
        sight.refused.add(sight.page.url)  # Chromium counts each refresh that fails
        await expect(sight.page.get_by_text("connection lost")).to_be_visible()
        assert await sight.goto("/gates") == 503
        said = sight.page.get_by_text("the database does not answer")
        await expect(said).to_be_visible()
        assert [*await sight.look(), *await sight.barriers()] == []
        await way.heal()
        await expect(sight.page.get_by_role("heading", level=1)).to_have_text("Gates")
