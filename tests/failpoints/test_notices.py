"""The matrix notices: with a safeguard taken away, in the test's own database, it fails."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import ROOT, environment
from tests.failpoints import aftermath
from tests.failpoints.nursery import FROZEN, Child, Nursery
from tests.failpoints.queries import ARTICLES
from tests.failpoints.scene import Scene
from tests.failpoints.test_matrix import STARTED_LATER, TIME_PASSES, Play
from tests.failpoints.worlds import QUICK, WORLDS

# what is said, and moves as event, state and claim number
TIMELINES = {
    "completed → completed": "claimed processing 1, completed completed 1, completed completed 1",
    "pending → completed": "completed completed 0",
    "refused → pending in doubt": (
        "claimed processing 1, handed_over processing 2, refused pending 2"
    ),
    "refused → processing": "claimed processing 1, refused pending 1, refused processing 1",
    "unknown of claim 1 during claim 2": (
        "claimed processing 1, claimed processing 2, unknown processing 1"
    ),
    "skipped → claimed": "skipped skipped 0, claimed processing 1",
    "processing → skipped": "claimed processing 1, skipped skipped 1",
}


def _timeline(moves: str) -> list[Any]:
    each = (move.split() for move in moves.split(", ") if move)
    return [{"event": event, "status": to, "claim_no": int(no)} for event, to, no in each]


@pytest.mark.parametrize("said", TIMELINES)
def test_a_move_that_must_not_be_is_named(said: str) -> None:
    """The moves up to the last are legal, and the last one is named."""
    *moves, last = TIMELINES[said].split(", ")
    assert aftermath.illegal(_timeline(", ".join(moves))) is None
    assert said in str(aftermath.illegal(_timeline(", ".join([*moves, last]))))


def test_nothing_that_ships_knows_of_failpoints() -> None:
    """No file of the product or its schema holds a point, a switch for one, or the word."""
    shipped = [p for top in ("daemon", "schema") for p in (ROOT / top).rglob("*.*")]
    texts = [p for p in shipped if p.suffix in {".py", ".sql", ".toml", ".html"}]
    assert [p for p in texts if "failpoint" in p.read_text(encoding="utf-8").lower()] == []


@pytest.fixture
async def play(database: str, db: Db, cloud: Cloud) -> AsyncIterator[Play]:
    """Give a world in which rows were deleted."""
    await db.execute(ARTICLES)
    nursery = await Nursery.open()
    yield Play(
        WORLDS["deletions"],
        Scene(db, cloud, beside=db),
        nursery,
        environment(database, cloud.url, **QUICK),
    )
    await nursery.close()


async def _replace(db: Db, name: str, *changes: tuple[str, str]) -> None:
    """Take something out of a function of the test's own database."""
    text = await db.fetchval(
        "SELECT pg_get_functiondef(p.oid) FROM pg_proc p"
        " WHERE p.pronamespace = 'mediasweep'::regnamespace AND p.proname = $1",
        name,
    )
    for old, new in changes:
        assert old in text, f"{name} has no {old} any more: say what the safeguard is now"
        text = text.replace(old, new)
    await db.execute(text)


async def _frozen_and_succeeded(play: Play, point: str, *, trusting: bool = False) -> Child:
    """Freeze a daemon at a point and let another one finish."""
    await play.world.furnish(play.scene)
    points = {point: ("freeze", 1)}
    frozen = await play.nursery.bear(play.env, points, trusting=trusting)
    assert await play.ended(frozen) == FROZEN
    await play.scene.db.execute(TIME_PASSES)
    last = await play.nursery.bear(play.env | STARTED_LATER)
    await play.all_done()
    assert await last.stop() == 0
    return frozen


async def test_a_record_that_does_not_compare_is_noticed(play: Play) -> None:
    """Without the compare in the compare-and-set, what comes late moves rows that were finished."""
    await _replace(
        play.scene.db,
        "record",
        ("q.claim_no = r.claim_no", "true"),
        ("q.status = 'processing'", "true"),
        ("q.lease_until IS NOT NULL", "true"),
    )
    frozen = await _frozen_and_succeeded(play, "sweep.record:queue.record:before")
    await aftermath.check(play.scene)
    assert await frozen.thaw_and_stop() == 0
    with pytest.raises(AssertionError, match="processing"):
        await aftermath.check(play.scene)


async def test_a_daemon_that_trusts_an_old_lease_is_noticed(play: Play) -> None:
    """One that takes its lease for longer than it is sends a call after it was succeeded."""
    play.env |= {"MEDIASWEEP_LEASE": "600"}
    await _replace(play.scene.db, "mark", ("mark.lease", "interval '1 s'"))
    # nor is it stopped by what it saw having become old meanwhile
    point = "sweep.delete:account.destroy:before"
    frozen = await _frozen_and_succeeded(play, point, trusting=True)
    before = (await to_thread(play.scene.cloud.state))["calls"]["destroy"]
    frozen.thaw()
    await to_thread(play.scene.cloud.wait_calls, before + 1)  # which a stop would prevent
    assert await frozen.thaw_and_stop() == 0
