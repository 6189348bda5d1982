"""Taking deletions from the library back, beside others that work on the same assets meanwhile."""

from __future__ import annotations

from asyncio import create_task, to_thread
from collections.abc import Sequence
from uuid import uuid4

import pytest

from mediasweep.cloudinary import Account, Told
from mediasweep.emulator.client import Cloud
from mediasweep.operations.undelete import NO_ROW, NOT_KNOWN, OLDER
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.http.visits import visit

MEDIA = "/api/cloudinary/media"
INSERT = """
INSERT INTO public.media_assets (cloudinary_public_id, file_size, mime_type, secure_url, url)
SELECT 'covers/' || n, 1, 'm', 'u', 'u' FROM unnest($1::integer[]) n
"""
DELETE = "UPDATE public.media_assets SET deleted_at = now() WHERE deleted_at IS NULL"
TWINS = """
INSERT INTO public.media_assets
  (cloudinary_public_id, resource_type, file_size, mime_type, secure_url, url, deleted_at)
SELECT 'twin', t, 1, 'm', 'u', 'u', d
  FROM (VALUES ('image', now() - interval '1 h'), ('image', NULL), ('raw', NULL)) v (t, d)
RETURNING id::text
"""
TOGETHER = """
SELECT count(*) FROM mediasweep.delete_media(
  (SELECT array_agg(m.id) FROM public.media_assets m), 'a person')
"""
LIVE = """
SELECT array_agg(m.id::text ORDER BY m.id::text) FROM public.media_assets m
 WHERE m.deleted_at IS NULL
"""
FINISH = """
UPDATE mediasweep.cloudinary_cleanup_queue SET status = $2, processed_at = clock_timestamp()
 WHERE cloudinary_public_id = $1 AND status = 'pending' RETURNING id
"""
JOURNAL = """
INSERT INTO mediasweep.journal (event, outcome, queue_id, public_id, resource_type, delivery_type)
SELECT 'completed', 'deleted', q.id, q.cloudinary_public_id, q.resource_type, q.delivery_type
  FROM mediasweep.cloudinary_cleanup_queue q WHERE q.status = 'completed'
"""
RESTORED = """
INSERT INTO mediasweep.journal (event, queue_id, public_id, resource_type, delivery_type)
SELECT 'restored', j.queue_id, j.public_id, j.resource_type, j.delivery_type
  FROM mediasweep.journal j WHERE j.public_id = $1
"""
BEFORE = """
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, deletion_reason, trigger_source, status, queued_at, claim_no, lease_until)
VALUES ($1, 'row_deleted', 'trigger', 'processing', now() - interval '1 h', 1, 'infinity')
"""
WAITS = """
SELECT EXISTS (SELECT FROM pg_locks l
                WHERE NOT l.granted AND l.waitstart < clock_timestamp() - interval '1.2 s')
"""


async def live(db: Db) -> list[str]:
    """Return the public ids of rows that are not deleted."""
    said = (
        "SELECT cloudinary_public_id FROM public.media_assets WHERE deleted_at IS NULL ORDER BY 1"
    )
    return [row[0] for row in await db.fetch(said)]


async def test_what_was_deleted_together_is_listed_by_name(database: str, db: Db) -> None:
    """The newest first, of one deletion by name, page after page without a gap, also where the
    last row of a page is gone when the next is asked for.
    """
    for first, last in ((7, 9), (1, 6)):
        await db.execute(INSERT, [*range(last, first - 1, -1)])
        assert await db.fetchval(TOGETHER) == last - first + 1
    async with visit(database) as client:
        listed: list[list[str]] = []
        after: dict[str, str] | None = {}
        while after is not None:
            told = (await client.get(f"{MEDIA}/deleted", params={"limit": "4"} | after)).json()
            listed.append([row["public_id"].removeprefix("covers/") for row in told["items"]])
            after = {"after": told["next"]} if told["next"] else None
            if len(listed) == 2:
                gone = told["items"][-1]["id"]
                await db.execute("DELETE FROM public.media_assets WHERE id = $1", gone)
    assert listed == [["1", "2", "3", "4"], ["5", "6", "7", "8"], ["9"]]


async def test_no_row_comes_back_whose_asset_may_be_gone(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Not under a second look at what is gone, nor beside an older row of it that is being sent,
    nor for having been restored once; and where another row has the name, nothing is brought back
    over its asset.
    """
    await to_thread(cloud.fill, "covers/", 4, backup=True)
    await db.execute(INSERT, [1, 2, 3, 8, 9])
    await db.execute(DELETE)
    gone = await db.fetchval(FINISH, "covers/9", "completed")
    await db.execute("SELECT mediasweep.delete_again(ARRAY[$1::uuid], 'me')", gone)
    await db.fetchval(FINISH, "covers/1", "skipped")
    await db.execute(BEFORE, "covers/1")
    await db.fetchval(FINISH, "covers/2", "completed")
    await db.fetchval(FINISH, "covers/8", "completed")
    await db.execute(JOURNAL)
    await db.execute(RESTORED, "covers/8")
    await db.execute(INSERT, [2])
    async with visit(database, cloud) as client:
        body = {"public_ids": [f"covers/{n}" for n in (1, 2, 3, 8, 9)]}
        said = (await client.post(f"{MEDIA}/restore", json=body)).json()
    assert said["restored"] == ["covers/3"]
    why = {one["public_id"]: one["error"] for one in said["failed"]}
    reasons = ", ".join(f"{error} ({id_})" for id_, error in why.items())
    assert said["message"] == f"1 restored, 4 not: {reasons}"
    assert why == {
        "covers/1": "a daemon is deleting it",
        "covers/2": "another row of the library has its name now",
        "covers/8": NOT_KNOWN,
        "covers/9": "Cloudinary has no backup of it",
    }
    assert await live(db) == ["covers/2", "covers/3"]
    asked = [call["ids"] for call in await to_thread(cloud.calls, "restore")]
    assert asked == [["covers/9"]]


async def test_exactly_the_asset_that_is_meant_comes_back(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Of an image and a file of one name, whose deletions wait, each by its type or its row; of two
    rows of an asset only the later one.
    """
    older, image, raw = (row["id"] for row in await db.fetch(TWINS))
    await db.execute(DELETE)
    nobody = str(uuid4())
    async with visit(database, cloud) as client:
        told = await client.post(f"{MEDIA}/restore", json={"public_ids": ["twin"]})
        assert told.status_code == 409
        assert "twin is image/upload and raw/upload" in told.json()["detail"]
        said = (await client.post(f"{MEDIA}/restore", json={"ids": [older, nobody]})).json()
        assert said["restored"] == []
        assert [(one["public_id"], one["error"]) for one in said["failed"]] == [
            (older, OLDER),
            (nobody, NO_ROW),
        ]
        assert await live(db) == []
        said = (await client.post(f"{MEDIA}/restore", json={"ids": [raw]})).json()
        assert (said["success"], await db.fetchval(LIVE)) == (True, [raw])
        exact = {"public_ids": ["twin"], "resource_type": "image"}
        said = (await client.post(f"{MEDIA}/restore", json=exact)).json()
        assert (said["restored"], await db.fetchval(LIVE)) == (["twin"], sorted([image, raw]))


async def test_what_is_deleted_while_others_come_back_stays_deleted(
    database: str, db: Db, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon completes a row while Cloudinary is asked about another one."""
    await to_thread(cloud.fill, "covers/", 2, backup=True)
    await db.execute(INSERT, [0, 1])
    await db.execute(DELETE)
    await db.fetchval(FINISH, "covers/0", "skipped")
    told = Account.told

    async def slow(account: Account, ids: Sequence[str], types: tuple[str, str] | None) -> Told:
        answer = await told(account, ids, types)
        await db.fetchval(FINISH, "covers/1", "completed")
        return answer

    monkeypatch.setattr(Account, "told", slow)
    async with visit(database, cloud) as client:
        body = {"public_ids": ["covers/0", "covers/1"]}
        said = (await client.post(f"{MEDIA}/restore", json=body)).json()
    assert said["restored"] == ["covers/0"]
    assert "deleted meanwhile" in said["failed"][0]["error"]
    assert await live(db) == ["covers/0"]


async def test_a_users_transaction_is_not_ended_for_a_deletion_in_the_library(
    database: str, db: Db, connect: Connect
) -> None:
    """Two rows, each first locked by one and then wanted by the other: the library gives up."""
    await db.execute(INSERT, [1, 2])
    lock = "SELECT FROM public.media_assets WHERE cloudinary_public_id = $1 FOR UPDATE"
    user = await connect()
    async with visit(database) as client, user.transaction():
        await user.execute(lock, "covers/2")
        body = {"public_ids": ["covers/1", "covers/2"]}
        asked = create_task(client.request("DELETE", MEDIA, json=body))
        while not (asked.done() or await db.fetchval(WAITS)):  # it looks for a deadlock after 1 s
            await db.execute("SELECT pg_sleep(0.05)")
        await user.execute(lock, "covers/1")
        assert (await asked).status_code == 503
    assert await live(db) == ["covers/1", "covers/2"]
