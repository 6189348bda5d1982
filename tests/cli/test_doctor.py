"""`mediasweep doctor` as it is run: what it prints, its JSON, and its exit codes."""

from __future__ import annotations

import json

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import mediasweep
from tests.daemons import environment, running

PASSWORD = "s3cr3t-word"
NOWHERE = f"postgresql://ann:{PASSWORD}@127.0.0.1:1/nowhere"
CLOSE = """
INSERT INTO mediasweep.gate (name, reason, closed_by)
VALUES ('auth', E'a \\x1b[31mreason\\nHINT: ask', 'ann')
"""


async def test_beside_a_running_daemon_nothing_is_wrong(database: str, cloud: Cloud) -> None:
    """Exit code 0, the level of each table as a note, and how many checks there were."""
    env = environment(database, cloud.url, COLUMNS="100")
    async with running(env):
        told = await mediasweep(env, "doctor")
        as_json = json.loads((await mediasweep(env, "doctor", "--json")).out)
    lines = told.out.splitlines()
    assert (told.code, told.err) == (0, ""), told.out
    assert lines[0].startswith("note     level: public.media_assets: an asset that is let go of is")
    assert lines[-1] == "30 checks: 2 notes"
    assert len(lines) == 9  # a sentence is a line, where no terminal is
    assert (as_json["healthy"], as_json["database"], len(as_json["checks"])) == (True, True, 30)
    [found, _] = as_json["findings"]
    assert set(found) == {"check", "level", "what", "why", "remedy"}


async def test_what_is_wrong_is_told_the_worst_first(database: str, db: Db, cloud: Cloud) -> None:
    """Exit code 1; problems, then warnings, then notes, each with its remedy, nothing as control
    characters.
    """
    await db.execute(CLOSE)
    told = await mediasweep(environment(database, cloud.url, COLUMNS="100"), "doctor")
    assert told.code == 1
    assert [line.split()[0] for line in told.out.splitlines() if line[:1].isalpha()] == [
        "problem",
        "warning",
        "note",
        "note",
    ]
    assert "gates: the gate auth is closed by ann: a \\x1b[31mreason; HINT: ask" in told.out
    assert "to do: start one: `mediasweep run`" in told.out
    assert told.out.endswith("30 checks: 1 problem, 1 warning, 2 notes\n")


async def test_without_a_database_the_rest_is_told(cloud: Cloud) -> None:
    """Exit code 3, the address without its password, and what the account says."""
    cloud.switch(revoked=True)
    told = await mediasweep(environment(NOWHERE, cloud.url), "doctor", "--json")
    found = json.loads(told.out)
    assert (told.code, found["database"], found["healthy"]) == (3, False, False)
    assert [one["check"] for one in found["findings"]] == ["database", "account"]
    assert PASSWORD not in told.out + told.err
    assert cloud.secret not in told.out + told.err
