"""`mediasweep scheduler`, `pause` and `resume`: what is in force, and what stays closed."""

from __future__ import annotations

import json

import pytest

from mediasweep.cli import session
from mediasweep.cli.output import cell
from mediasweep.emulator.client import Cloud
from mediasweep.metrics import GATES
from mediasweep.postgres.pool import Connection as Db
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
    await beat(db, works=False)
    for command in (("scheduler", "status"), ("status",)):
        assert "no daemon that is alive deletes" in (await mediasweep(env, *command)).out
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


async def test_a_forced_sweep_says_what_goes_and_what_stays(db: Db, env: dict[str, str]) -> None:
    """Rows behind another gate are counted with its name, and none of them is let through."""
    await enqueue(db, "a", "b", "c")
    idle = await mediasweep(env, "scheduler", "force-cleanup")
    assert idle.err == "nothing is stopped: 3 rows due; daemons look at once\n"
    await db.execute(CLOSED)
    held = await mediasweep(env, "scheduler", "force-cleanup")
    assert held.err.startswith(
        "let through the stop: 0 rows\nstay: 3 rows behind auth and brake (manual)\n"
    )
    assert (BRAKE in held.err, AUTH in held.err, "pause" in held.err) == (True, True, False)
    assert await db.fetchval("SELECT forced FROM mediasweep.scheduler") == 0
    await db.execute("DELETE FROM mediasweep.gate WHERE name = 'auth'")
    await db.execute(
        "UPDATE mediasweep.cloudinary_cleanup_queue SET source_id = 1 WHERE id IN"
        " (SELECT id FROM mediasweep.cloudinary_cleanup_queue LIMIT 2)"
    )
    some = await mediasweep(env, "scheduler", "force-cleanup")
    assert some.err == (f"let through the stop: 2 rows\nstay: 1 row behind brake (manual)\n{BRAKE}")
    assert await db.fetchval("SELECT forced FROM mediasweep.scheduler") == 2
    await db.execute("DELETE FROM mediasweep.gate WHERE name = 'pause'")
    open_ = await mediasweep(env, "scheduler", "force-cleanup")
    assert open_.err.startswith("nothing is stopped: 2 rows due and held by no gate; daemons look")


@pytest.mark.parametrize("again", [("pause", "--reason", "again"), ("scheduler", "stop")])
async def test_a_second_pause_says_what_it_replaces(
    db: Db, env: dict[str, str], again: tuple[str, ...]
) -> None:
    """The first one names its end; the next one names reason, person and end of the first."""
    first = await mediasweep(env, "pause", "--reason", "migration", "--minutes", "30")
    until = await db.fetchval("SELECT until FROM mediasweep.gate WHERE name = 'pause'")
    assert first.err == f"paused until {cell(until)}; `mediasweep resume` ends it\n"
    second = await mediasweep(env, *again)
    told = (
        f"was paused already (migration, by {session.who()}, until {cell(until)}): that is replaced"
    )
    assert second.err.splitlines()[0] == told
    third = await mediasweep(env, "pause")
    assert "without an end): that is replaced\npaused; `mediasweep resume`" in third.err
    assert await db.fetchval("SELECT until FROM mediasweep.gate WHERE name = 'pause'") is None


async def test_a_pause_that_has_run_out_is_not_said_to_be_replaced(
    db: Db, env: dict[str, str]
) -> None:
    """What holds nothing any more is none, though the chores have not taken it off the list."""
    await db.execute(
        "INSERT INTO mediasweep.gate (name, reason, closed_by, until)"
        " VALUES ('pause', 'over', 'ann', now() - interval '1 s')"
    )
    assert (await mediasweep(env, "pause")).err == "paused; `mediasweep resume` ends it\n"


@pytest.mark.parametrize(
    "wrong",
    [("--reason", ""), ("--reason", " "), ("--minutes", "1e12"), ("--minutes", "nan")],
    ids=" ".join,
)
async def test_a_pause_without_a_meaning_is_refused(
    db: Db, env: dict[str, str], wrong: tuple[str, ...]
) -> None:
    """Exit code 2, a sentence, and nothing is closed."""
    refused = await mediasweep(env, "pause", *wrong)
    assert (refused.code, wrong[0] in refused.err, "Traceback" in refused.err) == (2, True, False)
    assert await db.fetchval("SELECT count(*) FROM mediasweep.gate") == 0
