"""What is done about findings: only what was asked for, and never about an asset in use."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import replace
from uuid import uuid4

import asyncpg
import cloudinary.uploader
import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.operations.reconcile import (
    Ghosts,
    Orphans,
    ReconcileActions,
    ReconcileOptions,
    act,
    chosen,
)
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.reconcile import Reconciliations, Run
from tests.conftest import Connect
from tests.reconcile.sides import AGO, ASKED, DAY_S, HOUR, compare, in_library, reconciler
from tests.schema.roles import staffed

DELETE = ReconcileOptions(orphans=Orphans.DELETE, owned=("own/",))
QUEUED = """
SELECT q.cloudinary_public_id, q.trigger_source, q.status, q.deletion_reason, q.actor
  FROM mediasweep.cloudinary_cleanup_queue q ORDER BY 1
"""
LIBRARY = """
SELECT m.cloudinary_public_id, m.sync_status::text AS status, m.sync_error_message IS NULL AS well
  FROM public.media_assets m WHERE m.deleted_at IS NULL ORDER BY 1
"""


async def do(db: Db, cloud: Cloud, run: Run, wanted: ReconcileOptions) -> ReconcileActions:
    """Act on a run."""
    async with reconciler(db, cloud) as one:
        return await act(one, run, wanted, "me", lambda _: None)


async def two_sightings(db: Db, cloud: Cloud) -> Run:
    """Compare twice, as if two hours had passed between."""
    await compare(db, cloud)
    await db.execute(AGO, 2 * HOUR)
    return await compare(db, cloud)


async def test_only_owned_orphans_that_stay_the_same_are_queued(db: Db, cloud: Cloud) -> None:
    """What two sightings an hour apart found, owned, old and still the same, is queued."""
    await in_library(db, "own/1")
    await to_thread(cloud.plant, "own/", 5, age_s=3 * DAY_S)
    await to_thread(cloud.plant, "others/", 2, age_s=3 * DAY_S)
    await to_thread(cloud.fill, "own/fresh", 1)  # the webhook of which was dropped
    once = await compare(db, cloud)
    assert await do(db, cloud, once, DELETE) == ReconcileActions()  # sighted for the first time
    twice = await compare(db, cloud)
    assert await do(db, cloud, twice, DELETE) == ReconcileActions()  # not an hour later
    await to_thread(upload, cloud, "own/2")
    await db.execute(AGO, 2 * HOUR)
    run = await compare(db, cloud)
    await to_thread(upload, cloud, "own/3")
    await to_thread(destroy, cloud, "own/4")
    async with reconciler(db, cloud) as one:
        assert await chosen(one.runs, run, DELETE) == (3, 21)
    assert await do(db, cloud, run, DELETE) == ReconcileActions(queued=1, left=2)
    assert await do(db, cloud, run, DELETE) == ReconcileActions()
    queued = [tuple(row) for row in await db.fetch(QUEUED)]
    assert queued == [("own/0", "reconcile", "pending", "orphan", "me")]


@pytest.mark.parametrize("broken", ["sighted", "owned", "run"])
async def test_the_database_itself_keeps_to_what_may_be_deleted(
    db: Db, cloud: Cloud, broken: str
) -> None:
    """Whoever asks for it, an orphan sighted once, of others, or of an older run is not queued."""
    await in_library(db, "used")
    await to_thread(cloud.plant, "own/", 1, age_s=3 * DAY_S)
    await to_thread(cloud.plant, "used", 1, age_s=3 * DAY_S)
    run = await two_sightings(db, cloud)
    ids = [row["id"] for row in await db.fetch(OWN, run.id)]
    if broken == "sighted":
        await db.execute("UPDATE mediasweep.reconcile_finding f SET sighted_at = NULL")
    elif broken == "run":
        await compare(db, cloud)
    async with reconciler(db, cloud) as one:
        owned = ["other/", ""] if broken == "owned" else ["own/"]
        assert await one.runs.delete(run.id, ids, owned, "me") == 0
        assert not await db.fetch(QUEUED)


async def test_orphans_are_adopted_by_the_library(db: Db, cloud: Cloud) -> None:
    """An adopted orphan is a row and queues nothing, and what somebody has let go of stays away."""
    await in_library(db, "p0")
    await to_thread(cloud.plant, "p", 3, age_s=3 * DAY_S)
    await db.execute(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, status,"
        " processed_at) VALUES ('p2', 'skipped', now())"
    )
    run = await compare(db, cloud)
    wanted = ReconcileOptions(orphans=Orphans.ADOPT)
    assert await do(db, cloud, run, wanted) == ReconcileActions(adopted=1, left=1)
    assert [row["cloudinary_public_id"] for row in await db.fetch(LIBRARY)] == ["p0", "p1"]
    row = await db.fetchrow(ADOPTED)
    assert row is not None
    assert tuple(row) == (7, "png", "p1", True)
    assert len(await db.fetch(QUEUED)) == 1
    assert (await compare(db, cloud)).counts["orphans"] == 1


async def test_rows_are_brought_in_line_with_their_assets(db: Db, cloud: Cloud) -> None:
    """Adopting corrects rows of the library that nobody told of a rename, a tag or a caption; what
    only the application has said stays, and nothing is queued.
    """
    given = cloud.options()
    await to_thread(cloud.plant, "p", 3, age_s=3 * DAY_S)
    await to_thread(cloudinary.uploader.add_tag, "blue", ["p1"], **given)
    await to_thread(cloudinary.uploader.add_context, {"alt": "a cat"}, ["p2"], **given)
    wanted = ReconcileOptions(orphans=Orphans.ADOPT)
    run = await compare(db, cloud, replace(ASKED, adopting=True))
    assert await do(db, cloud, run, wanted) == ReconcileActions(adopted=3)
    await db.execute(
        "UPDATE public.media_assets SET tags = tags || '{own}'::text[], alt_text = 'own'"
        " WHERE 'blue' = ANY (tags)"
    )
    await to_thread(cloudinary.uploader.rename, "p0", "q0", **given)
    await to_thread(cloudinary.uploader.replace_tag, "red", ["p1"], **given)
    await to_thread(cloudinary.uploader.add_context, {"caption": "seen"}, ["p1"], **given)
    await to_thread(cloudinary.uploader.remove_all_context, ["p2"], **given)
    run = await compare(db, cloud)
    assert (run.counts["orphans"], run.counts["mismatches"]) == (0, 3)
    async with reconciler(db, cloud) as one:
        assert (await chosen(one.runs, run, wanted))[0] == 3
    assert await do(db, cloud, run, wanted) == ReconcileActions(adopted=3)
    assert [tuple(row) for row in await db.fetch(IN_LINE)] == [
        ("p1", ["own", "red"], "own", "seen", "p1"),
        ("p2", [], None, None, "p2"),
        ("q0", [], None, None, "q0"),
    ]
    assert not await db.fetch(QUEUED)
    assert await do(db, cloud, run, wanted) == ReconcileActions()


async def test_ghosts_are_marked_and_nothing_else_happens_to_them(db: Db, cloud: Cloud) -> None:
    """The row of a ghost says so until its asset is there again, stays, and queues nothing."""
    await in_library(db, "p0", "gone")
    await to_thread(cloud.plant, "p", 1, age_s=3 * DAY_S)
    run = await compare(db, cloud)
    assert await do(db, cloud, run, ReconcileOptions(ghosts=Ghosts.MARK)) == ReconcileActions(
        marked=1
    )
    rows = [tuple(row) for row in await db.fetch(LIBRARY)]
    assert rows == [("gone", "error", False), ("p0", "synced", True)]
    assert not await db.fetch(QUEUED)
    assert await do(db, cloud, run, ReconcileOptions(ghosts=Ghosts.MARK)) == ReconcileActions()
    await db.execute("DELETE FROM public.media_assets WHERE cloudinary_public_id = 'gone'")
    await in_library(db, "gone")  # another row, which nothing was said of yet
    renewed = await compare(db, cloud)
    assert await do(db, cloud, renewed, ReconcileOptions(ghosts=Ghosts.MARK)) == ReconcileActions(
        marked=1
    )
    await in_library(db, "late")
    again = await compare(db, cloud)
    left = await Reconciliations(db, uuid4()).left(again.id)
    assert left == {"ghost": 1}  # what was marked is not to be marked again
    await to_thread(upload, cloud, "late")  # after it was found missing, and before it is marked
    assert await do(db, cloud, again, ReconcileOptions(ghosts=Ghosts.MARK)) == ReconcileActions(
        left=1
    )
    assert [row["status"] for row in await db.fetch(LIBRARY)] == ["error", "synced", "synced"]
    await to_thread(upload, cloud, "gone")
    assert (
        await do(db, cloud, await compare(db, cloud), ReconcileOptions(ghosts=Ghosts.MARK))
        == ReconcileActions()
    )
    assert {row["status"] for row in await db.fetch(LIBRARY)} == {"synced"}


@pytest.mark.parametrize("act", ["mark_ghosts($1, ARRAY[$2])", "adopt_findings($1, ARRAY[$2], $3)"])
async def test_who_locks_a_row_is_not_waited_for_long(
    db: Db, connect: Connect, cloud: Cloud, act: str
) -> None:
    """A transaction that waits for ours meanwhile must not be the one that a deadlock ends."""
    await in_library(db, "gone")
    await to_thread(cloud.plant, "p", 1, age_s=3 * DAY_S)
    run = await compare(db, cloud)
    await db.execute("UPDATE public.media_assets SET cloudinary_asset_id = 'held'")
    other = await connect()
    async with other.transaction():
        await other.execute(HELD)
        kind = "ghost" if "mark" in act else "orphan"
        ask = f"SELECT mediasweep.{act} FROM (SELECT $3::jsonb) _, (SELECT $2::bigint) _1"
        id_ = await db.fetchval(ID, run.id, kind)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await db.execute(ask, run.id, id_, SAID, timeout=5)


def upload(cloud: Cloud, name: str) -> None:
    """Upload a file over another."""
    cloudinary.uploader.upload(b"new", public_id=name, **cloud.options())


def destroy(cloud: Cloud, name: str) -> None:
    """Destroy an image behind our back."""
    cloudinary.uploader.destroy(name, **cloud.options())


HELD = "UPDATE public.media_assets SET alt_text = 'held'"
ID = "SELECT f.id FROM mediasweep.reconcile_finding f WHERE f.run_id = $1 AND f.kind = $2"
SAID = '[{"asset_id": "held", "at": 1, "said": {"folder": "x"}}]'
OWN = """
SELECT f.id FROM mediasweep.reconcile_finding f
 WHERE f.run_id = $1 AND f.kind = 'orphan' AND f.public_id = 'own/0'
"""
IN_LINE = """
SELECT m.cloudinary_public_id, m.tags, m.alt_text, m.description,
       substring(m.url FROM '([^/]*)[.]png$')
  FROM public.media_assets m WHERE m.deleted_at IS NULL ORDER BY 1
"""
ADOPTED = """
SELECT m.file_size, m.format, m.display_name, m.cloudinary_asset_id IS NOT NULL
  FROM public.media_assets m WHERE m.cloudinary_public_id = 'p1'
"""


async def test_the_daemons_role_may_compare_and_act(database: str, db: Db, cloud: Cloud) -> None:
    """Of three roles the daemon's is enough for all of it; a reader sees the report."""
    async with staffed(database) as staff:
        await in_library(db, "own/0", "gone")
        await to_thread(cloud.plant, "own/", 2, age_s=3 * DAY_S)
        daemon = await asyncpg.connect(staff.daemon.dsn)
        reader = await asyncpg.connect(staff.reader.dsn)
        try:
            await compare(daemon, cloud)
            await db.execute(AGO, 2 * HOUR)
            run = await compare(daemon, cloud)
            assert (await do(daemon, cloud, run, DELETE)).queued == 1
            assert (await do(daemon, cloud, run, ReconcileOptions(ghosts=Ghosts.MARK))).marked == 1
            async with reconciler(reader, cloud) as one:
                assert len(await one.runs.findings(run.id, 0, 9)) == 2
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await one.runs.mark(run.id, [1])
        finally:
            await daemon.close()
            await reader.close()
