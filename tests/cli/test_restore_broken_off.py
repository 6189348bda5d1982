"""`mediasweep restore` when it is interrupted, held up or refused: what is left, and going on."""

from __future__ import annotations

import json
import signal
from asyncio import to_thread

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import end, start
from tests.daemons import environment
from tests.restores import destroyed, events, names, restore


@pytest.fixture
def env(database: str, cloud: Cloud) -> dict[str, str]:
    """Give the environment of a command."""
    return environment(database, cloud.url)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
async def test_a_run_that_is_stopped_in_the_middle_is_gone_on_with(
    db: Db, cloud: Cloud, env: dict[str, str], sent: signal.Signals
) -> None:
    """A signal ends it after the call under way; the next run does the rest, and nothing twice."""
    await destroyed(db, cloud, "a", 500)
    await to_thread(cloud.faults, {"action": "restore", "latency_s": 0.4})
    process = await start(env, "restore", "--since", "1h", "--yes")
    await to_thread(cloud.wait_calls, 2, "restore")
    process.send_signal(sent)
    stopped = await end(process)
    assert stopped.code == 1
    assert "300 are left: told to stop; run it again" in stopped.err
    assert len(await names(cloud)) == 200
    await to_thread(cloud.faults)
    rest = await restore(env, "--since", "1h", "--yes")
    assert (rest.code, "restored 300 of 300" in rest.err) == (0, True)
    state = await to_thread(cloud.state)
    assert (state["restored"], state["calls"]["restore"]) == (500, 5)


async def test_a_run_that_is_killed_in_the_middle_is_gone_on_with(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """After SIGKILL only the call that was under way is made again, and all are back."""
    await destroyed(db, cloud, "a", 500)
    await to_thread(cloud.faults, {"action": "restore", "effect": "hang", "act": True, "skip": 2})
    process = await start(env, "restore", "--since", "1h", "--yes")
    await to_thread(cloud.wait_calls, 3, "restore")
    process.kill()
    await end(process)
    await to_thread(cloud.faults)
    done = await restore(env, "--since", "1h", "--yes")
    assert "restored 300 of 300" in done.err
    state = await to_thread(cloud.state)
    assert (state["assets"], state["restored"], state["calls"]["restore"]) == (500, 500, 6)


async def test_a_wrong_key_exits_with_4_and_restores_nothing(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """Refused credentials stop the run at the first call, and everything is left."""
    await destroyed(db, cloud, "a", 150)
    await to_thread(cloud.switch, revoked=True)
    done = await restore(env, "--since", "1h", "--yes")
    assert done.code == 4
    assert "150 are left" in done.err
    assert "Invalid credentials" in done.err
    assert len(await to_thread(cloud.calls, "restore")) == 1
    assert await events(db) == {}


async def test_a_limit_that_is_over_soon_is_waited_for(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """At 420 with a reset in a few seconds it says so, waits, and does the rest."""
    await destroyed(db, cloud, "a", 300)
    await to_thread(cloud.faults, {"action": "restore", "windows": 1, "window_s": 12, "skip": 1})
    done = await restore(env, "--since", "1h", "--yes")
    assert (done.code, "restored 300 of 300" in done.err) == (0, True)
    assert "waiting" in done.err
    assert "Try again on" in done.err
    statuses = [call["status"] for call in await to_thread(cloud.calls, "restore")]
    assert statuses == [200, 420, 200, 200]


async def test_a_limit_that_lasts_stops_the_run_and_names_what_is_left(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """With the next reset far away it ends with 1, tells until when, and lists the rest."""
    await destroyed(db, cloud, "a", 250)
    await to_thread(cloud.switch, admin_limit=1, admin_window_s=10**9)
    done = await restore(env, "--since", "1h", "--yes", "--json")
    told = json.loads(done.out)
    assert (done.code, len(told["restored"]), len(told["left"])) == (1, 100, 150)
    assert "Try again on" in told["stopped"]
    assert told["failed"] == []


async def test_no_answer_is_asked_for_again_and_then_given_up(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """A call whose answer is lost is made again; if it stays so, the rest is left."""
    await destroyed(db, cloud, "a", 2)
    await to_thread(cloud.faults, {"action": "restore", "status": 502, "times": 1})
    assert "restored 2 of 2" in (await restore(env, "--since", "1h", "--yes")).err
    await destroyed(db, cloud, "b", 120)
    await to_thread(cloud.faults, {"action": "restore", "status": 502})
    done = await restore(env, "--since", "1h", "--yes")
    assert (done.code, "120 are left" in done.err) == (1, True)
    assert await events(db) == {"restored": 2, "restore_failed": 100}


async def test_a_refused_call_does_not_keep_the_others_from_coming_back(
    db: Db, cloud: Cloud, env: dict[str, str]
) -> None:
    """A 400 is about its call: those assets are listed, the next call is made all the same."""
    await destroyed(db, cloud, "a", 150)
    refused = {"action": "restore", "status": 400, "message": "no", "times": 1}
    await to_thread(cloud.faults, refused)
    done = await restore(env, "--since", "1h", "--yes", "--json")
    told = json.loads(done.out)
    assert (done.code, len(told["restored"]), len(told["failed"])) == (1, 50, 100)
