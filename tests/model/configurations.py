"""The configurations of the model: the safe ones, and those that lack a rule or have a window open.

A budget says how often each thing may happen; at first there is one reference, and it may be let
go of once. Bounds are as small as shows the matter, so that all of them together take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.model.checker import PROPERTIES, Configuration

TRIGGER = "AGAIN TRIGGER"
# Without the reference trigger, level 1 cannot promise the first of them.
NOT_PROMISED = "DANGLING"
ALL_BUT = " ".join(name for name in PROPERTIES if name != NOT_PROMISED)


def _open(name: str, budget: str) -> Configuration:
    """Level 1 without the trigger, and everything but what it cannot promise."""
    return Configuration(
        f"level 1 without the trigger, {name}: all but {NOT_PROMISED}", "AGAIN", budget, ALL_BUT
    )


SAFE = [
    Configuration(
        "level 0, one row, every failure",
        "",
        "uses=1 crashes=1 expiries=1 unknowns=1 refusals=1 echoes=1",
    ),
    Configuration(
        "level 0, one row, guard errors and an operator",
        "",
        "uses=1 unknowns=2 refusals=1 rejects=1 errors=1 retries=1 cancels=1",
    ),
    Configuration(
        "level 0, two rows, crashes and leases",
        "",
        "refs=2 releases=2 uses=1 crashes=1 expiries=1 refusals=1",
    ),
    Configuration(
        "level 0, two rows, answers and retries",
        "",
        "refs=2 releases=2 uses=1 unknowns=1 refusals=1 rejects=1 retries=1",
    ),
    Configuration(
        "level 0, two rows, cancels and echoes",
        "",
        "refs=2 releases=2 uses=1 errors=1 echoes=1 refusals=1 cancels=1",
    ),
    Configuration("level 0, three rows", "", "refs=2 releases=3 uses=2 crashes=1"),
    Configuration("level 0, slow deletes", "SLOW", "refs=2 releases=2 uses=2 crashes=1"),
    Configuration(
        "level 0, readers", "REPEATABLE", "refs=2 releases=2 uses=1 crashes=1 refusals=1"
    ),
    Configuration(
        "level 0, asynchronous commits, Postgres crashes",
        "ASYNCHRONOUS",
        "crashes=2 unknowns=2 refusals=1",
    ),
    Configuration(
        "level 1 with a grace",
        "AGAIN WITHIN_GRACE",
        "refs=2 releases=2 uses=2 crashes=1 unknowns=1",
    ),
    Configuration(
        "level 1 with the trigger, one row",
        TRIGGER,
        "uses=2 crashes=1 expiries=1 unknowns=1 refusals=1",
    ),
    Configuration(
        "level 1 with the trigger, two rows",
        TRIGGER,
        "releases=2 uses=2 crashes=1 unknowns=1",
    ),
    Configuration(
        "level 1 with the trigger, an operator",
        TRIGGER,
        "releases=2 uses=2 unknowns=1 rejects=1 retries=2 cancels=1",
    ),
    Configuration(
        "level 1 with the trigger, echoes and guard errors",
        TRIGGER,
        "refs=2 releases=2 uses=1 unknowns=1 refusals=1 echoes=1 errors=1",
    ),
    Configuration(
        "level 1 with the trigger that waits",
        f"{TRIGGER} WAITS",
        "releases=2 uses=2 unknowns=1 crashes=1",
    ),
    Configuration(
        "level 1 with the trigger, readers",
        f"{TRIGGER} REPEATABLE",
        "releases=2 uses=2 unknowns=1 crashes=1",
    ),
    Configuration(
        "level 2 by asset id",
        "BY_ASSET_ID",
        "releases=2 uploads=1 crashes=1 unknowns=1 refusals=1 retries=1",
    ),
    _open("one row", "uses=1 crashes=1 expiries=1 unknowns=1 refusals=1"),
    _open("two rows", "releases=2 uses=2 crashes=1 unknowns=1"),
    _open("an operator", "releases=2 uses=2 unknowns=1 rejects=1 retries=1 cancels=1"),
]


@dataclass(frozen=True)
class Broken:
    """`lacking` violates the one property that it checks; `whole`, the same made good, none."""

    lacking: Configuration
    whole: Configuration

    @property
    def name(self) -> str:
        """What the table calls it."""
        return self.lacking.name


def _lacks(rule: str, breaks: str, budget: str, world: str = "", *, where: str = "") -> Broken:
    checks = ALL_BUT if world == "AGAIN" else " ".join(PROPERTIES)
    whole = Configuration(f"with {rule}", world, budget, checks)
    name = f"without {rule}{where}"
    return Broken(replace(whole, name=name, without=rule, checks=breaks), whole)


BROKEN = [
    _lacks("HORIZON", "DANGLING", "uses=1"),
    _lacks("YOUNGER_WRITERS", "DANGLING", "uses=1", "SLOW"),
    _lacks("SIBLINGS", "DANGLING", "refs=2 releases=2 uses=1"),
    _lacks("SIBLINGS_SEEN", "DANGLING", "refs=2 releases=2 uses=1"),
    _lacks(
        "SIBLINGS",
        "DANGLING",
        "refs=2 releases=2 uses=1",
        "AGAIN WITHIN_GRACE",
        where=", level 1 with a grace",
    ),
    _lacks("LOCK_FIRST", "DANGLING", "uses=1", TRIGGER),
    _lacks("GUARD_AGAIN", "BLIND", "uses=1 unknowns=1", "AGAIN"),
    _lacks("GUARD_ERRORS", "DANGLING", "refs=2 errors=1"),
    _lacks("GUARD_LAST", "BLIND", "uses=1 unknowns=2", "AGAIN"),
    _lacks("COMMIT_FIRST", "DANGLING", "uses=1 crashes=1", TRIGGER),
    _lacks("DURABLE", "DANGLING", "", "ASYNCHRONOUS"),
    _lacks("LEASE", "STRAY", ""),
    _lacks("DEADLINE", "STRAY", "expiries=1"),
    _lacks("DEADLINE", "DANGLING", "expiries=1 uploads=1", "AFTERWARDS", where=", level 2"),
    _lacks("CLAIM_NO", "DANGLING", "uses=1 refusals=1 echoes=1", TRIGGER),
    _lacks("HANDOVER", "LOST", "crashes=1"),
    _lacks("ONE_WAY", "DANGLING", "uses=1 crashes=1", TRIGGER),
    _lacks("DOUBTS_TAKEN", "DANGLING", "uses=1 crashes=1 refusals=1", TRIGGER),
    _lacks("DOUBTS_UNKNOWN", "DANGLING", "uses=1 unknowns=1", TRIGGER),
    _lacks("DOUBTS_REFUSED", "DANGLING", "uses=1 unknowns=1 refusals=1", TRIGGER),
    _lacks("OWNER_KEEPS", "DANGLING", "uses=1 unknowns=1", TRIGGER),
    _lacks("NO_SKIP", "ILLEGAL", "uses=1 unknowns=1", "AGAIN"),
    _lacks("SETTLE", "UNSETTLED", "unknowns=2"),
    _lacks("POISON_SETTLE", "UNSETTLED", "crashes=2"),
    _lacks("RETRY_DOUBTS", "DANGLING", "uses=1 unknowns=1 rejects=1 retries=1", TRIGGER),
    _lacks("RETRY_NUMBER", "DANGLING", "uses=1 rejects=1 echoes=1 retries=1", TRIGGER),
    _lacks("NO_CANCEL", "ILLEGAL", "unknowns=1 rejects=1 retries=1 cancels=1"),
    _lacks("CANCEL_ALL", "DANGLING", "refs=2 releases=2 uses=1 cancels=1"),
    _lacks("TRIGGER_LOCKS", "DANGLING", "uses=1", TRIGGER),
    _lacks(
        "TRIGGER_DOUBTS",
        "DANGLING",
        "uses=1 unknowns=1 rejects=1 retries=1",
        f"{TRIGGER} LOOKS",
    ),
    _lacks("TRIGGER_GONE", "DANGLING", "uses=1", f"{TRIGGER} LOOKS_FIRST"),
    _lacks("TRIGGER_LIMIT", "LOST", "uses=1 unknowns=1", f"{TRIGGER} WAITS"),
]


def _window(name: str, budget: str, world: str, closed: str) -> Broken:
    whole = Configuration(f"{name}, closed", closed, budget)
    return Broken(replace(whole, name=f"window: {name}", world=world, checks="DANGLING"), whole)


WINDOWS = [
    _window(
        "read before the claim, used after it",
        "uses=1",
        "AGAIN WHILE_CLAIMED",
        f"{TRIGGER} WHILE_CLAIMED",
    ),
    _window(
        "used while in doubt",
        "uses=1 unknowns=1",
        "AGAIN WHILE_IN_DOUBT",
        f"{TRIGGER} WHILE_IN_DOUBT",
    ),
    _window(
        "used after it failed in doubt",
        "uses=1 unknowns=1 rejects=1",
        "AGAIN WHILE_FAILED",
        f"{TRIGGER} WHILE_FAILED",
    ),
    _window("a reader of more than five seconds", "uses=1", "REPEATABLE IMPATIENT", "REPEATABLE"),
    _window(
        "such a reader, with the trigger",
        "uses=1",
        f"{TRIGGER} REPEATABLE IMPATIENT",
        f"{TRIGGER} REPEATABLE",
    ),
    _window("level 2 by public id", "uploads=1 unknowns=1", "AFTERWARDS", "AFTERWARDS BY_ASSET_ID"),
]

# Nearly every kind of step, to look for runs that never come to rest.
EVERYTHING = Configuration(
    "comes to rest",
    f"{TRIGGER} WAITS",
    "uses=1 crashes=1 unknowns=1 refusals=1 errors=1 echoes=1 retries=1",
)
