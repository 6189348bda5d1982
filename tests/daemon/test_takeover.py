"""A daemon after a take-over: what the earlier system left unfinished is finished, each once."""

from __future__ import annotations

from asyncio import to_thread

from mediasweep.emulator.client import Cloud
from tests.commands import mediasweep
from tests.daemons import environment, finished, running, until
from tests.schema.origin import STATES, asset, fill, made, take
from tests.schema.queue import end_leases

HELD = "SELECT h.digest FROM mediasweep.held(0, pg_current_snapshot()) h"
COMPLETED = """
SELECT count(*) >= $1 FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'completed'
"""
# as the emulator calls them
RENAME = """
UPDATE public.cloudinary_cleanup_queue SET cloudinary_public_id = cloudinary_public_id || '0';
UPDATE public.media_assets SET cloudinary_public_id = cloudinary_public_id || '0'
"""
NAMES = {name for name, *_ in STATES}


async def test_what_was_left_unfinished_is_finished(blank_database: str, cloud: Cloud) -> None:
    """Nothing goes before the acknowledgement; then all that had attempts left, and no more."""
    env = environment(blank_database, cloud.url, MEDIASWEEP_BRAKE_FLOOR="1000")
    async with made(blank_database) as db:
        await fill(db)
        await asset(db, "mine", "stays")
        for name in sorted(NAMES | {"mine", "stays"}):
            await to_thread(cloud.fill, name, 1)
        await db.execute(RENAME)
        await take(blank_database)
        async with running(env):
            await db.execute("DELETE FROM media_assets WHERE cloudinary_public_id = 'mine0'")
            await until(db, COMPLETED, 1)
            assert await _left(cloud) == NAMES | {"stays"}
            await end_leases(db)
            ack = await mediasweep(env, "brake", "ack", str(await db.fetchval(HELD)), "--yes")
            assert ack.code == 0
            assert await finished(db) == {"completed": 5, "failed": 2}
    # spent and over had no attempt left, and done and kept were finished before
    assert await _left(cloud) == {"spent", "over", "done", "kept", "stays"}


async def _left(cloud: Cloud) -> set[str]:
    return {public_id.removesuffix("0") for _, _, public_id in await to_thread(cloud.assets)}
