"""Cloudinary refusing, failing, lying and falling silent: no attempt is burnt that need not be."""

from __future__ import annotations

from asyncio import to_thread
from typing import Any

import pytest

from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.daemons import INSERT_ASSETS, environment, finished, spawn, until

ROWS = 30
IMPATIENT = ("-m", "tests.programs", "impatient")
ATTEMPTS = "SELECT max(processing_attempts) FROM mediasweep.cloudinary_cleanup_queue"
ALL_BUT_ONE = """
SELECT count(*) = $1 FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'completed'
"""
AT_MOST_THE_TEST_IS_OUT = """
SELECT count(*) <= 1 FROM mediasweep.cloudinary_cleanup_queue WHERE status = 'processing'
"""
STANDS_BACK = """
SELECT status = 'pending' AND processing_attempts = 0 AND due_at > now() + interval '5 minutes'
  FROM mediasweep.cloudinary_cleanup_queue WHERE cloudinary_public_id = 'a7'
"""
FAULTS: list[dict[str, Any]] = [
    {"effect": "status", "status": 500},
    {"effect": "status", "status": 503, "act": True},
    {"effect": "html"},
    {"effect": "html", "act": True},
    {"effect": "garbage"},
    {"effect": "empty"},
    {"effect": "lie", "body": ["ok"]},
    {"effect": "lie", "body": {"result": "maybe"}},
    {"effect": "truncated"},
    {"effect": "truncated", "act": True},
    {"effect": "reset"},
    {"effect": "reset", "act": True},
    {"effect": "hang"},
    {"effect": "hang", "act": True},
    {"effect": "status", "status": 423},
]


async def _delete_rows(db: Db, cloud: Cloud) -> None:
    await to_thread(cloud.fill, "a", ROWS)
    await db.execute(INSERT_ASSETS, "a", ROWS)
    await db.execute("DELETE FROM media_assets")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: "-".join(str(v) for v in f.values()))
async def test_every_asset_is_gone_in_the_end(
    database: str, db: Db, cloud: Cloud, fault: dict[str, Any]
) -> None:
    """Whatever six calls were answered: each row completes, and only when its asset is gone."""
    await _delete_rows(db, cloud)
    await to_thread(cloud.faults, fault | {"times": 6})
    daemon = await spawn(environment(database, cloud.url), IMPATIENT)
    assert await finished(db) == {"completed": ROWS}
    assert set() == await to_thread(cloud.assets)
    assert await daemon.stop() == 0


@pytest.mark.parametrize("refusal", ["revoked key", "rate limit"])
async def test_a_refusal_of_the_account_burns_no_attempt(
    database: str, db: Db, cloud: Cloud, refusal: str
) -> None:
    """While key or limit is refused, rows wait and lose no attempt; a gate tests with one."""
    await _delete_rows(db, cloud)
    daemon = await spawn(environment(database, cloud.url), IMPATIENT)
    await daemon.seen("daemon_started")
    revoke = refusal == "revoked key"
    gate = "auth" if revoke else "rate_limit"
    await to_thread(cloud.faults, {"effect": "status", "status": 401 if revoke else 420})
    await db.execute(INSERT_ASSETS, "b", ROWS)
    await to_thread(cloud.fill, "b", ROWS)
    await db.execute("DELETE FROM media_assets")
    closed = await daemon.seen("gate_closed", where=lambda r: r["gate"] == gate)
    assert closed["wait_s"] > 0
    # eight calls may have been out when the first was refused; since then one a test
    await until(db, AT_MOST_THE_TEST_IS_OUT)
    before = (await to_thread(cloud.state))["calls"]["destroy"]
    await to_thread(cloud.wait_calls, before + 2)
    assert await db.fetchval(ATTEMPTS) <= 1
    await to_thread(cloud.faults)
    assert await finished(db) == {"completed": 2 * ROWS}
    assert await db.fetchval(ATTEMPTS) == 1
    await daemon.seen("gate_opened")
    assert await daemon.stop() == 0


async def test_an_asset_that_the_key_may_not_delete_does_not_hold_up_the_others(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A 403 of one row closes the gate, but another row tests it; the one stays, unburnt."""
    await _delete_rows(db, cloud)
    await to_thread(cloud.faults, {"effect": "status", "status": 403, "public_id": "a7"})
    daemon = await spawn(environment(database, cloud.url), IMPATIENT)
    await until(db, ALL_BUT_ONE, ROWS - 1)
    await daemon.seen("gate_closed", where=lambda r: r["gate"] == "auth")
    await until(db, STANDS_BACK)
    assert await daemon.stop() == 0


async def test_a_rejected_row_fails_and_the_others_go_on(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A 400 is about the row that met it."""
    await _delete_rows(db, cloud)
    await to_thread(cloud.faults, {"effect": "status", "status": 400, "public_id": "a7"})
    daemon = await spawn(environment(database, cloud.url), IMPATIENT)
    assert await finished(db) == {"completed": ROWS - 1, "failed": 1}
    assert await daemon.stop() == 0


async def test_an_unknown_outcome_fails_only_when_its_attempts_are_spent(
    database: str, db: Db, cloud: Cloud
) -> None:
    """A row that always meets a 500 is tried three times, then given up by a claim."""
    await _delete_rows(db, cloud)
    await to_thread(cloud.faults, {"effect": "status", "status": 500, "public_id": "a7"})
    daemon = await spawn(environment(database, cloud.url), IMPATIENT)
    assert await finished(db) == {"completed": ROWS - 1, "failed": 1}
    await until(db, "SELECT count(*) = 1 FROM mediasweep.journal WHERE outcome = 'attempts_spent'")
    calls = await to_thread(cloud.calls)
    assert sum(call["public_id"] == "a7" for call in calls) == 3
    assert await daemon.stop() == 0
