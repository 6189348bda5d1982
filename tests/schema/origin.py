"""The earlier system in a database of the test's own, with a row in every state of its queue."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from mediasweep.postgres.takeover import take_over

SQL = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
ROLES = ("anon", "authenticated", "service_role")
MAKE_ROLE = """
DO $$ BEGIN CREATE ROLE {}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
"""
# name, status, attempts of three, and how many days ago
STATES = [
    ("new", "pending", 0, 3),
    ("tried", "pending", 1, 4),
    ("spent", "pending", 3, 5),
    ("sent", "processing", 3, 6),
    ("again", "failed", 1, 7),
    ("over", "failed", 3, 8),
    ("done", "completed", 1, 9),
    ("kept", "skipped", 0, 10),
]
INSERT = """
INSERT INTO public.cloudinary_cleanup_queue
  (cloudinary_public_id, status, processing_attempts, queued_at, created_at, updated_at, processed_at, deletion_reason,
   trigger_source, triggered_by, error_message, file_size)
SELECT $1, $2::text, $3, ago.at, ago.at, ago.at, CASE WHEN $2 IN ('failed', 'completed', 'skipped') THEN ago.at END,
       'user_deletion', 'api', '00000000-0000-4000-8000-000000000007', nullif('said', $2), 7
  FROM (SELECT now() - $4 * interval '1 day' AS at) ago
"""  # noqa: E501
ASSET = """
INSERT INTO public.media_assets
  (cloudinary_public_id, resource_type, cloudinary_signature, format, file_size, mime_type, secure_url, url)
VALUES ($1::text, $2::text, 's', 'png', 1, 'image/png', 'https://res.cloudinary.com/c/' || $2 || '/' || $3::text || '/v1/' || $1::text, 'u')
"""  # noqa: E501


@asynccontextmanager
async def origin(dsn: str) -> AsyncIterator[Db]:
    """Make the earlier system in an empty database; its roles go again, if nobody needs them."""
    db = await asyncpg.connect(dsn)
    try:
        for role in ROLES:
            await db.execute(MAKE_ROLE.format(role))
        await db.execute(SQL)
        yield db
        await db.execute("RESET ROLE; SET lock_timeout = '5s'")
        for role in ROLES:
            await db.execute(f"DROP OWNED BY {role}")
            with contextlib.suppress(asyncpg.DependentObjectsStillExistError):
                await db.execute(f"DROP ROLE {role}")
    finally:
        await db.close()


async def fill(db: Db) -> None:
    """Put a row of every state into its queue."""
    await db.executemany(INSERT, STATES)


async def asset(
    db: Db, *public_ids: str, resource_type: str = "image", delivery_type: str = "upload"
) -> None:
    """Put assets into its library."""
    await db.executemany(ASSET, [(one, resource_type, delivery_type) for one in public_ids])


async def take(dsn: str, *, rehearse: bool = False) -> list[str]:
    """Migrate and take over; returns what was said."""
    await migrate(dsn)
    return await take_over(dsn, rehearse=rehearse, say=lambda _: None)
