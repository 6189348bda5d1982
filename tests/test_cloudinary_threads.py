"""The account's threads: a server that never finishes takes none of them for good."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import cloudinary.uploader
import pytest

from mediasweep.cloudinary import Account, Credentials
from mediasweep.rules.asset import Asset
from mediasweep.rules.outcome import Outcome

CREDENTIALS = Credentials("demo", "key", "pl4nted")
KNOWN = Asset("p", "image", "upload")


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """Give an event; until it is set, whoever waits for it hangs."""
    event = threading.Event()
    yield event
    event.set()


def _hang(account: Account, until: threading.Event) -> None:
    def request(*_: object, **__: object) -> Any:  # noqa: ANN401  never returns one
        until.wait()
        raise OSError("gone")

    assert account
    cloudinary.uploader._http.request = request  # noqa: SLF001  as the account itself does


async def test_an_answer_that_never_ends_is_unclear_and_takes_no_thread_along(
    hanging: threading.Event,
) -> None:
    """The row is in doubt, and the next call is sent by a new thread over a new connection."""
    account = Account(CREDENTIALS, threads=1, timeout=timedelta(seconds=0.1))
    _hang(account, hanging)
    assert (await account.destroy(KNOWN, lambda: None)).outcome is Outcome.UNCLEAR
    # the connection that hung was replaced; the new one is refused at this address
    account.credentials = Credentials("demo", "key", "s", "http://127.0.0.1:1")
    assert (await account.destroy(KNOWN, lambda: None)).outcome is Outcome.UNREACHABLE
    account.close()


def test_credentials_show_no_secret() -> None:
    """However credentials come into a message, they name the cloud and nothing else."""
    assert {repr(CREDENTIALS), str(CREDENTIALS)} == {"Credentials(cloud_name='demo')"}
