"""Megabytes where an id or a URL was to stand: they are no asset, and nobody reads them for one."""

from __future__ import annotations

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import claim, enqueue, queued
from tests.urls import IN_TEXT

PICTURES = """
CREATE TABLE public.pictures (id int PRIMARY KEY, pid text);
SELECT mediasweep.attach('public.pictures', '{"public_id": "pid" MORE}');
"""
NOTES = """
CREATE TABLE public.notes (id int PRIMARY KEY, body text);
SELECT mediasweep.attach('public.notes',
  '{"public_id": {"column": "body", "url": true}, "cloud": "demo"}');
"""
FILE = "'data:image/png;base64,' || repeat('iVBOR/', {})"
# whoever takes more than a URL may have for one fails
ONE_URL_MOST = """
ALTER FUNCTION mediasweep.url_parts RENAME TO short_url_parts;
CREATE FUNCTION mediasweep.url_parts(
  url text, hosts text[], OUT cloud text, OUT parts text[]) LANGUAGE plpgsql AS $$
BEGIN
  IF length(url) > 4000 THEN RAISE 'read whole'; END IF;
  SELECT s.cloud, s.parts INTO cloud, parts FROM mediasweep.short_url_parts(url, hosts) s;
END $$
"""
SAID = "SELECT ref ->> 'texts', length(ref ->> 'example') FROM mediasweep.fallback"


@pytest.mark.parametrize("value", [FILE.format(3), FILE.format(800_000), "repeat('x', 1001)"])
async def test_a_file_in_a_column_of_ids_is_no_asset(db: Db, value: str) -> None:
    """It is not queued when it goes, however short, and the note of it has its beginning only."""
    await db.execute(PICTURES.replace("MORE", ""))
    await db.execute(f"INSERT INTO pictures VALUES (1, {value}), (2, 'a'), (3, repeat('é', 255))")
    await db.execute("DELETE FROM pictures")
    assert [id_ for id_, _ in await queued(db)] == ["a", "é" * 255]
    ((texts, length),) = await db.fetch(SAID)
    assert (texts, length <= 500) == ("1", True)


async def test_a_statement_with_files_compares_none_of_them(db: Db) -> None:
    """To begin to use an asset beside a file is looked up, and the file is not."""
    await db.execute(PICTURES.replace("MORE", ', "references": "refuse"'))
    await db.execute("ALTER FUNCTION mediasweep.begin_use RENAME TO begun")
    await db.execute(BEGIN_USE)
    await db.execute(f"INSERT INTO pictures VALUES (1, {FILE.format(900)}), (2, 'a')")
    await db.execute("UPDATE pictures SET pid = pid || 'x'")
    assert await queued(db) == [("a", "reference_removed")]


BEGIN_USE = """
CREATE FUNCTION mediasweep.begin_use(begun mediasweep.ref[], relation regclass, waits boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT max(length(b.public_id)) FROM unnest(begun) b) > 1000 THEN RAISE 'compared'; END IF;
END $$
"""


async def test_a_long_text_is_read_for_what_stands_in_it(db: Db) -> None:
    """Megabytes are not taken apart as one URL; what they name is kept, and none is queued."""
    await db.execute(NOTES)
    await db.execute(ONE_URL_MOST)
    picture = f'<img src="{IN_TEXT}/x/1.jpg">'
    await db.execute(f"INSERT INTO notes VALUES (1, {FILE.format(900)} || $1)", picture)
    await db.execute(
        f"INSERT INTO notes VALUES (2, '<img src=' || {FILE.format(900)} || $1)", picture
    )
    await enqueue(db, "x/1", "x/2")
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped, claimed.guard_error) == (["x/2"], 1, None)
    await db.execute("DELETE FROM notes")
    assert await db.fetchval("SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue") == 2


async def test_a_file_in_a_column_of_urls_names_nothing(db: Db) -> None:
    """A file whose letters spell an address is none; one that is written out may name one."""
    await db.execute(NOTES)
    await db.execute(
        "INSERT INTO notes VALUES (1, 'data:image/png;base64,' || $1)",
        f"{IN_TEXT}/a.jpg".removeprefix("https:"),
    )
    await db.execute(
        "INSERT INTO notes VALUES (2, 'data:image/svg+xml;utf8,' || $1)", f"{IN_TEXT}/b.jpg"
    )
    await enqueue(db, "a", "b", resource_type=None)
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped) == (["a"], 1)
