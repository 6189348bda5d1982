"""Capture and guard: what your tables let go of is seen, and what they use is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from mediasweep.rules.finding import Finding, note, problem, some, warning
from mediasweep.rules.number import counted
from mediasweep.rules.reason import ago

Row = Mapping[str, Any]

HIDDEN = {
    "schema": "the owner of the schema mediasweep may not look into the schema of {}",
    "select": "the owner of the schema mediasweep may not read {}",
    "rows": "row-level security hides rows of {} from the guard",
}


def attached(rows: Sequence[Row]) -> list[Finding]:
    """Judge whether there is anything to guard."""
    if any(row["tables"] for row in rows):
        return []
    return warning(
        "no table is attached",
        "nothing is captured, and what is queued by hand counts as used by nobody",
        "attach every table that uses assets; `mediasweep attach --suggest` finds them",
    )


def uncovered(parts: Sequence[Row]) -> list[Finding]:
    """Judge attached tables, or their partitions, without a trigger that fires."""
    found = []
    for part in parts:
        what = f"{part['part']} of {part['relation']}" if part["below"] else part["relation"]
        said = part["missing"].split(", ")
        lacking = [one for one in said if not one.endswith(" is disabled")]
        faults = [f"no trigger for {', '.join(lacking)}"] if lacking else []
        faults += [one for one in said if one not in lacking]
        steps = [f"`{part['statement']}`"] if part["statement"] else []
        steps += ["`mediasweep migrate`"] if lacking else []
        found += problem(
            f"not all that {what} lets go of is captured: {'; '.join(faults)}",
            "what is not captured is not queued, and stays at Cloudinary",
            f"run {' and '.join(steps)}",
        )
    return found


def strays(tables: Sequence[Row]) -> list[Finding]:
    """Judge tables that were parts of attached ones, and still carry their triggers."""
    return [
        finding
        for table in tables
        for finding in warning(
            f"{table['table']} is no part of {table['of']} any more, and carries its triggers",
            "it is captured and keeps what it names, as before, until somebody decides",
            f"attach it by itself, or run `mediasweep detach {table['table']}`",
        )
    ]


def replicas(sessions: Sequence[Row]) -> list[Finding]:
    """Judge sessions in which triggers do not fire."""
    return [
        finding
        for session in sessions
        for finding in warning(
            f"{session['who']}: session_replication_role is replica",
            "no trigger fires for them, so what they let go of is not queued",
            f"run `{session['statement']}`, unless this is meant",
        )
    ]


def published(publications: Sequence[Row]) -> list[Finding]:
    """Tell of publications that have the tables of the schema in them, which nobody meant."""
    return [
        finding
        for publication in publications
        for finding in note(
            f"the publication {publication['name']} is for all tables, those of mediasweep too",
            "a subscriber has to have them, and is sent each move of each row",
            "name the tables or schemas that are meant, as FOR TABLES IN SCHEMA public",
        )
    ]


def hidden(tables: Sequence[Row]) -> list[Finding]:
    """Judge attached tables that the guard cannot see whole."""
    return [
        finding
        for table in tables
        for finding in problem(
            HIDDEN[table["cause"]].format(table["relation"]),
            "the guard then answers nothing, and nothing at all is sent",
            f"run `{table['statement']}`, as a role that may",
        )
    ]


def guard(error: str | None) -> list[Finding]:
    """Judge whether the guard can answer."""
    if error is None:
        return []
    return problem(
        f"the guard cannot answer: {error}",
        "every table has to be asked before each call, so nothing at all is sent",
        "see “When the guard cannot answer” in docs/trouble.md; after a dump was restored, or a "
        "table renamed, run `mediasweep migrate`",
    )


def unindexed(tables: Sequence[Row]) -> list[Finding]:
    """Judge large attached tables that the guard reads from end to end."""
    return [
        finding
        for table in tables
        for finding in warning(
            f"{table['relation']} (about {counted(table['rows'], 'row')}) has no index for the "
            "guard",
            "every claim reads all of it, and is broken off after 8 s",
            f"run `{table['statement'].rstrip(';')}`",
        )
    ]


def level(tables: Sequence[Row]) -> list[Finding]:
    """Tell what attached tables are safe with, by the levels of docs/architecture.md."""
    alike: dict[tuple[int, str, str], list[str]] = {}
    for table in tables:
        alike.setdefault(_contract(table), []).append(table["relation"])
    return [
        finding
        for (number, said, remedy), names in alike.items()
        for finding in note(
            f"{some(names)}: {said}", f"{SAFE[number]} (contract level {number})", remedy
        )
    ]


def _contract(table: Row) -> tuple[int, str, str]:
    """Return the level of a table, what becomes of its assets, and what would raise it."""
    rests, by_id = table["rests"] > timedelta(0), bool(table["by_asset_id"])
    after = f"{ago(table['rests'])} later" if rests else "at once"
    said = [f"an asset that is let go of is deleted {after}"]
    if by_id and not table["nameless"]:
        said.append("not by its asset id, because others have none or a prefix is protected")
    elif by_id:
        said.append("by its asset id" + ("" if table["proven"] else ", once that has worked here"))
    if table["looks"]:
        said.append("`references` keeps rows from using it again meanwhile")
    more = [] if rests else ["it may use an asset again, attach it anew with `--grace`"]
    if not by_id:
        more.append("it uploads other files under old public ids, attach it anew with `--asset-id`")
    remedy = f"nothing, unless your application does more: if {'; if '.join(more)}"
    return 2 * (by_id and table["nameless"]) + rests, "; ".join(said), remedy if more else "nothing"


SAFE = (
    "safe if your application never uses again what it has let go of",
    "safe if it is used again only within that time, and its public id for no other file",
    "safe if its public id is used for another file, but not if it is used again itself",
    "safe if it, or its public id for another file, is used again only within that time",
)
