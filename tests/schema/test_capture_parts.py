"""Capture of a partitioned table: through the table itself, and through its leaves."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.queue import claim, queued, until_someone_waits

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


async def test_who_truncates_one_leaf_waits_for_no_other(db: Db, connect: Connect) -> None:
    """Two who empty a leaf each, at once, do not meet: their captures read no other leaf."""
    await db.execute(PARTITIONED)
    one, other = await connect(), await connect()
    async with one.transaction(), other.transaction():
        await one.execute("LOCK TABLE leaf")
        await other.execute("LOCK TABLE twig")
        await one.execute("TRUNCATE leaf", timeout=10)
        await other.execute("TRUNCATE twig", timeout=10)
    assert await queued(db) == TRUNCATED
    assert await db.fetchval("SELECT count(*) FROM mediasweep.fallback") == 0


async def test_a_leaf_that_the_owner_may_not_read_is_read_by_way_of_its_table(
    db: Db, role: str
) -> None:
    """Where the schema's owner may read the table and no leaf, a TRUNCATE is captured."""
    await db.execute(PARTITIONED)
    await db.execute(
        f"SELECT mediasweep.hand_over('{role}');"
        f"GRANT SELECT ON parts TO {role}; ALTER TABLE parts OWNER TO {role}; TRUNCATE leaf"
    )
    assert await queued(db) == TRUNCATED[:1]


@pytest.mark.parametrize("order", ["attach", "detach"])
async def test_the_table_is_locked_before_its_parts(db: Db, connect: Connect, order: str) -> None:
    """Whoever has the table can go on to a part while somebody waits to attach or detach it."""
    await db.execute(PARTITIONED)
    await db.execute(
        "DROP TRIGGER parts_cleanup_trigger_delete ON parts; SELECT mediasweep.cover()"
    )
    if order == "attach":
        await db.execute("SELECT mediasweep.detach('public.parts'::regclass)")
    call = {
        "attach": """SELECT mediasweep.attach('public.parts', '{"public_id": "cover"}')""",
        "detach": "SELECT mediasweep.detach('public.parts'::regclass)",
    }
    user = await connect()
    async with user.transaction():
        await user.execute("LOCK TABLE ONLY parts IN ROW EXCLUSIVE MODE")
        waiting = asyncio.ensure_future(db.execute(call[order]))
        await until_someone_waits(user)
        await user.execute("DELETE FROM leaf; DELETE FROM twig", timeout=10)
    await waiting


async def test_detach_leaves_no_trigger_on_any_part(db: Db) -> None:
    """Table, branches and leaves are rid of their triggers by one detach."""
    await db.execute(PARTITIONED)
    await db.execute("SELECT mediasweep.detach('public.parts'::regclass)")
    left = "SELECT count(*) FROM pg_trigger WHERE tgrelid <> 'media_assets'::regclass"
    assert await db.fetchval(f"{left} AND tgname LIKE '%_cleanup_trigger_%'") == 0


async def test_a_table_with_foreign_parts_is_refused(db: Db) -> None:
    """PostgreSQL would refuse to delete from such a part, once the table has our triggers."""
    await db.execute(
        "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER far FOREIGN DATA WRAPPER far;"
        "CREATE TABLE public.p (id integer, cover text) PARTITION BY RANGE (id);"
        "CREATE FOREIGN TABLE public.away PARTITION OF p FOR VALUES FROM (0) TO (9) SERVER far"
    )
    with pytest.raises(asyncpg.RaiseError, match=r"foreign tables among its parts .public\.away."):
        await db.execute("""SELECT mediasweep.attach('public.p', '{"public_id": "cover"}')""")
