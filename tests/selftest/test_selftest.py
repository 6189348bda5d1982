"""The self-test: six of six where all is well, and a useful sentence where one part is broken."""

from __future__ import annotations

import json
import signal
from asyncio import to_thread
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import asyncpg
import cloudinary.api
import pytest

from mediasweep.cloudinary import Account
from mediasweep.emulator.client import Cloud
from mediasweep.operations import fleet, webhooks
from mediasweep.operations.selftest import run
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep, start
from tests.daemons import INSERT_ASSETS, LIBRARY_BRAKED, Daemon, environment, finished, running
from tests.schema.roles import staffed
from tests.upload.uploads import opened

LEFT = """
SELECT (SELECT count(*) FROM public.media_assets WHERE deleted_at IS NULL),
       (SELECT count(*) FROM mediasweep.cloudinary_cleanup_queue WHERE processed_at IS NULL)
"""
OLD = """
INSERT INTO public.media_assets
  (cloudinary_public_id, file_size, mime_type, secure_url, url, created_at)
VALUES ('mediasweep-selftest/killed0', 1, 'image/gif', 'u', 'u', now() - interval '2 h')
"""
DROPPED = "DROP TRIGGER media_assets_cleanup_trigger_delete ON public.media_assets"
CAPTURE = "ALTER TABLE public.media_assets {} TRIGGER ALL"
UNINDEXED = "DROP INDEX public.media_assets_live_asset"


@pytest.fixture
def account(cloud: Cloud) -> Account:
    """Give an account of the emulator."""
    return opened(cloud)


@pytest.fixture
async def daemon(database: str, cloud: Cloud, account: Account) -> AsyncIterator[Daemon]:
    """Give a daemon that hears what the account tells."""
    async with running(environment(database, cloud.url)) as started:
        await webhooks.register(account, started.address)
        yield started


async def test_all_six_pass_where_all_is_well(
    database: str, db: Db, cloud: Cloud, account: Account
) -> None:
    """With the daemon's role, each in a sentence; nothing is left, nor of a run that was killed."""
    await to_thread(cloud.fill, "mediasweep-selftest/killed", 1)
    await db.execute(OLD)
    await db.execute(INSERT_ASSETS, "yours", 1)
    async with staffed(database) as staff:
        env = environment(staff.daemon.dsn, cloud.url)
        async with running(env) as daemon:
            await webhooks.register(account, daemon.address)
            done = await mediasweep(env, "selftest", "--json")
            told = json.loads(done.out)
            assert (done.code, told["success"], told["summary"]["passed"]) == (0, True, 6), told
            assert all(one["message"] and one["duration_ms"] >= 0 for one in told["test_results"])
            # four uploads and one by hand are kept
            assert await finished(db) == {"completed": 5, "skipped": 5}
        beside = await asyncpg.connect(staff.daemon.dsn)
        await beside.execute("SELECT mediasweep.selftest_clean('', '[]')")
        await beside.close()
    assert await to_thread(cloud.assets) == set()
    assert tuple(await db.fetchrow(LEFT) or ()) == (1, 0)


async def test_each_broken_part_is_told_in_a_sentence(
    database: str, db: Db, cloud: Cloud, account: Account, daemon: Daemon
) -> None:
    """Trigger, gate, index, webhook and its secret, the key, the daemon: each by its own check."""

    async def failures(with_: Account = account) -> dict[str, str]:
        report = await run(db, with_, who="test", within=timedelta(seconds=2))
        return {one.name: one.message for one in report.results if not one.passed}

    await db.execute(CAPTURE.format("DISABLE"))
    told = await failures()
    assert set(told) == {"ui_deletion_sync", "database_trigger_sync"}
    # what is wrong and the statement, once
    assert told["database_trigger_sync"].count("media_assets_cleanup_trigger_delete") == 2, told
    assert "ENABLE TRIGGER" in told["database_trigger_sync"]
    await db.execute(CAPTURE.format("ENABLE"))

    await db.execute(DROPPED)
    told = await failures()
    assert set(told) == {"database_trigger_sync"}
    assert "no trigger for DELETE: run `mediasweep migrate`" in told["database_trigger_sync"]
    await db.execute("SELECT mediasweep.cover()")

    await fleet.pause(db, reason="lunch", who="ann", duration=None)
    told = await failures()
    assert "upload_and_sync" not in told
    assert len(told) == 5
    assert all(
        "the gate pause is closed by ann: lunch; it is opened by" in m for m in told.values()
    )
    await fleet.resume(db, who="ann")
    await db.execute(LIBRARY_BRAKED)
    told = await failures()
    assert any("the gate brake is closed by test: a flood" in m for m in told.values())
    await db.execute("DELETE FROM mediasweep.gate")

    await db.execute(UNINDEXED)
    told = await failures()
    assert set(told) == {"integrity_verification"}
    assert "CREATE INDEX" in told["integrity_verification"]

    await to_thread(cloud.switch, hook_key="1", hook_secret="another")
    told = await failures()
    assert "whether its secret is another one" in told["upload_and_sync"]
    for trigger in await webhooks.triggers(account):
        await to_thread(cloudinary.api.delete_trigger, trigger["id"], **cloud.options())
    told = await failures()
    assert "`mediasweep webhook register`" in told["upload_and_sync"]

    wrong = Account(
        replace(account.credentials, api_secret="wrong"), threads=1, timeout=timedelta(seconds=5)
    )
    told = await failures(wrong)
    assert "refuses key and secret" in told["database_trigger_sync"]

    await webhooks.register(account, daemon.address)
    await daemon.stop()
    told = await failures()
    assert len(told) == 6
    assert all("no daemon is at work: start `mediasweep run`" in said for said in told.values())
    async with running(environment(database, cloud.url, MEDIASWEEP_DRY_RUN="true")):
        assert "MEDIASWEEP_DRY_RUN" in (await failures())["scheduler_functionality"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_run_cleans_up(
    database: str, db: Db, cloud: Cloud, account: Account, how: signal.Signals
) -> None:
    """What it had uploaded is let go of, and goes."""
    await webhooks.register(account, "http://127.0.0.1:9")  # nobody is there, so it waits
    calls = (await to_thread(cloud.state))["calls"]["triggers"]
    async with running(environment(database, cloud.url)):
        process = await start(environment(database, cloud.url), "selftest")
        await to_thread(cloud.wait_calls, calls + 1, "triggers")
        process.send_signal(how)
        _, said = await process.communicate()
        assert process.returncode != 0
        assert b"broken off: all that it made is in the queue" in said
        assert sum((await finished(db)).values()) == 2  # of its upload, and of its deletion
    assert await to_thread(cloud.assets) == set()
    assert tuple(await db.fetchrow(LEFT) or ()) == (0, 0)
