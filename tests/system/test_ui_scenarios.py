"""What people do with the admin UI, in a real Chromium: the ways to delete, each seen live."""

from __future__ import annotations

import asyncio
import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from mediasweep.demo.files import landscape
from mediasweep.emulator.client import Emulator
from mediasweep.operations import webhooks
from tests.conftest import Server
from tests.daemons import INSERT_ASSETS, finished
from tests.system.browser import World, world
from tests.upload.uploads import opened

pytestmark = pytest.mark.asyncio(loop_scope="session")
LIVE_S = 2.0
SOON = "const real = AbortSignal.timeout; AbortSignal.timeout = () => real.call(AbortSignal, 200)"
DELETE = "DELETE FROM media_assets WHERE cloudinary_public_id LIKE $1 || '%'"
LOADED = "async (picture) => { await picture.decode(); return picture.naturalWidth > 0; }"
FOCUS = """() => [document.activeElement.textContent.trim(),
  document.activeElement === document.body  // between the last and the first
    || getComputedStyle(document.activeElement).outlineStyle !== "none"]"""
HIDDEN = """
SELECT count(*) FROM media_assets WHERE cloudinary_public_id LIKE $1 || '%'
   AND deleted_at IS NOT NULL
"""
POSTS = """
CREATE TABLE posts (id integer PRIMARY KEY, cover text);
SELECT mediasweep.attach('posts', '{"public_id": "cover"}');
INSERT INTO posts VALUES (1, 'used0');
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def working(
    browser: Browser, server: Server, template: str, emulator: Emulator
) -> AsyncIterator[World]:
    """Give a world at work, whose brake closes soon."""
    async with world(
        browser, server, template, emulator, MEDIASWEEP_BRAKE_FLOOR="30", MEDIASWEEP_BRAKE_SHARE="0"
    ) as made:
        await made.db.execute(POSTS)
        await webhooks.register(opened(made.cloud), made.daemon.address)
        yield made


async def left(made: World, prefix: str) -> int:
    """Return how many assets of that name are still at Cloudinary."""
    return sum(name.startswith(prefix) for _, _, name in await to_thread(made.cloud.assets))


async def confirmed(page: Page, name: str) -> None:
    """Press the button that goes on, in the dialog that asks."""
    await page.get_by_role("dialog").get_by_role("button", name=name).click()


async def test_a_row_deleted_by_sql_is_seen_live(working: World) -> None:
    """Who looks at the queue sees the row, and that its asset is gone, without touching a thing."""
    took = []
    async with working.sight("/queue") as sight:
        for number in range(2):  # a machine may be busy once
            await working.filled(f"sql{number}-", 1)
            since = time.monotonic()
            await working.db.execute(DELETE, f"sql{number}-")
            row = sight.page.get_by_role("row").filter(has_text=f"sql{number}-0")
            await expect(row).to_contain_text("completed")
            took.append(time.monotonic() - since)
            assert await left(working, f"sql{number}-") == 0
    assert min(took) < LIVE_S, took


async def test_an_api_deletion_is_seen_live(working: World) -> None:
    """Who looks at the library sees each asset go."""
    took = []
    await working.filled("api", 3)
    async with (
        working.sight("/library?search=api") as sight,
        httpx.AsyncClient(base_url=working.daemon.address, timeout=20) as client,
    ):
        cards = sight.page.locator(".card")
        await expect(cards).to_have_count(3)
        for number in range(2):  # a machine may be busy once
            params = {"public_ids": f"api{number}"}
            told = (await client.delete("/api/cloudinary/media", params=params)).json()
            assert told["deleted"] == [f"api{number}"]
            since = time.monotonic()
            await expect(cards).to_have_count(2 - number)
            took.append(time.monotonic() - since)
    assert min(took) < LIVE_S, took
    assert await left(working, "api") == 1


async def test_assets_are_deleted_in_the_library(working: World) -> None:
    """Ticked, looked at, and let go: what nothing uses is gone, and what a table uses stays."""
    await working.filled("used", 3)
    async with working.sight("/library?search=used") as sight:
        page = sight.page
        await page.get_by_label("Select used0").check()
        await page.get_by_label("Select used1").check()
        await expect(page.get_by_text("2 selected")).to_be_visible()
        await page.get_by_role("button", name="Delete…").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Delete 1 of 2 assets?")
        await expect(page.get_by_role("row").filter(has_text="used0")).to_contain_text("posts")
        await page.get_by_role("button", name="Delete 1 asset").click()
        await expect(page.get_by_role("row").filter(has_text="used1")).to_contain_text("gone at")
        assert await left(working, "used") == 2
        assert await working.db.fetchval(HIDDEN, "used") == 1


async def test_many_are_deleted_at_once(working: World) -> None:
    """A page of the library goes as a whole, also where that is more than the brake lets pass."""
    await working.filled("bulk", 50)
    async with working.sight("/library?search=bulk") as sight:
        page = sight.page
        await page.get_by_label("Select all on this page").check()
        await expect(page.get_by_text("50 selected")).to_be_visible()
        await page.get_by_role("button", name="Delete…").click()
        await page.get_by_role("button", name="Delete 50 assets").click()
        await expect(page.locator("#said")).to_contain_text("50")
        await finished(working.db)
        assert await left(working, "bulk") == 0
        assert await working.db.fetchval(HIDDEN, "bulk") == 50


async def test_what_is_ticked_stays_so_from_page_to_page(working: World) -> None:
    """Until it is deleted, all at once; whoever goes back finds it as they left it."""
    await working.filled("page", 62)
    async with working.sight("/library?search=page&sort=name") as sight:
        page = sight.page
        picked = page.locator("#picked")
        await page.get_by_label("Select all on this page").check()
        await page.get_by_role("link", name="Next").click()
        await page.locator(".card input").first.check()
        await expect(picked).to_have_text("61 selected, 60 of them elsewhere")
        await page.go_back()
        await expect(picked).to_have_text("61 selected, 1 of them elsewhere")
        await page.get_by_role("button", name="Delete…").click()
        await page.get_by_role("button", name="Delete 61 assets").click()
        await expect(page.get_by_text("gone at")).to_have_count(61)
        await page.goto("/library?search=page")
        await expect(page.locator("#bar")).to_be_hidden()


async def test_a_brake_is_looked_at_and_let_go(working: World) -> None:
    """More rows at once than usual wait, and are shown; who has seen them lets exactly them go."""
    await working.filled("brake", 40)
    async with working.sight("/gates") as sight:
        page = sight.page
        await working.db.execute(DELETE, "brake")
        await page.get_by_role("link", name="Review what it holds").click()
        assert await left(working, "brake") == 40
        await page.get_by_role("button", name="Release exactly these 40 rows").click()
        await confirmed(page, "Release exactly these")
        await page.wait_for_url("**/gates")
        await expect(page.get_by_text("Every gate is open")).to_be_visible()
        await finished(working.db)
    assert await left(working, "brake") == 0


async def test_a_file_is_uploaded(working: World) -> None:
    """Its progress is shown, and it is in the library afterwards, with its picture."""
    shown = asyncio.Event()

    async def upload(route: Route) -> None:
        await shown.wait()
        await route.fallback()

    async with working.sight("/library/upload") as sight:
        page = sight.page
        await page.route("**/api/cloudinary/upload", upload)
        await page.get_by_label("Folder").fill("holidays")
        file: Any = {"name": "beach.png", "mimeType": "image/png"}
        file["buffer"] = landscape(240, 160, 1)
        await page.locator("input[type=file]").set_input_files(file)
        await expect(page.get_by_role("progressbar")).to_be_visible()
        shown.set()
        await expect(page.locator("#sent-list")).to_contain_text("as beach.png holidays/")
        await page.get_by_role("link", name="beach.png").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("beach")
        picture = page.locator("main img")
        assert await picture.evaluate(
            "async (one) => { await one.decode(); return one.naturalWidth }"
        )
    assert await left(working, "holidays/") == 1


async def test_what_was_deleted_is_restored(working: World) -> None:
    """Where the account keeps backups, deletions are taken back from the page of what is gone: one
    by its button, others ticked, by the keyboard alone, which then is at the heading.
    """
    await to_thread(working.cloud.fill, "back", 4, backup=True)
    await working.db.execute(INSERT_ASSETS, "back", 4)
    ids = "&".join(f"public_ids=back{n}" for n in range(4))
    async with working.sight(f"/library/delete?{ids}") as sight:
        page = sight.page
        await page.get_by_role("button", name="Delete 4 assets").click()
        await page.get_by_role("link", name="What was deleted").click()
        await finished(working.db)  # the rows are hidden before the assets are gone
        assert await left(working, "back") == 0
        await page.get_by_role("button", name="Restore back0").click()
        await expect(page.get_by_role("button", name="Restore back0")).to_have_count(0)
        assert await left(working, "back") == 1
        for name in ("back1", "back2"):
            await page.get_by_label(f"Select {name}").focus()
            await page.keyboard.press("Space")
        await expect(page.get_by_text("2 selected")).to_be_visible()
        await page.keyboard.press("r")
        await page.keyboard.press("Enter")
        await expect(page.locator("#said")).to_contain_text("2 restored")
        await expect(page.get_by_label("Select back1")).to_have_count(0)
        await expect(page.get_by_role("heading", level=1)).to_be_focused()
        await page.get_by_label("Select back3").check()
        await page.get_by_role("button", name="Restore back3").click()
        await expect(page.locator("#bar")).to_be_hidden()  # nothing is selected any more
    assert await left(working, "back") == 4
    assert await working.db.fetchval(HIDDEN, "back") == 0


async def test_the_six_checks_are_run(working: World) -> None:
    """The self-test is started, shows each check as it ends, and all of them pass."""
    async with working.sight("/selftest") as sight:
        page = sight.page
        await page.get_by_role("button", name="Run the six checks").click()
        await expect(page.get_by_text("All 6 checks passed")).to_be_visible(timeout=25_000)


async def test_the_keyboard_is_enough(working: World) -> None:
    """The fleet is stopped, with a reason and an end, and started again without a mouse, and
    whatever has the focus shows it; a dialog gives it back.
    """
    async with working.sight("/gates") as sight:
        page = sight.page
        press = page.keyboard.press
        await press("Tab")
        await press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        await press("?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        await press("Escape")
        await walked(page, "Stop…")
        for keys in ("Enter", "Tab", *"lunch", "Tab", *"30", "Enter"):
            await press(keys)
        await expect(page.locator("#said")).to_contain_text("Stopped until")
        await expect(page.locator("#gate-pause-0")).to_contain_text("Lunch.")
        await expect(page.locator("#scheduler")).to_contain_text("stopped")
        await walked(page, "Restart")
        await press("Enter")
        dialog = page.get_by_role("dialog", name="Restart the scheduler")
        await expect(dialog).to_be_visible()
        await press("Escape")
        await expect(page.get_by_role("button", name="Restart", exact=True)).to_be_focused()
        await press("Enter")
        await expect(dialog).to_be_visible()
        await walked(page, "Restart")
        await press("Enter")
        await expect(page.locator("#said")).to_contain_text("Restarted")
        await working.filled("keys", 1)
        await page.goto("/library?search=keys")
        await page.get_by_label("Select keys0").focus()
        await press("Space")
        await expect(page.get_by_text("1 selected")).to_be_visible()
        await press("d")
        await expect(page.get_by_role("button", name="Delete…")).to_be_focused()
        await page.goto("/queue")
        await press("/")
        await page.keyboard.type("covers/*")
        await press("Enter")
        await page.wait_for_url("**public_id=covers*")


async def walked(page: Page, name: str) -> None:
    """Go from one thing to the next by Tab until one is called like this."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        has, shown = await page.evaluate(FOCUS)
        assert shown, has
        if has.startswith(name):
            return
    pytest.fail(f"the keyboard does not come to {name}")


async def test_a_server_that_hangs_is_told(working: World) -> None:
    """What is shown of one that answers nothing is not called live, until it answers again."""
    async with working.sight("/gates") as sight:
        await sight.page.evaluate(f"() => {{ {SOON} }}")
        await sight.page.route("**/gates", lambda _: None)
        lost = sight.page.get_by_text("Connection lost")
        await expect(lost).to_be_visible()
        await sight.page.unroute_all()
        await expect(lost).to_be_hidden()
