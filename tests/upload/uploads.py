"""What the tests of uploads share: an account of the emulator, and what is in the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mediasweep.cloudinary import Account, Credentials
from mediasweep.emulator.client import Cloud
from mediasweep.operations.upload import Uploaded, of_bytes, upload
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.upload import UploadOptions

QUEUE = """
SELECT q.cloudinary_public_id AS public_id, q.status, q.due_at - clock_timestamp() AS due_in,
       q.asset_id, q.id
  FROM mediasweep.cloudinary_cleanup_queue q ORDER BY q.queued_at, q.id
"""


def opened(cloud: Cloud) -> Account:
    """Return an account of the emulator."""
    given = (cloud.name, cloud.key, cloud.secret, cloud.api)
    return Account(Credentials(*given), threads=1, timeout=timedelta(seconds=10))


async def send(db: Db, account: Account, data: bytes, wanted: UploadOptions) -> Uploaded:
    """Upload these bytes."""
    return await upload(db, account, of_bytes(data), wanted, who="somebody")


async def queued(db: Db) -> list[dict[str, Any]]:
    """Return the rows of the queue."""
    return [dict(row) for row in await db.fetch(QUEUE)]
