"""Under a supervisor: up when it is up, silent when its work hangs, and only then."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from asyncio import to_thread
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.conftest import Server
from tests.daemons import INSERT_ASSETS, Daemon, environment, spawn
from tests.proxy import Proxy
from tests.supervisor import Listening, Said

WATCHDOG_S = 2.0  # a daemon that is silent for so long would be killed
BUSY_S = 3 * WATCHDOG_S  # for a machine that has other things to do
HANG = """
import asyncio, os, sys
import mediasweep.operations.health
from {module} import {owner}

whole = {owner}.{call}

async def hang(self, *given):
    if os.path.exists({flag!r}):
        print('{{"event": "hangs"}}', file=sys.stderr, flush=True)
        await asyncio.Event().wait()
    return await whole(self, *given)

{owner}.{call} = hang
mediasweep.operations.health.HANGS_S = {silence_s}
sys.argv = ["mediasweep", "run"]
from mediasweep.cli import main
main()
"""
CLAIM = {"module": "mediasweep.postgres.queue", "owner": "Queue", "call": "claim"}
DESTROY = {"module": "mediasweep.cloudinary", "owner": "Account", "call": "destroy"}


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Listening]:
    """Give a supervisor that listens."""
    with Listening(str(tmp_path / "notify")) as listening:
        yield listening


def _supervised(supervisor: Listening) -> dict[str, str]:
    return {
        "NOTIFY_SOCKET": supervisor.address,
        "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
    }


async def test_it_is_up_when_it_can_work_and_says_what_it_does(
    database: str, server: Server, cloud: Cloud, supervisor: Listening
) -> None:
    """Waiting for a database is no READY, an outage no hang, and gates show in the status."""
    async with Proxy(server.address()) as line:
        line.refuse()
        env = environment(line.dsn(database), cloud.url, **_supervised(supervisor))
        daemon = await spawn(env)
        said = await supervisor.next()
        assert said["STATUS"].startswith("waiting for the database: ")
        assert int(said["EXTEND_TIMEOUT_USEC"]) > 60e6
        assert "READY" not in said
        await line.heal()
        waited = await supervisor.until(lambda said: "READY" in said)
        assert not [said for said in waited[:-1] if "WATCHDOG" in said]
        await daemon.seen("listener_up")
        await _until_status(supervisor, "idle; 0 in flight, 0 completed, ", "listener proven")
        await mediasweep(environment(database, cloud.url), "pause", "--reason", "lunch")
        await _until_status(supervisor, "held: pause")
        await mediasweep(environment(database, cloud.url), "resume")
        await _until_status(supervisor, "idle")
        line.refuse()
        line.reset()
        await _until_status(supervisor, "waiting for the database", "listener not proven")
        for _ in range(4):  # half a second apart at the least, so a watchdog long
            assert (await supervisor.next(BUSY_S))["WATCHDOG"] == "1"
        await line.heal()
        await _until_status(supervisor, "idle", "listener proven")
        assert await daemon.stop() == 0
        stopping = (await supervisor.until(lambda said: "STOPPING" in said))[-1]
        assert int(stopping["EXTEND_TIMEOUT_USEC"]) == 15e6  # the stop time, and ten seconds
    with pytest.raises(TimeoutError):
        await supervisor.next(0)


async def _until_status(supervisor: Listening, *parts: str) -> None:
    def fits(said: Said) -> bool:
        return all(part in said["STATUS"] for part in parts)

    heard = await supervisor.until(fits, BUSY_S)
    assert all(said["WATCHDOG"] == "1" for said in heard)


@pytest.mark.parametrize(
    "setting", [{"MEDIASWEEP_ENABLED": "false"}, {"MEDIASWEEP_DRY_RUN": "true"}]
)
async def test_one_that_deletes_nothing_is_up_as_well(
    database: str, cloud: Cloud, supervisor: Listening, setting: dict[str, str]
) -> None:
    """A daemon that is not enabled, or on a dry run, is up, says so, and is no hang."""
    env = environment(database, cloud.url, **_supervised(supervisor), **setting)
    daemon = await spawn(env)
    await supervisor.until(lambda said: "READY" in said)
    for _ in range(3):
        said = await supervisor.next(BUSY_S)
        assert said["WATCHDOG"] == "1"
    assert said["STATUS"].startswith("deleting nothing (not enabled, or a dry run); ")
    assert await daemon.stop() == 0


@pytest.mark.parametrize("hanging", [CLAIM, DESTROY], ids=["the claim", "every deletion"])
async def test_work_that_hangs_is_silent_and_no_longer_alive_though_the_process_answers(
    database: str,
    db: Db,
    cloud: Cloud,
    supervisor: Listening,
    hanging: dict[str, str],
    tmp_path: Path,
) -> None:
    """A coroutine that never comes back is found out: by silence where systemd listens, and by
    /livez where Kubernetes asks, which said that all is well before.
    """
    await to_thread(cloud.fill, "a", 1)
    await db.execute(INSERT_ASSETS, "a", 1)
    env = environment(database, cloud.url, **_supervised(supervisor))
    flag = tmp_path / "hang"
    daemon = await spawn(env, ("-c", HANG.format(**hanging, flag=str(flag), silence_s=WATCHDOG_S)))
    await supervisor.until(lambda said: "READY" in said)
    assert await to_thread(_asked, daemon, "livez") == 200
    assert await to_thread(_asked, daemon, "openapi.json") == 404
    flag.touch()
    await db.execute("DELETE FROM media_assets")
    await daemon.seen("hangs")
    silent = False
    async with asyncio.timeout(20):
        while not silent:
            try:
                await supervisor.next(WATCHDOG_S)
            except TimeoutError:
                silent = True
    async with asyncio.timeout(20):
        while await to_thread(_asked, daemon, "livez") != 503:
            await db.execute("SELECT pg_sleep(0.1)")
    await daemon.kill()


def _asked(daemon: Daemon, path: str) -> int:
    """Return the status of an answer to HEAD, by which load balancers ask."""
    head = urllib.request.Request(f"{daemon.address}/{path}", method="HEAD")  # noqa: S310  our own
    try:
        with urllib.request.urlopen(head, timeout=5) as answer:  # noqa: S310  as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
