"""Which world brings a daemon to each step. A step without a case fails the suite.

A new step goes to the world in which a daemon takes it, or into a new one in `worlds.py`; a step
that is none of the path goes to `APART`, with the reason. Then the suite does everything to it that
it does to the others.
"""

from __future__ import annotations

import functools

from tests.failpoints import statements, steps
from tests.failpoints.inbox import INBOX
from tests.failpoints.migration import MIGRATE, READS

Blow = tuple[str, int]  # a point, and the how manieth time that it is come to

CASES = {
    "deletions": """
        daemon.enter:fleet.daemons
        daemon.enter:fleet.install
        daemon.enter:fleet.leave
        heartbeat.once:fleet.beat
        heartbeat.once:fleet.prove_asset_id
        asleep.take:connection.fetchval
        sweep.delete:account.destroy
        sweep.record:queue.record
        sweep.take:queue.claim
        wake.listen:connect
        wake.listen:connect#2
        wake.listen:connection.add_listener
        wake.listen:connection.add_listener#2
        wake.listen:connection.execute
        wake.listen:hears
        wake.listen:key.execute

        advance:oldest
        beat:INSERT daemon
        beat:share
        brake:may_go
        claim:advance
        claim:allowance
        claim:be_durable
        claim:brake
        claim:is_mine
        claim:lock_due
        claim:mark
        claim:next_due
        claim:recognise
        claim:uses
        claim:waiting_assets
        lock_due:lock_from
        lock_due:lock_oldest
        lock_due:open_sources
        lock_due:waiting_assets
        lock_from:LOCK
        lock_oldest:lock_from
        lock_oldest:lock_from#2
        here:timeline
        mark:UPDATE cloudinary_cleanup_queue+INSERT failed+INSERT journal
        next_due:open_sources
        may_go:weigh
        recognise:INSERT installation
        recognise:LOCK
        recognise:UPDATE daemon
        recognise:differences
        recognise:differences#2
        recognise:here
        record:LOCK+UPDATE cloudinary_cleanup_queue+INSERT failed+INSERT journal
        record:be_durable
        share:UPDATE daemon
        share:fleet_limit
        share:is_alive
    """,
    "refusal": """
        gating.close:gates.close
        gating.close:gates.throttle
        gating.judge:gates.open_tested

        allowance:LOCK#2
        claim:next_opening
        claim:put_probe_off
        record:wake
    """,
    "chores": """
        second_look.once:environment.look_again
        second_look.recall:environment.server
        upkeep.once:fleet.capture_trouble
        upkeep.once:fleet.due
        upkeep.once:fleet.forget_gone
        upkeep.once:fleet.newer
        upkeep.once:gates.expire
        upkeep.once:queue.dribbled
        upkeep.once:queue.forget_acknowledgements
        upkeep.once:queue.refill
        upkeep.prune:inbox.prune
        upkeep.prune:queue.prune

        brake_dribble:holds_back
        brake_dribble:open_brake
        forget_acknowledgements:DELETE acknowledgement
        prune_inbox:DELETE asset+LOCK
        prune_inbox:DELETE asset_name+LOCK
        prune_inbox:DELETE inbox+LOCK
        prune_journal:DELETE journal+LOCK
        prune_queue:DELETE cloudinary_cleanup_queue+LOCK
        refill:DELETE fallback
        refill:INSERT cloudinary_cleanup_queue+kept_refs
        refill:LOCK
        refill:UPDATE fallback
        refill:wake
    """,
    "broken guard": """
        claim:put_off
    """,
    "forced": """
        allowance:LOCK
        claim:spend_forced
        claim:spend_forced#2
    """,
    "forced, and resumed": """
        allowance:spend_forced
    """,
    "burst": """
        brake:close_brake
        close_brake:INSERT gate
        close_brake:INSERT journal
    """,
    "slow loss": """
        brake_dribble:close_brake
    """,
    "copy": """
        recognise:close_gate
    """,
    "moved": """
        learn_place:INSERT journal
        learn_place:UPDATE installation
        learn_place:open_gates
        recognise:learn_place
    """,
    "restarted": """
        learn_place:open_gates#2
    """,
    "failover": """
        look_again:LOCK
        look_again:LOCK#2
        look_again:UPDATE installation+timeline
        look_again:look_at
        look_again:look_from
        look_again:note_look
        look_again:open_gates
        note_failover:UPDATE gate
        note_failover:close_gate
        recognise:note_failover
    """,
    "failover just now": """
        look_again:timeline
    """,
    "lost commits": """
        second_look.recall:environment.recall

        recall:INSERT journal
        recall:UPDATE gate
        recall:close_gate+timeline
    """,
    "woken": """
        asleep.give:connection.fetchval
    """,
    "sibling asleep": """
        asleep.in_queue:connection.fetchval
    """,
    "starts paused": """
        daemon.enter:pause_if_alone
    """,
    "stops": """
        daemon.run:fleet.leave
    """,
    "dry run": """
        rehearsal.pass:queue.bytes_of
        rehearsal.pass:queue.rehearse
    """,
}
APART = READS | {
    "daemon.refresh:figures.state": "answers whoever asks for /metrics, and moves nothing",
    **dict.fromkeys(
        (
            "count_fleet:done_rows",
            "count_fleet:estimated",
            "done_rows:estimated",
            "done_rows:estimated#2",
            "fleet_state:INSERT fleet_state",
            "fleet_state:count_fleet",
        ),
        "counts for /metrics, and moves no row of the queue",
    ),
    "wake.why_deaf:is_pooled": "only behind a pooler, to say what is wrong",
}
# before these a daemon has not started: what it cannot plan for, or a lost connection, ends it
STARTING = (
    "daemon.enter:",
    "here:",
    "note_failover:",
    "recognise:INSERT",
    "recognise:LOCK",
    "recognise:UPDATE",
    "recognise:close_gate",
    "recognise:differences#2",
    "recognise:differences:before",
    "recognise:here",
    "recognise:note_failover",
)
# an error there is an answer: the guard's, that nothing may be sent
ANSWERED = ("claim:uses:", "look_again:look_at:")
# Cloudinary fails by answering, or by not answering; the emulator does it
BY_CLOUD = "sweep.delete:account.destroy:"


def listed(text: str) -> list[str]:
    """Return the steps of a list."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def known() -> list[str]:
    """Return every step that some case is for."""
    return [s for text in (*CASES.values(), MIGRATE, INBOX) for s in listed(text)] + list(APART)


@functools.cache  # else it would be asked for hundreds of times, and reads all the code each time
def found() -> dict[str, list[str]]:
    """Return every step that the code has, with its points."""
    inside: dict[str, list[str]] = {}
    for point in statements.points():
        inside.setdefault(point.rpartition(":")[0], []).append(point)
    return {step: list(steps.points(step)) for step in steps.steps()} | inside


def points(world: str, *, inside: bool) -> list[str]:
    """Return the points of a world: those inside the database, or those of the process."""
    having = found()
    return [
        point
        for step in listed(CASES[world])
        if inside is _is_inside(step)
        for point in having.get(step, ())
    ]


def _is_inside(step: str) -> bool:
    return "." not in step.partition(":")[0]


def one_by_one(world: str, blow: str, *, inside: bool) -> list[Blow]:
    """Return the points at which a blow ends the daemon, and when: the first time, or the second.

    The path itself is also left the second time that it is taken, with work in every queue.
    """
    every = points(world, inside=inside)
    if blow == "bug" and inside:
        every = [point for point in every if not point.startswith(ANSWERED)]
    again = [(point, 2) for point in every if point.startswith("sweep.")]
    return [(point, 1) for point in every] + again


def at_once(world: str, *, inside: bool = False) -> list[str]:
    """Return the points at which one daemon takes all the blows, and goes on."""
    never = (*STARTING, BY_CLOUD)
    return [point for point in points(world, inside=inside) if not point.startswith(never)]


def while_starting(world: str, *, inside: bool = False) -> list[str]:
    """Return the points before which a daemon has not begun."""
    return [point for point in points(world, inside=inside) if point.startswith(STARTING)]


def fails_by_cloud(world: str) -> bool:
    """Tell whether a step of this world fails by what Cloudinary answers."""
    return any(point.startswith(BY_CLOUD) for point in points(world, inside=False))
