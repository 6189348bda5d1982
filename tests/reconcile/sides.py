"""Two sides to compare: an account, and rows of three shapes that use what is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from mediasweep.cloudinary import Account, Credentials
from mediasweep.emulator.client import Cloud
from mediasweep.loops.reconcile import Reconciler, RunRequest
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.reconcile import Reconciliations, Run

DAY_S = 86400
HOUR = timedelta(hours=1)
ASKED = RunRequest("a test", 24 * HOUR)
SHAPES = """
CREATE TABLE posts (id integer PRIMARY KEY, gallery text[]);
CREATE TABLE pages (id integer PRIMARY KEY, data jsonb);
SELECT mediasweep.attach('posts', '{"public_id": "gallery", "resource_type": {"value": "image"}}');
SELECT mediasweep.attach('pages', '{"public_id": {"column": "data", "path": "$.images[*]",
  "key": "id"}, "resource_type": {"key": "type"}, "delivery_type": {"value": "upload"}}');
"""
IN_LIBRARY = """
INSERT INTO public.media_assets (cloudinary_public_id, resource_type, cloudinary_version, file_size,
  mime_type, secure_url, url)
SELECT n.name, $2, 9e9, 7, 'image/png', 'u', 'u' FROM unnest($1::text[]) n (name)
"""
FOUND = """
SELECT f.kind, f.public_id, f.resource_type FROM mediasweep.reconcile_finding f
 WHERE f.run_id = $1 ORDER BY 1, 2, 3
"""
# as if everything of mediasweep had happened so long ago
AGO = """
UPDATE mediasweep.reconcile_run r
   SET started_at = r.started_at - $1::interval, finished_at = r.finished_at - $1::interval,
       heard_at = r.heard_at - $1::interval
"""


@asynccontextmanager
async def reconciler(
    db: Db, cloud: Cloud, share: float = 1, say: Callable[[Any], None] = lambda _: None
) -> AsyncIterator[Reconciler]:
    """Yield one that works by this connection, and let go of its threads."""
    credentials = Credentials(cloud.name, cloud.key, cloud.secret, cloud.api)
    account = Account(credentials, threads=1, timeout=timedelta(seconds=5))
    runs = Reconciliations(db, uuid4())
    try:
        yield Reconciler(runs, account, share, asyncio.Event(), say)
    finally:
        account.close()


async def compare(db: Db, cloud: Cloud, asked: RunRequest = ASKED) -> Run:
    """Compare once, and return the run."""
    async with reconciler(db, cloud) as one:
        return await one.run(asked)


async def found(db: Db, run: Run) -> list[tuple[str, str, str | None]]:
    """Return what a run has found."""
    return [tuple(row) for row in await db.fetch(FOUND, run.id)]


async def in_library(db: Db, *names: str, resource_type: str = "image") -> None:
    """Let the library name these."""
    await db.execute(IN_LIBRARY, names, resource_type)
