"""The admin UI through nginx, as the manual has it: by TLS, and below a path."""

from __future__ import annotations

import re
import subprocess
from asyncio import to_thread
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from mediasweep.demo.files import csv
from mediasweep.emulator.client import Emulator
from tests.conftest import Server
from tests.http.visits import OPERATE
from tests.pages import manual
from tests.ports import free_port
from tests.system.browser import world

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATH = "/mediasweep"
SETTINGS: dict[str, Any] = {
    "MEDIASWEEP_API_TOKEN": OPERATE,
    "MEDIASWEEP_HTTP_HOSTS": "localhost",
    "MEDIASWEEP_HTTP_ROOT_PATH": PATH,
}
CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
OF_LOCALHOST = ("-nodes", "-subj", "/CN=localhost", "-keyout", "key", "-out", "pem")
AROUND = """
user root;
pid {folder}/pid;
error_log {folder}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    {server}
}}
"""
CLOSED = "SELECT count(*) FROM mediasweep.gate WHERE name = 'pause'"


@contextmanager
def nginx(folder: Path, daemon: str) -> Iterator[str]:
    """Run nginx as the page has it, in front of a daemon; yields the address to come by."""
    shown = re.search(r"```nginx\n(.*?)```", manual(), flags=re.DOTALL)
    assert shown
    subprocess.run([*CERTIFICATE, *OF_LOCALHOST], cwd=folder, check=True, capture_output=True)
    port, server = free_port(), shown[1]
    for said, here in {
        "listen 443": f"listen 127.0.0.1:{port}",
        "server_name media.example.com": "server_name localhost",
        "/etc/ssl/media.example.com.pem": f"{folder}/pem",
        "/etc/ssl/private/media.example.com.key": f"{folder}/key",
        "127.0.0.1:8080": urlsplit(daemon).netloc,
    }.items():
        assert said in server
        server = server.replace(said, here)
    config = folder / "nginx.conf"
    config.write_text(AROUND.format(folder=folder, server=server), encoding="utf-8")
    command = ("/usr/sbin/nginx", "-e", folder / "log", "-c", config)
    subprocess.run(command, check=True)  # it is in the background as soon as it listens
    try:
        yield f"https://localhost:{port}"
    finally:
        subprocess.run([*command, "-s", "stop"], check=True)


async def test_all_of_it_works_below_a_path(
    browser: Browser, server: Server, template: str, emulator: Emulator, tmp_path: Path
) -> None:
    """Logging in, a page and its links, a change and an upload that is longer than nginx takes
    unasked; the session is for this path and for TLS only.
    """
    async with world(browser, server, template, emulator, **SETTINGS) as made:
        with nginx(tmp_path, made.daemon.address) as address:
            begun = f"{PATH}/queue?status=failed"
            async with made.sight(begun, address, ignore_https_errors=True) as sight:
                page = sight.page
                await page.get_by_label("Token").fill(OPERATE)
                await page.get_by_role("button", name="Log in").click()
                await page.wait_for_url(f"{address}{begun}")
                (cookie,) = await page.context.cookies()
                assert (cookie["path"], cookie["secure"]) == (PATH, True)
                await page.get_by_role("link", name="Gates").click()
                await page.get_by_text("Stop…").click()
                await page.get_by_role("button", name="Stop all daemons").click()
                await expect(
                    page.get_by_role("button", name="Start", exact=True).first
                ).to_be_visible()
                assert await made.db.fetchval(CLOSED)
                await page.goto(f"{PATH}/library/upload")
                file: Any = {"name": "long.csv", "mimeType": "text/csv", "buffer": csv(200_000)}
                await page.locator("input[type=file]").set_input_files(file)
                await page.get_by_role("link", name="long.csv").click()
                await expect(page.get_by_role("heading", level=1)).to_contain_text("long")
            assert [kind for kind, _, _ in await to_thread(made.cloud.assets)] == ["raw"]
