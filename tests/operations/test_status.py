"""The status of the whole queue: what it waits for, in a line, and how late the fleet is."""

from __future__ import annotations

import re
import uuid

from mediasweep.operations import fleet
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.operations.standing import (
    CLOSE,
    HOUR,
    LIBRARY,
    NEXT,
    SET_ROW,
    beat,
    is_about,
    is_in_doubt,
    is_leased,
    is_of_a_detached_table,
    is_of_no_table,
    told,
    why,
)
from tests.schema.queue import ARTICLES, end_leases, enqueue, use


async def test_the_longest_grace_of_the_daemons_that_work_counts(db: Db) -> None:
    """A row rests as its table and the most patient daemon want it; others' graces do not count."""
    await db.execute(ARTICLES.replace('"cover"', '"cover", "grace": "2 hours"'))
    await use(db, "a")
    await db.execute("DELETE FROM articles")
    id_ = await db.fetchval("SELECT id FROM mediasweep.cloudinary_cleanup_queue")
    await beat(db, grace_s=3600)
    await beat(db, id_=uuid.uuid4(), grace_s=1)
    await beat(db, id_=uuid.uuid4(), grace_s=36000, works=False)
    await beat(db, id_=uuid.uuid4(), ago=HOUR, grace_s=72000)
    [grace] = await why(db, id_)
    assert grace["detail"] == "grace of its table 02:00:00, MEDIASWEEP_GRACE 01:00:00"
    assert is_about(3 * HOUR, grace["ends_in"])
    await db.execute(SET_ROW + "due_at = clock_timestamp() - interval '59 min'")
    assert await told(db, id_) == [("grace", None)]
    assert (await fleet.status(db))["due"]["rows"] == 0
    await db.execute(SET_ROW + "due_at = clock_timestamp() - interval '61 min'")
    assert await told(db, id_) == [NEXT]
    due = (await fleet.status(db))["due"]
    assert (due["rows"], 55 < due["oldest_seconds"] < 120) == (1, True)


async def test_what_no_claim_can_take_is_not_due(db: Db) -> None:
    """Rows of detached and of unknown tables do not make the queue look late; gates do not help."""
    await is_of_a_detached_table(db)
    await is_of_no_table(db)
    due = (await fleet.status(db))["due"]
    assert (due["rows"], due["oldest_seconds"]) == (0, 0)
    await enqueue(db, "b")
    await db.execute(CLOSE, "pause", None, None, None)
    assert (await fleet.status(db))["due"]["rows"] == 1


async def test_a_lease_that_ended_makes_a_row_due_from_then_on(db: Db) -> None:
    """The time in which a daemon had it does not count as lateness."""
    await is_leased(db)
    await db.execute(SET_ROW + "due_at = clock_timestamp() - interval '1 h'")
    assert (await fleet.status(db))["due"]["rows"] == 0
    await end_leases(db)
    due = (await fleet.status(db))["due"]
    assert (due["rows"], due["oldest_seconds"] < 60) == (1, True)


async def test_the_status_counts_each_row_once_by_what_it_waits_for_first(
    db: Db, connect: Connect
) -> None:
    """The whole queue in a line: rows by reason, and the captures that fell back."""
    await beat(db)
    await enqueue(db, *(f"a{n}" for n in range(3)), source=1)
    await db.execute(CLOSE, "brake", 1, None, None)
    await is_in_doubt(db)
    await enqueue(db, "b")
    await db.execute(
        "INSERT INTO mediasweep.fallback (ref, refused)"
        " VALUES ('{}', NULL), ('{}', NULL), ('{}', 'x')"
    )
    writer = await connect()
    async with writer.transaction():
        await writer.execute("SELECT pg_current_xact_id()")
        found = await fleet.status(db)
    pid = writer.get_server_pid()
    assert found["due"]["in_doubt"] == 1  # also while it is not due
    says = {re.sub(r"\d+ (s|min)$", r"some \1", one["says"]) for one in found["waiting"]}
    assert says == {
        f"3 behind the gate brake ({LIBRARY})",
        "1 in doubt, due in some min",
        f"1 held by transaction pid {pid} (unnamed), open for some s",
        "2 fell back, not queued yet",
        "1 fell back, and the queue refuses them",
    }


async def test_a_long_backlog_is_told_in_one_look(db: Db) -> None:
    """Twenty thousand rows in three states are three groups, and none is left out."""
    await beat(db)
    await db.execute(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, source_id, due_at)"
        " SELECT 'a' || n, n % 2, now() + (n % 4 / 2) * interval '1 h'"
        "   FROM generate_series(1, 20000) n"
    )
    waiting = (await fleet.status(db))["waiting"]
    assert {(str(one["reason"]), one["rows"]) for one in waiting} == {
        ("next", 10000),
        ("grace", 10000),
    }
