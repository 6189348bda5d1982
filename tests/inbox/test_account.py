"""The whole way: calls to the account, notifications that are lost, doubled and mixed, the library.

The account is the emulator's, the calls are the SDK's, the commands are as their users run them.
"""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from random import Random
from typing import Any

import pytest

from bench.account import A_DAY_LATER, LIBRARY, there, work
from mediasweep.cli.webhook import OF_THE_API
from mediasweep.emulator.client import Cloud
from mediasweep.operations import webhooks
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import Record, environment, running
from tests.inbox.library import QUEUED, hear_all, library
from tests.receiver import receiving
from tests.upload.uploads import opened

CALLS = 250
AT_ONCE = "UPDATE mediasweep.inbox SET due_at = now() WHERE done_at IS NULL"
ALL_DONE = """
SELECT count(*) = $1 AND NOT bool_or(done_at IS NULL) FROM mediasweep.inbox
"""
FORGET = """
TRUNCATE public.media_assets, mediasweep.inbox, mediasweep.asset, mediasweep.asset_name;
DELETE FROM mediasweep.cloudinary_cleanup_queue
"""


@pytest.mark.timeout(300)  # as long as it waits for the notifications
async def test_the_library_comes_to_what_the_account_has(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A tenth lost, a fifth doubled, all mixed up: as if in order; right once the rest came, or
    once it was reconciled, and then the rest changes nothing.
    """
    env = environment(database, cloud.url, MEDIASWEEP_LOG_LEVEL="info")
    async with running(env) as daemon, running(env):
        await _register(db, env, daemon.address)
        await to_thread(cloud.switch, admin_limit=1_000_000)
        await to_thread(cloud.mishaps, hold=True, drop=0.1, duplicate=0.2, seed=7)
        await to_thread(work, cloud, Random(7), CALLS, CALLS // 4)
        await to_thread(cloud.release, "shuffled")
        await to_thread(cloud.wait_hooks, 0, 300.0)
        told = await to_thread(cloud.hooks)
        assert {one["state"] for one in told} == {"delivered", "dropped"}
        came = _bodies(told, "delivered")
        await db.execute(AT_ONCE)
        async with asyncio.timeout(300):
            while not await db.fetchval(ALL_DONE, len(came) + 1):  # and that of `webhook test`
                await db.execute(f"{AT_ONCE} AND error IS NOT NULL; SELECT pg_sleep(0.1)")
    shown = await library(db)
    lost = [body for body in _bodies(told, "dropped") if body not in set(came)]
    assert len(lost) > CALLS / 20
    account = await to_thread(there, cloud)
    assert shown != account
    transaction = db.transaction()
    await transaction.start()
    assert _in_order(await hear_all(db, lost)) == account
    await transaction.rollback()
    await db.execute(A_DAY_LATER)
    done = await mediasweep(env, "reconcile", "--orphans=adopt", "--ghosts=mark", "--yes")
    assert done.code == 0, done
    assert [dict(row) for row in await db.fetch(LIBRARY)] == account
    await hear_all(db, lost)
    assert [dict(row) for row in await db.fetch(LIBRARY)] == account
    assert await to_thread(there, cloud) == account
    assert await db.fetchval(QUEUED) == 0
    await db.execute(FORGET)
    assert await hear_all(db, came) == shown


async def _register(db: Db, env: dict[str, str], address: str) -> None:
    """Have all be told, twice, and try the way."""
    place = f"{address}/webhooks/cloudinary"
    for said in ("registered", "was registered already"):
        done = await mediasweep(env, "webhook", "register", address)
        assert done.err == f"{place} {said}\n{OF_THE_API}\n", done
    done = await mediasweep(env, "webhook", "test", address)
    assert (done.code, done.err) == (0, f"{place} accepted it, and it is in the inbox\n")
    done = await mediasweep(env, "webhook", "list")
    assert (done.code, done.out.count(place), "ignored" in done.out) == (0, 1, True)
    with pytest.raises(webhooks.WebhookError, match=r"answered 401.*MEDIASWEEP_WEBHOOK_SECRETS"):
        await webhooks.test(db, address, "another secret")
    with pytest.raises(webhooks.WebhookError, match=r"cannot be reached: Connection refused$"):
        await webhooks.test(db, "http://127.0.0.1:1", "a secret")


async def test_a_refusal_by_somebody_else_is_no_forgery(db: Db) -> None:
    """Nothing is said of secrets where no daemon answered, whatever stands in the answer."""
    with receiving() as receiver:
        receiver.answers, receiver.says = [403], b'<a href="/">a forged cookie</a>'
        with pytest.raises(webhooks.WebhookError, match=r"answered 403: .*forged cookie</a>$"):
            await webhooks.test(db, receiver.url, "a secret")


async def test_what_is_registered_is_shown_and_taken_back(database: str, cloud: Cloud) -> None:
    """Others that are told are named, without their passwords; a question, and one address goes."""
    env = environment(database, cloud.url)
    refused = await mediasweep(env, "webhook", "register", "https://a.example/b")
    assert (refused.code, "Set MEDIASWEEP_API_TOKEN" in refused.err) == (6, True)
    assert await webhooks.triggers(opened(cloud)) == []
    env |= {"MEDIASWEEP_API_TOKEN": "x" * 22, "MEDIASWEEP_WEBHOOK_SECRETS": "another key's"}
    await opened(cloud).add_trigger("https://u:secret@b.example/webhooks/cloudinary", "all")
    done = await mediasweep(env, "webhook", "register", "https://a.example/b", "--json")
    assert "something has to pass on /b to it" in done.err
    assert OF_THE_API not in done.err
    assert "https://b.example/webhooks/cloudinary is told, too: `mediasweep webhook" in done.err
    listed = await mediasweep(env, "webhook", "list")
    assert "secret" not in done.out + done.err + listed.out
    assert (await mediasweep(env, "webhook", "unregister")).code == 2  # nobody to ask
    gone = await mediasweep(env, "webhook", "unregister", typed="y\n")
    assert gone.err.endswith("https://b.example/webhooks/cloudinary is told nothing more\n"), gone
    left = await mediasweep(env, "webhook", "unregister", "https://a.example/b", "--yes")
    assert (left.code, (await mediasweep(env, "webhook", "unregister")).code) == (0, 1)
    await to_thread(cloud.switch, revoked=True)
    assert (await mediasweep(env, "webhook", "list")).code == 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://a.example", "https://a.example/webhooks/cloudinary"),
        ("https://a.example/b", "https://a.example/b"),
        ("http://localhost:1/", "http://localhost:1/webhooks/cloudinary"),
        ("http://[::1]:1", "http://[::1]:1/webhooks/cloudinary"),
        *((wrong, None) for wrong in ("http://a.example", "ftp://a.example", "a.example", "")),
        *((wrong, None) for wrong in ("https://a.example/?b", "https://[", "https:///b")),
        ("https://u:p@a.example", None),
    ],
)
def test_notifications_are_sent_where_nobody_else_reads_them(
    given: str, expected: str | None
) -> None:
    """An address is one of HTTPS, or of this machine; its path may be left out."""
    if expected is None:
        with pytest.raises(webhooks.AddressError):
            webhooks.address(given)
    else:
        assert webhooks.address(given) == expected


def _bodies(told: list[Record], state: str) -> list[bytes]:
    """Return each body once, in the order in which it happened."""
    return list(dict.fromkeys(one["body"].encode() for one in told if one["state"] == state))


def _in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row["asset_id"]))
