"""What Cloudinary told of an asset counts in a claim: the name that it has now, and its road."""

from __future__ import annotations

from typing import Any

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.inbox.library import UPLOADED, tell
from tests.schema.queue import ARTICLES, claim, end_leases, events, row

ID = "a" * 32
FILES = """
CREATE TABLE public.files (id integer GENERATED ALWAYS AS IDENTITY, pid text, aid text);
SELECT mediasweep.attach('public.files', '{"public_id": "pid", "asset_id": "aid"}');
INSERT INTO files (pid, aid) VALUES ('tmp/x', 'IT');
DELETE FROM files
""".replace("IT'", f"{ID}'")
COVER = """
INSERT INTO media_assets
  (cloudinary_public_id, resource_type, file_size, mime_type, secure_url, url)
VALUES ('cover', 'image', 1, 'x', 'u', 'u')
"""
LINKS = """
CREATE TABLE public.links (url text, aid text);
SELECT mediasweep.attach('public.links',
  '{"cloud": "demo", "public_id": {"column": "url", "url": true}, "asset_id": "aid"}')
"""
RENAMED: dict[str, Any] = {
    "notification_type": "rename",
    "asset_id": ID,
    "resource_type": "image",
    "type": "upload",
    "from_public_id": "tmp/x",
    "to_public_id": "cover",
}
VERSION = 1_700_000_309
QUEUE = """
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, resource_type, version, queued_at, trigger_source)
VALUES ('a', 'image', $1, to_timestamp($2), $3)
"""
TYPED = """
UPDATE mediasweep.cloudinary_cleanup_queue SET resource_type = 'image', delivery_type = 'upload'
"""
QUEUED = "mediasweep.cloudinary_cleanup_queue"
LET_GO = """
SELECT mediasweep.was_let_go($1,
  '{"public_id": "a", "resource_type": "image", "type": "upload"}',
  to_timestamp($2::bigint), $2::bigint)
"""
DETACH = "SELECT mediasweep.detach('public.articles')"


async def roads(db: Db) -> list[str | None]:
    """Claim, and return by which asset ids the deletions would go."""
    return [job["asset_id"] for job in (await claim(db)).jobs]


async def test_a_deletion_goes_by_asset_id_where_every_use_has_one(db: Db) -> None:
    """The library and a table with asset ids leave the road open, whatever an asset is called."""
    await db.execute(FILES)
    assert await roads(db) == [ID]


@pytest.mark.parametrize(
    "names",
    [ARTICLES, LINKS, "SELECT mediasweep.protect('logos/')"],
    ids=["a table without asset ids", "URLs, which lay assets over others", "a protected prefix"],
)
async def test_where_a_name_may_tell_it_goes_by_the_name(db: Db, names: str) -> None:
    """An asset that was renamed unheard is not found then, whoever uses it by its new name."""
    await db.execute(names)
    await db.execute(FILES)
    assert await roads(db) == [None]


async def test_a_table_that_was_detached_closes_no_road(db: Db) -> None:
    """Only what the guard asks can tell of a use."""
    await db.execute(f"{ARTICLES}; {DETACH}; {FILES}")
    assert await roads(db) == [ID]


async def test_a_use_by_the_name_that_was_told_last_keeps_the_asset(db: Db) -> None:
    """A rename that waits in the inbox is enough for the guard to ask by the new name, too."""
    await db.execute(COVER)
    await tell(db, RENAMED)
    await db.execute(FILES)
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped) == ([], 1)
    assert ("skipped", "in_use", "tmp/x") in await events(db, "event", "outcome", "public_id")


async def test_without_the_notification_the_asset_would_go(db: Db) -> None:
    """The same row, of which nothing was told but another asset, is deleted."""
    await db.execute(COVER)
    await tell(db, RENAMED | {"asset_id": "b" * 32})
    await db.execute(FILES)
    assert (await claim(db)).assets == ["tmp/x"]


async def test_a_body_that_tells_nothing_is_received_all_the_same(db: Db) -> None:
    """What Postgres cannot read as JSON, or is of another shape, is kept without a name."""
    for odd in ({"to_public_id": "\0"}, {"asset_id": 7, "to_public_id": [1]}, {"version": "x"}):
        await tell(db, RENAMED | odd)
    assert await db.fetchval("SELECT count(*) FROM mediasweep.inbox") == 3


@pytest.mark.parametrize(
    ("version", "queued_s", "told", "kept"),
    [
        (VERSION, VERSION + 9, {"version": VERSION + 8}, True),
        (VERSION, VERSION + 9, {"version": VERSION}, False),
        (VERSION, VERSION + 9, {"version": VERSION - 8}, False),
        (VERSION, VERSION + 9, {"version": VERSION + 8, "resource_type": "video"}, False),
        (VERSION, VERSION + 9, {"version": VERSION + 8, "public_id": "b"}, False),
        # what is no version tells nothing: then it is meant what was there when it was queued
        (None, VERSION + 9.9, {"version": VERSION + 10}, True),
        (None, VERSION + 9.9, {"version": VERSION + 9}, True),
        (None, VERSION + 9.9, {"version": VERSION + 8}, False),
        (1, VERSION + 9.9, {"version": VERSION + 8}, False),
        (VERSION * 1000, VERSION + 9.9, {"version": VERSION + 10}, True),
    ],
)
async def test_a_file_that_was_uploaded_since_keeps_the_name(
    db: Db, version: int | None, queued_s: float, told: dict[str, Any], kept: bool
) -> None:
    """An upload that waits in the inbox is not deleted for a row of the file before it."""
    await tell(db, UPLOADED | told)
    await db.execute(QUEUE, version, queued_s, "trigger")
    claimed = await claim(db)
    assert (len(claimed.jobs), claimed.skipped) == ((0, 1) if kept else (1, 0))
    if kept:
        said = f"a newer version was uploaded: v{told['version']}"
        assert (await row(db))["error_message"] == said
        assert await events(db, "event", "outcome") == [("skipped", "newer")]


@pytest.mark.parametrize(("version", "gone"), [(VERSION, True), (VERSION + 1, False)])
async def test_what_somebody_queues_is_what_is_there_by_then(
    db: Db, version: int, *, gone: bool
) -> None:
    """Uploaded and queued by hand within a second, it is deleted; a later file is not."""
    await tell(db, UPLOADED | {"version": version})
    await db.execute(QUEUE, None, VERSION + 0.9, "manual")
    assert (await claim(db)).assets == ["a"] * gone


async def test_an_upload_that_is_broken_off_is_cleaned_up(db: Db) -> None:
    """What was queued before its upload is deleted, though its file is younger than the row."""
    await tell(db, UPLOADED | {"version": VERSION + 8})
    await db.execute(QUEUE, None, VERSION, "upload")
    assert (await claim(db)).assets == ["a"]


async def test_a_newer_file_under_a_row_in_doubt_fails_it(db: Db) -> None:
    """A row that may have been sent is looked at by a person, and is not sent again."""
    await db.execute(QUEUE, VERSION, VERSION + 9, "trigger")
    assert (await claim(db)).assets == ["a"]
    await tell(db, UPLOADED | {"version": VERSION + 8})
    await end_leases(db)
    assert (await claim(db)).failed == 1
    assert (await events(db, "event", "outcome"))[-1] == ("failed", "newer_in_doubt")


@pytest.mark.parametrize("upload_first", [True, False])
async def test_of_what_was_told_in_one_second_every_name_counts(
    db: Db, *, upload_first: bool
) -> None:
    """An upload and a rename that were signed together keep the asset, whichever came first."""
    told = [UPLOADED | {"asset_id": ID, "public_id": "tmp/x"}, RENAMED]
    await db.execute(COVER)
    for one in told if upload_first else reversed(told):
        await tell(db, one)
    await db.execute("UPDATE mediasweep.inbox SET signed_at = date_trunc('hour', now())")
    await db.execute(FILES)
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped) == ([], 1)


async def test_a_new_name_may_be_of_another_delivery_type(db: Db) -> None:
    """A use of the name that was told is found, whatever the type of the row that let go."""
    await db.execute(
        COVER.replace("url)", "url, delivery_type)").replace("'u')", "'u', 'private')")
    )
    await tell(db, RENAMED | {"type": "private"})
    await db.execute(f"{FILES}; {TYPED}")
    assert (await claim(db)).assets == []


async def test_a_newer_file_may_come_by_a_rename(db: Db) -> None:
    """What was uploaded under another name and renamed to this one is as new as its upload."""
    came = {"asset_id": "c" * 32}
    await tell(db, UPLOADED | came | {"public_id": "tmp/a", "version": VERSION + 8})
    await tell(db, RENAMED | came | {"from_public_id": "tmp/a", "to_public_id": "a"})
    await db.execute(QUEUE, VERSION, VERSION + 9, "trigger")
    assert (await claim(db)).assets == []


async def test_who_retries_what_a_newer_file_has_kept_means_that_one(db: Db) -> None:
    """A row that is kept for a newer file can be retried, and then deletes it."""
    await tell(db, UPLOADED | {"version": VERSION + 8})
    await db.execute(QUEUE, VERSION, VERSION + 9, "trigger")
    assert (await claim(db)).assets == []
    await db.execute("SELECT mediasweep.retry(array_agg(id), 'ann') FROM " + QUEUED)
    assert (await claim(db)).assets == ["a"]


@pytest.mark.parametrize("version", [None, VERSION * 1000])
async def test_what_a_claim_keeps_as_newer_comes_into_the_library(
    db: Db, version: int | None
) -> None:
    """Both judge by one rule what a row has let go of: no file is kept and then refused."""
    await db.execute(QUEUE, version, VERSION + 9.9, "trigger")
    await tell(db, UPLOADED | {"version": VERSION + 9})
    assert (await claim(db)).assets == []
    assert not await db.fetchval(LET_GO, UPLOADED["asset_id"], VERSION + 9)
