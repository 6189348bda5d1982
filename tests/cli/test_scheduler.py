"""`mediasweep scheduler`, `pause` and `resume`: what is in force, and what stays closed."""

from __future__ import annotations

import json

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from mediasweep.report import GATES
from mediasweep.rules.gate import OPENED_BY
from tests.commands import mediasweep
from tests.daemons import environment
from tests.operations.standing import beat
from tests.schema.queue import enqueue

CLOSED = """
INSERT INTO mediasweep.gate (name, source_id, reason, closed_by, until, probe)
VALUES ('pause', NULL, 'moving', 'ann', NULL, NULL), ('brake', 0, 'too much', 'd', NULL, NULL),
       ('auth', NULL, 'Invalid Signature', 'd', now() + interval '1 h', '1 h')
"""
BRAKE = """still closed: brake (manual): too much, by d
  opened by `mediasweep brake ack`, once `mediasweep brake show` has shown what it holds
"""
AUTH = """still closed: auth: Invalid Signature, by d
  opened by a good answer: mend key or clock; `mediasweep scheduler restart` tests it at once
"""


@pytest.fixture
def env(database: str, cloud: Cloud) -> dict[str, str]:
    """Give the environment of a command."""
    return environment(database, cloud.url)


async def test_the_status_is_for_people(db: Db, env: dict[str, str]) -> None:
    """It is a table that says what is known, who has set it, and nothing that only Python reads."""
    await enqueue(db, "a")
    idle = await mediasweep(env, "scheduler", "status")
    assert "working:    no, no daemon that deletes is alive: start one by" in idle.out
    assert ["concurrency", "not", "known", "by", "each", "daemon"] in _lines(idle.out)
    await beat(db, interval_minutes=5.0, batch_size=10, max_retries=3, concurrency=8)
    set_ = await mediasweep(env, "scheduler", "configure", "--concurrency", "6")
    assert ["concurrency", "6", "for", "all"] in _lines(set_.out)
    told = await mediasweep(env, "scheduler", "status")
    assert "working:    yes, daemons: 1, the oldest for " in told.out
    assert "rows:       1 pending\n" in told.out
    assert ["interval_minutes", "5", "by", "each", "daemon"] in _lines(told.out)
    assert ["concurrency", "6", "for", "all"] in _lines(told.out)
    assert not [sign for sign in ("{", "'", "None") if sign in told.out + set_.out + idle.out]
    as_json = json.loads((await mediasweep(env, "scheduler", "status", "--json")).out)
    assert (as_json["set_for_all"], as_json["config"]["concurrency"]) == (["concurrency"], 6)


def _lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


@pytest.mark.parametrize("command", [("resume",), ("scheduler", "start")])
async def test_who_resumes_hears_what_is_closed_all_the_same(
    db: Db, env: dict[str, str], command: tuple[str, ...]
) -> None:
    """Each gate that is left is named with its reason, and with what opens it."""
    await db.execute(CLOSED)
    first = {"resume": "resumed\n", "scheduler": "started\n"}[command[0]]
    done = await mediasweep(env, *command)
    assert (done.code, done.out) == (0, "")
    assert done.err in {first + AUTH + BRAKE, first + BRAKE + AUTH}
    assert "not" in (await mediasweep(env, *command)).err.splitlines()[0]


async def test_a_restart_tells_what_it_tests_and_what_it_leaves(
    db: Db, env: dict[str, str]
) -> None:
    """A gate that is tested now is not called closed; the brake is."""
    await db.execute(CLOSED)
    done = await mediasweep(env, "scheduler", "restart")
    assert done.err == f"restarted; opened: pause and auth (tested now)\n{BRAKE}"


async def test_the_status_says_what_opens_each_gate(db: Db, env: dict[str, str]) -> None:
    """A newcomer in front of a closed gate finds the way in the same line."""
    await db.execute(CLOSED)
    told = (await mediasweep(env, "status")).out.splitlines()
    [brake] = [line for line in told if line.startswith("brake  manual")]
    assert brake.endswith(OPENED_BY["brake"])
    assert set(OPENED_BY) == set(GATES)
