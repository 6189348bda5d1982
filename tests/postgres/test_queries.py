"""Our statements and indexes fit the schema, and the claim stays cheap when the queue is long."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg

import mediasweep
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.pool import statements
from tests.schema.queue import claim

PACKAGE = Path(mediasweep.__file__).parent
LITERAL = re.compile(r"'(?:[^']|'')*'|--.*$", flags=re.MULTILINE)
FILL = """
INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, status, processed_at)
SELECT 'a' || n, CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'completed' END,
       CASE WHEN n % 2 = 1 THEN clock_timestamp() END
  FROM generate_series(1, 100000) n
"""
SCANS = """
SELECT pg_stat_get_xact_numscans(c.oid) AS scans, pg_stat_get_xact_tuples_returned(c.oid) AS read
  FROM pg_class c WHERE c.oid = $1::text::regclass
"""
UNEXPLAINED = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE c.relnamespace = 'mediasweep'::regnamespace
   AND obj_description(c.oid, 'pg_class') IS NULL
   AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)
 ORDER BY c.relname
"""


def _statements() -> dict[str, str]:
    """Return every named statement that is one command, which is what can be prepared."""
    return {
        f"{path.relative_to(PACKAGE)} {name}": text
        for path in sorted(PACKAGE.rglob("*.sql"))
        if "-- name: " in path.read_text(encoding="utf-8")
        for name, text in statements(str(path)).items()
        if not re.search(r";\s*\S", LITERAL.sub("", text))
    }


async def test_every_statement_fits_the_schema(db: Db) -> None:
    """Each statement of the package that is a single command can be prepared."""
    found = _statements()
    assert "postgres/queue.sql claim" in found
    broken: dict[str, str] = {}
    for name, text in found.items():
        try:
            await db.prepare(text)
        except asyncpg.PostgresError as error:
            broken[name] = str(error)
    assert broken == {}


async def test_every_index_names_its_query(db: Db) -> None:
    """Each index that is there for more than a constraint says in a comment what it is for."""
    assert [row["relname"] for row in await db.fetch(UNEXPLAINED)] == []


async def test_a_claim_reads_no_more_than_it_needs(db: Db) -> None:
    """Of 50 000 finished and as many unfinished rows a claim reads a few, by the claim index."""
    await db.execute(FILL)
    await db.execute("ANALYZE mediasweep.cloudinary_cleanup_queue")
    memory = (await claim(db, batch=10)).memory  # the brake looks at all of them, once
    async with db.transaction():
        before = await db.fetchrow(SCANS, "mediasweep.cloudinary_cleanup_queue_claim")
        assert len((await claim(db, batch=10, memory=memory)).jobs) == 10
        table = await db.fetchrow(SCANS, "mediasweep.cloudinary_cleanup_queue")
        index = await db.fetchrow(SCANS, "mediasweep.cloudinary_cleanup_queue_claim")
    assert table is not None
    assert before is not None
    assert index is not None
    assert (table["scans"], table["read"]) == (0, 0)
    assert index["scans"] > before["scans"]
    assert index["read"] - before["read"] < 100


async def test_a_claim_that_finds_nothing_due_reads_next_to_nothing(db: Db) -> None:
    """With fifty thousand rows that are due later, an empty claim reads a few of them."""
    await db.execute(FILL)
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET due_at = due_at + interval '1 h'"
    )
    await db.execute("VACUUM ANALYZE mediasweep.cloudinary_cleanup_queue")
    async with db.transaction():
        assert (await claim(db)).brought_nothing
        table = await db.fetchrow(SCANS, "mediasweep.cloudinary_cleanup_queue")
        index = await db.fetchrow(SCANS, "mediasweep.cloudinary_cleanup_queue_claim")
    assert table is not None
    assert index is not None
    assert table["scans"] == 0
    assert index["read"] < 100
