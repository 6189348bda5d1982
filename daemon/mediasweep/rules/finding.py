"""A finding: what is wrong with an installation, why that matters, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

NAMED_MOST = 5


class Level(StrEnum):
    """How bad it is: a problem keeps something from working, a warning will or may, a note does
    not, and is told because somebody should know.
    """

    PROBLEM = "problem"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `remedy` is a sentence, with a command or a statement where there is
    one.
    """

    level: Level
    what: str
    why: str
    remedy: str


def problem(what: str, why: str, remedy: str) -> list[Finding]:
    """Return one problem."""
    return [Finding(Level.PROBLEM, what, why, remedy)]


def warning(what: str, why: str, remedy: str) -> list[Finding]:
    """Return one warning."""
    return [Finding(Level.WARNING, what, why, remedy)]


def note(what: str, why: str, remedy: str) -> list[Finding]:
    """Return one note."""
    return [Finding(Level.NOTE, what, why, remedy)]


def some(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(names) - NAMED_MOST} more" if len(names) > NAMED_MOST else ""
    return ", ".join(names[:NAMED_MOST]) + more
