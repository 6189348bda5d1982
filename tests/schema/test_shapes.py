"""The shapes of real schemas: each statement queues just what it lets go of, the guard sees the rest."""

from __future__ import annotations

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.shapes import SHAPES, Shape

BEFORE = """
CREATE TABLE products (id int PRIMARY KEY);
INSERT INTO products VALUES (1);
CREATE SCHEMA api;
"""
ALL = ("7", "a", "b", "c", "d", "f/a", "a.jpg", "zz")
USED = """
WITH asked AS (
  SELECT array_agg(jsonb_populate_record(NULL::mediasweep.cloudinary_cleanup_queue,
           jsonb_build_object('id', gen_random_uuid(), 'cloudinary_public_id', c.id,
                              'resource_type', c.type))) AS candidates
    FROM unnest($1::text[]) n (id), LATERAL (VALUES (n.id, $2)) c (id, type))
SELECT DISTINCT c.cloudinary_public_id
  FROM asked, mediasweep.uses(asked.candidates) u
  JOIN LATERAL unnest(asked.candidates) c USING (id)
"""


async def _used(db: Db, resource_type: str | None) -> list[str]:
    return sorted(row[0] for row in await db.fetch(USED, list(ALL), resource_type))


async def _queued(db: Db) -> list[str]:
    rows = await db.fetch(
        "DELETE FROM mediasweep.cloudinary_cleanup_queue RETURNING cloudinary_public_id"
    )
    return sorted(row[0] for row in rows)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_each_statement_lets_go_of_just_its_assets(db: Db, shape: Shape) -> None:
    """Delete, soft delete, undelete, a changed id and a removed element, in each shape."""
    await db.execute(BEFORE)
    for statement in shape.attach:
        await db.execute(statement)
    kind = "image" if shape.name.startswith("10") else None
    assert await _used(db, kind) == shape.used.split()
    for step in shape.steps:
        await db.execute(step.sql)
        assert (step.sql, await _queued(db)) == (step.sql, step.lost.split())
        assert (step.sql, await _used(db, kind)) == (step.sql, step.used.split())
    assert await db.fetchval("SELECT count(*) FROM mediasweep.fallback WHERE refused IS NULL") == 0


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_attaching_and_detaching_queues_nothing(db: Db, shape: Shape) -> None:
    """Rows that go while their table is not attached, or once it is detached, are not captured."""
    await db.execute(BEFORE)
    make, attach, fill = shape.attach
    await db.execute(f"{make}; {fill}; {attach}")
    await db.execute(f"SELECT mediasweep.detach('{shape.table}'); DELETE FROM {shape.table}")
    assert await _queued(db) == []
