"""What a reconciliation refuses to conclude from, and what may not be done here."""

from __future__ import annotations

from asyncio import to_thread
from datetime import timedelta
from uuid import uuid4

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.loops.reconcile import RunRequest
from mediasweep.operations.reconcile import Ghosts, Orphans, ReconcileOptions, check
from mediasweep.operations.refusal import RefusedError
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.reconcile import Reconciliations
from tests.reconcile.sides import ASKED, DAY_S, compare, found, in_library, reconciler

SHRUNKEN = RunRequest("a test", timedelta(hours=24), shrunken=True)
LISTED = "SELECT count(*) FROM mediasweep.reconcile_listed"


async def test_what_is_much_less_than_last_time_is_refused(db: Db, cloud: Cloud) -> None:
    """A listing or rows that shrank below half conclude nothing, unless that is allowed."""
    await in_library(db, *(f"p{n}" for n in range(8)))
    await to_thread(cloud.plant, "p", 8, age_s=3 * DAY_S)
    assert (await compare(db, cloud)).state == "done"
    await to_thread(cloud.reset)
    await to_thread(cloud.plant, "p", 3, age_s=3 * DAY_S)
    run = await compare(db, cloud)
    assert (run.state, await found(db, run)) == ("refused", [])
    assert "Cloudinary lists 3 assets, less than half of the 8" in (run.reason or "")
    await to_thread(cloud.reset)
    await to_thread(cloud.plant, "p", 8, age_s=3 * DAY_S)
    await db.execute("ALTER TABLE public.media_assets DISABLE TRIGGER USER")
    await db.execute("DELETE FROM public.media_assets m WHERE m.cloudinary_public_id > 'p2'")
    run = await compare(db, cloud)
    assert (run.state, await found(db, run)) == ("refused", [])
    assert "rows name 3 assets, less than half of the 8" in (run.reason or "")
    accepted = await compare(db, cloud, SHRUNKEN)
    assert (accepted.id, accepted.calls) == (run.id, run.calls)  # nothing was listed anew
    assert (accepted.state, accepted.counts["orphans"]) == ("done", 5)


@pytest.mark.parametrize("empty", ["account", "rows"])
async def test_an_empty_side_is_refused(db: Db, cloud: Cloud, empty: str) -> None:
    """Where one side has nothing at all, the other is not all wrong."""
    if empty == "account":
        await in_library(db, "p0")
    else:
        await to_thread(cloud.plant, "p", 2, age_s=3 * DAY_S)
    run = await compare(db, cloud, SHRUNKEN)
    assert (run.state, await found(db, run)) == ("refused", [])
    assert "is this the right" in (run.reason or "")


async def test_rows_that_nobody_may_see_are_refused(db: Db, cloud: Cloud) -> None:
    """What row-level security hides from the schema's owner, or a column that is gone, is no
    "not in use".
    """
    await db.execute("CREATE ROLE hidden_from; GRANT USAGE ON SCHEMA public TO hidden_from")
    try:
        await in_library(db, "p0")
        await to_thread(cloud.plant, "p", 2, age_s=3 * DAY_S)
        await db.execute(
            "GRANT hidden_from TO CURRENT_USER; GRANT SELECT ON public.media_assets TO hidden_from;"
            " GRANT ALL ON SCHEMA mediasweep TO hidden_from;"
            " GRANT ALL ON ALL TABLES IN SCHEMA mediasweep TO hidden_from;"
            " GRANT ALL ON ALL ROUTINES IN SCHEMA mediasweep TO hidden_from;"
            " ALTER FUNCTION mediasweep.drift OWNER TO hidden_from"
        )
        run = await compare(db, cloud)
        assert (run.state, await found(db, run)) == ("refused", [])
        assert "row-level security" in (run.reason or "")
        await db.execute("ALTER FUNCTION mediasweep.drift OWNER TO CURRENT_USER")
        await db.execute("ALTER TABLE public.media_assets RENAME cloudinary_public_id TO other")
        run = await compare(db, cloud)
        assert (run.state, await found(db, run)) == ("refused", [])
        assert "does not exist" in (run.reason or "")
    finally:
        await db.execute("DROP OWNED BY hidden_from; DROP ROLE hidden_from")


async def test_a_listing_that_lost_a_part_is_refused(db: Db, cloud: Cloud) -> None:
    """What is compared is what was listed, to the last asset."""
    await in_library(db, "p0", "p1")
    await to_thread(cloud.plant, "p", 2, age_s=3 * DAY_S)
    async with reconciler(db, cloud) as one:
        compared = one.runs.compare

        async def lose_one(run: int, *, shrunken: bool, adopting: bool) -> str | None:
            assert await db.fetchval(LISTED) == 2
            await db.execute("DELETE FROM mediasweep.reconcile_listed l WHERE l.public_id = 'p1'")
            return await compared(run, shrunken=shrunken, adopting=adopting)

        one.runs.compare = lose_one  # type: ignore[method-assign]
        run = await one.run(ASKED)
    assert (run.state, await found(db, run)) == ("refused", [])
    assert "has lost a part" in (run.reason or "")


async def test_no_deletion_waits_for_a_comparison(db: Db, cloud: Cloud) -> None:
    """While it reads it is no writer, for whose end the horizon would wait."""
    await in_library(db, "p0")
    await to_thread(cloud.plant, "p", 1, age_s=3 * DAY_S)
    await db.execute(
        "CREATE OR REPLACE FUNCTION mediasweep.drift(began timestamptz, floor interval)"
        " RETURNS SETOF mediasweep.reconcile_finding LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE 'written by %', pg_current_xact_id_if_assigned(); END $$"
    )
    assert "written by <NULL>" in ((await compare(db, cloud)).reason or "")


@pytest.mark.parametrize(
    ("wanted", "home", "dry_run", "said"),
    [
        (ReconcileOptions(), "another", False, "belongs to the cloud another"),
        (ReconcileOptions(ghosts=Ghosts.MARK), None, True, "MEDIASWEEP_DRY_RUN"),
        (ReconcileOptions(orphans=Orphans.DELETE), None, False, "--owned"),
        (ReconcileOptions(orphans=Orphans.DELETE, owned=("a/", "")), None, False, "--owned"),
        (ReconcileOptions(orphans=Orphans.ADOPT), None, False, "no library"),
        (ReconcileOptions(orphans=Orphans.DELETE, owned=("a/",)), None, False, "moved away"),
    ],
)
async def test_what_may_not_be_done_here_is_refused(
    db: Db, wanted: ReconcileOptions, home: str | None, said: str, *, dry_run: bool
) -> None:
    """Each refusal says what stands in the way, before anything is listed."""
    if said == "no library":
        await db.execute("SELECT mediasweep.detach('public.media_assets')")
    elif said == "moved away":
        await db.execute(
            "INSERT INTO mediasweep.gate (name, reason, closed_by)"
            " VALUES ('environment', 'moved away', 'x')"
        )
    runs = Reconciliations(db, uuid4())
    with pytest.raises(RefusedError, match=said):
        await check(runs, wanted, cloud="mine", home=home, dry_run=dry_run)
