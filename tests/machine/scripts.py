"""Short games: those that one safeguard alone brings to a good end, and one for each window.

A game begins with nothing; `_two` lets the library use two assets.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.machine.game import Game
from tests.machine.uses import GONE, NEWER, A, B, C


def _two(game: Game) -> None:
    for public_id in ("a", "b"):
        game.upload(public_id)
        game.change("use", public_id)


def _let_go(game: Game) -> None:
    """Let go of asset a."""
    _two(game)
    game.change("delete", "a")


def used_elsewhere(game: Game) -> None:
    """An asset is let go of in one table, and used in another."""
    _two(game)
    game.change("cite", "a")
    game.change("delete", "a")
    game.claim()
    game.send()


def used_unreadably(game: Game) -> None:
    """An asset is let go of while the guard cannot answer."""
    _let_go(game)
    game.claim_unguarded()


def used_in_doubt(game: Game) -> None:
    """A worker goes silent over a request that was lost, and the asset is used again."""
    _let_go(game)
    game.claim(0)
    game.send(0, fault="reset, not done")
    game.wait(61)
    game.change("cite", "a")
    game.claim(1)
    game.send(1)


def recorded_late(game: Game) -> None:
    """A worker records what it knows of a claim that was taken over."""
    _let_go(game)
    game.claim(0)
    game.send(0, fault="locked")
    game.wait(61)
    game.claim(1)
    game.record(0)


def claimed_twice(game: Game) -> None:
    """Two workers claim, one after the other."""
    _let_go(game)
    game.claim(0)
    game.claim(1)


def refused(game: Game) -> None:
    """A request is refused."""
    _let_go(game)
    game.claim()
    game.send(fault="locked")
    game.record()


def used_by_an_older_writer(game: Game) -> None:
    """A transaction has written a use before the asset is let go of, and commits it at the end."""
    _two(game)
    game.begin()
    game.change("cite", "a", slot=0)
    game.change("delete", "a")
    game.claim()
    game.send()
    game.end()


def used_by_an_older_reader(game: Game) -> None:
    """A transaction has a snapshot from before the asset is let go of, and writes a use later."""
    _two(game)
    game.begin(repeatable=True)
    game.change("delete", "a")
    game.claim()
    game.claim()
    game.send()
    game.change("cite", "a", slot=0)
    game.end()


def let_go_behind_the_barrier(game: Game) -> None:
    """A capture is written before the barrier and committed behind it, with a use in between."""
    _two(game)
    game.begin(0)
    game.change("delete", "a", slot=0)
    game.claim()
    game.begin(1)
    game.change("cite", "a", slot=1)
    game.end(0)
    game.claim()
    game.send()
    game.end(1)


def held_for_long(game: Game) -> None:
    """A worker that was frozen sends what it has claimed."""
    _let_go(game)
    game.claim()
    game.wait(30)
    game.send()


def heard_late(game: Game) -> None:
    """A worker hears of its claim when the lease has next to no time left."""
    _let_go(game)
    game.claim(lag_s=41)
    game.send(call_s=1)
    game.record()


def never_clear(game: Game) -> None:
    """As many requests are lost as a row has attempts."""
    _let_go(game)
    for _ in range(game.rules.max_attempts):
        game.wait(1000)
        game.claim()
        game.send(fault="reset, not done")
        game.record()
    game.claim()


def never_heard_of(game: Game) -> None:
    """Twenty workers die over a row, and the last one's request is given up late."""
    _let_go(game)
    for _ in range(21):
        game.wait(61)
        game.crash()
        game.claim(lag_s=39)
    game.send(fault="reset, not done", call_s=19)
    game.wait(5)
    game.claim()


def let_go_of_twice(game: Game) -> None:
    """An asset is let go of in two tables, the second time when the first has rested."""
    _two(game)
    game.change("cite", "a")
    game.change("delete", "a")
    game.wait(20)
    game.change("uncite", "a")
    game.wait(20)
    game.claim()


def protected(game: Game) -> None:
    """An asset is let go of whose id is protected."""
    _let_go(game)
    game.protect("a")
    game.claim()


def cancelled_in_doubt(game: Game) -> None:
    """An operator wants a row back that is in doubt, and to be tried again."""
    _let_go(game)
    game.claim()
    game.send(fault="reset, not done")
    game.record()
    game.cancel()


def burst(game: Game) -> None:
    """More is let go of than the brake lets pass."""
    _let_go(game)
    game.change("delete", "b")
    game.claim()


def copied(game: Game) -> None:
    """The database is a copy when a worker begins."""
    _let_go(game)
    game.claim(1, 0)
    game.move_away()
    game.claim(0)


def uploaded_anew(game: Game) -> None:
    """A deletion is repeated when another file was uploaded under the id."""
    _two(game)
    for fault in ("well", "reset, done"):
        game.change("delete", "a")
        game.claim()
        game.send(fault=fault)
        game.record()
    game.upload("b")
    game.wait(1000)
    game.claim()
    game.send()


def paused(game: Game) -> None:
    """An asset is let go of while the fleet is paused."""
    _let_go(game)
    game.pause()
    game.claim()


def used_after_the_guard(game: Game) -> None:
    """A use is committed between claim and call."""
    _let_go(game)
    game.claim()
    game.change("cite", "a")
    game.send()


def used_before_a_late_request(game: Game) -> None:
    """A use is committed while a row is in doubt, and the request comes in after all."""
    _let_go(game)
    game.claim()
    game.send(fault="reset, not done")
    game.record()
    game.change("cite", "a")
    game.late()


def used_by_a_patient_reader(game: Game) -> None:
    """A reader has an older snapshot for more than 5 s, and then writes a use."""
    _two(game)
    game.begin(repeatable=True)
    game.change("delete", "a")
    game.claim()
    game.wait(6)
    game.claim()
    game.send()
    game.change("cite", "a", slot=0)
    game.end()


def uploaded_before_the_call(game: Game) -> None:
    """Another file is uploaded under the id, and nobody uses it yet when the old one is deleted."""
    _let_go(game)
    game.upload("a")
    game.claim()
    game.send()


def used_too_late(game: Game) -> None:
    """A use is committed when the asset is gone."""
    _let_go(game)
    game.claim()
    game.send()
    game.record()
    game.change("cite", "a")


WINDOWS: dict[str, Callable[[Game], None]] = {
    A: used_after_the_guard,
    B: used_before_a_late_request,
    C: used_by_a_patient_reader,
    NEWER: uploaded_before_the_call,
    GONE: used_too_late,
}
