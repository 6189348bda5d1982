"""Delivery URLs in SQL: one certain reading for capture, every possible one for the guard."""

from __future__ import annotations

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import claim, enqueue, queued
from tests.urls import SHARED, TEXTS, URLS, V

CERTAIN = "SELECT public_id, resource_type, delivery_type, version FROM mediasweep.from_url($1, $2)"
POSSIBLE = "SELECT public_id, resource_type, delivery_type FROM mediasweep.readings($1, ARRAY[$2])"
USES = """
SELECT q.cloudinary_public_id
  FROM mediasweep.uses(ARRAY(SELECT q FROM mediasweep.cloudinary_cleanup_queue q)) u
  JOIN mediasweep.cloudinary_cleanup_queue q USING (id)
"""
INSIDE = "SELECT public_id FROM mediasweep.wanted_readings($1, ARRAY[$2], $3)"
READ = "SELECT sum(calls) FROM pg_stat_xact_user_functions WHERE funcname = 'delivered'"
LINKS = """
CREATE TABLE public.links (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, url text);
SELECT mediasweep.attach('public.links',
  '{"public_id": {"column": "url", "url": true}, "cloud": "%s"}')
"""


async def test_every_url_is_read_as_the_table_says(db: Db) -> None:
    """A URL means certainly what the table says, or nothing, and may mean no more than it says."""
    for url in URLS:
        found = [tuple(row) for row in await db.fetch(CERTAIN, url.text, url.host)]
        expected = (url.certain, url.resource_type, url.delivery_type, url.version)
        assert found == ([expected] if url.certain is not None else []), url.text
        possible = await db.fetch(POSSIBLE, url.text, url.host)
        assert {row["public_id"] for row in possible} == url.may_be, url.text
        types = {
            (url.resource_type, url.delivery_type),
            (None, None),
        }  # of a layer they are unknown
        assert {tuple(row)[1:] for row in possible} <= types


async def test_a_token_of_an_id_is_in_every_url_of_it(db: Db) -> None:
    """What the guard looks up by an index is found in each URL that may mean the asset."""
    named = [(url.text, public_id) for url in URLS for public_id in url.may_be]
    for text, public_id in [*named, *TEXTS]:
        tokens = await db.fetchval("SELECT mediasweep.tokens(ARRAY[$1])", public_id)
        found = tokens is None or await db.fetchval(await _overlap(db), text, tokens)
        assert found, (text, public_id)


async def _overlap(db: Db) -> str:
    expression = await db.fetchval("SELECT mediasweep.tokens_expression('$1::text')")
    return f"SELECT {expression} && $2::text[]"


async def test_an_encoding_that_nobody_needs_does_not_hide_an_asset(db: Db) -> None:
    """Letters that are percent-encoded for no reason are found by the index all the same."""
    for text in (f"{SHARED}/image/upload/{V}/%61bc", f"{SHARED}/image/upload/{V}/a%2Dbc"):
        tokens = await db.fetchval("SELECT mediasweep.tokens('{abc}')")
        assert await db.fetchval(await _overlap(db), text, tokens)


async def test_capture_queues_only_what_is_certain(db: Db) -> None:
    """Of the URLs in one table, each certain one queues its asset, and the others none."""
    await db.execute(LINKS % "demo")
    ours = [url for url in URLS if url.host is None]
    await db.executemany("INSERT INTO links (url) VALUES ($1)", [(url.text,) for url in ours])
    await db.execute("DELETE FROM links")
    sure = {(u.certain, u.resource_type, u.delivery_type) for u in ours if u.certain is not None}
    assert sorted(id_ for id_, _, _ in sure) == [id_ for id_, _ in await queued(db)]


async def test_what_could_not_be_told_is_counted(db: Db) -> None:
    """A statement that let go of URLs with several meanings leaves one note, not refilled."""
    await db.execute(LINKS % "demo")
    await db.execute(
        "INSERT INTO links (url) SELECT $1 || n FROM generate_series(1, 3) n",
        f"{SHARED}/image/upload/t_shirts/a",
    )
    await db.execute("INSERT INTO links (url) VALUES ('https://images.example/a.jpg')")
    await db.execute("DELETE FROM links")
    notes = await db.fetch(
        "SELECT ref ->> 'texts', ref ->> 'example', refused FROM mediasweep.fallback"
    )
    assert [(n[0], n[1], n[2] is not None) for n in notes] == [
        ("3", f"{SHARED}/image/upload/t_shirts/a1", True)
    ]
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 0


async def test_the_guard_keeps_whatever_may_be_meant(db: Db) -> None:
    """Every asset that a URL may mean is kept while the row is there, and no other."""
    await db.execute(LINKS % "demo")
    for url in [url for url in URLS if url.host is None]:
        await db.execute("DELETE FROM links; DELETE FROM mediasweep.cloudinary_cleanup_queue")
        await db.execute("INSERT INTO links (url) VALUES ($1)", url.text)
        ids = sorted(url.may_be | {"other", "a", "f"})
        await enqueue(db, *ids, resource_type=url.resource_type, delivery_type=url.delivery_type)
        used = await db.fetch(USES)
        assert {row["cloudinary_public_id"] for row in used} == url.may_be, url.text


async def test_urls_in_a_text_keep_their_assets_and_let_none_go(db: Db) -> None:
    """What stands in HTML or in a list is in use; when it goes, that is noted, and no more."""
    await db.execute(LINKS % "demo")
    for text, public_id in TEXTS:
        await db.execute("DELETE FROM mediasweep.fallback")
        await db.execute("INSERT INTO links (url) VALUES ($1)", text)
        await enqueue(db, public_id, resource_type=None)
        assert [row[0] for row in await db.fetch(USES)] == [public_id], text
        await db.execute("DELETE FROM mediasweep.cloudinary_cleanup_queue; DELETE FROM links")
        assert await queued(db) == [], text
        assert await db.fetchval("SELECT ref ->> 'example' FROM mediasweep.fallback") == text


async def test_the_url_of_another_cloud_is_no_reference(db: Db) -> None:
    """Neither does it queue anything, nor keep an asset, nor is it counted."""
    await db.execute(LINKS % "mine")
    await db.execute("INSERT INTO links (url) VALUES ($1)", f"{SHARED}/image/upload/{V}/a.jpg")
    await enqueue(db, "a")
    assert (await claim(db)).assets == ["a"]
    await db.execute("DELETE FROM links")
    assert len(await queued(db)) == 1
    assert await db.fetchval("SELECT count(*) FROM mediasweep.fallback") == 0


async def test_a_change_of_spelling_lets_nothing_go(db: Db) -> None:
    """A URL that comes to mean the same asset in other words keeps it."""
    await db.execute(LINKS % "demo")
    await db.execute("INSERT INTO links (url) VALUES ($1)", f"{SHARED}/image/upload/{V}/f/a.jpg")
    await db.execute("UPDATE links SET url = $1", f"{SHARED}/image/upload/w_300/{V}/f/a.png")
    assert await queued(db) == []
    await db.execute("UPDATE links SET url = NULL")
    assert await queued(db) == [("f/a", "reference_removed")]


async def test_an_id_without_a_plain_letter_is_found(db: Db) -> None:
    """An id of which no part looks the same in every URL is still seen by the guard."""
    await db.execute(LINKS % "demo")
    await db.execute("INSERT INTO links (url) VALUES ($1)", f"{SHARED}/image/upload/{V}/%D1%84.jpg")
    await enqueue(db, "ф", "x")
    assert (await claim(db)).assets == ["x"]


async def test_of_a_text_only_urls_that_can_mean_a_wanted_asset_are_read(db: Db) -> None:
    """Each asset that any URL may mean is found in a text when it is wanted, and none is not."""
    for url in URLS:
        text = f'<p>one {SHARED}/image/upload/{V}/other.jpg, <img src="{url.text}">'
        may_be = {row[0] for row in await db.fetch(INSIDE, text, url.host, None)} - {"other"}
        for id_ in may_be:
            found = {row[0] for row in await db.fetch(INSIDE, text, url.host, [id_, "x/y-z"])}
            assert id_ in found, (id_, url.text)
        if "public_id" not in text:  # which is asked for by name, and no URL of an asset
            assert not await db.fetch(INSIDE, text, url.host, [])
    many = "\n".join(f"{SHARED}/image/upload/{V}/pics/{n}-x.jpg" for n in range(2000))
    assert 0 < len(await db.fetch(INSIDE, many, None, ["pics/1700-x", "logo/2-y"])) < 20


async def test_of_a_text_with_thousands_of_urls_few_are_read(db: Db) -> None:
    """The guard reads those that are asked about, and the user's own statements one."""
    await db.execute(LINKS % "demo")
    one = f'<img src="{SHARED}/image/upload/l_logo{{0}},w_{{0}}/{V}/pics/{{0}}.jpg"> and words'
    text = "\n".join(one.format(n) for n in range(1000, 3000))
    await db.execute("INSERT INTO links (url) VALUES ($1)", text)
    await enqueue(db, "pics/1077", "logo2078", "pics/4000", resource_type=None)
    for asked, expected in (
        (USES, {"pics/1077", "logo2078"}),
        ("UPDATE links SET url = url || ' ' RETURNING ''", {""}),
        ("DELETE FROM links RETURNING ''", {""}),
    ):
        async with db.transaction():
            await db.execute("SET LOCAL track_functions = 'all'")
            assert {row[0] for row in await db.fetch(asked)} == expected
            assert 0 < await db.fetchval(READ) < 20, asked
    assert len(await queued(db)) == 3
    assert await db.fetchval("SELECT count(*) FROM mediasweep.fallback") == 2
