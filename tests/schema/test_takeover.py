"""Taking over: what the earlier system had to do is done, once, and nothing of it is dropped."""

from __future__ import annotations

from tests.schema.origin import STATES, asset, fill, session, state, take
from tests.schema.queue import (
    claim,
    events,
)

QUEUE = "SELECT q.* FROM mediasweep.cloudinary_cleanup_queue q ORDER BY q.queued_at DESC"
CAPTURED = (
    "SELECT q.cloudinary_public_id FROM mediasweep.cloudinary_cleanup_queue q"
    " ORDER BY q.cloudinary_public_id"
)
OPEN_BRAKE = "DELETE FROM mediasweep.gate"
MANY = """
INSERT INTO public.cloudinary_cleanup_queue (cloudinary_public_id, deletion_reason, queued_at)
SELECT 'many' || n, 'x', now() - n * interval '1 hour' FROM generate_series(1, 5000) n
"""
UNTOUCHED = """
SELECT to_jsonb(m) - 'delivery_type' - 'cloudinary_asset_id' FROM media_assets m ORDER BY m.id
"""


async def test_each_state_comes_as_what_it_means_here(earlier: str) -> None:
    """Tried rows come in doubt, a failure with attempts left is pending, ended rows stay away."""
    async with session(earlier) as db:
        await fill(db)
        await take(earlier)
        found = {
            row["cloudinary_public_id"]: (
                row["status"],
                row["in_doubt"],
                row["lease_until"] is not None,
            )
            for row in await db.fetch(QUEUE)
        }
        assert await db.fetchval("SELECT mediasweep.failed_rows()") == 1
    assert found == {
        "new": ("pending", False, False),
        "tried": ("pending", True, False),
        "spent": ("pending", True, False),
        "sent": ("processing", True, True),
        "again": ("pending", True, False),
        "over": ("failed", True, False),
    }


async def test_a_row_keeps_what_was_known_of_it(earlier: str) -> None:
    """Id, attempts, reason, source, user, error and times are those of the old queue."""
    columns = (
        "id, cloudinary_public_id, resource_type, file_size, deletion_reason, trigger_source,"
        " triggered_by, queued_at, processing_attempts, max_attempts, error_message, created_at,"
        " updated_at"
    )
    old = f"SELECT {columns} FROM public.cloudinary_cleanup_queue WHERE status <> ALL ($1)"
    new = f"SELECT {columns} FROM mediasweep.cloudinary_cleanup_queue"
    async with session(earlier) as db:
        await fill(db)
        before = sorted(tuple(row) for row in await db.fetch(old, ["completed", "skipped"]))
        await take(earlier)
        assert sorted(tuple(row) for row in await db.fetch(new)) == before
        told = await events(db, "event", "detail")
    assert ("taken_over", "was processing after 3 of 3 attempts") in told
    assert sum(event == "taken_over" for event, _ in told) == len(before) == 6


async def test_no_row_is_dropped(earlier: str) -> None:
    """The old table keeps all its rows under another name, and the library those of its users."""
    async with session(earlier) as db:
        await fill(db)
        await asset(db, "a", "b")
        [old, _], library = await state(db), await db.fetch(UNTOUCHED)
        await take(earlier)
        assert [old, library] == [(await state(db))[0], await db.fetch(UNTOUCHED)]
        assert len(old) == len(STATES)
        assert await db.fetchval("SELECT to_regclass('public.cloudinary_cleanup_queue')") is None


async def test_a_row_without_an_asset_stays_behind(earlier: str) -> None:
    """A row that names no asset is told, and does not keep the others from coming."""
    async with session(earlier) as db:
        await db.execute(
            "INSERT INTO public.cloudinary_cleanup_queue (cloudinary_public_id, deletion_reason)"
            " VALUES ('', 'x'), ('a', 'x')"
        )
        said = await take(earlier)
        assert [row[0] for row in await db.fetch(CAPTURED)] == ["a"]
    assert any(line.startswith("pending: 1 row, left behind") for line in said)


async def test_nothing_goes_before_somebody_has_looked(earlier: str) -> None:
    """Five thousand old rows wait behind the brake, whatever its limit; other tables go on."""
    async with session(earlier) as db:
        await db.execute(MANY)
        await asset(db, "mine")
        said = await take(earlier)
        assert any("the brake holds these 5,000 rows" in line for line in said)
        await db.execute("DELETE FROM media_assets")
        claimed = await claim(db)
        assert claimed.assets == ["mine"]
        await db.execute("SELECT mediasweep.brake_dribble('{}')")  # which opens an empty brake
        assert (await claim(db, memory=claimed.memory)).brought_nothing
        held = await db.fetchrow("SELECT h.* FROM mediasweep.held(0, pg_current_snapshot()) h")
        assert held is not None
        assert held["queue_rows"] == 5000
        ack = await db.fetchrow(
            "SELECT a.* FROM mediasweep.acknowledge($1, 'ann', true) a", held["digest"]
        )
        assert ack is not None
        assert (ack["queue_rows"], ack["refused"]) == (5000, None)
        assert len((await claim(db, memory=claimed.memory, brake_floor=10)).jobs) == 100


async def test_what_was_sent_is_taken_over_like_the_claim_of_a_dead_daemon(
    earlier: str,
) -> None:
    """A row that was at work rests for its minute, then goes on with the attempt it was at."""
    async with session(earlier) as db:
        await fill(db)
        await take(earlier)
        await db.execute(OPEN_BRAKE)
        first = await claim(db)
        assert sorted(first.assets) == ["again", "new", "tried"]
        assert first.failed == 1  # spent
        await db.execute(
            "UPDATE mediasweep.cloudinary_cleanup_queue SET lease_until = lease_until"
            " - interval '61 s' WHERE cloudinary_public_id = 'sent'"
        )
        [job] = (await claim(db, memory=first.memory)).jobs
    assert (job["public_id"], job["attempt"], job["in_doubt"]) == ("sent", 3, True)


async def test_what_is_in_use_is_kept(earlier: str) -> None:
    """The guard is asked for old rows too: untried it is skipped, tried it fails and is seen."""
    async with session(earlier) as db:
        await fill(db)
        await asset(db, "new", "tried")
        await take(earlier)
        await db.execute(OPEN_BRAKE)
        claimed = await claim(db)
        assert sorted(claimed.assets) == ["again"]
        ended = await db.fetch(
            "SELECT cloudinary_public_id, status FROM mediasweep.cloudinary_cleanup_queue"
            " WHERE cloudinary_public_id IN ('new', 'tried') ORDER BY 1"
        )
    assert [tuple(row) for row in ended] == [("new", "skipped"), ("tried", "failed")]


async def test_an_address_tells_the_delivery_type(earlier: str) -> None:
    """An asset that is private by its address is kept as private, and its name as upload is not."""
    async with session(earlier) as db:
        await asset(db, "a", delivery_type="private")
        await asset(db, "image/private/b")
        await take(earlier)
        await db.execute(
            "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id, resource_type,"
            " delivery_type) VALUES ('a', 'image', 'private'), ('a', 'image', 'upload')"
        )
        claimed = await claim(db)
        assert (claimed.assets, claimed.skipped) == (["a"], 1)
        assert [job["delivery_type"] for job in claimed.jobs] == ["upload"]
        types = await db.fetch(
            "SELECT cloudinary_public_id, delivery_type FROM media_assets ORDER BY 1"
        )
    assert [tuple(row) for row in types] == [("a", "private"), ("image/private/b", "upload")]
