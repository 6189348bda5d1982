"""The machine plays, and every invariant holds; without a safeguard, one does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mediasweep.emulator.client import Cloud
from tests.machine.game import Game
from tests.machine.machine import play
from tests.machine.safeguards import SAFEGUARDS
from tests.machine.scripts import WINDOWS
from tests.machine.uses import Broken
from tests.machine.worker import Rules
from tests.machine.world import World

GAMES = 24
SEEDS = (1, 2, 3, 4)


@pytest.fixture
def world(database: str, cloud: Cloud) -> Iterator[World]:
    """Give a world of the test's own."""
    with World(database, cloud) as world:
        yield world


@pytest.mark.timeout(420)  # a game that breaks something is shrunk for up to five minutes
@pytest.mark.parametrize("seeded", SEEDS)
def test_every_invariant_holds(world: World, seeded: int) -> None:
    """Random steps of application, workers, operators and time break no invariant."""
    tally = play(world, GAMES, seeded=seeded)
    assert tally.steps >= 900
    reached = {"claimed", "unknown: unclear", "skipped: in_use", "completed: deleted"}
    assert reached <= tally.events.keys(), tally


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_is_as_narrow_as_documented(world: World, window: str) -> None:
    """A game that goes through one window is excused by that one, and it is counted."""
    game = Game(world, Rules())
    WINDOWS[window](game)
    game.finish()
    assert dict(game.watch.windows) == {window: 1}


@pytest.mark.parametrize("name", SAFEGUARDS)
def test_without_a_safeguard_an_invariant_breaks(world: World, name: str) -> None:
    """The same game ends well with the safeguard, and breaks its invariant without it."""
    safeguard = SAFEGUARDS[name]
    safeguard.play(world)
    with safeguard.taken_away(world) as worker, pytest.raises(Broken) as broken:
        safeguard.play(world, worker)
    assert broken.value.invariant == safeguard.breaks
