"""A web server for notifications, and a cloud that tells it everything."""

from __future__ import annotations

from collections.abc import Iterator

import cloudinary.api
import pytest

from mediasweep.emulator.client import Cloud
from tests.receiver import Receiver, receiving

FAST = 18_000  # 3, 6 and 9 minutes in 10, 20 and 30 ms


@pytest.fixture(scope="session")
def web() -> Iterator[Receiver]:
    """Run one web server for all tests of notifications."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def inbox(web: Receiver) -> Receiver:
    """Give it to a test as if it was new."""
    web.got, web.answers = [], []
    return web


@pytest.fixture
def told(cloud: Cloud, inbox: Receiver) -> Cloud:
    """Give a cloud that tells everything to the inbox."""
    cloud.switch(hook_speed=FAST)
    cloudinary.api.create_trigger(f"{inbox.url}/all", "all", **cloud.options())
    return cloud
