"""The machine: hypothesis plays games, and shrinks the one that breaks an invariant.

`play` runs some hundred steps a second. Its tally says what was reached: a machine that never gets
to a window or a hand-over proves nothing about it.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.machine.application import CHANGES
from tests.machine.faults import DRAWN
from tests.machine.game import Game
from tests.machine.worker import Rules, Worker
from tests.machine.world import World

ENDING = ("delete", "delete", "uncite", "soft delete")
INSIDE = (None, "cite", "cite", *CHANGES)
DISTURBANCES = (
    *["retry", "resume", "acknowledge", "protect"] * 2,
    *["crash", "stop", "no guard", "pause", "cancel"],
)
HAPPENS = ("nothing", "cite", "long wait", "rival", "use", "undelete", "upload", "late", "wait")
MEANWHILE = st.tuples(*[st.sampled_from([*["nothing"] * 5, *HAPPENS])] * 3)
FAULT = st.sampled_from(DRAWN)
CALLS = st.sampled_from([0.0, 0.0, 0.0, 19.0])
IDS = st.sampled_from(["a", "b"])
NTH = st.integers(0, 3)
WORKERS = st.integers(0, 1)
SLOTS = st.sampled_from([0, 1])
WAITS = st.sampled_from([6, 61, 16, 1, 1000, 100])
RULES = st.builds(
    Rules,
    max_attempts=st.sampled_from([3, 2]),
    grace_s=st.sampled_from([0, 0, 30]),
    by_asset_id=st.booleans(),
    keeps_asset_id=st.booleans(),
    brake_floor=st.sampled_from([1000, 1000, 3]),
)
STEPS_A_GAME = 50


@dataclass(slots=True)
class Tally:
    """What the games of one run have come to."""

    games: int = 0
    steps: int = 0
    calls: int = 0
    events: Counter[str] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)


class Machine(RuleBasedStateMachine):
    """One game after the other, in the same world; a subclass names world and tally."""

    world: World
    tally: Tally
    worker: type[Worker] = Worker
    game: Game

    @initialize(rules=RULES)
    def begin(self, rules: Rules) -> None:
        """Begin with two assets that the library uses."""
        self.game = Game(self.world, rules, self.worker)
        for public_id in ("a", "b"):
            self.game.upload(public_id)
            self.game.change("use", public_id)

    @rule(what=st.sampled_from(["upload", "upload video", *CHANGES]), public_id=IDS, nth=NTH)
    def change(self, what: str, public_id: str, nth: int) -> None:
        """Upload a file, or change a row, committed at once."""
        if what.startswith("upload"):
            self.game.upload(public_id, "video" if "video" in what else "image")
        else:
            self.game.change(what, public_id, nth)

    @rule(what=st.sampled_from(ENDING), public_id=IDS, nth=NTH)
    def let_go(self, what: str, public_id: str, nth: int) -> None:
        """Let go of an asset; if there is none, upload and use one."""
        if not self.game.change(what, "a", nth):
            self.game.upload(public_id)
            self.game.change("use", public_id)

    @rule(
        slot=SLOTS, repeatable=st.booleans(), what=st.sampled_from(INSIDE), public_id=IDS, nth=NTH
    )
    def transact(
        self, slot: int, what: str | None, public_id: str, nth: int, *, repeatable: bool
    ) -> None:
        """Open a transaction, unless one is open, and perhaps change a row in it."""
        self.game.begin(slot, repeatable=repeatable)
        if what:
            self.game.change(what, public_id, nth, slot)

    @precondition(lambda self: self.game.application.open)
    @rule(slot=SLOTS, commit=st.sampled_from([True, True, False]))
    def end(self, slot: int, *, commit: bool) -> None:
        """End a transaction."""
        self.game.end(slot, commit=commit)

    @rule(nth=WORKERS, batch=st.sampled_from([10, 1]))
    def claim(self, nth: int, batch: int) -> None:
        """Claim; if there is nothing to claim, let go of something first."""
        self._have_something()
        self.game.claim(nth, batch)

    @precondition(lambda self: any(worker.tickets for worker in self.game.workers))
    @rule(nth=WORKERS, which=NTH, fault=FAULT, skip=st.sampled_from([0, 0, 0, 1, 2]), call_s=CALLS)
    def send(self, nth: int, which: int, fault: str, skip: int, call_s: float) -> None:
        """Send a job."""
        self.game.send(nth, which, fault, skip, call_s)

    @precondition(lambda self: any(worker.answers for worker in self.game.workers))
    @rule(nth=WORKERS, most=st.sampled_from([100, 1]))
    def record(self, nth: int, most: int) -> None:
        """Record."""
        self.game.record(nth, most)

    @rule(
        nth=WORKERS, fault=FAULT, call_s=CALLS, meanwhile=MEANWHILE, slot=st.sampled_from([None, 0])
    )
    def work(
        self, nth: int, fault: str, call_s: float, meanwhile: tuple[str, str, str], slot: int | None
    ) -> None:
        """Claim, send and record, as a daemon does, while this and that happens in between."""
        self._have_something()
        self.game.claim(nth)
        self._happens(meanwhile[0], nth, slot)
        while self.game.send(nth, 0, fault, 0, call_s):
            pass
        self._happens(meanwhile[1], nth, slot)
        self.game.record(nth)
        self._happens(meanwhile[2], nth, slot)

    def _have_something(self) -> None:
        if not self.game.watch.unfinished():
            self.let_go("delete", "a", 0)

    def _happens(self, what: str, nth: int, slot: int | None) -> None:
        match what:
            case "nothing":
                pass
            case "upload":
                self.game.upload("a")
            case "late":
                self.game.late()
            case "wait":
                self.game.wait(6)
            case "long wait":
                self.game.wait(61)
            case "rival":
                self.game.claim(1 - nth)
                self.game.send(1 - nth)
                self.game.record(1 - nth)
            case change:
                self.game.change(change, "a", 0, slot)

    @precondition(lambda self: self.game.claims.lost)
    @rule(which=NTH)
    def late(self, which: int) -> None:
        """Let a lost request come in."""
        self.game.late(which)

    @rule(seconds=WAITS)
    def wait(self, seconds: int) -> None:
        """Let time pass: a lease, a backoff, a grace, a gate's time."""
        self.game.wait(seconds)

    @rule(nth=WORKERS, which=NTH, how=st.sampled_from(DISTURBANCES))
    def disturb(self, nth: int, which: int, how: str) -> None:
        """Kill a worker, stop it, break its guard; or do what an operator can do."""
        steps = {
            "crash": lambda: self.game.crash(nth),
            "stop": lambda: self.game.stop(nth),
            "no guard": lambda: self.game.claim_unguarded(nth),
            "retry": lambda: self.game.retry(which),
            "cancel": lambda: self.game.cancel(which),
            "acknowledge": self.game.acknowledge,
            "protect": lambda: self.game.protect("a"),
            "pause": self.game.pause,
            "resume": self.game.resume,
        }
        steps[how]()

    def teardown(self) -> None:
        """Finish the game, and count it."""
        if not hasattr(self, "game") or sys.exc_info()[0]:
            return  # not begun, or broken already
        self.game.finish()
        self.tally.games += 1
        self.tally.steps += self.game.steps
        self.tally.calls += self.game.claims.calls
        self.tally.windows += self.game.watch.windows
        self.tally.events += self.game.watch.moves


def play(
    world: World,
    games: int,
    *,
    seeded: int | None = None,
    worker: type[Worker] = Worker,
    tally: Tally | None = None,
    shrink: bool = True,
) -> Tally:
    """Play so many games: the same ones every time, or those of a seed. Raises what breaks."""
    tally = tally or Tally()
    own = {"world": world, "tally": tally, "worker": worker}
    machine = type("Machine", (Machine,), own)
    if seeded is not None:
        machine = seed(seeded)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=games,
            stateful_step_count=STEPS_A_GAME,
            derandomize=seeded is None,
            database=None,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return tally
