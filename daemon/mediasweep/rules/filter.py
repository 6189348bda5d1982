"""Which rows of the queue are meant: what list, retry and cancel can be told.

Pure. The database does the looking, with one WHERE for all three (`schema/functions/matching.sql`).
What cannot be meant raises FilterError, whose text says what to write.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from mediasweep.rules.job import ByHand, Status
from mediasweep.rules.moment import Window, window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MANUAL = "manual"  # what no table of the user's put into the queue: source 0
# why assets are let go of; whoever queues a row by hand may write another reason
REASONS = ("row_deleted", "soft_deleted", "reference_removed", "table_truncated", "manual")
LARGEST = 2**31 - 1


class FilterError(ValueError):
    """A filter can match nothing that exists, or not what it is for; the message says why."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Rows with all of these; what is empty or None holds of any row.

    `public_id` and `filename` are globs: `*` stands for any characters, `?` for one, everything
    else for itself. `source` is the number of an attached table, or 0. `window` is of the time of
    the capture. `own`: what mediasweep let go of itself, for an upload or a self-test, or the rest.
    """

    statuses: tuple[Status, ...] = ()
    source: int | None = None
    public_id: str | None = None
    filename: str | None = None
    reason: str | None = None
    app: str | None = None
    actor: str | None = None
    window: Window = field(default_factory=Window)
    in_doubt: bool | None = None
    own: bool | None = None


@dataclass(frozen=True, slots=True)
class RawFilter:
    """A filter as people say it; `source`, `since` and `until` are still to be read."""

    statuses: tuple[Status, ...] = ()
    source: str | None = None
    public_id: str | None = None
    filename: str | None = None
    reason: str | None = None
    app: str | None = None
    actor: str | None = None
    since: str | None = None
    until: str | None = None
    in_doubt: bool | None = None
    own: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was said, so that every row would match."""
        return all(getattr(self, one.name) in {None, ()} for one in fields(self))

    @property
    def selects(self) -> bool:
        """Tell whether rows may have to be looked for, and not only taken in their order."""
        ordered = {"source", "since", "until"}
        return any(
            getattr(self, one.name) not in {None, ()}
            for one in fields(self)
            if one.name not in ordered
        )

    def read(self, source: int | None, now: datetime) -> Filter:
        """Return the filter that is meant, `source` having been found; raises MomentError."""
        return Filter(
            statuses=self.statuses,
            source=source,
            public_id=self.public_id,
            filename=self.filename,
            reason=self.reason,
            app=self.app,
            actor=self.actor,
            window=window(self.since, self.until, now),
            in_doubt=self.in_doubt,
            own=self.own,
        )


def like(glob: str) -> str:
    r"""Return a glob as LIKE has it, in which `\`, `%` and `_` of the glob are themselves."""
    for special in "\\%_":
        glob = glob.replace(special, f"\\{special}")
    return glob.replace("*", "%").replace("?", "_")


def looked_at(statuses: Sequence[Status], move: ByHand) -> tuple[Status, ...]:
    """Return the statuses in which to look for rows to move, given those that were named.

    Unless they are named, a cancel also finds what a daemon has, so that it is said to be refused.
    Raises FilterError for a status in which no row can be moved.
    """
    movable = (Status.PENDING,) if move is ByHand.CANCEL else (Status.FAILED, Status.SKIPPED)
    wrong = [status for status in statuses if status not in movable]
    if wrong:
        raise FilterError(
            f"{move} is not for rows that are {' or '.join(wrong)}: "
            f"ask for the status {' or '.join(movable)}"
        )
    return tuple(statuses) or (*movable, *((Status.PROCESSING,) if move is ByHand.CANCEL else ()))


@dataclass(frozen=True, slots=True)
class Source:
    """A table that is attached, or was: its number, its name, with its schema, and as SQL has it.

    `shown` is how lists name it: in quotes where SQL needs them. One that is gone has a number
    alone, and so has a source of which there are rows, and never was a table.
    """

    id: int
    name: str | None = None
    qualified: str | None = None
    shown: str | None = None


def source_number(text: str, sources: Sequence[Source]) -> int:
    """Return the source that a text names: a number, `manual` for 0, or a table.

    Raises FilterError, also where a name without its schema fits several tables.
    """
    if text == MANUAL:
        return 0
    number = written_number(text)
    if number is not None:
        if number and not any(number == s.id for s in sources):
            raise FilterError(f"no source has the number {number}: give {_choice(sources)}")
        return number
    fits = [s for s in sources if text in {s.qualified, s.shown}]
    fits = fits or [s for s in sources if text == s.name]
    if len(fits) == 1:
        return fits[0].id
    if fits:
        names = " or ".join(str(s.qualified) for s in fits)
        raise FilterError(f"{text!r} is the name of more than one table: say {names}")
    raise FilterError(f"{text!r} is no attached table: give {_choice(sources)}")


def written_number(text: str) -> int | None:
    """Return the number of a source, if that is what is written."""
    if text.isascii() and text.isdigit() and int(text) <= LARGEST:
        return int(text)
    return None


def _choice(sources: Sequence[Source]) -> str:
    tables = sorted(f"{s.qualified} ({s.id})" for s in sources if s.qualified)
    return (
        f"{', '.join(tables) or 'the name of one'}, by name or number, "
        f"or {MANUAL} for what no table put there"
    )


def check_reason(reason: str, written: Sequence[str]) -> None:
    """Raise FilterError for a reason that is none of ours, and that no row has."""
    known = (*REASONS, *sorted(set(written) - set(REASONS)))
    if reason not in known:
        raise FilterError(f"{reason!r} is no reason of any row: give one of {', '.join(known)}")
