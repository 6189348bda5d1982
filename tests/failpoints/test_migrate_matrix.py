"""Migrate struck at each of its steps: whoever runs it next finishes, and the schema is whole."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.daemons import environment
from tests.failpoints import cases, migration
from tests.failpoints.aftermath import nothing_is_locked
from tests.failpoints.nursery import FROZEN, Child, Nursery

ARGV = ("migrate", "--with-library")
CLOUD = "cloudinary://key:secret@cloud"
# a file of each kind is missing; of the two indexes one is half built, as a crash leaves it
FURNISH = """
DELETE FROM mediasweep.migration
 WHERE name IN ('functions/wake.sql', 'migrations/0005_siblings_by_public_id.sql',
                'migrations/0006_siblings_by_asset_id.sql');
DROP INDEX IF EXISTS mediasweep.cloudinary_cleanup_queue_public_id;
UPDATE pg_index SET indisvalid = false
 WHERE indexrelid = to_regclass('mediasweep.cloudinary_cleanup_queue_asset_id')
"""
WHOLE = """
SELECT (SELECT array_agg((m.name, m.sha256)::text ORDER BY m.name) FROM mediasweep.migration m),
       (SELECT array_agg(pg_get_indexdef(i.indexrelid) || i.indisvalid
                         ORDER BY i.indexrelid::regclass::text)
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE c.relnamespace = 'mediasweep'::regnamespace),
       (SELECT array_agg(md5(p.prosrc) ORDER BY p.oid::regprocedure::text) FROM pg_proc p
         WHERE p.pronamespace = 'mediasweep'::regnamespace)
"""
POINTS = [
    point for step in cases.listed(migration.MIGRATE) for point in cases.found().get(step, ())
]
AT_A_TIME = 10
PARTS = [POINTS[at : at + AT_A_TIME] for at in range(0, len(POINTS), AT_A_TIME)]
STRUCK = [pytest.param(part, id=str(n)) for n, part in enumerate(PARTS, 1)]
# of all that migrate waits for, only these end by its own clock: a migration may take its time
CONNECTS = ("migrate.migrate:connect", "migrate.refuse_pooler:connect")
BOUNDED = [f"{step}:before" for step in CONNECTS]


@pytest.fixture
async def nursery() -> AsyncIterator[Nursery]:
    """Give a nursery of the test's own."""
    nursery = await Nursery.open()
    yield nursery
    await nursery.close()


@pytest.fixture
def env(database: str) -> dict[str, str]:
    """Give the environment of a migrate."""
    return environment(database, CLOUD)


async def _struck(
    nursery: Nursery, env: dict[str, str], db: Db, point: str, blow: str
) -> tuple[Child, int | str]:
    await db.execute(FURNISH)
    child = await nursery.bear(env, {point: (blow, 1)}, argv=ARGV, hurried=blow == "hang")
    ended = await child.over()
    assert child.struck() == {point}
    return child, ended


async def _finish(nursery: Nursery, env: dict[str, str], db: Db, whole: object, at: str) -> None:
    last = await nursery.bear(env, argv=ARGV)
    assert (await last.over(), at) == (0, at), last.said()
    assert await db.fetchrow(WHOLE) == whole, at
    await nothing_is_locked(db)


@pytest.mark.parametrize("blow", ["kill", "bug", "lost"])
@pytest.mark.parametrize("points", STRUCK)
async def test_migrate_struck_at_a_step_is_finished_by_the_next(
    nursery: Nursery, env: dict[str, str], db: Db, points: list[str], blow: str
) -> None:
    """Killed, failing or cut off at each step: the next run makes the schema whole."""
    whole = await db.fetchrow(WHOLE)
    for point in points:
        _, ended = await _struck(nursery, env, db, point, blow)
        assert (ended, point) == ({"kill": -9, "bug": 1, "lost": 3}[blow], point)
        await _finish(nursery, env, db, whole, point)


@pytest.mark.parametrize("points", STRUCK)
async def test_a_migrate_that_stands_still_keeps_nobody_out_once_it_is_killed(
    nursery: Nursery, env: dict[str, str], db: Db, points: list[str]
) -> None:
    """Frozen at each step and killed by whoever lost patience: the one that waited finishes."""
    whole = await db.fetchrow(WHOLE)
    for point in points:
        child, ended = await _struck(nursery, env, db, point, "freeze")
        assert ended == FROZEN
        second = await nursery.bear(env, argv=ARGV)
        child.kill()
        assert (await second.over(), point) == (0, point), second.said()
        await _finish(nursery, env, db, whole, point)


@pytest.mark.parametrize("point", BOUNDED)
async def test_a_migrate_that_is_not_answered_at_all_gives_up(
    nursery: Nursery, env: dict[str, str], db: Db, point: str
) -> None:
    """A server that takes the connection and says nothing: it says so and exits with 3."""
    child, ended = await _struck(nursery, env, db, point, "hang")
    assert ended == 3
    assert "the database does not answer" in child.said()
