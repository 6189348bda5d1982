"""What the system tests share: the wheel, containers, a stand-in for the image of Python, and a
browser.
"""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from mediasweep import __version__
from tests.daemons import ROOT
from tests.system.browser import chromium
from tests.system.containers import CACHE, LIKE_OFFICIAL, Containers


@pytest.fixture(scope="session")
def containers() -> Containers:
    """Give buildah and podman, on a storage that is kept between runs."""
    return Containers(CACHE / "containers")


@pytest.fixture(scope="session")
def python_image(containers: Containers) -> str:
    """Give the name of the image that the Dockerfile starts from; Debian's Python stands in."""
    return containers.debian(
        *("docker.io/library/python:3.13-slim", "ca-certificates", "python3", "python3-pip"),
        then=LIKE_OFFICIAL,
    )


@pytest.fixture(scope="session")
def wheel() -> Path:
    """Give the wheel, as `make build` leaves it beside the sdist."""
    subprocess.run(["make", "build"], cwd=ROOT, check=True, capture_output=True)
    return ROOT / "dist" / f"mediasweep-{__version__}-py3-none-any.whl"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Give a Chromium."""
    async with chromium() as started:
        yield started
