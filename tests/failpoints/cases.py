"""Which world brings a daemon to each step. A step without a case fails the suite.

A new step goes to the world in which a daemon takes it, or into a new one in `worlds.py`; a step
that is none of the path goes to `APART`, with the reason. Then the suite does everything to it that
it does to the others.
"""

from __future__ import annotations

from tests.failpoints import statements, steps

Blow = tuple[str, int]  # a point, and the how manieth time that it is come to

CASES = {
    "deletions": """
        daemon.enter:fleet.daemons
        daemon.enter:fleet.install
        daemon.enter:fleet.leave
        heartbeat.once:fleet.beat
        heartbeat.once:fleet.prove_asset_id
        sweep.delete:account.destroy
        sweep.record:queue.record
        sweep.take:queue.claim
        wake.listen:connect
        wake.listen:connection.add_listener
        wake.listen:connection.add_listener#2
        wake.listen:hears
        wake.say:connection.fetchval

        advance:full_xid
        advance:oldest
        beat:INSERT daemon
        beat:share
        claim:advance
        claim:allowance
        claim:be_durable
        claim:brake
        claim:lock_due
        claim:mark
        claim:next_due
        claim:recognise
        claim:uses
        lock_due:lock_from
        lock_due:lock_from#2
        lock_due:move_cursor
        lock_from:waits_for_another+LOCK
        lock_from:open_sources
        mark:UPDATE cloudinary_cleanup_queue+INSERT journal+format_of
        next_due:open_sources
        oldest:full_xid
        record:LOCK+UPDATE cloudinary_cleanup_queue+INSERT journal+format_of
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
        upkeep.once:fleet.counts
        upkeep.once:fleet.due
        upkeep.once:fleet.forget_gone
        upkeep.once:queue.refill
        upkeep.prune:queue.prune

        prune_journal:DELETE journal+LOCK
        prune_queue:DELETE cloudinary_cleanup_queue+LOCK
        refill:DELETE fallback
        refill:INSERT cloudinary_cleanup_queue+kept_refs
        refill:LOCK
        refill:UPDATE fallback
        refill:wake
    """,
    "late fallback": """
        wake:asleep_key
    """,
    "broken guard": """
        claim:put_off
    """,
    "forced": """
        allowance:LOCK
        claim:spend_forced
        claim:spend_forced#2
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
MIGRATE = """
    migrate.applied_files:connection.fetch
    migrate.applied_files:connection.fetchval
    migrate.migrate:connect
    migrate.migrate:connection.close
    migrate.migrate:connection.fetchval
    migrate.patiently:connection.execute
    migrate.patiently:connection.execute#2
    migrate.patiently:connection.fetch
    migrate.patiently:connection.transaction
    migrate.refuse_pooler:connect
    migrate.refuse_pooler:is_a_session
    migrate.refuse_pooler:other.close
    migrate.run:connection.execute
    migrate.run:connection.execute#2
"""
APART = {
    "advance:pass": "only while somebody else's transaction is open, and it only computes",
    "advance:pass#2": "as advance:pass",
    "daemon.refresh:probes.state": "answers whoever asks for /metrics, and moves nothing",
    "wake.why_deaf:is_pooled": "only behind a pooler, to say what is wrong",
}
# before these a daemon has not started: what it cannot plan for, or a lost connection, ends it
STARTING = "daemon.enter:"
# an error there is an answer: the guard's, that nothing may be sent; the wake-up's, that it is lost
ANSWERED = ("claim:uses:", "wake:asleep_key:")
# Cloudinary fails by answering, or by not answering; the emulator does it
BY_CLOUD = "sweep.delete:account.destroy:"


def listed(text: str) -> list[str]:
    """Return the steps of a list."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def known() -> list[str]:
    """Return every step that some case is for."""
    return [s for text in (*CASES.values(), MIGRATE) for s in listed(text)] + list(APART)


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


def at_once(world: str, blow: str, *, inside: bool = False) -> list[str]:
    """Return the points at which one daemon takes all the blows, and goes on."""
    every = points(world, inside=inside)
    if not inside:
        return [point for point in every if not point.startswith((STARTING, BY_CLOUD))]
    # `wake` catches everything but a cancellation, and a wake-up is only a hint
    return [p for p in every if blow != "deadlock" or not p.startswith(ANSWERED[1])]


def while_starting(world: str) -> list[str]:
    """Return the points before which a daemon has not begun."""
    return [point for point in points(world, inside=False) if point.startswith(STARTING)]


def fails_by_cloud(world: str) -> bool:
    """Tell whether a step of this world fails by what Cloudinary answers."""
    return any(point.startswith(BY_CLOUD) for point in points(world, inside=False))
