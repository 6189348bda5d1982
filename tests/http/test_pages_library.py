"""The pages of the library, of its deletions, of attached tables, comparison and self-test."""

from __future__ import annotations

import re
from uuid import uuid4

import httpx

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.pool import Connection as Db
from tests.http.visits import READ, TOKENS, bearer, visit

PAGE = {"Accept": "text/html"}
EVIL = "<img src=x onerror=alert(1)>\"'`"
INSERT = """
INSERT INTO public.media_assets (cloudinary_public_id, resource_type, file_size, mime_type, folder,
tags, display_name, original_filename, description, secure_url, url, format, width, height)
SELECT p, t, 2048, 'm', 'covers', '{red}', $1, $1, $1, u, 'u', f, 80, 60
  FROM (VALUES ('covers/1', 'image', 'http://127.0.0.1:9/c/image/upload/v1/covers/1.png', 'png'),
               ('covers/2', 'image', 'https://evil.example/c/image/upload/v1/covers/2.png', 'png'),
               ($1, 'raw', 'javascript:alert(1)', NULL)) v (p, t, u, f)
RETURNING id
"""
UNSYNCED = "UPDATE public.media_assets SET sync_status = 'error' WHERE format = 'png'"
OTHERS = """
CREATE TABLE public.posts (id text PRIMARY KEY, cover text);
SELECT mediasweep.attach('public.posts', '{"public_id": "cover"}');
INSERT INTO public.posts VALUES ('<b>7', 'covers/1');
CREATE TABLE public.pages (id integer PRIMARY KEY, image_url text);
INSERT INTO public.pages VALUES (1, 'https://res.cloudinary.com/c/image/upload/v1/a.png');
"""
PICTURE = 'src="http://127.0.0.1:9/c/image/upload/c_limit,w_320,h_240/v1/covers/1.png"'


async def shown(client: httpx.AsyncClient, path: str, **asked: object) -> str:
    """Return the text of a page, having seen that nothing people wrote is markup on it."""
    told = await client.get(path, headers=PAGE, params=asked or None)  # type: ignore[arg-type]  # texts
    assert told.status_code == 200, (path, told.text)
    for markup in (
        "<img src=x",
        "<b>7",
        'href="javascript:',
        "evil.example/c/image/upload/c_limit",
    ):
        assert markup not in told.text, path
    return told.text


async def test_the_library_shows_what_may_be_loaded_and_finds_what_is_asked_for(
    database: str, db: Db
) -> None:
    """Small pictures from where assets are delivered; filters and pages are in the address."""
    ids = [row["id"] for row in await db.fetch(INSERT, EVIL)]
    async with visit(database) as client:
        text = await shown(client, "/library")
        assert (text.count('class="card"'), text.count('<img src="http')) == (3, 1)
        assert PICTURE in text
        assert "3 of 3 assets" in text
        found = await shown(
            client, "/library", folder="covers/", type="raw", tags="red", sort="name"
        )
        assert found.count('class="card"') == 1
        assert 'value="covers/"' in found
        for asked, says in (
            ({"search": "zzz"}, "Nothing matches"),
            ({"page": "9"}, "no such page"),
            ({"type": "", "sort": "newest"}, "3 of 3 assets"),  # as the form sends it
        ):
            assert says in await shown(client, "/library", **asked)
        assert (await client.get("/library?sort=x", headers=PAGE)).status_code == 400
        assert (text.count(">covers</a>"), text.count('class="status')) == (3, 0)
        await db.execute(UNSYNCED)
        assert (await shown(client, "/library")).count("sync error</span>") == 2
        for id_ in ids:
            one = await shown(client, f"/library/{id_}")
            assert "Nothing else uses it" in one
        assert 'rel="noreferrer noopener"' not in one  # the last has no address that one could open
        assert (await client.get(f"/library/{uuid4()}", headers=PAGE)).status_code == 404
        await db.execute("SELECT mediasweep.detach('public.media_assets')")
        for path in ("/library", "/library/upload"):
            assert "--with-library" in await shown(client, path)


async def test_as_many_as_the_library_lets_select_can_be_looked_at(database: str) -> None:
    """The page of their deletion takes just as many, and their address fits what proxies take."""
    async with visit(database) as client:
        found = re.search(r'data-most="(\d+)"', await shown(client, "/library"))
        assert found
        ids = [str(uuid4()) for _ in range(int(found[1]))]
        await shown(client, "/library/delete", ids=ids)
        more = await client.get("/library/delete", params={"ids": [*ids, str(uuid4())]})
        assert more.status_code == 400
        assert len(str(more.request.url)) < 8000


async def test_a_deletion_names_what_uses_each_asset_and_offers_the_rest(
    database: str, db: Db
) -> None:
    """The button deletes what is free; afterwards the same page says what became of it."""
    await db.execute(OTHERS)
    ids = [str(row["id"]) for row in await db.fetch(INSERT, EVIL)]
    nobody = str(uuid4())
    named = {"ids": [*ids, nobody]}
    async with visit(database) as client:
        assert "tick in the library" in await shown(client, "/library/delete")
        text = await shown(client, "/library/delete", **named)
        assert "Delete 2 of 3 assets?" in text
        assert "in use by public.posts id=&lt;b&gt;7" in text
        assert "no daemon that deletes is at work" in text
        assert f"<code>{nobody}</code>" in text
        assert f"&#34;ids&#34;: [&#34;{ids[1]}&#34;" in text
        body = {"public_ids": ["covers/2", EVIL]}
        await client.request("DELETE", "/api/cloudinary/media", json={"ids": ids[1:]})
        after = await shown(client, "/library/delete", **named)
        assert "2 assets removed, 1 left" in after
        assert after.count('<span class="status processing">waiting</span>') == 2
        gone = await shown(client, "/library/deleted")
        for id_ in ids[1:]:  # each by its row, and no other of its name
            assert f"&#34;ids&#34;: [&#34;{id_}&#34;]" in gone
            assert f'value="{id_}"' in gone
        for text in (gone, after):  # the name that people know, and the public id beside
            assert re.search(r'">&lt;img src=x[^<>]*</a> <small[^>]*>covers/2</small>', text)
        assert "Nothing matches" in await shown(client, "/library/deleted", search="zzz")
        said = (await client.post("/api/cloudinary/media/restore", json=body)).json()
        assert sorted(said["restored"]) == sorted(body["public_ids"])
        assert "Delete 2 of 3 assets?" in await shown(client, "/library/delete", **named)


async def test_who_may_only_look_cannot_choose_anything(database: str, db: Db) -> None:
    """No box to tick, no button, no place to drop files, and why."""
    await db.fetch(INSERT, EVIL)
    asked = {"public_ids": "covers/1"}
    async with visit(database, **TOKENS) as client:
        client.headers.update(bearer(READ))
        for path in ("/library", "/library/upload", "/library/deleted", "/reconcile", "/selftest"):
            text = await shown(client, path)
            assert ("data-call" in text, 'type="checkbox"' in text, "read:" in text) == (
                False,
                False,
                True,
            ), path
        assert "data-call" not in await shown(client, "/library/delete", **asked)


async def test_what_was_deleted_without_a_queue_row_needs_nobody(database: str, db: Db) -> None:
    """It was deleted at Cloudinary, say: nothing was queued, and there is nothing to attend to."""
    ids = [row["id"] for row in await db.fetch(INSERT, EVIL)]
    await db.execute("ALTER TABLE public.media_assets DISABLE TRIGGER USER")
    await db.execute("UPDATE public.media_assets SET deleted_at = now() WHERE id = $1", ids[0])
    async with visit(database) as client:
        for path, asked in (("/library/deleted", {}), ("/library/delete", {"ids": str(ids[0])})):
            text = await shown(client, path, **asked)
            assert text.count('<span class="status">not queued</span>') == 1, path
            assert "its file was deleted at Cloudinary" in text
            assert "needs attention" not in text


async def test_without_a_library_both_lists_say_what_makes_one(database: str, db: Db) -> None:
    """An empty page and no error: what is there and what was deleted."""
    await db.execute("SELECT mediasweep.detach('public.media_assets')")
    async with visit(database) as client:
        for path in ("/library", "/library/deleted"):
            text = await shown(client, path)
            assert "There is no library in this database" in text
            assert "mediasweep migrate --with-library" in text


async def test_tables_say_what_is_missing_and_what_should_be_attached(
    database: str, db: Db
) -> None:
    """Each attached table with its shape and index; others by their command, once asked for."""
    await db.execute(OTHERS)
    async with visit(database) as client:
        text = await shown(client, "/tables")
        assert "CREATE INDEX CONCURRENTLY ON public.posts (cover);" in text
        assert "mediasweep attach public.pages" not in text
        assert "mediasweep attach public.pages" in await shown(client, "/tables", suggest="true")
        await db.execute("ALTER TABLE public.posts RENAME TO postings; DROP TABLE public.postings")
        assert "whose table is gone" in await shown(client, "/tables")
        await db.execute(
            "SELECT mediasweep.detach_number(source) FROM (SELECT id AS source FROM"
            " mediasweep.attached) a"
        )
        assert "No table is attached" in await shown(client, "/tables")


async def test_a_comparison_and_a_self_test_tell_what_came_of_them(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Orphans and ghosts are counted, named and offered to be seen to; checks say what failed."""
    cloud.plant("legacy/", 3, age_s=90_000)
    await db.fetch(INSERT, "x")
    async with visit(database, cloud) as client:
        assert "No comparison yet" in await shown(client, "/reconcile")
        body = {"orphans": "report", "ghosts": "report"}
        told = (await client.post("/api/cloudinary/sync", json=body)).json()
        assert told["message"] == "3 orphans, 3 ghosts, 0 mismatches"
        assert (await Fleet(db).standing())["drift"] == 6
        text = await shown(client, "/reconcile")
        assert text.count("legacy/") == 3
        for button in ("Adopt…", "Delete…", "Mark 3 ghosts…"):
            assert button in text
        assert "public.media_assets id=" in await shown(client, "/reconcile", kind="ghost")
        await client.post("/api/cloudinary/sync", json=body | {"ghosts": "mark"})
        assert (await Fleet(db).standing())["drift"] == 3  # that are left
        await client.post("/api/cloudinary/sync", json=body)
        text = await shown(client, "/reconcile", kind="ghost")  # are as marked as before
        assert ("Mark ghosts" in text, text.count('<span class="status">marked')) == (False, 3)
        assert "No self-test has run" in await shown(client, "/selftest")
        await client.post("/api/test-bidirectional-sync")
        text = await shown(client, "/selftest")
        assert "no daemon is at work" in text
        assert "<code>mediasweep run</code>" in text
