"""Capture of a partitioned table: through the table itself, and through its leaves."""

from __future__ import annotations

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import claim, queued

PARTITIONED = """
CREATE TABLE public.parts (id integer, cover text) PARTITION BY RANGE (id);
CREATE TABLE public.leaf PARTITION OF public.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE public.branch PARTITION OF public.parts FOR VALUES FROM (10) TO (20)
  PARTITION BY RANGE (id);
CREATE TABLE public.twig (cover text, id integer);
ALTER TABLE public.branch ATTACH PARTITION public.twig FOR VALUES FROM (10) TO (20);
SELECT mediasweep.attach('public.parts', '{"public_id": "cover"}');
INSERT INTO public.parts VALUES (1, 'a'), (11, 'b')
"""
ALL = [("a", "row_deleted"), ("b", "row_deleted")]
TRUNCATED = [("a", "table_truncated"), ("b", "table_truncated")]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM parts", ALL),
        ("DELETE FROM leaf", ALL[:1]),
        ("DELETE FROM branch", ALL[1:]),
        ("DELETE FROM twig", ALL[1:]),
        ("UPDATE twig SET cover = 'c'", [("b", "reference_removed")]),
        ("TRUNCATE parts", TRUNCATED),
        ("TRUNCATE leaf", TRUNCATED[:1]),
        ("TRUNCATE branch", TRUNCATED[1:]),
        ("UPDATE parts SET id = 11 WHERE id = 1", []),
    ],
)
async def test_what_goes_is_captured_whichever_part_is_named(
    db: Db, statement: str, expected: list[tuple[str, str]]
) -> None:
    """A statement on the table, a branch or a leaf lets go of just the assets of its rows."""
    await db.execute(PARTITIONED)
    await db.execute(statement)
    assert await queued(db) == expected


async def test_a_row_of_any_leaf_keeps_its_asset(db: Db) -> None:
    """What one leaf lets go is kept by a row of another."""
    await db.execute(PARTITIONED)
    await db.execute("INSERT INTO parts VALUES (12, 'a'); DELETE FROM parts WHERE id = 1")
    assert (await claim(db)).skipped == 1


async def test_detach_leaves_no_trigger_on_any_part(db: Db) -> None:
    """Table, branches and leaves are rid of their triggers by one detach."""
    await db.execute(PARTITIONED)
    await db.execute("SELECT mediasweep.detach('public.parts'::regclass)")
    left = "SELECT count(*) FROM pg_trigger WHERE tgrelid <> 'media_assets'::regclass"
    assert await db.fetchval(f"{left} AND tgname LIKE '%_cleanup_trigger_%'") == 0
