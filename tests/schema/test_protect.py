"""Protected prefixes: what begins like that is never handed out to be deleted."""

from __future__ import annotations

import json

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import (
    claim,
    end_leases,
    enqueue,
    events,
    record,
    result,
    row,
    rows,
)

PROTECT = "SELECT mediasweep.protect($1)"
UNPROTECT = "SELECT mediasweep.unprotect($1)"


async def test_a_protected_asset_is_kept_whenever_the_prefix_came(db: Db) -> None:
    """A prefix holds for rows that were queued before it and after it, and for nothing else."""
    await enqueue(db, "logos/before", "photos/1")
    assert await db.fetchval(PROTECT, "logos/")
    await enqueue(db, "logos/after", "logos")
    claimed = await claim(db)
    assert (sorted(claimed.assets), claimed.skipped) == (["logos", "photos/1"], 2)
    assert json.loads(claimed.news)["kept"] == {"protected": 2}
    assert {r["error_message"] for r in await rows(db) if r["status"] == "skipped"} == {
        "protected by the prefix logos/"
    }


async def test_without_the_prefix_the_asset_would_go(db: Db) -> None:
    """The rule is what keeps it: the same row goes once the prefix is taken away and it retried."""
    [id_] = await enqueue(db, "logos/1")
    await db.execute(PROTECT, "logos/")
    assert (await claim(db)).skipped == 1
    await db.fetch("SELECT mediasweep.retry($1, 'ann')", [id_])
    assert (await claim(db)).skipped == 1
    assert await db.fetchval(UNPROTECT, "logos/")
    await db.fetch("SELECT mediasweep.retry($1, 'ann')", [id_])
    assert (await claim(db)).assets == ["logos/1"]


@pytest.mark.parametrize(
    ("prefix", "public_id"),
    [("a%", "ab"), ("a_", "ab"), ("a\\", "a%"), ("Logos/", "logos/1"), ("logos/", "x/logos/1")],
)
async def test_a_prefix_is_taken_as_it_is_written(db: Db, prefix: str, public_id: str) -> None:
    """No character is a wildcard, upper and lower case differ, and only the beginning counts."""
    await db.execute(PROTECT, prefix)
    await enqueue(db, public_id, prefix + "1")
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped) == ([public_id], 1)


async def test_a_protected_row_in_doubt_fails(db: Db) -> None:
    """What may have been deleted already is never said to have been skipped, and is not sent."""
    await enqueue(db, "logos/1")
    await claim(db)
    await end_leases(db)
    await db.execute(PROTECT, "logos/")
    claimed = await claim(db)
    assert (claimed.jobs, claimed.failed) == ([], 1)
    assert (await row(db))["error_message"] == "in doubt: protected by the prefix logos/"
    assert (await events(db, "event", "outcome"))[-1] == ("failed", "protected_in_doubt")


async def test_what_a_daemon_has_is_finished(db: Db) -> None:
    """A prefix comes too late for a row that was claimed before it."""
    await enqueue(db, "logos/1")
    [job] = (await claim(db)).jobs
    await db.execute(PROTECT, "logos/")
    assert ([job["id"]], []) == await record(db, result(job, "completed", "deleted"))


async def test_another_name_of_the_same_asset_is_not_protected(db: Db) -> None:
    """A prefix looks at the public id of the row and at nothing else: the documented limit."""
    await db.execute(PROTECT, "logos/")
    await enqueue(db, "renamed")
    await db.execute("UPDATE mediasweep.cloudinary_cleanup_queue SET asset_id = 'of logos/1'")
    assert (await claim(db)).assets == ["renamed"]


async def test_each_change_is_journalled_once(db: Db) -> None:
    """Who protected what is written down, and what changes nothing is not."""
    said = [await db.fetchval(PROTECT, "a/"), await db.fetchval(PROTECT, "a/")]
    said += [await db.fetchval(UNPROTECT, "a/"), await db.fetchval(UNPROTECT, "a/")]
    assert said == [True, False, True, False]
    who = await db.fetchval("SELECT session_user")
    assert await events(db, "event", "detail", "actor") == [
        ("protected", "a/", who),
        ("unprotected", "a/", who),
    ]


@pytest.mark.parametrize("prefix", ["", None])
async def test_everything_cannot_be_protected(db: Db, prefix: str | None) -> None:
    """An empty prefix is refused, and the message says what does what was meant."""
    with pytest.raises(asyncpg.RaiseError, match="say how the public ids begin") as refused:
        await db.execute(PROTECT, prefix)
    assert "mediasweep pause" in str(refused.value.hint)
    assert await db.fetchval("SELECT count(*) FROM mediasweep.protected") == 0
