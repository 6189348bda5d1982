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
async def session(dsn: str) -> AsyncIterator[Db]:
    """Open a connection; it is closed afterwards."""
    db = await asyncpg.connect(dsn)
    try:
        yield db
    finally:
        await db.close()


async def make(dsn: str) -> None:
    """Make the roles and the tables of the earlier system."""
    await make_roles(dsn)
    async with session(dsn) as db:
        await db.execute(SQL)


async def make_roles(dsn: str) -> None:
    """Make the roles of a database behind an API, unless they are there."""
    async with session(dsn) as db:
        for role in ROLES:
            await db.execute(MAKE_ROLE.format(role))


@asynccontextmanager
async def made(dsn: str) -> AsyncIterator[Db]:
    """Make it all in an empty database, and open a connection; the roles go again afterwards."""
    await make(dsn)
    async with session(dsn) as db:
        yield db
        await db.execute(f"DROP OWNED BY {', '.join(ROLES)}")
    await drop_roles(dsn)


async def drop_roles(dsn: str) -> None:
    """Drop the roles, unless another database has a use for them."""
    async with session(dsn) as db:
        for role in ROLES:
            with contextlib.suppress(asyncpg.DependentObjectsStillExistError):
                await db.execute(f"DROP ROLE {role}")


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


async def state(db: Db) -> list[list[asyncpg.Record]]:
    """Return all rows of the queue and of the library, wherever the queue is now."""
    old = "public.cloudinary_cleanup_queue"
    if await db.fetchval("SELECT to_regclass($1) IS NULL", old):
        old += "_before_mediasweep"
    return [
        await db.fetch(f"SELECT * FROM {table} ORDER BY id")
        for table in (old, "public.media_assets")
    ]
