"""Who used what when, and whether it may have lost it: the promises and windows of the documents.

Pure. `judged` is docs/architecture.md, "What is safe, and what stays open", in code: it returns the
window that a use fell into, and raises Broken for everything that no window excuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

READER_S = 5.0  # so long a reader is waited for
Key = tuple[str, str]  # resource type and public id; all is of delivery type "upload"
Row = Mapping[str, Any]

A = "a) committed after the guard, by a transaction from after the barrier"
B = "b) committed while the row was in doubt"
C = "c) by a reader that was open for more than 5 s, and then wrote"
NEWER = "2) a newer file under the same id, deleted by public id"
GONE = "0) committed when nobody had used the asset any more and it was gone"


class Broken(AssertionError):  # noqa: N818  what is broken is its first argument
    """An invariant does not hold: its name, and what was seen."""

    def __init__(self, invariant: str, seen: str) -> None:
        super().__init__(f"{invariant}: {seen}")
        self.invariant = invariant


@dataclass(slots=True)
class Writer:
    """A transaction of the application, which began in that step, at that time of the database.

    `xmin`: of the snapshot that it began with, if it keeps that. `xid` once it has written. `keys`
    and `rows` are what it has locked.
    """

    began: int
    began_at: float
    xmin: int | None = None
    xid: int | None = None
    keys: set[Key] = field(default_factory=set)
    rows: set[tuple[str, object]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Use:
    """A live row that names an asset, committed in step `since`, by `writer` if it took longer.

    `rows`: the queue as it was just before.
    """

    table: str
    id: object
    public_id: str
    type: str | None
    asset_id: str | None
    since: int = 0
    writer: Writer | None = None
    rows: Mapping[str, Row] = field(default_factory=dict)

    @property
    def what(self) -> tuple[object, ...]:
        """Return what makes it the same use in the next look."""
        return (self.table, self.id, self.public_id, self.type)

    def is_of(self, key: Key, asset_id: str) -> bool:
        """Tell whether it uses this asset; without a type, one of any type."""
        named = self.public_id == key[1] and self.type in {None, key[0]}
        return named or (self.asset_id is not None and self.asset_id == asset_id)


@dataclass(frozen=True, slots=True)
class File:
    """What lies in the cloud under a key, uploaded in step `since`."""

    asset_id: str
    since: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that was handed to a worker in step `step`, asked for at `at_s` of the game's time
    and heard of at `heard_s`.

    Everybody with a transaction id below `writers` has ended; and everybody with a snapshot from
    before `read_at`, by the database's clock, and older than `readers`, unless that was `waited_s`
    ago.
    """

    row: Row
    claim_no: int
    step: int
    at_s: float
    heard_s: float
    writers: int
    readers: int
    read_at: float
    waited_s: float

    @property
    def id(self) -> str:
        """The row's id."""
        return str(self.row["id"])


@dataclass(frozen=True, slots=True)
class Gone:
    """A file that a call under a claim has removed in step `step`."""

    key: Key
    file: File
    claim: Claimed
    step: int
    by_asset_id: bool
    captured: int

    @property
    def newer(self) -> bool:
        """Whether it was uploaded after its row had been queued."""
        return self.file.since > self.captured


def judged(use: Use, gone: Gone) -> str:
    """Return the window through which a use lost its asset; raises Broken if there is none."""
    claim, writer = gone.claim, use.writer
    if use.since <= claim.step:
        raise Broken("in use", f"{use} was committed before {claim} was guarded")
    if writer is not None and writer.xid is not None and writer.xid < claim.writers:
        raise Broken("in use", f"{use} is by a writer from before the barrier of {claim}")
    if writer is not None and _was_read_for(writer, claim):
        if claim.waited_s <= READER_S:
            raise Broken("in use", f"{use} is by a reader from before the barrier of {claim}")
        return C
    if use.since > gone.step:
        return A if writer is not None and writer.began < gone.step else GONE
    then = use.rows[claim.id]
    if then["status"] == "processing" and then["claim_no"] == claim.claim_no:
        return B if then["lease_until"] is None else A
    if then["in_doubt"] and then["status"] != "completed":
        return B
    if gone.newer and not gone.by_asset_id:
        return NEWER
    raise Broken("in use", f"{use} was committed when nothing was open any more for {gone}")


def _was_read_for(writer: Writer, claim: Claimed) -> bool:
    """Tell whether a claim had to wait for a transaction because of the snapshot that it keeps.

    One that was as young as the barrier saw that the asset had been let go of.
    """
    older = writer.xmin is not None and writer.xmin < claim.readers
    return older and writer.began_at < claim.read_at


def is_visible(xact: int, snapshot: str) -> bool:
    """Tell whether a snapshot, in PostgreSQL's notation, sees what a transaction did."""
    xmin, xmax, running = snapshot.split(":")
    if xact < int(xmin):
        return True
    return xact < int(xmax) and str(xact) not in running.split(",")
