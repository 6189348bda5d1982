"""A real Chromium, and a world that it looks at: a database, an account, and a daemon with the UI.

Whatever a page complains of is kept, and whatever it asks of another machine is refused and kept;
a page that is left without complaint is a good one. Both live longer than a test, on the loop of
the whole run.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    Page,
    Request,
    Route,
    ViewportSize,
    async_playwright,
    expect,
)

from mediasweep.emulator.client import Cloud, Emulator
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Server, clone
from tests.daemons import INSERT_ASSETS, Daemon, environment, spawn
from tests.proxy import Proxy

WITHIN_S = 15.0
WIDE, NARROW = ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740)
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    # and what is not a page asks nobody else, either
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
HERE = {"127.0.0.1", "localhost"}
GRAVE = {"serious", "critical"}
LATER = ("tbody > :nth-child(n+9)", ".cards > :nth-child(n+9)")
# whatever ran, wrote its name into the window; what only lies there would run when it is touched
TRACES = r"""() => {
  const active = (name) => /^(on.*|srcdoc|style)$/i.test(name);
  const leads = ["href", "src", "srcset", "action", "formaction", "data", "poster", "xlink:href"];
  const harmless = /^(https?:|[/#?]|data:image)/;
  return [
    ...Object.keys(window).filter((name) => /^ran/.test(name)),
    ...[...document.querySelectorAll("*")].flatMap((element) => [...element.attributes]
      .filter(({name, value}) => active(name) || (leads.includes(name) && !harmless.test(value)))
      .map(({name, value}) => `${element.tagName} ${name}=${value}`)),
    ...(document.documentElement.scrollWidth > innerWidth ? ["wider than the window"] : []),
  ];
}"""
RENEW = """async () => {
  for (const element of document.querySelectorAll("[data-live][id]")) element.replaceChildren();
  const script = document.querySelector('script[type="module"]');
  await (await import(script.src)).refresh();
}"""
cloned = asynccontextmanager(clone)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Debian's Chromium, in the build of it that has no window and installs fast."""
    expect.set_options(timeout=WITHIN_S * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium-headless-shell", args=list(QUIET)
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Sight:
    """A page, and all that it complained of so far: what, and of which address."""

    page: Page
    complaints: list[tuple[str, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        page = self.page
        page.set_default_timeout(WITHIN_S * 1000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append((f"error: {error}", "")))
        page.on("dialog", self._asked)

    def _said(self, message: Any) -> None:  # noqa: ANN401  Playwright's
        if message.type in {"error", "warning"}:
            said = f"{message.type}: {message.text}"
            self.complaints.append((said, message.location["url"]))

    async def _asked(self, dialog: Any) -> None:  # noqa: ANN401  Playwright's
        self.complaints.append((f"dialog: {dialog.message}", ""))
        await dialog.dismiss()

    async def goto(self, path: str) -> int:
        """Open a page; returns the status. Chromium complains of each that is not found."""
        answer = await self.page.goto(path)
        assert answer
        if answer.status >= HTTPStatus.BAD_REQUEST:
            self.refused.add(answer.url)
        return int(answer.status)

    async def look(self) -> list[str]:
        """Return what is wrong with the page as it is now: complaints, scripts that are not ours,
        and what does not fit into the window.
        """
        said = [text for text, address in self.complaints if address not in self.refused]
        return [*said, *await self.page.evaluate(TRACES)]

    async def renewed(self) -> None:
        """Take away what the script refreshes, and let it put all of it there anew."""
        await self.page.evaluate(RENEW)

    async def barriers(self) -> list[str]:
        """Return what axe finds that shuts people out; of a long list it sees the first rows."""
        found = await Axe().run(self.page, {"exclude": [[rows] for rows in LATER]})
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found.response["violations"]
            if one["impact"] in GRAVE
        ]


@dataclass
class World:
    """What a page is looked at in. `elsewhere`: what was asked of other machines."""

    browser: Browser
    dsn: str
    cloud: Cloud
    db: Db
    stack: AsyncExitStack
    daemon: Daemon = field(init=False)
    elsewhere: list[str] = field(default_factory=list)

    async def started(self, **settings: str) -> Daemon:
        """Start a daemon, which lives as long as the world."""
        daemon = await spawn(environment(self.dsn, self.cloud.url, **settings))
        Daemon.alive.discard(daemon)  # it outlives the test that is the first to need it
        self.stack.push_async_callback(daemon.stop)
        await daemon.seen("listener_up")
        return daemon

    async def filled(self, prefix: str, count: int) -> None:
        """Have so many assets more, each with its row."""
        await to_thread(self.cloud.fill, prefix, count)
        await self.db.execute(INSERT_ASSETS, prefix, count)

    @asynccontextmanager
    async def visitor(self, address: str = "", **options: Any) -> AsyncIterator[BrowserContext]:  # noqa: ANN401  Playwright's
        """Yield a browser without a past; `address`: of another daemon than the world's own."""
        options = {"base_url": address or self.daemon.address, "viewport": WIDE} | options
        context = await self.browser.new_context(**options)
        await context.route("**/*", self._here)
        try:
            yield context
        finally:
            await context.close()

    async def _here(self, route: Route, request: Request) -> None:
        if urlsplit(request.url).hostname in HERE:
            await route.continue_()
        else:
            self.elsewhere.append(request.url)
            await route.abort()

    @asynccontextmanager
    async def sight(self, path: str, address: str = "", **options: Any) -> AsyncIterator[Sight]:  # noqa: ANN401  Playwright's
        """Yield a page of a new visitor, and fail if it has complained."""
        async with self.visitor(address, **options) as context:
            sight = Sight(await context.new_page())
            await sight.goto(path)
            yield sight
            assert await sight.look() == []
        assert self.elsewhere == []


@asynccontextmanager
async def world(
    browser: Browser,
    server: Server,
    template: str,
    emulator: Emulator,
    way: Proxy | None = None,
    name: str | None = None,
    **settings: str,
) -> AsyncIterator[World]:
    """Give a world of its own, whose daemon has these settings; `way`: by which it gets at the
    database, `name`: of the cloud.
    """
    async with AsyncExitStack() as stack:
        dsn = await stack.enter_async_context(cloned(server, template))
        db = await asyncpg.connect(dsn)
        stack.push_async_callback(db.close)
        cloud = await to_thread(emulator.cloud, name)
        made = World(browser, dsn, cloud, db, stack)
        if way is not None:
            made.dsn = way.dsn(dsn)
        made.daemon = await made.started(**settings)
        yield made
