"""A publication of all tables, as change data capture makes one: ours are in it, and work on."""

from __future__ import annotations

from mediasweep.postgres.pool import Connection as Db
from tests.schema.brakes import LIMIT, acknowledge, stopped
from tests.schema.queue import claim, insert_assets, record, result
from tests.schema.test_fallback import FIND, LOSE

PUBLISH = "CREATE PUBLICATION everything FOR ALL TABLES"
# What PostgreSQL refuses to update and delete in once it is published.
UNTOLD = """
SELECT t.tablename FROM pg_publication_tables t
  JOIN pg_class c ON c.oid = format('%I.%I', t.schemaname, t.tablename)::regclass
 WHERE t.schemaname = 'mediasweep' AND c.relreplident <> 'f'
   AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND CASE c.relreplident
                    WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END)
"""
PUBLISHED = "SELECT tablename FROM pg_publication_tables WHERE schemaname = 'mediasweep'"


async def test_every_published_table_of_ours_says_how_its_rows_are_told_apart(db: Db) -> None:
    """All of them are in the publication, and none refuses an UPDATE or DELETE for it."""
    await db.execute(PUBLISH)
    published = {row["tablename"] for row in await db.fetch(PUBLISHED)}
    assert published > {"cloudinary_cleanup_queue", "gate", "fallback", "migration"}
    assert [row["tablename"] for row in await db.fetch(UNTOLD)] == []


async def test_an_asset_goes_in_a_database_that_publishes_all_tables(db: Db) -> None:
    """A brake opens, a deletion is captured, claimed and recorded, and what fell back is queued."""
    await db.execute(PUBLISH)
    assert await acknowledge(db, await stopped(db)) == (LIMIT + 1, None)
    await db.execute("DELETE FROM mediasweep.cloudinary_cleanup_queue")
    await insert_assets(db, "a", "b")
    await db.execute("DELETE FROM media_assets WHERE cloudinary_public_id = 'a'")
    [job] = (await claim(db)).jobs
    recorded, _ = await record(db, result(job, "completed", "deleted"))
    assert recorded == [job["id"]]
    await db.execute(LOSE)
    await db.execute("DELETE FROM media_assets")
    await db.execute(FIND)
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 1
