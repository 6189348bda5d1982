"""The claim: who gets which row, and what becomes of rows whose asset is in use."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg

from tests.conftest import Connect

Db = asyncpg.Connection[asyncpg.Record] if False else Any

CLAIM = "SELECT * FROM mediasweep.claim($1, $2, $3::interval, '0', 3, false, NULL)"


async def enqueue(db: Db, *public_ids: str) -> None:
    await db.executemany(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue"
        " (cloudinary_public_id, resource_type, delivery_type) VALUES ($1, 'image', 'upload')",
        [(public_id,) for public_id in public_ids],
    )


async def test_each_row_goes_to_one_claimer(connect: Connect) -> None:
    """Three claimers that race for two thousand rows get each row exactly once."""
    first, *others = [await connect() for _ in range(3)]
    await first.execute(
        "INSERT INTO mediasweep.cloudinary_cleanup_queue (cloudinary_public_id)"
        " SELECT 'a' || n FROM generate_series(1, 2000) n"
    )

    async def drain(db: Db) -> list[str]:
        got: list[str] = []
        while True:
            row = await db.fetchrow(CLAIM, uuid.uuid4(), 50, _minute())
            got += [job["public_id"] for job in row["jobs"]]
            if not row["jobs"]:
                return got

    claimed = await asyncio.gather(*(drain(db) for db in (first, *others)))
    assert sorted(f"a{n}" for n in range(1, 2001)) == sorted(sum(claimed, []))


def _minute() -> Any:
    from datetime import timedelta

    return timedelta(minutes=1)
