"""What a deletion from the library comes to, told before it is made; and taking it back."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from typing import Any

import httpx

from mediasweep.emulator.client import Cloud
from mediasweep.http.media import WITHIN_S
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import LIBRARY_BRAKED, environment, running, until
from tests.http.visits import visit

MEDIA = "/api/cloudinary/media"
INSERT = """
INSERT INTO public.media_assets (cloudinary_public_id, cloudinary_asset_id, file_size, mime_type,
secure_url, url) SELECT p, a, 100, 'm', 'u', 'u'
FROM (VALUES ('covers/0', NULL), ('covers/1', 'twin'), ('covers/2', 'twin'), ('logos/0', NULL),
             ('covers/3', NULL)) v (p, a)
"""
OTHERS = """
CREATE TABLE public.posts (id integer PRIMARY KEY, cover text);
CREATE TABLE public.pages (id integer PRIMARY KEY, pictures text[]);
SELECT mediasweep.attach('public.posts', '{"public_id": "cover"}');
SELECT mediasweep.attach('public.pages', '{"public_id": "pictures"}');
INSERT INTO public.posts VALUES (1, 'covers/3');
INSERT INTO public.pages VALUES (5, '{covers/3,covers/9}');
SELECT mediasweep.protect('logos/');
"""


async def planned(client: httpx.AsyncClient, *ids: str) -> dict[str, Any]:
    """Return the plan for these public ids, its items as pairs under their public id."""
    answer = await client.get(f"{MEDIA}/plan", params={"public_ids": ids})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    said["items"] = {one["public_id"]: (one["becomes"], one["why"]) for one in said["items"]}
    return said


async def test_a_plan_says_what_keeps_each_asset(database: str, db: Db) -> None:
    """Users of every table, a prefix, a twin in the library, a gate, and a guard without answer."""
    await db.execute(INSERT)
    await db.execute(OTHERS)
    async with visit(database) as client:
        idle = "no daemon that deletes is at work"
        said = await planned(client, "covers/0", "covers/1", "covers/3", "logos/0", "none")
        assert said["items"]["covers/0"] == ("waiting", [idle])
        becomes, why = said["items"]["covers/1"]
        assert (becomes, why[0].partition("=")[0]) == ("kept", "in use by public.media_assets id")
        assert said["items"]["covers/3"] == (
            "kept",
            ["in use by public.pages id=5", "in use by public.posts id=1"],
        )
        assert said["items"]["logos/0"] == ("kept", ["protected by the prefix logos/"])
        assert (said["unknown"], said["holds"], said["guard"]) == (["none"], [idle], None)
        both = await planned(client, "covers/2", "covers/1")
        assert {becomes for becomes, _ in both["items"].values()} == {"waiting"}
        await client.post("/api/cloudinary/scheduler", json={"action": "stop"})
        held = (await planned(client, "covers/0"))["holds"]
        assert held == ["the gate pause is closed: the scheduler was stopped", idle]
        await client.post("/api/cloudinary/scheduler", json={"action": "start"})
        said = await planned(client, "covers/0")
        assert said["brake"] == "you name each of these, so the brake will not hold them"
        await db.execute(LIBRARY_BRAKED)
        said = await planned(client, "covers/0")
        assert said["items"]["covers/0"] == ("waiting", ["the gate brake is closed: a flood", idle])
        assert said["brake"].startswith("the brake of media_assets is closed")
        await db.execute("ALTER TABLE public.posts RENAME TO postings")
        said = await planned(client, "covers/0")
        assert said["items"]["covers/0"][0] == "unclear"
        assert "posts" in said["guard"]
        assert await db.fetchval("SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue") == 0
        async with asyncio.timeout(WITHIN_S / 2):  # nothing is waited for that the brake holds
            told = (await client.delete(MEDIA, params={"public_ids": "covers/0"})).json()
        assert [one["public_id"] for one in told["queued"]] == ["covers/0"]


async def test_what_was_deleted_is_listed_and_comes_back(
    database: str, db: Db, cloud: Cloud
) -> None:
    """From the backup if it is gone, and else its row alone; what cannot come back says why."""
    await to_thread(cloud.fill, "covers/", 4, backup=True)
    await db.execute(INSERT)
    await db.execute("UPDATE public.media_assets SET cloudinary_asset_id = NULL")
    await db.execute(OTHERS)
    async with (
        running(environment(database, cloud.url)) as daemon,
        httpx.AsyncClient(base_url=daemon.address, timeout=30) as client,
    ):
        ids = [f"covers/{n}" for n in range(4)]
        await client.request("DELETE", MEDIA, json={"public_ids": ["covers/0", "covers/3"]})
        fates = (await planned(client, "covers/0", "covers/3"))["items"]
        assert fates["covers/0"] == ("deleted", [])
        assert fates["covers/3"][0] == "kept"
        await client.post("/api/cloudinary/scheduler", json={"action": "stop"})
        await until(db, "SELECT EXISTS (SELECT FROM mediasweep.gate WHERE name = 'pause')")
        await db.execute(
            "UPDATE public.media_assets SET deleted_at = now() WHERE cloudinary_public_id = $1",
            "covers/1",
        )
        first = (await client.get(f"{MEDIA}/deleted", params={"limit": 1})).json()
        rest = (await client.get(f"{MEDIA}/deleted", params={"after": first["next"]})).json()
        items = {one["public_id"]: one for one in first["items"] + rest["items"]}
        assert {name: one["status"] for name, one in items.items()} == {
            "covers/0": "completed",
            "covers/1": "pending",
            "covers/3": "skipped",
        }
        assert set(items["covers/0"]) == {
            *("id", "public_id", "resource_type", "delivery_type", "bytes", "deleted_at", "taken"),
            *("queue_id", "status", "said"),
        }
        await db.execute(
            "INSERT INTO public.media_assets (cloudinary_public_id, file_size, mime_type,"
            " secure_url, url, deleted_at) VALUES ('elsewhere', 1, 'm', 'u', 'u', now())"
        )
        body = {"public_ids": [*ids, "none", "elsewhere"]}
        said = (await client.post(f"{MEDIA}/restore", json=body)).json()
        assert sorted(said["restored"]) == ["covers/0", "covers/1", "covers/3"]
        assert {one["public_id"] for one in said["failed"]} == {*("covers/2", "none", "elsewhere")}
        assert ("image", "upload", "covers/0") in await to_thread(cloud.assets)
        left = "SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE processed_at IS NULL"
        assert await db.fetchval(left) == 0
    live = "SELECT count(*) FROM public.media_assets WHERE deleted_at IS NULL"
    assert await db.fetchval(live) == 5
