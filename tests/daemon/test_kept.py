"""What is still used is kept, and the queue says by what."""

from __future__ import annotations

import json
from asyncio import to_thread
from typing import Any

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.conftest import Connect
from tests.daemons import INSERT_ASSETS, environment, finished, running, until

BLIND = """
CREATE OR REPLACE FUNCTION mediasweep.oldest(OUT writer bigint, OUT reader bigint)
LANGUAGE sql AS 'SELECT NULL::bigint, NULL::bigint'
"""


async def _show(database: str, db: Db, cloud: Cloud) -> dict[str, Any]:
    id_ = await db.fetchval("SELECT id FROM mediasweep.cloudinary_cleanup_queue")
    done = await mediasweep(environment(database, cloud.url), "queue", "show", str(id_), "--json")
    assert done.code == 0
    shown: dict[str, Any] = json.loads(done.out)
    return shown


async def _one_asset(db: Db, cloud: Cloud) -> None:
    await to_thread(cloud.fill, "a", 1)
    await db.execute(INSERT_ASSETS, "a", 1)


async def test_an_asset_that_another_table_uses_is_kept(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A row goes while a row of another attached table names its asset: skipped, and by whom."""
    await _one_asset(db, cloud)
    await db.execute("CREATE TABLE posts (id int PRIMARY KEY, cover text)")
    await db.execute("""SELECT mediasweep.attach('posts', '{"public_id": "cover"}')""")
    await db.execute("INSERT INTO posts VALUES (7, 'a0')")
    async with running(environment(database, cloud.url)):
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"skipped": 1}
    assert (await _show(database, db, cloud))["why"] == "was kept: in use by public.posts id=7"
    assert {("image", "upload", "a0")} == await to_thread(cloud.assets)


async def test_an_undeleted_row_keeps_its_asset(database: str, db: Db, cloud: Cloud) -> None:
    """A soft delete that is taken back before the daemon looks leaves the asset alone."""
    await _one_asset(db, cloud)
    await db.execute("UPDATE media_assets SET deleted_at = now()")
    await db.execute("UPDATE media_assets SET deleted_at = NULL")
    async with running(environment(database, cloud.url)):
        assert await finished(db) == {"skipped": 1}
    why = (await _show(database, db, cloud))["why"]
    assert why.startswith("was kept: in use by public.media_assets id=")
    assert (await to_thread(cloud.state))["calls"].get("destroy", 0) == 0


async def test_a_row_inserted_again_while_the_daemon_was_down_keeps_its_asset(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Delete and insert again, both committed before the daemon starts: kept."""
    await _one_asset(db, cloud)
    await db.execute("DELETE FROM media_assets")
    await db.execute(INSERT_ASSETS, "a", 1)
    async with running(environment(database, cloud.url)):
        assert await finished(db) == {"skipped": 1}
    assert {("image", "upload", "a0")} == await to_thread(cloud.assets)


@pytest.mark.parametrize(("blind", "outcome"), [(False, "skipped"), (True, "completed")])
async def test_a_reference_that_is_not_committed_yet_keeps_the_asset(
    database: str, db: Db, connect: Connect, cloud: Cloud, blind: bool, outcome: str
) -> None:
    """The claim waits for writers open at the delete; without that rule the asset dies."""
    await _one_asset(db, cloud)
    if blind:
        await db.execute(BLIND)
    writer = await connect()
    await db.execute("CREATE TABLE posts (id int PRIMARY KEY, cover text)")
    await db.execute("""SELECT mediasweep.attach('posts', '{"public_id": "cover"}')""")
    async with running(environment(database, cloud.url)):
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("INSERT INTO posts VALUES (1, 'a0')")
        await db.execute("DELETE FROM media_assets")
        if blind:
            await to_thread(cloud.wait_assets, 0)
        else:  # it has looked several times, and sent nothing
            await until(
                db, "SELECT xact_commit > $1 FROM pg_stat_database" + HERE, await _commits(db)
            )
            assert (await to_thread(cloud.state))["calls"].get("destroy", 0) == 0
        await transaction.commit()
        assert {outcome: 1} == await finished(db)


HERE = " WHERE datname = current_database()"


async def _commits(db: Db) -> int:
    commits = await db.fetchval("SELECT xact_commit FROM pg_stat_database" + HERE)
    return int(commits) + 20
