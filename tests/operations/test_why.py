"""Why a row is still here: each reason is brought about for real, and a claim agrees with it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from mediasweep.operations import queue
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.reason import WaitReason
from tests.inbox.library import UPLOADED, tell
from tests.operations.standing import (
    CLOSE,
    HERE,
    HOUR,
    LIBRARY,
    NEXT,
    SECOND,
    SET_ROW,
    Told,
    beat,
    is_about,
    is_in_doubt,
    is_leased,
    is_of_a_detached_table,
    is_of_no_table,
    told,
    why,
)
from tests.schema.queue import (
    ARTICLES,
    DAEMON,
    claim,
    end_leases,
    enqueue,
    make_due,
    record,
    result,
)

REST_THE_LAST = """
UPDATE mediasweep.cloudinary_cleanup_queue SET due_at = due_at + interval '1 h'
 WHERE id = (SELECT id FROM mediasweep.cloudinary_cleanup_queue ORDER BY queued_at DESC LIMIT 1)
"""

# -- one row, one state: what is told, and whether a claim takes it --------------------------------


async def _waits(db: Db) -> None:
    await enqueue(db, "a")


async def _was_let_go(db: Db) -> None:
    await is_leased(db)
    await end_leases(db)


async def _was_let_go_by_one_that_is_gone(db: Db) -> None:
    await _was_let_go(db)
    await db.execute("UPDATE mediasweep.daemon SET id = gen_random_uuid()")


async def _has_a_broken_guard(db: Db) -> None:
    await db.execute(ARTICLES)
    await db.execute("ALTER TABLE articles DROP COLUMN cover")
    await enqueue(db, "a")
    assert (await claim(db)).guard_error


async def _had_a_broken_guard(db: Db) -> None:
    await _has_a_broken_guard(db)
    await db.execute("SELECT mediasweep.detach('articles'::regclass)")
    await make_due(db)


async def _is_in_doubt_and_due(db: Db) -> None:
    await is_in_doubt(db)
    await make_due(db)


async def _is_spent(db: Db) -> None:
    await _is_in_doubt_and_due(db)
    await db.execute(SET_ROW + "max_attempts = processing_attempts")


async def _is_poison(db: Db) -> None:
    await _was_let_go(db)
    await db.execute(SET_ROW + "handovers = 20, lease_until = lease_until - interval '1 h'")


async def _has_a_resting_sibling(db: Db) -> None:
    await enqueue(db, "a")
    await enqueue(db, "a")
    await db.execute(REST_THE_LAST)


async def _was_throttled(db: Db) -> None:
    await enqueue(db, "a")
    [job] = (await claim(db)).jobs
    await record(db, result(job, "refused", "throttled", detail="slow down", due_in=HOUR))


async def _rests(db: Db) -> None:
    await enqueue(db, "a")
    await db.execute(SET_ROW + "due_at = due_at + interval '1 h'")


async def _is_protected(db: Db) -> None:
    await enqueue(db, "a")
    await db.execute("SELECT mediasweep.protect('a')")


async def _has_a_newer_file(db: Db) -> None:
    await enqueue(db, "a")
    await tell(db, UPLOADED | {"version": 4_000_000_000})


async def _has_no_daemon(db: Db) -> None:
    await enqueue(db, "a")
    await beat(db, ago=HOUR)


async def _has_an_idle_daemon(db: Db) -> None:
    await enqueue(db, "a")
    await beat(db, works=False)


def _gate(
    name: str, *, source: int | None = None, for_: timedelta | None = None, probing: bool = False
) -> Callable[[Db], Awaitable[None]]:
    async def close(db: Db) -> None:
        await enqueue(db, "a", source=1)
        await db.execute(CLOSE, name, source, for_, SECOND if probing else None)

    close.__name__ = f"{name} {source or ''} {for_ or ''} {probing}"
    return close


async def _is_forced_through_a_pause(db: Db) -> None:
    await _gate("pause")(db)
    await db.execute("UPDATE mediasweep.scheduler SET forced = 1")


async def _meets_two_gates(db: Db) -> None:
    await _gate("brake", source=1)(db)
    await db.execute(CLOSE, "auth", None, HOUR, SECOND)


GONE = f"daemon {DAEMON}, which is gone"
STATES: list[tuple[Callable[[Db], Awaitable[None]], Told]] = [
    (_waits, [NEXT]),
    (is_leased, [("leased", HERE)]),
    (_was_let_go, [("let_go", HERE), NEXT]),
    (_was_let_go_by_one_that_is_gone, [("let_go", GONE), NEXT]),
    (is_of_a_detached_table, [("detached", "articles")]),
    (is_of_no_table, [("unknown_source", "99")]),
    (_has_a_broken_guard, [("guard", None)]),
    (_had_a_broken_guard, [("guard", None), NEXT]),
    (is_in_doubt, [("in_doubt", None)]),
    (_is_in_doubt_and_due, [("in_doubt", None), NEXT]),
    (_is_spent, [("in_doubt", None), ("spent", None), NEXT]),
    (_is_poison, [("let_go", HERE), ("spent", None), NEXT]),
    (_was_throttled, [("retry", None)]),
    (_rests, [("grace", None)]),
    (_has_a_resting_sibling, [("sibling", None)]),
    (_is_protected, [("protected", "a"), NEXT]),
    (_has_a_newer_file, [("newer", "v4000000000"), NEXT]),
    (_has_no_daemon, [("no_daemon", "alive")]),
    (_has_an_idle_daemon, [("no_daemon", "deleting")]),
    (_gate("pause"), [("gate", "pause")]),
    (_gate("environment", for_=HOUR), [("gate", "environment")]),
    (_gate("failover"), [("gate", "failover")]),
    (_gate("rate_limit", for_=HOUR, probing=True), [("gate", "rate_limit")]),
    (_gate("breaker", for_=-HOUR, probing=True), [("tested", "breaker")]),
    (_gate("pause", for_=-HOUR), [NEXT]),
    (_gate("brake", source=1), [("gate", f"brake ({LIBRARY})")]),
    (_gate("brake", source=2), [NEXT]),
    (_is_forced_through_a_pause, [NEXT]),
    (_meets_two_gates, [("gate", "auth"), ("gate", f"brake ({LIBRARY})")]),
]


@pytest.mark.parametrize(
    ("bring_about", "expected"), STATES, ids=lambda v: getattr(v, "__name__", "")
)
async def test_each_reason_is_told_and_a_claim_agrees(
    db: Db, bring_about: Callable[[Db], Awaitable[None]], expected: Told
) -> None:
    """A row has exactly these reasons; a claim moves it if it is next in line, or else does not."""
    await beat(db)
    await bring_about(db)
    id_ = await db.fetchval("SELECT id FROM mediasweep.cloudinary_cleanup_queue")
    assert await told(db, id_) == expected
    if expected[0][0] in {"no_daemon", "tested"}:  # for which the database would let it go
        return
    claimed = await claim(db)
    assert (expected[-1] == NEXT) is not claimed.brought_nothing


# -- what else is told of them ---------------------------------------------------------------------


async def test_times_and_details_are_told(db: Db) -> None:
    """For how long still, since when, and what came of it last."""
    await beat(db, ago=SECOND)
    await is_in_doubt(db)
    id_ = await db.fetchval("SELECT id FROM mediasweep.cloudinary_cleanup_queue")
    await db.execute(CLOSE, "pause", None, HOUR, None)
    doubt, gate = await why(db, id_)
    assert doubt["detail"] == "attempt 1 of 3: no answer"
    assert is_about(HOUR, doubt["ends_in"])
    assert gate["detail"] == "a reason, by ann"
    assert is_about(HOUR, gate["ends_in"])
    assert gate["lasts"] < timedelta(minutes=1)


async def test_a_finished_row_says_what_became_of_it(db: Db) -> None:
    """Nothing keeps it any more, so only its outcome is told."""
    [id_] = await enqueue(db, "a")
    [job] = (await claim(db)).jobs
    await record(db, result(job, "completed", "deleted"))
    shown = await queue.show(db, id_)
    assert shown is not None
    assert (shown["why"], shown["reasons"]) == ("was deleted", [])
    assert await queue.show(db, uuid.uuid4()) is None


async def test_every_reason_that_has_words_is_given(db: Db) -> None:
    """Each reason of a row that has words is one that the function can give."""
    source = await db.fetchval("SELECT pg_get_functiondef('mediasweep.why(uuid)'::regprocedure)")
    assert isinstance(source, str)
    of_rows = {str(reason) for reason in WaitReason} - {"fallback", "refused"}
    assert of_rows <= set(source.split("'"))
