"""Adopting: what it changes, what it forgets, and what a daemon from before may still do."""

from __future__ import annotations

import asyncio
import json

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.places import ADOPT, ELSEWHERE, GATE, HERE, INSTALLED, MOVED, RECOGNISE, claim_at
from tests.schema.queue import DAEMON, enqueue, events, until_someone_waits


async def test_a_misconfigured_daemon_never_claims(installed: Db) -> None:
    """An adoption by someone with the right cloud lets the right daemon go on, not the other."""
    right, wrong = await claim_at(installed), await claim_at(installed, cloud="theirs")
    await enqueue(installed, "b")
    assert await installed.fetch(ADOPT, json.dumps(HERE)) == []
    right = await claim_at(installed, right.memory)
    assert right.assets == ["b"]
    await enqueue(installed, "c")
    assert (await claim_at(installed, wrong.memory, cloud="theirs")).brought_nothing
    assert (await claim_at(installed, right.memory)).brought_nothing  # until somebody looks again


async def test_home_is_no_longer_home_after_an_adoption(installed: Db) -> None:
    """A daemon that was at home when another account was adopted sends nothing to its old one."""
    ours = await claim_at(installed)
    assert ours.assets == ["a"]
    await enqueue(installed, "b")
    await installed.fetch(ADOPT, json.dumps(HERE | {"cloud": "theirs"}))
    assert (await claim_at(installed, ours.memory)).brought_nothing
    assert "cloud was theirs, is ours" in await installed.fetchval(GATE, "environment")


async def test_who_was_there_before_an_adoption_cannot_vouch(installed: Db) -> None:
    """What a daemon was told before somebody adopted another place is void."""
    await installed.fetch(ADOPT, json.dumps(HERE))
    await installed.execute(MOVED)
    assert (await claim_at(installed)).brought_nothing


async def test_who_compares_during_an_adoption_waits_for_it(
    installed: Db, connect: Connect
) -> None:
    """No gate is closed for a difference that is adopted at the same moment."""
    person, theirs = await connect(), json.dumps(HERE | {"cloud": "theirs"})
    async with asyncio.timeout(10), asyncio.TaskGroup() as group, person.transaction():
        await person.fetch(ADOPT, theirs)
        comparing = group.create_task(installed.fetchval(RECOGNISE, DAEMON, theirs))
        await until_someone_waits(person)
    assert comparing.result() == 2
    assert await person.fetchval(GATE, "environment") is None


async def test_an_adoption_waits_for_who_compares(installed: Db, connect: Connect) -> None:
    """A gate that is being closed for a difference is opened by the adoption of it."""
    daemon, theirs = await connect(), json.dumps(HERE | {"cloud": "theirs"})
    async with asyncio.timeout(10), asyncio.TaskGroup() as group, daemon.transaction():
        await daemon.fetchval(RECOGNISE, DAEMON, theirs)
        adopting = group.create_task(installed.fetch(ADOPT, theirs))
        await until_someone_waits(daemon)
    assert [row["what"] for row in adopting.result()] == ["cloud"]
    assert await daemon.fetchval(GATE, "environment") is None


async def test_adopting_tells_what_was_and_forgets_what_is_void(installed: Db) -> None:
    """The old place's proofs and acknowledgements go, the gates open, the journal says who did."""
    await _changed_and_acknowledged(installed)
    adopted = await installed.fetch(ADOPT, json.dumps(HERE | {"cloud": "theirs"}))
    assert [row["what"] for row in adopted] == ["cloud", "server", "place", "timeline"]
    assert [row["was"] for row in adopted[:2]] == ["ours", "42"]
    row = await installed.fetchrow(INSTALLED)
    assert row is not None
    assert (row["cloud_name"], row["asset_id_proven_at"]) == ("theirs", None)
    assert await installed.fetchval("SELECT count(*) FROM mediasweep.acknowledgement") == 0
    journal = await events(installed, "event", "outcome", "actor")
    assert ("adopted", None, "ann") in journal
    assert ("gate_opened", "environment", "ann") in journal
    assert (await claim_at(installed, cloud="theirs")).assets == ["a"]


async def test_adopting_nothing_forgets_nothing(installed: Db) -> None:
    """If nothing differs, the gates open and what was known is still known."""
    await claim_at(installed, cloud="theirs")
    await _changed_and_acknowledged(installed, change="timeline = timeline")
    assert await installed.fetch(ADOPT, json.dumps(HERE)) == []
    assert await installed.fetchval("SELECT count(*) FROM mediasweep.acknowledgement") == 1
    assert await installed.fetchval("SELECT asset_id_proven_at FROM mediasweep.installation")
    assert (await claim_at(installed)).assets == ["a"]


async def _changed_and_acknowledged(db: Db, change: str = "") -> None:
    change = change or f"timeline = 7, {ELSEWHERE['server']}, {ELSEWHERE['place']}"
    await db.execute(f"""
        UPDATE mediasweep.installation SET asset_id_proven_at = now(), {change};
        INSERT INTO mediasweep.acknowledgement (source_id, xact, acknowledged_by)
        VALUES (1, pg_current_xact_id(), 'ann');
        DELETE FROM mediasweep.daemon""")
    if "42" in change:
        assert (await claim_at(db)).brought_nothing
