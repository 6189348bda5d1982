"""The schema: whether it is whole, who may use it, and how its tables are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mediasweep.rules.finding import Finding, note, problem, some, warning

Row = Mapping[str, Any]


def outdated(changed: Sequence[str]) -> list[Finding]:
    """Judge function files that are not those of this release."""
    if not changed:
        return []
    return warning(
        f"functions of the database are of another release: {some(changed)}",
        "what this release says of them may not be so, and what it mended is not mended here",
        "run `mediasweep migrate`",
    )


def unfit(what: str, remedy: str) -> list[Finding]:
    """Judge a schema with which this release cannot work."""
    why = "daemons of this release do not start; what needs the schema was not looked at"
    return problem(what, why, remedy)


def lacks(lacking: Sequence[Row], role: str, kind: str) -> list[Finding]:
    """Judge what the role may not do of what its `kind` does, `daemon` or `reader`."""
    if not lacking and kind == "reader":
        return note(
            f"{role} is a reader, who sees all that the other checks look at, and changes nothing",
            "a daemon under this role cannot claim, delete and record",
            "nothing, unless a daemon has this DATABASE_URL: it needs a member of the daemon's",
        )
    if not lacking:
        return []
    named = some([f"{row['verb']} on {row['object']}" for row in lacking])
    return problem(
        f"{role} may not do all that a {kind} does: {named}",
        "a daemon under this role cannot claim, delete and record"
        if kind == "daemon"
        else "what it may not see is not looked at",
        "run it as the role that ran `mediasweep migrate`, or as a member of the daemon's: "
        "`mediasweep migrate --roles` makes one",
    )


def unlogged(tables: Sequence[Row]) -> list[Finding]:
    """Judge tables that a crash of the server empties."""
    return [
        finding
        for table in tables
        for finding in problem(
            f"{table['relation']} is unlogged",
            "a crash of the server empties it, and a standby has none of it: deletions are lost",
            f"run `{table['statement']}`",
        )
    ]


def unvacuumed(tables: Sequence[Row]) -> list[Finding]:
    """Judge tables that nobody cleans up."""
    return [
        finding
        for table in tables
        for finding in warning(
            f"autovacuum is off for {table['relation']}",
            "each claim and record leaves an old version of its row; claims become slower",
            f"run `{table['statement']}`",
        )
    ]
