"""What is said to a supervisor, and when."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mediasweep.systemd import SAID_EVERY_S, Supervisor
from tests.supervisor import Listening

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listening]:
    """Give a supervisor that listens at a path, and one whose socket is no file."""
    address = (
        tmp_path / "notify" if request.param == "path" else f"@mediasweep-{os.urandom(8).hex()}"
    )
    with Listening(str(address)) as supervisor:
        yield supervisor


async def test_it_is_told_what_is_waited_for_what_is_done_and_that_it_ends(
    listening: Listening,
) -> None:
    """Each message arrives whole, with times in microseconds."""
    supervisor = Supervisor({"NOTIFY_SOCKET": listening.address})
    supervisor.starting("waiting", MINUTE)
    assert await listening.next() == {"STATUS": "waiting", "EXTEND_TIMEOUT_USEC": "60000000"}
    supervisor.turned(lambda: "idle")
    assert await listening.next() == {"READY": "1", "WATCHDOG": "1", "STATUS": "idle"}
    supervisor.stopping("stopping", MINUTE / 2)
    said = {"STOPPING": "1", "STATUS": "stopping", "EXTEND_TIMEOUT_USEC": "30000000"}
    assert await listening.next() == said


async def test_no_status_can_say_more_than_a_status(listening: Listening) -> None:
    """An error of several lines stays one, so that it cannot speak for the daemon."""
    Supervisor({"NOTIFY_SOCKET": listening.address}).starting("a\nREADY=1\r\nb", MINUTE)
    assert (await listening.next())["STATUS"] == "a READY=1 b"


async def test_no_status_is_too_long_to_be_taken(listening: Listening) -> None:
    """One of any length, and with what cannot be encoded, takes nothing else of a message along."""
    Supervisor({"NOTIFY_SOCKET": listening.address}).turned(lambda: "\udcffä" * 9000)
    said = await listening.next()
    assert said["WATCHDOG"] == "1"
    assert len(str(said).encode()) < 4096


@pytest.mark.parametrize(
    ("watchdog", "every_s"),
    [
        ({}, SAID_EVERY_S),
        ({"WATCHDOG_USEC": "60000000"}, SAID_EVERY_S),
        ({"WATCHDOG_USEC": "2000000"}, 0.5),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getppid())}, SAID_EVERY_S),
        ({"WATCHDOG_USEC": "soon"}, SAID_EVERY_S),
    ],
)
def test_turns_are_told_often_enough_and_no_more_often(
    watchdog: dict[str, str], every_s: float
) -> None:
    """A busy loop says it every two seconds, or four times as often as the watchdog asks for."""
    now_s, told = 100.0, []
    supervisor = Supervisor(watchdog, lambda: now_s)

    def status() -> str:
        told.append(now_s)
        return "working"

    for step in range(41):
        now_s = 100 + step / 8
        supervisor.turned(status)
    assert told == [100 + n * every_s for n in range(int(5 / every_s) + 1)]


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "vsock:2:1", "@nobody-listens"])
def test_without_a_listener_nothing_happens(address: str) -> None:
    """No supervisor, or one that is gone, is no error."""
    supervisor = Supervisor({"NOTIFY_SOCKET": address})
    supervisor.starting("waiting", MINUTE)
    supervisor.turned(lambda: "idle")
    supervisor.stopping("stopping", MINUTE)


async def test_one_that_does_not_read_holds_nobody_up(listening: Listening) -> None:
    """When its buffer is full, messages are dropped, and the next that fits says it all."""
    supervisor = Supervisor({"NOTIFY_SOCKET": listening.address}, iter(range(10**6)).__next__)
    for _ in range(5000):  # far more than a socket holds
        supervisor.turned(lambda: "idle")
    await listening.next()
    supervisor.turned(lambda: "working")
    assert "READY" in (await listening.until(lambda said: said["STATUS"] == "working"))[-1]
