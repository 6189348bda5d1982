"""What a claim reads does not grow with what is no business of its rows."""

from __future__ import annotations

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import Claim, claim, enqueue

READ = """
SELECT pg_stat_get_xact_numscans('mediasweep.protected'::regclass) AS protected,
       pg_stat_get_xact_tuples_returned('pg_class'::regclass) AS catalog,
       pg_stat_get_xact_tuples_returned(i.indexrelid) AS siblings
  FROM pg_index i WHERE i.indexrelid = 'mediasweep.cloudinary_cleanup_queue_public_id'::regclass
"""
RESTING = """
INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, due_at)
SELECT 'resting' || n, clock_timestamp() + interval '1 hour' FROM generate_series(1, 400) n
"""
UNANALYZED = "ALTER TABLE mediasweep.cloudinary_cleanup_queue SET (autovacuum_enabled = off)"
JOINED = """
CREATE OR REPLACE FUNCTION mediasweep.waiting_assets(
  candidates mediasweep.cloudinary_cleanup_queue[], memory jsonb, grace interval) RETURNS text[]
LANGUAGE plpgsql AS $$ BEGIN RETURN ARRAY(
  SELECT c.cloudinary_public_id FROM unnest(candidates) c
   WHERE EXISTS (SELECT FROM mediasweep.cloudinary_cleanup_queue s
                  WHERE hashtextextended(s.cloudinary_public_id, 0)
                        = hashtextextended(c.cloudinary_public_id, 0)
                    AND s.processed_at IS NULL AND s.due_at < '-infinity')); END $$
"""


async def _claim(db: Db, *public_ids: str) -> tuple[Claim, dict[str, int]]:
    """Queue and claim; returns what the claim read beside it."""
    await enqueue(db, *public_ids)
    async with db.transaction():
        await claim(db, batch=0)  # the driver asks the catalog what a claim looks like
        [before] = await db.fetch(READ)
        claimed = await claim(db)
        [after] = await db.fetch(READ)
    return claimed, {name: after[name] - before[name] for name in dict(before)}


async def test_the_protected_prefixes_are_looked_at_once_a_row(db: Db) -> None:
    """Not once for each of the places in which the claim's verdict uses the answer."""
    claimed, read = await _claim(db, "a", "b")
    assert sorted(claimed.assets) == ["a", "b"]
    assert read["protected"] == 2 + 1  # and once whether deletions may go by asset id


async def test_a_claim_does_not_read_the_catalog_of_all_tables(db: Db) -> None:
    """The size of a source comes from its own entry, however many tables the database has."""
    source = await db.fetchval("SELECT id FROM mediasweep.attached")
    await enqueue(db, "a", source=source)
    claimed, read = await _claim(db)
    assert claimed.assets == ["a"]
    assert read["catalog"] == 0


@pytest.mark.parametrize("rule", [True, False])
async def test_a_plan_of_a_short_queue_does_not_read_a_long_one(db: Db, *, rule: bool) -> None:
    """The planner hears late of a bulk deletion: siblings are looked up one by one all the same."""
    if not rule:
        await db.execute(JOINED)
    await db.execute(
        "ALTER TABLE mediasweep.cloudinary_cleanup_queue SET (autovacuum_enabled = false)"
    )
    for _ in range(2):
        await _claim(db, "first")  # the plans are made
    await db.execute(RESTING)
    claimed, read = await _claim(db, "a")
    assert claimed.assets == ["a"]
    assert (read["siblings"] < 50) is rule
