"""Where this database is: what counts as another place, what that stops, and what adopting does."""

from __future__ import annotations

import asyncio
import json
import uuid

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.places import ELSEWHERE, GATE, HERE, INSTALLED, MOVED, RECOGNISE, claim_at
from tests.schema.queue import DAEMON, Claim, claim, enqueue, events, rows, until_someone_waits

OTHER = uuid.UUID("00000000-0000-4000-8000-000000000002")


async def _is_observed_only(db: Db, claimed: Claim, gate: str = "environment") -> str:
    """Check that nothing was claimed, and return why."""
    assert claimed.brought_nothing
    assert [row["status"] for row in await rows(db)] == ["pending"]
    reason = str(await db.fetchval(GATE, gate))
    assert f"{gate}: {reason}" in json.loads(claimed.news)["closed"]
    assert ("gate_closed", gate, reason, "mediasweep") in await events(
        db, "event", "outcome", "detail", "actor"
    )
    return reason


async def test_the_first_daemon_writes_down_where_it_is(db: Db) -> None:
    """Cloud, server, database, place and timeline are those of the first claim, which claims."""
    await enqueue(db, "a")
    assert (await claim_at(db)).assets == ["a"]
    row = await db.fetchrow(INSTALLED)
    assert row is not None
    port = await db.fetchval("SELECT current_setting('port')")
    assert (row["cloud_name"], row["places"]) == ("ours", [f"localhost:{port} of web1"])
    assert row["timeline"] == await db.fetchval("SELECT timeline_id FROM pg_control_checkpoint()")


async def test_a_role_without_rights_can_see_where_it_is(db: Db, role: str) -> None:
    """What is compared needs no superuser and no grant but that on the schema."""
    await db.execute(f"GRANT USAGE ON SCHEMA mediasweep TO {role}")
    await db.execute(f"GRANT EXECUTE ON FUNCTION mediasweep.here, mediasweep.timeline TO {role}")
    mine = await db.fetchrow("SELECT * FROM mediasweep.here($1::jsonb)", json.dumps(HERE))
    await db.execute(f"SET ROLE {role}")
    assert await db.fetchrow("SELECT * FROM mediasweep.here($1::jsonb)", json.dumps(HERE)) == mine


@pytest.mark.parametrize("what", ELSEWHERE)
async def test_another_place_is_observed_only(installed: Db, what: str) -> None:
    """If server, database or place is another one, nothing is claimed, and the reason names it."""
    await installed.execute(f"UPDATE mediasweep.installation SET {ELSEWHERE[what]}")
    await installed.execute("DELETE FROM mediasweep.daemon")
    reason = await _is_observed_only(installed, await claim_at(installed))
    assert reason.startswith(f"{what} was ")
    assert "mediasweep adopt" in reason


async def test_another_cloud_is_observed_only(installed: Db) -> None:
    """A daemon with another cloud in its settings claims nothing, and neither do the others."""
    reason = await _is_observed_only(
        installed, await claim_at(installed, cloud="theirs", host="web2")
    )
    assert reason.startswith("cloud was ours, is theirs (as the daemon on web2 sees it)")
    assert reason.endswith("restart it, then `mediasweep adopt` with the right ones")
    await _is_observed_only(installed, await claim_at(installed))


async def test_every_difference_is_named(installed: Db) -> None:
    """If all is different, the reason says so of each."""
    await installed.execute(f"UPDATE mediasweep.installation SET {', '.join(ELSEWHERE.values())}")
    await installed.execute("DELETE FROM mediasweep.daemon")
    reason = await _is_observed_only(installed, await claim_at(installed, cloud="theirs"))
    assert all(f"{what} was " in reason for what in ("cloud", *ELSEWHERE))


async def test_a_daemon_of_the_release_before_is_not_asked_for_its_cloud(installed: Db) -> None:
    """One that says neither cloud nor host is compared by what the server knows."""
    await installed.execute("UPDATE mediasweep.installation SET server_started_at = '2020-01-01'")
    await installed.execute("DELETE FROM mediasweep.daemon")
    assert (await claim(installed)).assets == ["a"]
    await installed.execute("UPDATE mediasweep.installation SET system_identifier = '42'")
    assert "closed" in (await claim(installed)).news


async def test_what_the_release_before_wrote_down_is_taken_as_it_is(installed: Db) -> None:
    """An installation without a known server process learns its place from the first claim."""
    await installed.execute(
        "UPDATE mediasweep.installation SET server_started_at = NULL, places = '{}', place = 'x:1'"
    )
    assert (await claim_at(installed)).assets == ["a"]
    assert await installed.fetchval("SELECT place = ANY (places) FROM mediasweep.installation")


async def test_a_gate_that_is_closed_is_closed_once(installed: Db) -> None:
    """Two daemons that differ in different ways do not write at each claim."""
    for cloud in ("theirs", "mine", "theirs"):
        await claim_at(installed, cloud=cloud)
    assert (await events(installed)).count("gate_closed") == 1


async def test_nobody_who_is_not_at_home_claims_through_an_open_gate(installed: Db) -> None:
    """Even if the gate is taken away by hand between looking and claiming, nothing is claimed."""
    await installed.execute("""
        CREATE OR REPLACE FUNCTION mediasweep.close_gate(name text, reason text, detail jsonb)
        RETURNS void LANGUAGE sql AS ''""")
    assert (await claim_at(installed, cloud="theirs")).brought_nothing


async def test_a_restart_changes_nothing(installed: Db) -> None:
    """Another process at an address that is known is the same server, restarted."""
    await installed.execute("UPDATE mediasweep.installation SET server_started_at = '2020-01-01'")
    await installed.execute("DELETE FROM mediasweep.daemon")
    assert (await claim_at(installed)).assets == ["a"]
    assert await installed.fetchval(
        "SELECT server_started_at = pg_postmaster_start_time() FROM mediasweep.installation"
    )
    assert "moved" not in await events(installed)


async def test_another_way_to_the_same_server_is_learnt(installed: Db) -> None:
    """The same process by another address is the same server, and both are known from then on."""
    assert (await claim_at(installed, host="web2")).assets == ["a"]
    places = await installed.fetchval("SELECT places FROM mediasweep.installation")
    assert [place.split(" of ")[1] for place in places] == ["web2", "web1"]
    await installed.execute("UPDATE mediasweep.installation SET server_started_at = '2020-01-01'")
    await installed.execute("DELETE FROM mediasweep.daemon")
    assert "closed" not in (await claim_at(installed, host="web1")).news


async def test_a_server_that_moved_is_known_again_by_who_was_there(installed: Db) -> None:
    """A running daemon finds its server at another address, and that is its place from then on."""
    await claim_at(installed)
    await installed.execute(MOVED)
    assert "closed" not in (await claim_at(installed)).news
    assert "moved" in await events(installed)
    assert "10.0.0.9:1" not in await installed.fetchval(
        "SELECT places FROM mediasweep.installation"
    )


async def test_who_was_not_there_cannot_vouch(installed: Db) -> None:
    """A new process finds another address, and holds everything until one that was there comes."""
    await installed.execute(MOVED)
    assert await installed.fetchval(RECOGNISE, OTHER, json.dumps(HERE)) is None
    assert await installed.fetchval(GATE, "environment")
    assert (await claim_at(installed)).assets == ["a"]
    assert await installed.fetchval(RECOGNISE, OTHER, json.dumps(HERE)) == 1


async def test_who_was_there_vouches_for_the_place_only(installed: Db) -> None:
    """A gate that was closed for more than the place is not opened by a daemon that was there."""
    await installed.execute(MOVED)
    theirs = json.dumps(HERE | {"cloud": "theirs"})
    assert await installed.fetchval(RECOGNISE, OTHER, theirs) is None
    await _is_observed_only(installed, await claim_at(installed))


async def test_a_promotion_is_no_move(installed: Db) -> None:
    """Another timeline alone closes the gate failover, not the environment."""
    await installed.execute("UPDATE mediasweep.installation SET timeline = timeline + 7")
    reason = await _is_observed_only(installed, await claim_at(installed), "failover")
    assert reason.startswith("the timeline was 8, is 1")
    assert await installed.fetchval(GATE, "environment") is None


async def test_another_place_with_another_timeline_is_another_place(installed: Db) -> None:
    """A copy that went through a recovery is observed until it is adopted, not for a while."""
    await installed.execute(f"{MOVED}, timeline = 7")
    await installed.execute("DELETE FROM mediasweep.daemon")
    await _is_observed_only(installed, await claim_at(installed))
    assert await installed.fetchval(GATE, "failover") is None


async def test_two_that_come_first_agree(db: Db, connect: Connect) -> None:
    """Of two daemons that begin at once with different clouds one is at home."""
    other = await connect()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group, other.transaction():
        assert await other.fetchval(RECOGNISE, OTHER, json.dumps(HERE)) == 1
        theirs = json.dumps(HERE | {"cloud": "theirs"})
        second = group.create_task(db.fetchval(RECOGNISE, DAEMON, theirs))
        await until_someone_waits(other)
    assert second.result() is None
    assert "cloud was ours, is theirs" in await other.fetchval(GATE, "environment")


async def test_a_safeguard_that_always_says_home_lets_a_copy_delete(installed: Db) -> None:
    """With the comparison taken away, what is another place is not held back."""
    await installed.execute("UPDATE mediasweep.installation SET system_identifier = '42'")
    await installed.execute("""
        CREATE OR REPLACE FUNCTION mediasweep.recognise(daemon uuid, terms jsonb)
        RETURNS integer LANGUAGE sql AS 'SELECT mediasweep.home()'""")
    assert (await claim_at(installed)).assets == ["a"]


async def test_a_standby_is_no_place_to_work_at(db: Db) -> None:
    """On a server that cannot be written to it is said that it is a standby."""
    await db.execute("""
        CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true';
        ALTER FUNCTION mediasweep.here SET search_path = public, pg_catalog""")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError, match="this server is a standby"):
        await db.fetchval(RECOGNISE, DAEMON, json.dumps(HERE))
