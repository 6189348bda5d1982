"""Hearing notifications in the test's own database, and the library that comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from mediasweep.postgres.inbox import Inbox, Received
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.notification import Notification

LIBRARY = """
SELECT m.cloudinary_asset_id AS asset_id, m.cloudinary_public_id AS public_id, m.resource_type,
       m.delivery_type, m.cloudinary_version AS version, m.folder, m.display_name, m.tags,
       m.alt_text, m.description, m.url
  FROM public.media_assets m WHERE m.deleted_at IS NULL ORDER BY 1
"""
UPLOADED: dict[str, Any] = {
    "notification_type": "upload",
    "asset_id": "b" * 32,
    "resource_type": "image",
    "type": "upload",
    "public_id": "a",
}
QUEUED = """
SELECT (SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue)
       + (SELECT count(*) FROM mediasweep.fallback)
"""


async def receive(db: Db, body: bytes) -> Received:
    """Receive a notification that nothing has to wait for."""
    one = Received(hashlib.sha256(body).digest(), datetime.now(UTC), body)
    await Inbox(db).receive(one, Notification.read(body).type, timedelta(0))
    return one


async def tell(db: Db, said: dict[str, Any]) -> None:
    """Receive what a notification says, and do not apply it yet."""
    await receive(db, json.dumps(said).encode())


async def hear(db: Db, body: bytes) -> str | None:
    """Receive a notification and apply it at once; returns the outcome."""
    one = await receive(db, body)
    return await Inbox(db).apply(one.digest, Notification.read(body).changes(one.signed_at))


async def hear_all(db: Db, bodies: Iterable[bytes]) -> list[dict[str, Any]]:
    """Hear these in this order, and return the library."""
    for body in bodies:
        await hear(db, body)
    return await library(db)


async def library(db: Db) -> list[dict[str, Any]]:
    """Return what the library shows."""
    return [dict(row) for row in await db.fetch(LIBRARY)]
