"""The route of a running daemon: genuine notifications come in once, and nothing else does."""

from __future__ import annotations

import http.client
import socket
from asyncio import to_thread
from random import Random
from urllib.parse import urlsplit

import cloudinary.uploader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediasweep.emulator.client import Cloud
from mediasweep.operations import webhooks
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.daemons import Daemon, environment, running, until
from tests.inbox.account import Account
from tests.inbox.forgery import PATH, Forger, Sender
from tests.inbox.library import QUEUED, library
from tests.ports import free_port
from tests.upload.uploads import opened

MEGABYTE = 2**20
EVERYTHING = """
SELECT (SELECT count(*) FROM mediasweep.inbox), (SELECT count(*) FROM mediasweep.asset),
       (SELECT md5(string_agg(m::text, '' ORDER BY m.id)) FROM public.media_assets m)
"""
ALL_DONE = "SELECT NOT EXISTS (SELECT FROM mediasweep.inbox WHERE done_at IS NULL)"
RESTS = """
SELECT count(*) > 0 AND min(i.due_at - i.received_at) >= '5 s'
  FROM mediasweep.inbox i WHERE i.notification_type = 'upload'
"""
RECEIVES = """
SELECT EXISTS (SELECT FROM pg_stat_activity a
                WHERE a.wait_event_type = 'Lock' AND a.query LIKE '%mediasweep.receive(%')
"""
AT_ONCE = "UPDATE mediasweep.inbox SET due_at = now() WHERE done_at IS NULL"


async def test_no_forgery_comes_in(database: str, db: Db, cloud: Cloud) -> None:
    """Changed bytes, moved digits, wrong times, keys, hashes, and repetitions: no row changes."""
    account = Account(Random(1))
    for _ in range(6):
        account.do_something()
    async with running(environment(database, cloud.url, MEDIASWEEP_LOG_LEVEL="info")) as daemon:
        sender = Sender(daemon, cloud.secret)
        for body in account.told:
            assert await to_thread(sender.genuine, body) == (200, "accepted")
        assert await db.fetchval(RESTS)  # so that who uploaded can write a row of their own first
        await db.execute(AT_ONCE)
        await until(db, ALL_DONE)
        assert await library(db) == account.rows()
        before = tuple(await db.fetchrow(EVERYTHING) or ())
        await to_thread(_attack, sender, account.told)
        assert await to_thread(sender.genuine, account.told[0]) == (200, "duplicate")
        assert tuple(await db.fetchrow(EVERYTHING) or ()) == before
        assert await db.fetchval(QUEUED) == 0


def _attack(sender: Sender, told: list[bytes]) -> None:
    """Send what is not genuine, in as many ways as come to mind."""

    @settings(max_examples=250, deadline=None, database=None, suppress_health_check=[*HealthCheck])
    @given(st.data())
    def check(data: st.DataObject) -> None:
        made = Forger(data, sender, data.draw(st.sampled_from(told))).forged()
        assert sender.send(*made)[0] == 401

    check()
    signed = sender.signed(b" " * 10 * MEGABYTE)
    for big in (b" " * 10 * MEGABYTE, iter([b" " * MEGABYTE] * 10)):
        assert sender.send(big, *signed)[0] == 413
    for odd in (b'{"notification_type": "\xff"}', b"[" * 100_000, b"", b"[]"):
        assert sender.genuine(odd)[0] == 400


async def test_only_what_is_in_the_database_is_accepted(
    database: str, db: Db, cloud: Cloud
) -> None:
    """Where it cannot be written down the answer is 503, so that Cloudinary sends it again."""
    body = Account(Random(1)).tell("delete", resources=[])
    async with running(environment(database, cloud.url)) as daemon:
        sender = Sender(daemon, cloud.secret)
        await db.execute("ALTER FUNCTION mediasweep.receive RENAME TO received")
        assert await to_thread(sender.genuine, body) == (503, "unavailable")
        await db.execute("ALTER FUNCTION mediasweep.received RENAME TO receive")
        assert await to_thread(sender.genuine, body) == (200, "accepted")
        applied = await daemon.seen("notification_applied")
        assert (applied["outcome"], applied["assets"]) == ("ignored", 0)
        refused = await daemon.seen("notification_received", where=lambda r: r["detail"])
        assert (refused["level"], refused["result"]) == ("warning", "unavailable")
        await to_thread(_break_off, daemon)
        await daemon.seen("notification_received", where=lambda r: r["result"] == "incomplete")
        metrics = await to_thread(_metrics, daemon)
    assert 'mediasweep_webhooks_total{result="unavailable"} 1.0' in metrics
    assert 'mediasweep_notifications_total{outcome="ignored"} 1.0' in metrics


def _break_off(daemon: Daemon) -> None:
    """Announce a body, and go away before it has been sent."""
    address = urlsplit(daemon.address)
    with socket.create_connection((address.hostname, address.port)) as line:
        line.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{".encode())


def _metrics(daemon: Daemon) -> str:
    connection = http.client.HTTPConnection(urlsplit(daemon.address).netloc, timeout=30)
    connection.request("GET", "/metrics")
    told = connection.getresponse().read().decode()
    connection.close()
    return told


async def test_a_daemon_killed_while_it_receives_is_told_again(
    database: str, db: Db, connect: Connect, cloud: Cloud
) -> None:
    """SIGKILL before it has answered: Cloudinary tells it again, and it is in the inbox once."""
    await to_thread(cloud.fill, "a", 1)
    await to_thread(cloud.switch, hook_speed=100)  # again after 1.8 s, 3.6 s and 5.4 s
    bind = f"127.0.0.1:{free_port()}"
    env = environment(database, cloud.url, MEDIASWEEP_HTTP_BIND=bind)
    beside = await connect()
    held = beside.transaction()
    await held.start()
    await beside.execute("LOCK TABLE mediasweep.inbox IN SHARE MODE")
    async with running(env) as daemon:
        await webhooks.register(opened(cloud), daemon.address)
        await to_thread(cloudinary.uploader.add_tag, "red", ["a0"], **cloud.options())
        await until(db, RECEIVES)
        await daemon.kill()
    await held.rollback()
    async with running(env):
        await to_thread(cloud.wait_delivered, 1)
        await until(db, ALL_DONE)
    assert await db.fetchval("SELECT count(*) FROM mediasweep.inbox") == 1
    [told] = await to_thread(cloud.hooks)
    assert (told["state"], len(told["attempts"]) > 1) == ("delivered", True)


async def test_other_secrets_replace_the_one_of_the_api(
    database: str, db: Db, cloud: Cloud
) -> None:
    """With secrets set, each of them is good, and the API's own is no more."""
    account = Account(Random(2))
    env = environment(database, cloud.url, MEDIASWEEP_WEBHOOK_SECRETS="old, new")
    async with running(env) as daemon:
        for secret, expected in (("old", 200), ("new", 200), (cloud.secret, 401)):
            sender = Sender(daemon, secret)
            body = account.tell("create_folder", folder_path="x")
            assert (await to_thread(sender.genuine, body))[0] == expected
    assert await db.fetchval("SELECT count(*) FROM mediasweep.inbox") == 2
