"""Waiting: what ends it, and how long it may last."""

import asyncio
from datetime import timedelta

import pytest

from mediasweep.loops import pulse as waits
from mediasweep.loops.pulse import (
    ENQUEUER_FIRST_S,
    ENQUEUER_LAST_S,
    HELD_FIRST_S,
    HELD_LAST_S,
    UNPROVEN_S,
    Patience,
    longest_wait,
    pulse,
)
from mediasweep.loops.slots import nobody
from mediasweep.postgres.asleep import BUSY_S

INTERVAL = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
LONG_S = 3600.0


@pytest.mark.parametrize(
    ("refused", "next_in", "held_s", "idle_s", "expected"),
    [
        # who is sure to be woken waits for the interval
        ("armed", None, None, 0, 300.0),
        ("sibling", None, None, 0, 300.0),
        ("enqueuer", None, None, 0, 300.0),
        # others do not
        ("down", None, None, 0, UNPROVEN_S),
        ("standing by", None, None, 900, UNPROVEN_S),
        ("of a later version", None, None, 900, UNPROVEN_S),
        # while rows keep coming, an enqueuer is over in a moment
        ("busy", None, None, 0, ENQUEUER_FIRST_S),
        ("busy", None, None, 0.04, ENQUEUER_FIRST_S + 0.01),
        ("busy", None, None, 0.09, ENQUEUER_LAST_S),
        # and who was told so a moment ago has no place in the queue yet
        ("busy", None, None, BUSY_S, ENQUEUER_LAST_S),
        ("busy", None, None, 900, ENQUEUER_LAST_S),
        # a row that falls due ends the wait
        ("armed", SECOND, None, 0, 1.0),
        ("down", SECOND, None, 0, 1.0),
        ("armed", timedelta(hours=1), None, 0, 300.0),
        ("down", timedelta(hours=1), None, 0, UNPROVEN_S),
        ("armed", timedelta(0), None, 0, 0.0),
        ("armed", -SECOND, None, 0, 0.0),
        # so does a row that is held
        ("armed", None, 0.005, 0, 0.005),
        ("down", SECOND, 0.005, 0, 0.005),
        ("busy", SECOND, 0.001, 0, 0.001),
        ("armed", timedelta(0), 0.005, 0, 0.0),
    ],
)
def test_the_shortest_reason_sets_the_wait(
    refused: str, next_in: timedelta | None, held_s: float | None, idle_s: float, expected: float
) -> None:
    """The wait is the shortest of the waits that the situation asks for."""
    assert longest_wait(refused, INTERVAL, next_in, held_s, idle_s) == pytest.approx(expected)


def test_a_short_interval_is_kept() -> None:
    """An interval below two seconds is kept where notifications arrive."""
    assert longest_wait("armed", SECOND / 2, None, None, 0) == 0.5


def test_held_rows_are_looked_at_less_and_less_often() -> None:
    """The waits for held rows double from 5 ms and stay at a second."""
    patience = Patience(0)
    waits = [patience.held() for _ in range(12)]
    assert waits == [*(HELD_FIRST_S * 2**n for n in range(8)), *[HELD_LAST_S] * 4]


def test_patience_starts_small_again() -> None:
    """After a claim brought something, the wait is short again, and it is not idle."""
    patience = Patience(1)
    for _ in range(20):
        patience.held()
    assert patience.idle_s(7) == 6
    patience.found(7)
    assert (patience.held(), patience.idle_s(7)) == (HELD_FIRST_S, 0)


@pytest.mark.parametrize(
    ("heard", "stopping", "expected"),
    [(True, False, "notify"), (False, True, "stop"), (True, True, "stop")],
)
@pytest.mark.parametrize("wait_s", [0.0, LONG_S])
async def test_what_has_happened_already_ends_the_wait(
    *, heard: bool, stopping: bool, expected: str, wait_s: float
) -> None:
    """A wake-up from before the wait is not lost, and a stop goes before it."""
    events = asyncio.Event(), asyncio.Event()
    for event, happened in zip(events, (heard, stopping), strict=True):
        if happened:
            event.set()
    async with asyncio.timeout(10):
        assert await pulse(*events, wait_s, nobody) == expected


@pytest.mark.parametrize(("which", "expected"), [(0, "notify"), (1, "stop")])
async def test_what_happens_meanwhile_ends_the_wait(which: int, expected: str) -> None:
    """A wake-up or a stop during the wait ends it at once."""
    events = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().call_soon(events[which].set)
    async with asyncio.timeout(10):
        assert await pulse(*events, LONG_S, nobody) == expected


@pytest.mark.parametrize("wait_s", [0.0, 0.001])
async def test_the_wait_always_ends(wait_s: float) -> None:
    """Where nothing happens, the tick comes."""
    assert await pulse(asyncio.Event(), asyncio.Event(), wait_s, nobody) == "tick"


async def test_who_waits_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long wait is told as turns, at its begin and again and again, and lasts no longer."""
    monkeypatch.setattr(waits, "TURN_S", 0.01)
    turns: list[str] = []
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    loop.call_soon(turns.append, "others")
    wait = pulse(asyncio.Event(), asyncio.Event(), 0.045, lambda: turns.append("turn"))
    assert await wait == "tick"
    assert turns == ["turn", "others", *["turn"] * 4]
    assert loop.time() - begun_s >= 0.045


async def test_a_wait_hears_and_does_not_forget() -> None:
    """The wait leaves the wake-up set, because only the next look at the queue answers it."""
    heard = asyncio.Event()
    heard.set()
    await pulse(heard, asyncio.Event(), LONG_S, nobody)
    assert heard.is_set()


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    """A wait that is cancelled takes what it waited with along."""
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await pulse(asyncio.Event(), asyncio.Event(), LONG_S, nobody)
    left = asyncio.all_tasks() - before
    await asyncio.wait(left, timeout=10) if left else None
    assert all(task.cancelled() for task in left)
