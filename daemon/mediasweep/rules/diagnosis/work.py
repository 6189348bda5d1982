"""The work: rows, gates, daemons, transactions, and whether the chores are done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from mediasweep.rules.finding import Finding, note, problem, warning
from mediasweep.rules.gate import NONE_DELETES, OPENED_BY
from mediasweep.rules.number import counted
from mediasweep.rules.reason import ago

Row = Mapping[str, Any]

DUE_MOST = timedelta(minutes=10)
WRITER_MOST, READER_MOST = timedelta(minutes=1), timedelta(hours=1)
SETTLED = timedelta(seconds=10)  # two beats, of which the first comes before it listens
BY_THEMSELVES = {"pause", "rate_limit"}


def due(oldest: timedelta, rows: int, waiting: Sequence[str]) -> list[Finding]:
    """Judge how long the oldest row has been due; `waiting`: what rows wait for, in words."""
    if not rows or oldest < DUE_MOST:
        return []
    return warning(
        f"{_rows(rows)} due, the oldest for {ago(oldest)}: {' · '.join(waiting) or 'unknown'}",
        "their assets should be gone by now",
        "`mediasweep queue show ID` names everything that keeps a row",
    )


def stuck(rows: Row) -> list[Finding]:
    """Judge rows that nobody finishes."""
    found = []
    if rows["failed"]:
        found += warning(
            f"{_rows(rows['failed'])} failed",
            "nobody tries them again, and their assets may be there still",
            "look at `mediasweep queue list --status failed`, mend the cause, then "
            "`mediasweep queue retry --status failed`",
        )
    if rows["doubtful"]:
        found += warning(
            f"{_rows(rows['doubtful'])} in doubt, queued more than an hour ago",
            "they were sent, and no answer has told what happened",
            "look at the answers: `mediasweep queue list --in-doubt`, then `mediasweep queue show`",
        )
    if rows["sourceless"]:
        found += warning(
            f"{_rows(rows['sourceless'])} unfinished, and of no attached table",
            "they are not sent, and are never pruned",
            "attach the table again, or `mediasweep queue cancel` them",
        )
    return found


def fallback(captures: Row) -> list[Finding]:
    """Judge captures that failed."""
    found = []
    if captures["waiting"]:
        found += warning(
            f"captures that failed and are not queued yet: {captures['waiting']} "
            f"({captures['error'] or 'the row could not be read'})",
            "as long as the cause lasts, the next ones fail as well; then a daemon queues them all",
            "mend what the error says: where a column was renamed, detach the table and attach it "
            "with the new name; what belongs to mediasweep, `mediasweep migrate` makes anew",
        )
    if captures["refused"]:
        found += problem(
            f"captures that cannot be queued: {captures['refused']} ({captures['why']})",
            "what these rows let go of is lost sight of unless somebody queues it",
            "insert what is needed into the queue by hand, as docs/trouble.md says",
        )
    return found


def holding(transactions: Sequence[Row]) -> list[Finding]:
    """Judge open transactions for which rows wait."""
    found = []
    for one in transactions:
        most = WRITER_MOST if one["writes"] else READER_MOST
        if one["lasts"] is None or one["lasts"] < most:
            continue
        why = (
            "what was let go of since then waits until it has ended"
            if one["writes"]
            else "old versions of rows cannot be cleaned up, and claims become slower"
        )
        remedy = (
            f"run `COMMIT PREPARED …` or `{one['statement']}`"
            if one["prepared"]
            else "end it, and set idle_in_transaction_session_timeout"
        )
        what = f"transaction {one['about']} has been open for {ago(one['lasts'])}"
        found += warning(what, why, remedy)
    return found


def kept(old: Row, retention: timedelta) -> list[Finding]:
    """Judge whether what is old enough is pruned."""
    if not old["queue_rows"] and not old["journal"]:
        return []
    what = f"{_rows(old['queue_rows'])} finished" if old["queue_rows"] else "entries of the journal"
    return warning(
        f"{what} longer ago than the retention of {ago(retention)}",
        "the chores of a daemon prune them, so none does its chores, or with another retention",
        "let a daemon run; one look at its log tells whether `pruned` comes",
    )


def gates(closed: Sequence[Row]) -> list[Finding]:
    """Judge closed gates. Those of the environment are told with what differs, too."""
    found = []
    for gate in closed:
        of = f" of {gate['source']}" if gate.get("source") else ""
        judge = warning if gate["name"] in BY_THEMSELVES else problem
        found += judge(
            f"the gate {gate['name']}{of} is closed by {gate['closed_by']}: {gate['reason']}",
            "nothing that it holds is sent",
            f"it is opened by {OPENED_BY[gate['name']]}",
        )
    return found


def place(differences: Sequence[Row]) -> list[Finding]:
    """Judge whether this is where mediasweep was installed."""
    differs = [one for one in differences if one["what"] != "timeline"]
    was = "; ".join(f"{one['what']} was {one['was']}, is {one['is']}" for one in differs)
    if differs:
        return problem(
            f"this is not where mediasweep was installed: {was}",
            "daemons delete nothing here: a copy would destroy what its original uses",
            "give a copy an account of its own; after a move, `mediasweep adopt`",
        )
    if differences:
        return warning(
            "this server was promoted, and no daemon has looked again yet",
            "the last deletions may be of assets that are in use again",
            "let a daemon run: it looks five minutes later, and opens the gate if all is well",
        )
    return []


def daemons(fleet: Sequence[Row], own: str, unfinished: int) -> list[Finding]:
    """Judge who is at work; `own`: the version of this command."""
    alive = [one for one in fleet if one["alive"]]
    if not alive:
        judge = problem if unfinished else warning
        what = "no daemon is alive" + (f", {_rows(unfinished)} unfinished" if unfinished else "")
        return judge(what, "nothing is deleted", "start one: `mediasweep run`")
    found = []
    if not any(one["works"] for one in alive):
        found += warning(
            NONE_DELETES,
            "nothing is deleted",
            "start one without MEDIASWEEP_DRY_RUN and with MEDIASWEEP_ENABLED=true",
        )
    versions = sorted({str(one["version"]) for one in alive})
    if len(versions) > 1:
        found += warning(
            f"daemons of several versions are alive: {', '.join(versions)}",
            "older ones keep their share of the calls, and lack what was mended since",
            "finish the update: stop the older ones",
        )
    elif versions != [own]:
        found += note(
            f"daemons are of version {versions[0]}, and this command of {own}",
            "what this command says of settings may not be what they do",
            "use the same version for both",
        )
    settled = [one for one in alive if one["beat_at"] - one["started_at"] >= SETTLED]
    for deaf in (one for one in settled if not one["listening"]):
        found += warning(
            f"the daemon on {deaf['host']} (pid {deaf['pid']}) hears no notifications",
            "it looks every two seconds instead",
            "see `listener_down` in its log, and `pooler` here",
        )
    return found


def _rows(count: int) -> str:
    return counted(count, "row")
