"""Deleting from the library: what was named is what goes."""

from __future__ import annotations

import pytest

from mediasweep.operations import media
from mediasweep.postgres.media import Media
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.selection import Selection
from tests.daemons import INSERT_ASSETS

RENAME = "UPDATE public.media_assets SET cloudinary_public_id = 'new' WHERE id = $1"
QUEUED = "SELECT array_agg(cloudinary_public_id) FROM mediasweep.cloudinary_cleanup_queue"


async def test_a_row_that_names_another_asset_by_then_stays(
    db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row is renamed between the look at what is meant and the deletion: its new asset lives."""
    await db.execute(INSERT_ASSETS, "old", 1)
    look = Media.named

    async def then_renamed(self: Media, chosen: Selection) -> list[dict[str, object]]:
        rows = await look(self, chosen)
        await db.execute(RENAME, rows[0]["id"])
        return rows

    monkeypatch.setattr(Media, "named", then_renamed)
    for name, gone in (("old0", []), ("new", ["new"])):
        chosen = Selection(ids=[], public_ids=[name])
        told = await media.delete(db, chosen, who="a test", verify=False, within_s=0)
        assert [one.public_id for one in told] == gone
        # the rename lets go of the old name, as it always does
        assert sorted(await db.fetchval(QUEUED)) == sorted(["old0", *gone])
