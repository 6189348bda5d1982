"""One database and one cloud, and what a test has put there."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from dataclasses import dataclass, field

import cloudinary.uploader

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, until

ROWS = 22  # deleted before each daemon: more than two batches
USED = 2  # of them are used by another row
NAMED = "UPDATE media_assets SET cloudinary_asset_id = $2 WHERE cloudinary_public_id = $1"
DUE_NOW = """
UPDATE mediasweep.cloudinary_cleanup_queue SET due_at = clock_timestamp()
 WHERE processed_at IS NULL AND lease_until IS NULL
"""
DUE_AGAIN = f"""
WITH again AS ({DUE_NOW}
  AND error_message LIKE 'the guard could not answer%' AND due_at > now() RETURNING true)
SELECT pg_notify('mediasweep', '') FROM again LIMIT 1
"""


@dataclass(slots=True)
class Scene:
    """One database and one cloud, and what the test has put there."""

    db: Db
    cloud: Cloud
    beside: Db  # for what goes on at the same time
    gone: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    by_asset_id: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    rows: int = 0
    furnished: int = 0

    async def delete_some(self, db: Db | None = None) -> None:
        """Delete rows, of whose assets some are used elsewhere, and one has an asset id: all that
        belongs to it, or nothing.
        """
        deleting = asyncio.create_task(self._delete_some(db or self.db))
        try:
            await asyncio.shield(deleting)
        except asyncio.CancelledError:
            await deleting  # else the next one would delete what nobody has counted
            raise

    async def _delete_some(self, db: Db) -> None:
        self.furnished += 1
        prefix = f"n{self.furnished}_"
        ids = [f"{prefix}{n}" for n in range(ROWS)]
        await to_thread(self.cloud.fill, prefix, ROWS)
        upload = {**self.cloud.options(), "public_id": ids[0]}
        told = await to_thread(cloudinary.uploader.upload, b"bytes", **upload)
        await db.execute(INSERT_ASSETS, prefix, ROWS)
        await db.execute(NAMED, ids[0], told["asset_id"])
        await db.execute(
            "INSERT INTO public.articles (cover) SELECT unnest($1::text[])", ids[-USED:]
        )
        await db.execute("DELETE FROM media_assets")
        self.by_asset_id[told["asset_id"]] = ids[0]
        self.gone |= set(ids[:-USED])
        self.kept |= set(ids[-USED:])
        self.rows += ROWS

    async def wait(self, sql: str) -> None:
        """Return when a query answers true."""
        await until(self.db, sql)

    async def time_passes(self) -> None:
        """Let what the guard's failure put off be due, and a moment pass.

        A daemon that ends while the guard is asked cuts it off, and that is a failure, too.
        """
        await self.db.execute(DUE_AGAIN)
        await self.db.execute("SELECT pg_sleep(0.1)")
