"""What Cloudinary told of an asset counts in a claim: the name that it has now, and its road."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.inbox.library import receive
from tests.schema.queue import ARTICLES, claim, events

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
DETACH = "SELECT mediasweep.detach('public.articles')"


async def tell(db: Db, said: dict[str, Any]) -> None:
    """Have a notification come in, and not be applied yet."""
    await receive(db, json.dumps(said).encode())


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
