"""Letting go of much: rows queued at a time of the test's choice, and claims with a small limit."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.schema.queue import NOTHING, Claim, claim

if TYPE_CHECKING:
    from mediasweep.postgres.pool import Connection as Db

MINUTE = timedelta(minutes=1)
LIMIT = 10
# the n-th of $2 rows was queued $4 + n * $5 before now, and due at once
LET_GO = """
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, resource_type, delivery_type, source_id, queued_at, due_at)
SELECT $1::text || n, 'image', 'upload', $3, was.at, was.at
  FROM generate_series(1, $2::integer) n,
       LATERAL (SELECT clock_timestamp() - $4::interval - n * $5::interval) was (at)
"""
CLOSED = "SELECT g.source_id FROM mediasweep.gate g WHERE g.name = 'brake' ORDER BY 1"
DIGEST = "SELECT h.digest FROM mediasweep.held($1, pg_current_snapshot()) h"
ACKNOWLEDGE = "SELECT a.queue_rows, a.refused FROM mediasweep.acknowledge($1, 'ann', true) a"
FINISH = """
UPDATE mediasweep.cloudinary_cleanup_queue
   SET status = $1, processed_at = clock_timestamp(), lease_until = NULL WHERE processed_at IS NULL
"""
PASS_THROUGH = """
CREATE OR REPLACE FUNCTION mediasweep.brake(
  candidates mediasweep.cloudinary_cleanup_queue[], terms jsonb, INOUT memory jsonb,
  INOUT news jsonb) LANGUAGE plpgsql VOLATILE AS 'BEGIN END'
"""


async def let_go(
    db: Db,
    name: str,
    rows: int,
    *,
    source: int = 0,
    ago: timedelta = NOTHING,
    every: timedelta = NOTHING,
    at_once: bool = True,
) -> None:
    """Queue rows in one transaction, or (not `at_once`) each in its own."""
    if at_once:
        await db.execute(LET_GO, name, rows, source, ago, every)
        return
    for n in range(1, rows + 1):
        await db.execute(LET_GO, f"{name}{n}-", 1, source, ago + (n - 1) * every, every)


async def try_claim(db: Db, **more: Any) -> Claim:  # noqa: ANN401  what claim takes
    """Claim with a brake that lets ten rows of a source go in ten minutes."""
    terms: dict[str, Any] = {"brake_floor": LIMIT, "brake_window": "600 s"}
    return await claim(db, **terms | more)


async def closed(db: Db) -> list[int]:
    """Return the sources whose brake is closed."""
    return [row["source_id"] for row in await db.fetch(CLOSED)]


def braked(claimed: Claim) -> list[dict[str, Any]]:
    """Return what a claim tells of the sources that it stopped."""
    stopped: list[dict[str, Any]] = json.loads(claimed.news).get("braked", [])
    return stopped


async def stopped(db: Db, rows: int = LIMIT + 1, *, source: int = 0) -> str:
    """Have the brake of a source closed by so many rows, and return the digest of what it holds."""
    await let_go(db, "a", rows, source=source)
    assert (await try_claim(db)).brought_nothing
    assert await closed(db) == [source]
    return await digest(db, source)


async def digest(db: Db, source: int = 0) -> str:
    """Return the digest of what the brake of a source holds."""
    return str(await db.fetchval(DIGEST, source))


def listed(named: str) -> str:
    """Return what a digest says of its rows: source, number and hash, without the snapshot."""
    return "-".join(named.split("-")[:3])


async def acknowledge(db: Db, named: str) -> tuple[int | None, str | None]:
    """Acknowledge a digest; returns the rows, and why not."""
    row = await db.fetchrow(ACKNOWLEDGE, named)
    assert row is not None
    return row["queue_rows"], row["refused"]
