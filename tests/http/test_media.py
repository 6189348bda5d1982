"""The library over HTTP: listed, and deleted from while a daemon works."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from itertools import chain
from typing import Any

import httpx
import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.http.cleanup import WITHIN_S
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import LIBRARY_BRAKED, environment, running, until
from tests.http.visits import visit

MEDIA = "/api/cloudinary/media"
INSERT = """
INSERT INTO public.media_assets (cloudinary_public_id, resource_type, file_size, mime_type, folder,
tags, display_name, secure_url, url) SELECT p, t, s, 'm', f, string_to_array(g, ' '), d, 'u', 'u'
FROM (VALUES ('covers/1', 'image', 300, 'covers', 'red new', 'One 100%'),
             ('covers/2', 'image', 100, 'covers/old', 'red', 'Two'),
             ('clip', 'video', 200, NULL, 'new', 'Three_'),
             ('covers_/3', 'raw', 50, 'covers_', '', 'Four')) v (p, t, s, f, g, d)
"""
MANY = """
INSERT INTO public.media_assets (cloudinary_public_id, display_name, file_size, mime_type,
secure_url, url, created_at)
SELECT 'p' || n, nullif(n % 7, 0)::text, 1, 'm', 'u', 'u', now() - n % 50 * interval '1 s'
  FROM generate_series(1, 2500) n
"""
TWINS = """
INSERT INTO public.media_assets (cloudinary_public_id, resource_type, delivery_type, file_size,
mime_type, secure_url, url) SELECT 'twin', r, d, 1, 'm', 'u', 'u'
FROM (VALUES ('image', 'upload'), ('image', 'private'), ('raw', 'upload')) v (r, d)
"""
LEFT = "SELECT resource_type, delivery_type FROM public.media_assets WHERE deleted_at IS NULL"
QUEUED = """
SELECT array_agg(q.resource_type || '/' || q.delivery_type
                 ORDER BY q.resource_type, q.delivery_type)
  FROM mediasweep.cloudinary_cleanup_queue q
"""
GONE = """
SELECT array_agg(m.cloudinary_public_id::text ORDER BY m.cloudinary_public_id)
  FROM public.media_assets m WHERE m.deleted_at IS NOT NULL
"""
OTHER_TABLE = """
CREATE TABLE public.posts (id integer PRIMARY KEY, cover text);
SELECT mediasweep.attach('public.posts', '{"public_id": "cover"}');
INSERT INTO public.posts VALUES (1, 'covers/2');
"""
AUDITED = """
CREATE FUNCTION public.audited() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN {}; RETURN NEW; END $$;
CREATE TRIGGER audited BEFORE UPDATE ON public.media_assets
  FOR EACH ROW EXECUTE FUNCTION public.audited()
"""
EMPTY = dict.fromkeys(("page", "limit", "folder", "resource_type", "search", "tags"), "")
EMPTY |= {"sort_by": "", "sort_order": ""}  # as a form sends what nobody has filled in


def ids(answer: httpx.Response) -> list[str]:
    """Return the public ids of a page."""
    assert answer.status_code == 200, answer.text
    return [item["cloudinary_public_id"] for item in answer.json()["items"]]


async def test_the_library_is_listed_by_page_filter_and_order(database: str, db: Db) -> None:
    """Each filter leaves what it says, each order sorts, and pages tell where they are."""
    await db.execute(INSERT)
    async with visit(database) as client:
        asked: dict[str, Any]
        for asked, expected in (
            ({"sort_by": "file_size"}, ["covers/1", "clip", "covers/2", "covers_/3"]),
            ({"folder": "covers", "sort_by": "file_size"}, ["covers/1", "covers/2"]),
            ({"folder": "/covers/", "sort_by": "file_size"}, ["covers/1", "covers/2"]),
            ({"resource_type": "video"}, ["clip"]),
            ({"tags": "red, new"}, ["covers/1"]),
            ({"search": "100%"}, ["covers/1"]),
            ({"search": "e_"}, ["clip"]),
            ({"search": "TW?"}, ["covers/2"]),
            ({"search": "nothing"}, []),
            (EMPTY | {"sort_by": "file_size"}, ["covers/1", "clip", "covers/2", "covers_/3"]),
        ):
            assert ids(await client.get(MEDIA, params=asked)) == expected, asked
        asked = {"limit": 3, "sort_by": "display_name", "sort_order": "asc"}
        pages = [await client.get(MEDIA, params=asked | {"page": page}) for page in (1, 2, 3)]
        assert [ids(page) for page in pages] == [
            ["covers_/3", "covers/1", "clip"],
            ["covers/2"],
            [],
        ]
        first = pages[0].json()
        assert set(first) == {
            *("success", "timestamp", "items", "pagination", "stats", "sync_status"),
            "database_setup",
        }
        assert first["pagination"] == {
            "page": 1,
            "limit": 3,
            "total": 4,
            "pages": 2,
            "has_next": True,
            "has_prev": False,
        }
        assert first["stats"] == {
            "total_images": 2,
            "total_videos": 1,
            "total_files": 1,
            "total_size": 650,
        }
        assert first["sync_status"]["synced"] == 4
        assert "cloudinary_signature" not in first["items"][0]
        assert first["items"][0]["created_at"].endswith("Z")
        for wrong in ({"sort_by": "id; DROP"}, {"page": "0"}, {"folders": "x"}, {"search": "\0"}):
            assert (await client.get(MEDIA, params=wrong)).status_code == 400
        both = {"public_ids": ["a"], "ids": [first["items"][0]["id"]]}
        for named, says in (({}, "give public_ids or ids"), (both, "not by both")):
            told = await client.request("DELETE", MEDIA, json=named)
            assert (told.status_code, says in told.json()["detail"]) == (400, True)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort_by", ["display_name", "created_at"])
async def test_a_deep_page_is_the_same_from_either_end(
    database: str, db: Db, sort_by: str, order: str
) -> None:
    """All pages together are all rows, once and in order, also equal and missing names."""
    await db.execute(MANY)
    column = sort_by if order == "asc" else f"{sort_by} DESC NULLS LAST"
    end = "id" if order == "asc" else "id DESC"
    rows = await db.fetch(f"SELECT id::text FROM public.media_assets ORDER BY {column}, {end}")
    asked: dict[str, Any] = {"limit": 199, "sort_by": sort_by, "sort_order": order}
    async with visit(database) as client:
        pages = [await client.get(MEDIA, params=asked | {"page": page}) for page in range(1, 15)]
    listed = [[item["id"] for item in page.json()["items"]] for page in pages]
    assert list(chain.from_iterable(listed)) == [row["id"] for row in rows]
    assert [len(page) for page in listed] == [199] * 12 + [112, 0]


async def test_where_there_is_no_library_it_says_what_makes_one(database: str, db: Db) -> None:
    """An empty page with the command; a deletion is refused."""
    await db.execute("SELECT mediasweep.detach('public.media_assets')")
    async with visit(database) as client:
        setup = (await client.get(MEDIA)).json()["database_setup"]
        assert (setup["ready"], "--with-library" in setup["says"]) == (False, True)
        assert (await client.delete(MEDIA, params={"public_ids": "a"})).status_code == 409


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("INSERT INTO audit VALUES (1)", 'relation "audit" does not exist'),
        ("RAISE EXCEPTION 'covers are sacred'", "covers are sacred"),
    ],
)
async def test_a_trigger_of_the_users_that_fails_is_named(
    database: str, db: Db, does: str, said: str
) -> None:
    """Nothing of ours is away, nor is it a fault of ours, and asking again would not help."""
    await db.execute(INSERT)
    await db.execute(AUDITED.format(does))
    await _refuses(database, f"public.audited, a function of yours, fails: {said}")


async def test_a_constraint_of_the_users_that_forbids_it_is_named(database: str, db: Db) -> None:
    """It is no fault of ours, and the row that it refuses is not told."""
    await db.execute(INSERT)
    await db.execute(
        "ALTER TABLE public.media_assets"
        " ADD CONSTRAINT somebody CHECK (deleted_at IS NULL OR deleted_by IS NOT NULL)"
    )
    said = 'new row for relation "media_assets" violates check constraint "somebody"'
    await _refuses(database, f"a table of yours does not take this: {said}")


async def _refuses(database: str, said: str) -> None:
    async with visit(database) as client:
        told = await client.delete(MEDIA, params={"public_ids": "covers/1"})
        assert (told.status_code, told.json()["detail"]) == (409, said)


async def test_times_are_in_utc_and_any_can_be_told(database: str, db: Db) -> None:
    """Whatever the time zone of the database, and where a row's time is none that Python has."""
    await db.execute(INSERT)
    await db.execute(
        "UPDATE public.media_assets SET created_at = '2026-03-01 12:00+00',"
        " updated_at = 'infinity', last_synced_at = '0044-03-15 BC'"
    )
    name = await db.fetchval("SELECT current_database()")
    await db.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Kolkata'")
    async with visit(database) as client:
        told = await client.get(MEDIA)
        assert told.status_code == 200, told.text
        item = told.json()["items"][0]
        assert item["created_at"] == "2026-03-01T12:00:00Z"
        assert item["updated_at"].startswith("9999-12-31")
        assert item["last_synced_at"].startswith("0001-01-01")
        page = await client.get(f"/library/{item['id']}", headers={"Accept": "text/html"})
        assert page.status_code == 200


async def test_deletions_go_to_cloudinary_and_are_waited_for(
    database: str, db: Db, cloud: Cloud
) -> None:
    """What is deleted, what something else still uses, and what there is not, in one answer."""
    await to_thread(cloud.fill, "covers/", 4)
    await db.execute(INSERT)
    await db.execute(OTHER_TABLE)
    strict = {"MEDIASWEEP_BRAKE_FLOOR": "1", "MEDIASWEEP_BRAKE_SHARE": "0"}  # passed by who names
    async with (
        running(environment(database, cloud.url, **strict)) as daemon,
        httpx.AsyncClient(base_url=daemon.address, timeout=30) as client,
    ):
        body = {"public_ids": ["covers/1", "covers/2", "none"], "verify": True}
        said = (await client.request("DELETE", MEDIA, json=body)).json()
        assert set(said) == {
            *("success", "timestamp", "message", "deleted", "queued", "failed", "verified"),
        }
        assert (said["success"], said["deleted"]) == (False, ["covers/1"])
        assert said["verified"] == ["covers/1"]
        (listed,) = (await client.get(f"{MEDIA}/deleted?search=covers/1")).json()["items"]
        row = (await client.get(f"/api/queue/{listed['queue_id']}")).json()["row"]
        assert row["deletion_reason"] == "soft_deleted"  # not that which looked a second time
        failed = {one["public_id"]: one for one in said["failed"]}
        assert set(failed["none"]) == {
            *("public_id", "error", "cloudinary_success", "database_success"),
            "cloudinary_error",
        }
        assert failed["none"]["database_success"] is False
        assert "posts" in failed["covers/2"]["error"]
        assert ("image", "upload", "covers/1") not in await to_thread(cloud.assets)
        assert ("image", "upload", "covers/2") in await to_thread(cloud.assets)
        await client.post("/api/cloudinary/scheduler", json={"action": "stop"})
        await until(db, "SELECT EXISTS (SELECT FROM mediasweep.gate WHERE name = 'pause')")
        await db.execute("DELETE FROM public.media_assets WHERE resource_type = 'video'")
        forced = (await client.post("/api/cloudinary/cleanup", json={"limit": 1})).json()
        assert (forced["message"], forced["processed"]) == ("1 processed", 1)
        assert forced["items"][0]["public_id"] == "clip"
        await db.execute(LIBRARY_BRAKED)
        await db.execute("DELETE FROM public.media_assets WHERE cloudinary_public_id ~ '_'")
        async with asyncio.timeout(WITHIN_S / 2):  # no sweep passes a brake: none is waited for
            forced = (await client.post("/api/cloudinary/cleanup")).json()
        assert "0 processed, 1 go on: held by brake" in forced["message"]
    assert await db.fetchval(GONE) == ["covers/1", "covers/2"]


async def test_an_asset_is_never_deleted_for_another_of_its_name(database: str, db: Db) -> None:
    """Where a public id is that of several assets, the one that is meant has to be said."""
    await db.execute(TWINS)
    async with visit(database) as client:
        named = {"public_ids": ["twin"]}
        for unclear in (
            await client.request("DELETE", MEDIA, json=named),
            await client.delete(MEDIA, params={"public_ids": "twin", "resource_type": "image"}),
            await client.get(f"{MEDIA}/plan", params=named),
        ):
            assert unclear.status_code == 409
            assert "twin is image/private and image/upload" in unclear.json()["detail"]
        for twice in ({"public_ids": "a"}, {"resource_type": "raw"}):
            told = await client.request("DELETE", MEDIA, json=named, params=twice)
            assert (told.status_code, "not in both" in told.json()["detail"]) == (400, True)
        assert await db.fetchval(GONE) is None
        exact: dict[str, Any] = named | {"resource_type": "raw"}
        (foreseen,) = (await client.get(f"{MEDIA}/plan", params=exact)).json()["items"]
        assert foreseen["resource_type"] == "raw"
        await client.request("DELETE", MEDIA, json=exact)
        exact = {"public_ids": "twin", "resource_type": "image", "delivery_type": "private"}
        await client.delete(MEDIA, params=exact)
        assert [tuple(row) for row in await db.fetch(LEFT)] == [("image", "upload")]
        other = "SELECT id::text FROM public.media_assets WHERE delivery_type = 'upload'"
        ids = [row["id"] for row in await db.fetch(other)]
        told = await client.request("DELETE", MEDIA, json={"ids": ids})
        assert [one["public_id"] for one in told.json()["queued"]] == ["twin"]
        assert await db.fetchval(QUEUED) == ["image/private", "image/upload", "raw/upload"]
