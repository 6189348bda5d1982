"""Why a queue row is where it is, in words. What holds of it, the database says: `mediasweep.why`.

Pure: a pending or processing row has one `Why` or more, in the order in which to read them; a
finished one has its outcome.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from mediasweep.rules.job import Status
from mediasweep.rules.number import number
from mediasweep.rules.outcome import Outcome, read_result

_STEPS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
SOMEBODY = "a daemon"  # whose entry in the journal is gone
_FROM = 2  # of the larger unit, from which on it is used


class WaitReason(StrEnum):
    """Everything that a row can wait for, and from `let_go` on what else holds of it."""

    LEASED = "leased"
    DETACHED = "detached"
    UNKNOWN_SOURCE = "unknown_source"
    GUARD = "guard"
    IN_DOUBT = "in_doubt"
    RETRY = "retry"
    GRACE = "grace"
    NO_DAEMON = "no_daemon"
    GATE = "gate"
    TESTED = "tested"
    LOCKED = "locked"
    WRITER = "writer"
    READER = "reader"
    SIBLING = "sibling"
    LET_GO = "let_go"
    SPENT = "spent"
    PROTECTED = "protected"
    NEWER = "newer"
    NEXT = "next"
    FALLBACK = "fallback"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Why:
    """One reason for one row, or for the `rows` that have it first.

    `reason` is a `WaitReason`, or the word of a later release that has migrated. `about` is what it
    is about, `detail` says more. It has lasted for `lasts`, and ends in `ends_in`, which is
    negative once that time has come; None where nobody can say.
    """

    reason: str
    about: str | None = None
    rows: int = 1
    detail: str | None = None
    lasts: timedelta | None = None
    ends_in: timedelta | None = None


def sentence(why: Why) -> str:
    """Return what is said of one row, without its subject."""
    about, left = why.about, _left(why)
    because = f" ({why.detail})" if why.detail else ""
    again = f"it is sent again{left}" if left else "it will be sent again"
    asked = f"is asked again{left}" if left else "had no answer the last time"
    more = f", for {left.removeprefix(' in ')} more" if left else ""
    last = f"; the last beat was {ago(why.lasts)} ago" if why.lasts and about == "alive" else ""
    idle = "" if about == "alive" else " (they are disabled, or on a dry run)"
    words: dict[str, str] = {
        WaitReason.LEASED: f"is being deleted by {about or SOMEBODY}, whose lease ends{left}",
        WaitReason.DETACHED: f"waits for its table {about} to be attached again: "
        "the guard cannot ask a detached one",
        WaitReason.UNKNOWN_SOURCE: f"is never sent: its source_id {about} is no attached table",
        WaitReason.GUARD: f"waits for the guard, which {asked}{because}",
        WaitReason.IN_DOUBT: f"was sent, what happened is unknown; {again}{because}",
        WaitReason.RETRY: f"is tried again{left}{because}",
        WaitReason.GRACE: f"rests, and is due{left}{because}",
        WaitReason.NO_DAEMON: f"waits for a daemon: none is {about}{last}{idle}",
        WaitReason.GATE: f"waits: the gate {about} is closed{because}{more}",
        WaitReason.TESTED: f"waits: the gate {about} is tested with one row at a time{because}",
        WaitReason.LOCKED: f"is locked by {about}{_open(why)}",
        WaitReason.WRITER: f"is held by the transaction of {about}{_open(why)}: "
        "it may still bring a use of the asset back",
        WaitReason.READER: f"is held by the reader {about}{_open(why)}, for 10 s at the most",
        WaitReason.SIBLING: "waits for another row of the same asset, which rests or is held",
        WaitReason.LET_GO: f"was claimed by {about or SOMEBODY}, whose lease has ended: "
        "the next claim takes it over",
        WaitReason.SPENT: f"has no attempt left, and the next claim gives it up{because}",
        WaitReason.PROTECTED: f"will not be sent: protected by the prefix {about}",
        WaitReason.NEWER: f"will not be sent: a newer version was uploaded, {about}",
        WaitReason.NEXT: "is next in line",
    }
    return words.get(why.reason, f"waits: {why.reason}{because}")


def brief(why: Why) -> str:
    """Return what is said of all rows that wait for the same thing."""
    rows, about, left = why.rows, why.about, _left(why)
    due = f"due{left}"
    words: dict[str, str] = {
        WaitReason.LEASED: f"being deleted by {about or SOMEBODY}",
        WaitReason.DETACHED: f"of the detached table {about}",
        WaitReason.UNKNOWN_SOURCE: f"of source {about}, which is no attached table",
        WaitReason.GUARD: f"that the guard had no answer for, {due}",
        WaitReason.IN_DOUBT: f"in doubt, {due}",
        WaitReason.RETRY: f"to be tried again, {due}",
        WaitReason.GRACE: f"resting, {due}",
        WaitReason.NO_DAEMON: f"without a daemon that is {about}",
        WaitReason.GATE: f"behind the gate {about}",
        WaitReason.TESTED: f"behind the test of {about}",
        WaitReason.LOCKED: f"locked by {about}{_open(why)}",
        WaitReason.WRITER: f"held by transaction {about}{_open(why)}",
        WaitReason.READER: f"held by reader {about}{_open(why)}",
        WaitReason.SIBLING: "waiting for another row of the same asset",
        WaitReason.LET_GO: f"let go of by {about or SOMEBODY}",
        WaitReason.SPENT: "without an attempt left",
        WaitReason.PROTECTED: f"protected by {about}",
        WaitReason.NEWER: f"older than {about}, which was uploaded since",
        WaitReason.NEXT: "next in line",
        WaitReason.FALLBACK: "fell back, not queued yet",
        WaitReason.REFUSED: "fell back, and the queue refuses them",
    }
    return f"{number(rows)} {words.get(why.reason, f'waiting: {why.reason}')}"


def outcome(status: str, detail: str | None, response: str | None) -> str:
    """Return what became of a finished row, without its subject; `response`: as JSON."""
    match status:
        case Status.COMPLETED if _was_absent(response):
            return "was not at Cloudinary (a wrong resource type looks the same)"
        case Status.COMPLETED:
            return "was deleted"
        case Status.SKIPPED:
            return f"was kept: {detail}"
        case _:
            return f"failed: {detail}"


def ago(length: timedelta) -> str:
    """Return a length of time as people say it, in one unit."""
    seconds = max(0, round(length.total_seconds()))
    for unit, size in _STEPS:
        if seconds >= _FROM * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _was_absent(response: str | None) -> bool:
    return read_result(json.loads(response or "null")).outcome is Outcome.ABSENT


def _left(why: Why) -> str:
    ends_in = why.ends_in
    return f" in {ago(ends_in)}" if ends_in is not None and ends_in > timedelta() else ""


def _open(why: Why) -> str:
    return f", open for {ago(why.lasts)}" if why.lasts else ""
