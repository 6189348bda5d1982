"""What a reconciliation finds: exactly what differs, and nothing that does not."""

from __future__ import annotations

import json
from asyncio import to_thread
from typing import Any

from mediasweep.cloudinary import Told
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.reconcile.sides import ASKED, DAY_S, SHAPES, compare, found, in_library, reconciler
from tests.restores import destroy

IMAGES = 1100  # three pages


async def both_sides(db: Db, cloud: Cloud) -> list[tuple[str, str, str]]:
    """Make an account and rows of three shapes, and return in what they differ."""
    await db.execute(SHAPES)
    await to_thread(cloud.plant, "p/", IMAGES, age_s=3 * DAY_S, missing=[7, 300, 900])
    await to_thread(cloud.plant, "v/", 3, "video", age_s=3 * DAY_S)
    await to_thread(cloud.plant, "r/", 2, "raw", age_s=3 * DAY_S)
    names = [f"p/{n:04d}" for n in range(IMAGES)]
    await in_library(db, *(set(names[:500]) - {names[3]}))  # 0007 and 0300 are not there
    await in_library(db, "v/0", resource_type="video")
    arrays = [names[n : n + 2] for n in range(500, 800, 2)]
    await db.executemany("INSERT INTO posts VALUES ($1, $2)", list(enumerate(arrays)))
    objects = [{"id": name, "type": "image"} for name in names[800:] if name != names[1000]]
    objects += [{"id": "v/1", "type": "video"}, {"id": "v/2", "type": "image"}]
    objects += [{"id": "r/0"}]  # of a type that nobody knows
    data = [json.dumps({"images": [one]}) for one in objects]
    await db.executemany("INSERT INTO pages VALUES ($1, $2)", list(enumerate(data)))
    await db.execute(
        "UPDATE public.media_assets m SET updated_at = now() - interval '1 day',"
        " tags = CASE m.cloudinary_public_id WHEN 'p/0100' THEN '{red}'::text[] ELSE '{}' END,"
        " cloudinary_version = CASE m.cloudinary_public_id WHEN 'p/0101' THEN 5 ELSE 9e9 END"
    )
    return [
        ("ghost", "p/0007", "image"),
        ("ghost", "p/0300", "image"),
        ("ghost", "p/0900", "image"),
        ("mismatch", "p/0100", "image"),
        ("mismatch", "p/0101", "image"),
        ("mismatch", "v/2", "video"),
        ("orphan", "p/0003", "image"),
        ("orphan", "p/1000", "image"),
        ("orphan", "r/1", "raw"),
    ]


async def test_exactly_what_differs_is_found(db: Db, cloud: Cloud) -> None:
    """Over three pages and three shapes of rows, each difference is found, and nothing else."""
    differs = await both_sides(db, cloud)
    run = await compare(db, cloud)
    assert (run.state, run.reason) == ("done", None)
    assert await found(db, run) == differs
    assert run.counts["assets"] == IMAGES - 3 + 5
    details = {
        row["public_id"]: (row["row_name"], json.loads(row["detail"]))
        for row in await db.fetch(
            "SELECT f.public_id, f.row_name, f.detail FROM mediasweep.reconcile_finding f"
            " WHERE f.kind <> 'orphan'"
        )
    }
    assert details["v/2"] == ("public.pages id=300", {"resource_type": ["image", "video"]})
    assert details["p/0101"][1]["version"][0] == 5
    assert details["p/0100"][1] == {"tags": [["red"], []]}
    assert details["p/0900"][0] == "public.pages id=100"


async def test_what_is_on_its_way_is_no_orphan(db: Db, cloud: Cloud) -> None:
    """What waits for deletion, was deleted meanwhile, or is younger than a day is not told."""
    await in_library(db, "other")
    await to_thread(cloud.plant, "old", 3, age_s=3 * DAY_S)
    await to_thread(cloud.fill, "new", 2)
    await db.execute(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue"
        " (cloudinary_public_id, status, processed_at) VALUES ('old0', 'pending', NULL),"
        " ('old1', 'completed', now() + interval '1 minute')"
    )
    run = await compare(db, cloud)
    assert await found(db, run) == [("ghost", "other", "image"), ("orphan", "old2", "image")]
    assert (run.counts["waiting"], run.counts["young"]) == (2, 2)
    state = json.loads(await db.fetchval("SELECT f.state FROM mediasweep.fleet_state() f"))
    told = [state[name] for name in ("orphans", "ghosts", "mismatches")]
    assert (told, 0 <= state["reconciled_s"] < 60) == ([1, 1, 0], True)  # for the metrics


async def test_a_backup_in_place_of_an_asset_is_not_the_asset(db: Db, cloud: Cloud) -> None:
    """A placeholder is neither an orphan nor what a row uses, and the ghost tells of the backup."""
    await in_library(db, "there", "gone0")
    await to_thread(cloud.switch, placeholders_listed=True)
    await to_thread(cloud.fill, "gone", 2, backup=True)
    await to_thread(cloud.fill, "there", 1)
    await to_thread(destroy, cloud, ["gone0", "gone1"])
    await in_library(db, "there0")
    run = await compare(db, cloud)
    assert await found(db, run) == [("ghost", "gone0", "image"), ("ghost", "there", "image")]
    assert run.counts["placeholders"] == 2
    detail = await db.fetch(
        "SELECT (f.detail ->> 'backup')::boolean AS there FROM mediasweep.reconcile_finding f"
        " ORDER BY f.public_id"
    )
    assert [row["there"] for row in detail] == [True, False]


async def test_what_came_while_it_was_listed_is_no_ghost(db: Db, cloud: Cloud) -> None:
    """What was uploaded after its page of the listing is asked about again, and is there."""
    await in_library(db, "late0")
    await db.execute("UPDATE public.media_assets SET cloudinary_asset_id = 'of another name'")
    await to_thread(cloud.plant, "p", 501, age_s=3 * DAY_S)
    async with reconciler(db, cloud) as one:
        listed = one.account.listed

        async def then_upload(resource_type: str, cursor: str | None) -> Told:
            answer = await listed(resource_type, cursor)
            if resource_type == "raw":
                await to_thread(cloud.fill, "late", 1)
            return answer

        one.account.listed = then_upload  # type: ignore[method-assign]
        run = await one.run(ASKED)
    assert [row for row in await found(db, run) if row[0] == "ghost"] == []
    assert run.counts["orphans"] == 501


async def test_a_url_uses_what_it_may_mean_and_misses_what_it_surely_means(
    db: Db, cloud: Cloud
) -> None:
    """Each URL is read once, and both ways: for what keeps an asset from being an orphan, and for
    what makes a row a ghost.
    """
    attach = {"public_id": {"column": "cover", "url": True}, "cloud": cloud.name, "filter": "shown"}
    await db.execute("CREATE TABLE covers (id serial PRIMARY KEY, cover text, shown boolean)")
    await db.execute("SELECT mediasweep.attach('covers', $1)", json.dumps(attach))
    await to_thread(cloud.plant, "p", 4, age_s=3 * DAY_S)
    ours = f"https://res.cloudinary.com/{cloud.name}/image/upload"
    another = "https://res.cloudinary.com/another/image/upload"
    covers = [
        (f"{ours}/v4000000000/p0.png", True),
        (f"{ours}/t_small/p1.png", True),  # or t_small/p1
        (f"{another}/v4000000000/elsewhere.png", True),
        (f"{ours}/v4000000000/gone.png", True),
        (f"{ours}/v4000000000/p2.png", None),  # nobody knows whether it counts
        (f"{ours}/v4000000000/hidden.png", None),
    ]
    await db.executemany("INSERT INTO covers (cover, shown) VALUES ($1, $2)", covers)
    run = await compare(db, cloud)
    assert await found(db, run) == [("ghost", "gone", "image"), ("orphan", "p3", "image")]


async def test_a_listing_that_shifts_finds_nothing_that_is_not_so(db: Db, cloud: Cloud) -> None:
    """Where cursors count, what goes or comes between two pages leaves assets out or repeats them:
    what was left out is no ghost, and what came twice is one orphan.
    """
    await to_thread(cloud.switch, offset_cursors=True)
    await to_thread(cloud.plant, "p", 1400, age_s=3 * DAY_S)
    names = {f"p{n:04}" for n in range(1400)}
    await in_library(db, *(names - {"p0399"}), "gone")
    async with reconciler(db, cloud) as one:
        keep, pages = one.runs.keep, []

        async def shifting(*given: Any) -> bool:  # noqa: ANN401  as it is called
            pages.append(given)
            if len(pages) == 1:
                await to_thread(destroy, cloud, ["p1397", "p1398", "p1399"])
            elif len(pages) == 2:
                await to_thread(cloud.fill, "new", 5)
            return await keep(*given)

        one.runs.keep = shifting  # type: ignore[method-assign, assignment]
        run = await one.run(ASKED)
    assert tuple(await db.fetchrow(LISTED) or ()) == (1402, 1397)  # three left out, five twice
    assert await found(db, run) == [("ghost", "gone", "image"), ("orphan", "p0399", "image")]


LISTED = """
SELECT count(*), count(DISTINCT l.asset_id) FROM mediasweep.reconcile_listed l
"""
