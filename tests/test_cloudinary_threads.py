"""The account's own state: its threads, and what it remembers of a search."""

from __future__ import annotations

import threading
from asyncio import to_thread
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import cloudinary.uploader
import pytest

from mediasweep.cloudinary import Account, Credentials
from mediasweep.emulator.client import Cloud
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


@pytest.mark.parametrize(("kept_s", "outcome"), [(30, Outcome.ABSENT), (-1, Outcome.DELETED)])
async def test_what_was_ruled_out_is_forgotten_after_a_while(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, kept_s: int, outcome: Outcome
) -> None:
    """A search that was broken off goes on where it was; later, a file may have come there."""
    monkeypatch.setattr("mediasweep.cloudinary.RULED_OUT_S", kept_s)
    account = Account(Credentials(**cloud.options()), threads=1, timeout=timedelta(seconds=5))
    leave = iter([None, "no"])
    await account.destroy(Asset("p0", None, "upload"), lambda: next(leave))
    await to_thread(cloud.fill, "p", 1)
    assert (await account.destroy(Asset("p0", None, "upload"), lambda: None)).outcome is outcome
    account.close()


async def test_each_call_is_told(cloud: Cloud) -> None:
    """What a deletion took, call by call, with the status that the SDK forgets, and the quota."""
    told: list[Any] = []
    account = Account(
        Credentials(**cloud.options()), threads=1, timeout=timedelta(seconds=1), emit=told.append
    )
    await account.destroy(Asset("p", None, "upload"), lambda: None)
    await to_thread(cloud.faults, {"effect": "html"})
    await account.destroy(KNOWN, lambda: None)
    await account.destroy(KNOWN, lambda: "no")
    account.credentials = Credentials("demo", "key", "s", "http://127.0.0.1:1")
    await account.destroy(KNOWN, lambda: None)
    assert [call.status for call in told] == [200, 200, 200, 502, None]
    assert {(call.api, call.quota) for call in told} == {("upload", None)}
    assert all(0 < call.seconds < 1 for call in told)
    account.close()


def test_credentials_show_no_secret() -> None:
    """However credentials come into a message, they name the cloud and nothing else."""
    assert {repr(CREDENTIALS), str(CREDENTIALS)} == {"Credentials(cloud_name='demo')"}
