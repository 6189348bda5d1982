"""The guard: an asset that any attached row uses is kept, and no answer never reads as "unused"."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import (
    ARTICLES,
    claim,
    end_leases,
    enqueue,
    events,
    insert_assets,
    make_due,
    record,
    result,
    row,
    rows,
    use,
)

WITHOUT_GUARD = """
CREATE OR REPLACE FUNCTION mediasweep.uses(candidates mediasweep.cloudinary_cleanup_queue[])
RETURNS TABLE (id uuid, used_by text) LANGUAGE plpgsql VOLATILE AS 'BEGIN END'
"""
TYPED = """
CREATE TABLE public.typed (name text PRIMARY KEY, type text, delivery text);
SELECT mediasweep.attach('public.typed',
  '{"public_id": "name", "resource_type": "type", "delivery_type": "delivery"}')
"""


async def test_an_asset_in_use_is_skipped_and_its_user_named(db: Db) -> None:
    """A row whose asset is in use is skipped, and says which row uses it."""
    await db.execute(ARTICLES)
    await enqueue(db, "a", "b")
    await use(db, "a")
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped, claimed.failed) == (["b"], 1, 0)
    assert json.loads(claimed.news)["kept"] == {"in_use": 1}
    kept = (await rows(db))[0]
    assert tuple(
        kept[name] for name in ("status", "error_message", "claim_no", "processing_attempts")
    ) == ("skipped", "in use by public.articles id=1", 0, 0)
    assert kept["processed_at"] is not None
    assert ("skipped", "in_use", "a") in await events(db, "event", "outcome", "public_id")


async def test_without_the_guard_an_asset_in_use_is_claimed(db: Db) -> None:
    """It is the guard that keeps an asset in use: with an empty one the asset would be deleted."""
    await db.execute(ARTICLES)
    await enqueue(db, "a")
    await use(db, "a")
    await db.execute(WITHOUT_GUARD)
    assert (await claim(db)).assets == ["a"]


async def test_a_soft_deleted_row_keeps_nothing(db: Db) -> None:
    """A row that counts as gone does not keep its asset, and one that is alive does."""
    await insert_assets(db, "a", "b")
    await db.execute("UPDATE media_assets SET deleted_at = now() WHERE cloudinary_public_id = 'a'")
    await enqueue(db, "b")
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped) == (["a"], 1)


async def test_any_attached_table_keeps_an_asset(db: Db) -> None:
    """What one table lets go is kept by another that uses it."""
    await db.execute(ARTICLES)
    await insert_assets(db, "a")
    await use(db, "a")
    await db.execute("DELETE FROM media_assets")
    assert (await claim(db)).skipped == 1


@pytest.mark.parametrize(
    ("used", "queued", "kept"),
    [
        (("image", "upload"), ("image", "upload"), True),
        ((None, "upload"), ("image", "upload"), True),
        (("image", None), ("image", "upload"), True),
        (("image", "upload"), (None, "upload"), True),
        (("image", "upload"), ("image", None), True),
        ((None, None), (None, None), True),
        (("IMAGE", "Upload"), ("image", "upload"), True),
        (("audio", "upload"), ("video", "upload"), True),
        (("something", "upload"), ("raw", "upload"), True),
        (("video", "upload"), ("image", "upload"), False),
        (("image", "private"), ("image", "upload"), False),
        (("video", None), ("image", "upload"), False),
    ],
)
async def test_an_unknown_type_matches_every_type(
    db: Db, used: tuple[str | None, str | None], queued: tuple[str, str], *, kept: bool
) -> None:
    """Only two types that are both known and differ make two assets of one public id."""
    await db.execute(TYPED)
    await db.execute("INSERT INTO typed VALUES ('a', $1, $2)", *used)
    await enqueue(db, "a", resource_type=queued[0], delivery_type=queued[1])
    claimed = await claim(db)
    assert kept is (claimed.skipped == 1)
    assert kept is not (claimed.assets == ["a"])


async def test_an_asset_that_came_into_use_while_in_doubt_is_a_failure(db: Db) -> None:
    """A row that may have been sent is never called skipped when its asset is used again."""
    await db.execute(ARTICLES)
    await enqueue(db, "a")
    await claim(db)
    await end_leases(db)
    await use(db, "a")
    claimed = await claim(db)
    assert (claimed.skipped, claimed.failed, claimed.assets) == (0, 1, [])
    failed = await row(db)
    assert tuple(failed[name] for name in ("status", "in_doubt", "error_message")) == (
        "failed",
        True,
        "reused in doubt: in use by public.articles id=1",
    )
    assert (await events(db, "event", "outcome"))[-1] == ("failed", "reused_in_doubt")


async def test_a_retried_row_in_doubt_fails_again_while_its_asset_is_used(db: Db) -> None:
    """An operator's retry does not make the doubt go away."""
    await db.execute(ARTICLES)
    [id_] = await enqueue(db, "a")
    await record(db, result((await claim(db)).jobs[0], "unknown", "unclear"))
    await use(db, "a")
    assert (await claim(db)).failed == 1
    await db.fetch("SELECT mediasweep.retry($1, 'ann')", [id_])
    claimed = await claim(db)
    assert (claimed.skipped, claimed.failed) == (0, 1)


async def test_the_guard_is_asked_again_before_every_send(db: Db) -> None:
    """A row that was free at its first claim and refused is skipped once its asset is used."""
    await db.execute(ARTICLES)
    await enqueue(db, "a")
    await record(db, result((await claim(db)).jobs[0], "refused", "throttled"))
    await use(db, "a")
    assert (await claim(db)).skipped == 1


async def test_a_table_that_is_gone_never_reads_as_unused(db: Db) -> None:
    """While an attached table is missing rows stay as they are, due later, with the reason."""
    await db.execute(ARTICLES)
    await enqueue(db, "a")
    await db.execute("DROP TABLE articles")
    claimed = await claim(db)
    assert claimed.brought_nothing
    assert re.search(r"public\.articles\b", claimed.guard_error or "")
    waiting = await row(db)
    assert tuple(waiting[name] for name in ("status", "claim_no", "processing_attempts")) == (
        "pending",
        0,
        0,
    )
    assert f"the guard could not answer: {claimed.guard_error}" == waiting["error_message"]
    wait = await db.fetchval(
        "SELECT due_at - clock_timestamp() FROM mediasweep.cloudinary_cleanup_queue"
    )
    assert timedelta(seconds=20) < wait <= timedelta(seconds=30)


@pytest.mark.parametrize("name", ["articles", '"a ""%s"" AS r"'])
@pytest.mark.parametrize("rebuilt", [False, True], ids=["found at once", "after a migrate"])
@pytest.mark.parametrize("where", ['"c"', '{"column": "c", "url": true}'], ids=["ids", "urls"])
async def test_a_table_that_is_gone_is_named_with_what_ends_that(
    db: Db, name: str, where: str, *, rebuilt: bool
) -> None:
    """Its name and number, and a statement which, run as it stands, lets the guard answer."""
    await db.execute(f"CREATE TABLE public.{name} (c text)")
    number = await db.fetchval(
        "SELECT mediasweep.attach($1::text::regclass, $2)",
        f"public.{name}",
        f'{{"cloud": "demo", "public_id": {where}, "asset_id": "c"}}',
    )
    await db.execute(f"DROP TABLE public.{name}")
    if rebuilt:
        await db.execute("SELECT mediasweep.build()")
    await enqueue(db, "a")
    said, _, remedy = str((await claim(db)).guard_error).partition(": detach it by ")
    assert said == f"the attached table public.{name} (number {number}) is gone"
    await db.execute(remedy)
    await make_due(db)
    assert (await claim(db)).assets == ["a"]


async def test_a_table_that_was_renamed_is_for_migrate_to_look_at(db: Db) -> None:
    """It is not called gone, and after the next migrate it is asked under its new name."""
    await db.execute(ARTICLES)
    await use(db, "a")
    await db.execute("ALTER TABLE articles RENAME TO away")
    await enqueue(db, "a")
    said = "the attached table public.articles was renamed or restored: run mediasweep migrate"
    assert (await claim(db)).guard_error == said
    await db.execute("SELECT mediasweep.build()")
    await make_due(db)
    assert (await claim(db)).skipped == 1


async def test_a_renamed_column_never_reads_as_unused(db: Db) -> None:
    """A column that was renamed stops the claim too, and the asset goes nowhere."""
    await db.execute(ARTICLES)
    await use(db, "a")
    await enqueue(db, "a")
    await db.execute("ALTER TABLE articles RENAME cover TO picture")
    said = "public.articles cannot be asked: column r.cover does not exist"
    assert (await claim(db)).guard_error == said


async def test_a_guard_that_answers_again_lets_the_rows_go(db: Db) -> None:
    """What waited for the guard is claimed once it can answer, at no cost of an attempt."""
    await db.execute(ARTICLES)
    await enqueue(db, "a")
    await db.execute("ALTER TABLE articles RENAME TO away")
    await claim(db)
    await db.execute("ALTER TABLE public.away RENAME TO articles")
    await make_due(db)
    claimed = await claim(db)
    assert (claimed.assets, claimed.jobs[0]["attempt"]) == (["a"], 1)


async def test_a_row_under_way_stays_so_while_the_guard_cannot_answer(db: Db) -> None:
    """A hand-over that the guard stops leaves the row processing, and the doubt to the next one."""
    await db.execute(ARTICLES)
    await enqueue(db, "a")
    await claim(db)
    await end_leases(db)
    await db.execute("ALTER TABLE articles RENAME TO away")
    assert (await claim(db)).guard_error
    assert ((await row(db))["status"], (await row(db))["claim_no"]) == ("processing", 1)
    await db.execute("ALTER TABLE public.away RENAME TO articles")
    await make_due(db)
    [job] = (await claim(db)).jobs
    assert (job["claim_no"], job["attempt"], job["in_doubt"]) == (2, 1, True)


def _guarded_by(role: str) -> str:
    """Let the guard ask on behalf of a role that owns nothing else."""
    return (
        f"GRANT USAGE, CREATE ON SCHEMA mediasweep TO {role};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA mediasweep TO {role};"
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mediasweep TO {role};"
        "ALTER TABLE mediasweep.attached DISABLE ROW LEVEL SECURITY;"
        f"ALTER FUNCTION mediasweep.uses OWNER TO {role}"
    )


async def test_rows_that_a_policy_hides_never_read_as_unused(db: Db, role: str) -> None:
    """Where row-level security would hide a use from the guard's owner, the guard fails instead."""
    await db.execute(ARTICLES)
    await use(db, "a")
    await enqueue(db, "a")
    await db.execute(
        "ALTER TABLE articles ENABLE ROW LEVEL SECURITY;"
        f"GRANT SELECT ON articles, media_assets TO {role};" + _guarded_by(role)
    )
    claimed = await claim(db)
    assert claimed.brought_nothing
    assert "row-level security" in (claimed.guard_error or "")
    assert (await row(db))["status"] == "pending"


async def test_a_table_that_the_guard_may_not_read_never_reads_as_unused(db: Db, role: str) -> None:
    """A right that was taken away stops the claim like anything else that hides a use."""
    await db.execute(ARTICLES)
    await enqueue(db, "a")
    await db.execute(
        "ALTER TABLE media_assets DISABLE ROW LEVEL SECURITY;"
        f"GRANT SELECT ON media_assets TO {role};" + _guarded_by(role)
    )
    assert "permission denied" in ((await claim(db)).guard_error or "")
    assert (await row(db))["status"] == "pending"
