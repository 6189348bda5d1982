"""Who comes in by the admin UI, in a real Chromium: tokens, sessions, and pages of others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from mediasweep.emulator.client import Emulator
from tests.conftest import Server
from tests.http.routes import pages
from tests.http.visits import OPERATE, READ
from tests.system.browser import Sight, World, world

pytestmark = pytest.mark.asyncio(loop_scope="session")
TOKENS = f"{OPERATE} read:{READ}"
SESSION, SCHEDULER = "/api/session", "/api/cloudinary/scheduler"
GATES = "SELECT count(*) FROM mediasweep.gate"
BUTTONS = "[data-call]:not([data-call$='/api/session'])"
# what another page of this machine can try: a form, which needs no leave, and scripts
FORM = """
<form method="post" enctype="text/plain" action="{to}">
<input name='{{"action": "stop", "x' value='y": 1}}'></form><iframe src="{home}"></iframe>
"""
TRY = """async ([to, method, type]) => {
  const headers = type ? {"Content-Type": type} : {};
  const asked = {method, headers, credentials: "include", body: '{"action": "stop"}'};
  for (const mode of ["cors", "no-cors"]) await fetch(to, {...asked, mode}).catch(() => null);
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded(
    browser: Browser, server: Server, template: str, emulator: Emulator
) -> AsyncIterator[World]:
    """Give a world whose daemon asks for a token."""
    async with world(browser, server, template, emulator, MEDIASWEEP_API_TOKEN=TOKENS) as made:
        yield made


async def log_in(page: Page, token: str) -> None:
    """Give a token where it is asked for."""
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Log in").click()


@asynccontextmanager
async def at_home(made: World, token: str) -> AsyncIterator[tuple[BrowserContext, Sight]]:
    """Yield a browser that has logged in, and its page."""
    async with made.visitor() as context:
        sight = Sight(await context.new_page())
        await sight.goto("/login")
        await log_in(sight.page, token)
        await expect(sight.page.get_by_role("heading", name="Overview")).to_be_visible()
        yield context, sight
        assert await sight.look() == []


async def test_a_visitor_logs_in_and_out(guarded: World) -> None:
    """A page asks for a token first, says when it is a wrong one, and is closed after leaving."""
    async with guarded.sight("/queue?status=failed") as sight:
        page = sight.page
        sight.refused.add(guarded.daemon.address + SESSION)
        assert "/login?next=" in page.url
        await log_in(page, "wrong" * 8)
        field = page.get_by_label("Token")
        await expect(field).to_have_accessible_description(re.compile("^No such token"))
        await expect(field).to_be_focused()
        assert await sight.barriers() == []
        await log_in(page, OPERATE)
        await page.wait_for_url("**/queue?status=failed")
        assert await page.evaluate("document.cookie") == ""
        await page.get_by_role("button", name="Log out").click()
        await page.wait_for_url("**/login")
        await page.goto("/gates")
        assert "/login?next=" in page.url


async def test_who_may_only_read_is_offered_nothing_else(guarded: World) -> None:
    """With a read token no page has a button that changes something, and each says why."""
    offered = {}
    for token in (READ, OPERATE):
        async with at_home(guarded, token) as (_, sight):
            for path in pages():
                await sight.goto(path)
                offered[token, path] = await sight.page.locator(BUTTONS).count()
                why = sight.page.get_by_text("may only look")
                assert (await why.count() > 0) == (token == READ), path
    assert not [path for (token, path), count in offered.items() if token == READ and count]
    assert offered[OPERATE, "/gates"] > 0


async def test_a_link_of_another_site_asks_for_no_second_login(guarded: World) -> None:
    """It brings no cookie along, so it leads to the login, and that to where it was to lead."""
    async with at_home(guarded, READ) as (context, _), elsewhere() as other:
        page = await context.new_page()
        await page.goto(f"http://localhost:{other}/")
        to = f"{guarded.daemon.address}/queue?status=failed"
        await page.evaluate("(to) => location.assign(to)", to)
        await page.wait_for_url(to)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Queue")


async def test_a_page_of_somebody_else_changes_nothing(guarded: World) -> None:
    """Whatever another origin sends with the session's cookie is refused, and it frames nothing."""
    to = guarded.daemon.address + SCHEDULER
    async with at_home(guarded, OPERATE) as (context, _), elsewhere() as other:
        answers: list[int] = []
        context.on("response", lambda one: answers.append(one.status) if one.url == to else None)
        for host in ("127.0.0.1", "localhost"):  # the same site by another port, and another site
            page = await context.new_page()
            await page.goto(f"http://{host}:{other}/")
            await page.set_content(FORM.format(to=to, home=guarded.daemon.address))
            assert await page.locator("iframe").content_frame.locator("main").count() == 0
            for method, kind in (("POST", ""), ("POST", "application/json"), ("DELETE", "")):
                await page.evaluate(TRY, [to, method, kind])
            async with page.expect_navigation():
                await page.evaluate("document.forms[0].submit()")
            await page.close()
        assert answers
        assert set(answers) == {403}
    assert await guarded.db.fetchval(GATES) == 0


@asynccontextmanager
async def elsewhere() -> AsyncIterator[int]:
    """Give the port of another server of this machine, with an empty page."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n"
        writer.write(head + b"Connection: close\r\n\r\n<p>")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
