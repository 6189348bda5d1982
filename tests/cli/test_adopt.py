"""`mediasweep adopt`: what it shows, when it asks, and when it refuses."""

from __future__ import annotations

import json

import pytest

from mediasweep.cli.consent import NOBODY
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.commands import Done, mediasweep
from tests.daemons import environment

# a daemon has run here, but as if on another server
INSTALLED = """
SELECT mediasweep.recognise(gen_random_uuid(), jsonb_build_object('cloud', 'theirs'));
UPDATE mediasweep.installation SET system_identifier = '42'
"""
CLOSED = """
SELECT mediasweep.recognise(gen_random_uuid(), jsonb_build_object('cloud', 'theirs', 'host', 'w'))
"""
STANDBY = """
CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'
"""
IS_CLOSED = "SELECT count(*) FROM mediasweep.gate"


@pytest.fixture
async def env(database: str, db: Db, cloud: Cloud) -> dict[str, str]:
    """Give the settings of an operator in front of a copy whose gate is closed."""
    await db.execute(INSTALLED)
    await db.execute(CLOSED)
    return environment(database, cloud.url)


async def _at_a_terminal(env: dict[str, str], answer: str) -> Done:
    """Run `mediasweep adopt` at a terminal, and answer what it asks."""
    return await mediasweep(env, "adopt", typed=f"{answer}\n")


async def test_a_dry_run_shows_what_differs_and_changes_nothing(
    db: Db, env: dict[str, str], cloud: Cloud
) -> None:
    """Each difference is told as it was and as it is, with the closed gate and a warning."""
    done = await mediasweep(env, "adopt", "--dry-run")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[:2] == [["what", "was", "is"], ["cloud", "theirs", cloud.name]]
    assert lines[2][:2] == ["server", "42"]
    assert "closed gate environment: server was 42" in done.err
    assert "Is this database a copy" in done.err
    assert "nothing was changed" in done.err
    assert (done.code, await db.fetchval(IS_CLOSED)) == (0, 1)


async def test_it_is_told_as_json(db: Db, env: dict[str, str], cloud: Cloud) -> None:
    """Programs read the same on stdout, and whether it was adopted."""
    told = json.loads((await mediasweep(env, "adopt", "--yes", "--json")).out)
    assert told["differences"][0] == {"what": "cloud", "was": "theirs", "is": cloud.name}
    assert [gate["gate"] for gate in told["gates"]] == ["environment"]
    assert (told["adopted"], await db.fetchval(IS_CLOSED)) == (True, 0)
    again = json.loads((await mediasweep(env, "adopt", "--yes", "--json")).out)
    assert again == {"differences": [], "gates": [], "guard": None, "adopted": False}


async def test_without_a_terminal_it_wants_to_be_told_yes(db: Db, env: dict[str, str]) -> None:
    """Nobody is there to ask: it says what to do, and changes nothing."""
    done = await mediasweep(env, "adopt")
    assert (done.code, await db.fetchval(IS_CLOSED)) == (2, 1)
    assert f"Adopt? {NOBODY}" in done.err


@pytest.mark.parametrize(("answer", "code", "closed"), [("y", 0, 0), ("n", 1, 1)])
async def test_at_a_terminal_it_asks(
    db: Db, env: dict[str, str], answer: str, code: int, closed: int
) -> None:
    """A yes adopts and names who said it; a no changes nothing."""
    done = await _at_a_terminal(env, answer)
    assert (done.code, await db.fetchval(IS_CLOSED)) == (code, closed)
    assert "Adopt?" in done.err
    adopted = await db.fetch("SELECT actor FROM mediasweep.journal WHERE event = 'adopted'")
    assert ["@" in row["actor"] for row in adopted] == [True] * (1 - closed)


async def test_a_place_that_is_home_needs_no_adoption(database: str, db: Db, cloud: Cloud) -> None:
    """Where nothing differs and no gate is closed nothing is asked and nothing is written."""
    await db.execute("SELECT mediasweep.recognise(gen_random_uuid(), $1)", _ours(cloud))
    done = await mediasweep(environment(database, cloud.url), "adopt")
    assert (done.code, done.out) == (0, "")
    assert "nothing differs" in done.err


def _ours(cloud: Cloud) -> str:
    return json.dumps({"cloud": cloud.name})


async def test_on_a_standby_it_refuses(db: Db, env: dict[str, str]) -> None:
    """Where nothing can be written it says that this is a standby, and exits with 6."""
    await db.execute(STANDBY)
    await db.execute("ALTER FUNCTION mediasweep.here SET search_path = public, pg_catalog")
    done = await mediasweep(env, "adopt", "--yes")
    assert (done.code, done.out) == (6, "")
    assert "this server is a standby" in done.err
