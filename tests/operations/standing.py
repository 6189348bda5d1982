"""A daemon that has beaten, gates that are closed, and what is told of a row then."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

from mediasweep.operations import queue
from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import ARTICLES, DAEMON, claim, enqueue, record, result, use

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
WORKS = {"works": True, "grace_s": 0}
LIBRARY = "media_assets"
NEXT = ("next", None)
HERE = "daemon here pid 7"
BEAT = """
INSERT INTO mediasweep.daemon AS d (id, host, pid, version, concurrency, config, beat_at)
VALUES ($1, 'here', 7, '1', 1, $2::jsonb, clock_timestamp() - $3::interval)
ON CONFLICT (id) DO UPDATE SET config = excluded.config, beat_at = excluded.beat_at
"""
CLOSE = """
INSERT INTO mediasweep.gate (name, source_id, reason, closed_by, until, probe)
VALUES ($1, $2, 'a reason', 'ann', clock_timestamp() + $3::interval, $4)
"""
SET_ROW = "UPDATE mediasweep.cloudinary_cleanup_queue SET "
Told = list[tuple[str, str | None]]


async def beat(
    db: Db, ago: timedelta = timedelta(0), id_: uuid.UUID = DAEMON, **config: object
) -> None:
    """Let a daemon have beaten, with what it tells of itself."""
    await db.execute(BEAT, id_, json.dumps(WORKS | config), ago)


async def why(db: Db, id_: uuid.UUID) -> list[dict[str, Any]]:
    """Return the reasons of a row, of which its sentence is made."""
    shown = await queue.show(db, id_)
    assert shown is not None
    reasons: list[dict[str, Any]] = shown["reasons"]
    assert shown["why"] == "; ".join(reason["says"] for reason in reasons)
    return reasons


async def told(db: Db, id_: uuid.UUID) -> Told:
    """Return each reason of a row, and what it is about."""
    return [(str(why["reason"]), why["about"]) for why in await why(db, id_)]


def is_about(expected: timedelta, found: timedelta | None) -> bool:
    """Tell whether a time has come nearer by no more than a test takes."""
    return found is not None and expected - timedelta(minutes=1) < found <= expected


async def is_leased(db: Db) -> None:
    """Queue a row and claim it."""
    await enqueue(db, "a")
    await claim(db)


async def is_of_a_detached_table(db: Db) -> None:
    """Queue a row of a table that is detached then."""
    await db.execute(ARTICLES)
    await use(db, "a")
    await db.execute("DELETE FROM articles")
    await db.execute("SELECT mediasweep.detach('articles'::regclass)")


async def is_of_no_table(db: Db) -> None:
    """Queue a row of a source that there is not."""
    await enqueue(db, "a", source=99)


async def is_in_doubt(db: Db) -> None:
    """Queue a row, and let nobody know what became of its call; due again in an hour."""
    await enqueue(db, "a")
    [job] = (await claim(db)).jobs
    await record(db, result(job, "unknown", "unclear", detail="no answer", due_in=HOUR))
