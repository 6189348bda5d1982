"""What must hold when all is over, whatever was done to the daemons meanwhile."""

from __future__ import annotations

import contextlib
from asyncio import to_thread
from collections import Counter

import asyncpg

from mediasweep.postgres.pool import Connection as Db
from tests.daemons import until
from tests.failpoints.scene import Scene

Row = asyncpg.Record

# which events may follow in a state; "refused" goes to one of two
LEGAL = {
    ("pending", "claimed", "processing"),
    ("pending", "skipped", "skipped"),
    ("processing", "handed_over", "processing"),
    ("processing", "claimed", "processing"),
    ("processing", "failed", "failed"),
    ("processing", "completed", "completed"),
    ("processing", "refused", "pending"),
    ("processing", "refused", "processing"),
    ("processing", "unknown", "processing"),
}
IN_DOUBT = {"handed_over", "unknown"}
CLAIMS = {"handed_over", "claimed"}
# each of these may have meant a call that was answered to nobody, or that did nothing
SENT_AGAIN = "event IN ('handed_over', 'unknown') OR event = 'refused' AND outcome = 'throttled'"
# a daemon that froze may have prepared a statement: the server waits for what is to be done with it
LOCKS = """
SELECT l.locktype, l.mode, a.application_name, a.query
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE a.datname = current_database() AND a.application_name LIKE 'mediasweep%'
   AND NOT (a.state = 'active' AND a.wait_event = 'ClientRead')
"""


def illegal(timeline: list[Row]) -> str | None:
    """Return what is wrong with the moves of one row, oldest first, if anything is."""
    state, claim_no, doubtful = "pending", 0, False
    for move in timeline:
        event, to = move["event"], move["status"]
        claim_no += event in CLAIMS
        if (state, event, to) not in LEGAL or (doubtful and to in {"pending", "skipped"}):
            return f"{state} → {event} → {to}" + (" in doubt" if doubtful else "")
        if move["claim_no"] != claim_no:
            return f"{event} of claim {move['claim_no']} during claim {claim_no}"
        # taking over what was not given back: it may have been sent
        doubtful |= event in IN_DOUBT or (state == "processing" and event == "claimed")
        state = to
    return None


async def check(scene: Scene) -> None:
    """Fail unless everything is as it would be if nothing had happened.

    Each asset let go of is gone, each in use is there; each row is finished, by legal moves, and
    asked for again only as often as nobody knew what had become of the call before.
    """
    db, state = scene.db, await to_thread(scene.cloud.state)
    left = {public_id for _, _, public_id in await to_thread(scene.cloud.assets)}
    assert left == scene.kept, f"left: {left - scene.kept}, gone: {scene.kept - left}"
    assert state["deleted_twice"] == [], state["deleted_twice"]
    queue = await db.fetch("SELECT * FROM mediasweep.cloudinary_cleanup_queue")
    finished = {"completed": len(scene.gone - scene.lost), "skipped": len(scene.kept)}
    states = Counter(row["status"] for row in queue)
    assert states == Counter(finished), states
    assert len(queue) == scene.rows
    await _journal_is_legal(db, queue)
    await _calls_are_few(scene, db)
    await nothing_is_locked(db)


async def nothing_is_locked(db: Db) -> None:
    """Fail unless the sessions of all daemons and commands have let go of their locks."""
    with contextlib.suppress(TimeoutError):  # a session outlives its daemon by a moment
        await until(db, f"SELECT NOT EXISTS ({LOCKS.strip()})", within_s=3)
    locks = [dict(lock) for lock in await db.fetch(LOCKS)]
    assert locks == [], locks


async def _journal_is_legal(db: Db, queue: list[Row]) -> None:
    moves: dict[object, list[Row]] = {row["id"]: [] for row in queue}
    for move in await db.fetch(
        "SELECT * FROM mediasweep.journal WHERE queue_id IS NOT NULL"
        " AND event <> 'recalled' ORDER BY id"
    ):
        moves[move["queue_id"]].append(move)
    wrong = {id_: found for id_, timeline in moves.items() if (found := illegal(timeline))}
    assert wrong == {}, wrong
    ends = {row["id"]: (row["status"], row["claim_no"]) for row in queue}
    assert ends == {id_: (m[-1]["status"], m[-1]["claim_no"]) for id_, m in moves.items()}


async def _calls_are_few(scene: Scene, db: Db) -> None:
    again = await db.fetch(
        "SELECT public_id, count(*) AS times FROM mediasweep.journal"
        f" WHERE {SENT_AGAIN} GROUP BY public_id"
    )
    allowed = Counter({row["public_id"]: row["times"] for row in again})
    # where an asset id finds nothing the public id is tried too: two calls that are one
    doubled = set(scene.by_asset_id.values())
    calls: Counter[str] = Counter()
    for call in await to_thread(scene.cloud.calls):
        if call["status"]:  # else the caller was gone before it had said what it wanted
            calls[call["public_id"] or scene.by_asset_id[call["asset_id"]]] += 1
    assert set(calls) <= scene.gone
    too_many = {
        id_: n
        for id_, n in calls.items()  # of what the database has lost nobody knows how often
        if id_ not in scene.lost and n > (1 + allowed[id_]) * (1 + (id_ in doubled))
    }
    assert too_many == {}, too_many
