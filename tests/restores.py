"""Wrong deletions to take back, and the command that does."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Sequence
from typing import Any

import cloudinary.uploader

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import Done, mediasweep

COMPLETED = """
WITH q AS (
  INSERT INTO mediasweep.cloudinary_cleanup_queue
    (cloudinary_public_id, resource_type, delivery_type, asset_id, status, processed_at)
  SELECT n.name, $2, 'upload', a.id, 'completed', clock_timestamp()
    FROM unnest($1::text[]) WITH ORDINALITY n (name, i)
    LEFT JOIN unnest($3::text[]) WITH ORDINALITY a (id, i) USING (i)
  RETURNING *)
INSERT INTO mediasweep.journal
  (event, outcome, status, queue_id, public_id, resource_type, delivery_type, asset_id, format,
   bytes, source_id, actor, app)
SELECT 'completed', 'deleted', 'completed', q.id, q.cloudinary_public_id, q.resource_type,
       q.delivery_type, q.asset_id, 'jpg', 5, 0, q.actor, q.app
  FROM q ORDER BY q.cloudinary_public_id
RETURNING queue_id
"""
EVENTS = """
SELECT j.event, count(*) AS n FROM mediasweep.journal j WHERE j.event LIKE 'restore%' GROUP BY 1
"""


async def restore(env: dict[str, str], *args: str) -> Done:
    """Run `mediasweep restore` to its end, without a terminal."""
    return await mediasweep(env, "restore", *args)


async def destroyed(db: Db, cloud: Cloud, prefix: str, count: int, *, backup: bool = True) -> None:
    """Have so many images filled in, destroyed, and journalled as completed."""
    names = [f"{prefix}{n}" for n in range(count)]
    await to_thread(cloud.fill, prefix, count, backup=backup)
    await to_thread(destroy, cloud, names)
    await journalled(db, names)


async def journalled(
    db: Db,
    names: Sequence[str],
    *,
    resource_type: str | None = "image",
    asset_ids: Sequence[str] = (),
) -> list[str]:
    """Journal completed deletions; returns the ids of their queue rows."""
    rows = await db.fetch(COMPLETED, names, resource_type, asset_ids)
    return [str(row["queue_id"]) for row in rows]


def destroy(cloud: Cloud, names: Sequence[str]) -> None:
    """Destroy images, each of which has to be there."""
    for name in names:
        assert cloudinary.uploader.destroy(name, **cloud.options())["result"] == "ok"


def upload(cloud: Cloud, name: str, **options: object) -> str:
    """Upload an image with a backup and return its asset id."""
    given: dict[str, Any] = {**cloud.options(), "public_id": name, "backup": True, **options}
    return str(cloudinary.uploader.upload(b"bytes", **given)["asset_id"])


async def events(db: Db) -> dict[str, int]:
    """Return how many restores the journal holds, by how they ended."""
    return {row["event"]: row["n"] for row in await db.fetch(EVENTS)}


async def names(cloud: Cloud) -> set[str]:
    """Return the public ids that are there."""
    return {name for _, _, name in await to_thread(cloud.assets)}
