"""A stop over the API says why and until when, as the command's does."""

from __future__ import annotations

from typing import Any

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.http.visits import visit

SCHEDULER = "/api/cloudinary/scheduler"


async def test_a_stop_has_a_reason_and_an_end(database: str, db: Db) -> None:
    """Both are those of its gate; empty fields of a form are as if they were not there."""
    async with visit(database) as client:
        lunch = {"action": "stop", "reason": "lunch", "minutes": 30}
        told = (await client.post(SCHEDULER, json=lunch)).json()
        gate = await db.fetchrow("SELECT reason, until - now() AS left FROM mediasweep.gate")
        assert gate is not None
        assert (gate["reason"], 29 * 60 < gate["left"].total_seconds() < 1801) == ("lunch", True)
        assert told["message"].startswith("stopped until 20")
        told = (await client.post(SCHEDULER, json={"action": "stop", "minutes": None})).json()
        assert told["message"] == "stopped"
        assert await db.fetchval("SELECT until IS NULL FROM mediasweep.gate")


@pytest.mark.parametrize(
    "asked",
    [
        {"action": "start", "minutes": 1},
        {"action": "restart", "reason": "lunch"},
        {"action": "stop", "minutes": 0},
        {"action": "stop", "minutes": "30"},
    ],
    ids=str,
)
async def test_what_is_no_stop_takes_neither(database: str, db: Db, asked: dict[str, Any]) -> None:
    """It is refused, and nothing is done; and so is an end that is none."""
    async with visit(database) as client:
        assert (await client.post(SCHEDULER, json=asked)).status_code == 400
    assert await db.fetchval("SELECT count(*) FROM mediasweep.journal") == 0
