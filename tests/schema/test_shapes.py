"""The shapes of real schemas: each statement queues what it lets go of, the guard sees the rest."""

from __future__ import annotations

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Server
from tests.postgres.dump import pg_dump
from tests.schema.shapes import Shape
from tests.schema.shapes_many import MANY
from tests.schema.shapes_single import SINGLE

SHAPES = [*SINGLE, *MANY]
BEFORE = """
CREATE TABLE products (id int PRIMARY KEY);
INSERT INTO products VALUES (1);
CREATE SCHEMA api;
"""
ALL = ("7", "a", "b", "c", "d", "f/a", "a.jpg", "zz")
USED = """
WITH asked AS (
  SELECT array_agg(jsonb_populate_record(NULL::mediasweep.cloudinary_cleanup_queue,
           jsonb_build_object('id', gen_random_uuid(), 'cloudinary_public_id', n.id,
                              'resource_type', $2::text))) AS candidates
    FROM unnest($1::text[]) n (id))
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


async def test_detach_leaves_every_shape_as_it_was(db: Db, database: str, server: Server) -> None:
    """After all shapes were attached and detached, a dump of them is the one from before."""
    await db.execute(BEFORE)
    made = [shape.attach for shape in SHAPES]
    await db.execute(";".join(f"{make}; {fill}" for make, _, fill in made))
    wanted = ("--schema=public", "--schema=api")
    before = pg_dump(server, database, *wanted)
    for _, attach, _ in made:
        await db.execute(attach)
    assert pg_dump(server, database, *wanted) != before
    for shape in SHAPES:
        await db.execute(f"SELECT mediasweep.detach('{shape.table}'); DELETE FROM {shape.table}")
    assert pg_dump(server, database, *wanted) == before
    assert await _queued(db) == []
