"""What a daemon has deleted wrongly is brought back by one command, while the daemon goes on."""

from __future__ import annotations

import asyncio
from asyncio import to_thread

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, environment, finished, running, until
from tests.restores import events, restore, upload

PROVEN = "SELECT asset_id_proven_at IS NOT NULL FROM mediasweep.installation"
ABSENT = "SELECT count(*) FROM mediasweep.journal WHERE outcome = 'absent'"
ROW = """
INSERT INTO public.media_assets (cloudinary_public_id, cloudinary_asset_id, resource_type,
file_size, mime_type, secure_url, url) VALUES ($1, $2, 'image', 5, 'x', 'u', 'u')
"""


async def test_a_thousand_wrong_deletions_of_the_last_hour_are_taken_back_by_one_command(
    database: str, db: Db, cloud: Cloud
) -> None:
    """All thousand are back after ten calls, each once, and the daemon deletes none of them."""
    await asyncio.gather(
        to_thread(cloud.fill, "a", 1000, backup=True), db.execute(INSERT_ASSETS, "a", 1000)
    )
    everything = await to_thread(cloud.assets)
    env = environment(database, cloud.url, MEDIASWEEP_LOG_LEVEL="info")
    async with running(env):
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"completed": 1000}
        assert await to_thread(cloud.assets) == set()
        done = await restore(env, "--since", "1h", "--yes")
    assert (done.code, done.out.count("is back")) == (0, 1000), done.err
    assert "restored 1,000 of 1,000" in done.err
    assert await to_thread(cloud.assets) == everything
    state = await to_thread(cloud.state)
    assert (state["restored"], state["restored_twice"]) == (1000, [])
    assert (state["calls"]["restore"], state["calls"]["destroy"]) == (10, 1000)
    assert await events(db) == {"restored": 1000}
    assert await finished(db) == {"completed": 1000}


async def test_only_what_one_table_let_go_of_comes_back(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A filter by table, reason and application brings back those deletions and no others."""
    await db.execute('CREATE TABLE "Covers" (id text PRIMARY KEY)')
    options = '{"public_id": "id", "resource_type": {"value": "image"}}'
    await db.execute("""SELECT mediasweep.attach('"Covers"', $1)""", options)
    await db.execute("INSERT INTO \"Covers\" SELECT 'c' || n FROM generate_series(0, 4) n")
    await db.execute(INSERT_ASSETS, "a", 3)
    for prefix in "ac":
        await to_thread(cloud.fill, prefix, 5, backup=True)
    env = environment(database, cloud.url)
    async with running(env):
        await db.execute("SET application_name = 'admin'")
        await db.execute("DELETE FROM media_assets")
        await db.execute("DELETE FROM \"Covers\" WHERE id < 'c3'")
        await db.execute("SET application_name = 'psql'")
        await db.execute('TRUNCATE "Covers"')
        assert await finished(db) == {"completed": 8}
    by_app = ("--source", "public.Covers", "--app", "admin", "--reason", "row_deleted")
    done = await restore(env, *by_app, "--yes")
    assert done.code == 0, done.err
    images = {name for _, _, name in await to_thread(cloud.assets)}
    assert images == {"a3", "a4", "c0", "c1", "c2"}
    done = await restore(env, "--source", "Covers", "--yes")
    assert "restored 2 of 2" in done.err


async def test_assets_that_were_deleted_by_asset_id_come_back_by_it(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Once the account has deleted by asset id, one call names assets of any type by theirs."""
    made = {name: await to_thread(upload, cloud, name) for name in ("a", "b", "c")}
    for name, asset_id in made.items():
        await db.execute(ROW, name, asset_id)
    env = environment(database, cloud.url)
    async with running(env):
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"completed": 3}
        await until(db, PROVEN)  # it is written down with the next beat
    await db.execute("UPDATE mediasweep.journal SET resource_type = NULL, delivery_type = NULL")
    done = await restore(env, "--since", "1h", "--yes")
    assert done.code == 0, done.err
    (call,) = await to_thread(cloud.calls, "restore")
    assert set(call["ids"]) == set(made.values())
    assert {name for _, _, name in await to_thread(cloud.assets)} == set(made)


async def test_what_may_have_been_deleted_in_doubt_comes_back_too(
    database: str, db: Db, cloud: Cloud
) -> None:
    """An asset whose deletion was carried out unheard, so that it ends as absent, is restored."""
    await to_thread(cloud.fill, "a", 2, backup=True)
    await db.execute(INSERT_ASSETS, "a", 3)  # the third is not in the cloud at all
    await to_thread(cloud.faults, {"effect": "reset", "act": True, "times": 1, "public_id": "a0"})
    env = environment(database, cloud.url)
    async with running(env):
        await db.execute("DELETE FROM media_assets")
        assert await finished(db) == {"completed": 3}
    assert await db.fetchval(ABSENT) == 2
    done = await restore(env, "--since", "1h", "--yes")
    assert "restored 2 of 2" in done.err
    assert {name for _, _, name in await to_thread(cloud.assets)} == {"a0", "a1"}
