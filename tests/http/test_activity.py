"""The journal by filter, page by page: over the API, and on its page."""

from __future__ import annotations

from typing import Any

import pytest

from mediasweep.operations import activity
from mediasweep.postgres.pool import Connection as Db
from tests.http.visits import visit

FILL = """
INSERT INTO mediasweep.journal (event, actor, reason, public_id)
SELECT CASE WHEN n % 4 = 0 THEN 'failed' ELSE 'completed' END,
       CASE WHEN n % 3 = 0 THEN 'ann' ELSE 'bob' END,
       CASE WHEN n % 5 = 0 THEN 'upload_pending' ELSE 'row_deleted' END,
       CASE WHEN n = 11 THEN 'mediasweep-selftest/1/a' ELSE 'a/' || n END
  FROM generate_series(1, 12) n
 UNION ALL
SELECT 'gate_closed', 'ann', NULL, NULL
"""
FILTERS: list[tuple[dict[str, Any], int]] = [
    ({}, 13),
    ({"event": "failed"}, 3),
    ({"actor": "ann"}, 5),
    ({"event": "failed", "actor": "ann"}, 1),
    ({"own": "true"}, 3),
    ({"own": "false"}, 10),
    ({"actor": "nobody"}, 0),
]


@pytest.mark.parametrize(("asked", "expected"), FILTERS, ids=str)
async def test_entries_are_found_once_however_few_are_looked_at(
    database: str, db: Db, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], expected: int
) -> None:
    """Pages that are short or empty lead on, in the order of the journal; the gate is in each that
    leaves out what mediasweep let go of itself.
    """
    monkeypatch.setattr(activity, "LOOKED_AT", 3)
    await db.execute(FILL)
    seen: list[int] = []
    events: set[str] = set()
    next_ = None
    async with visit(database) as client:
        while True:
            given = asked | {"limit": 2} | ({"before": next_} if next_ else {})
            said = (await client.get("/api/activity", params=given)).json()
            seen += [item["id"] for item in said["items"]]
            events |= {item["event"] for item in said["items"]}
            next_ = said["next"]
            if next_ is None:
                break
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == expected
    assert ("gate_closed" in events) is (asked in ({}, {"actor": "ann"}, {"own": "false"}))


async def test_the_page_keeps_the_filter(database: str, db: Db) -> None:
    """In its form and in the link to what is older; a form sends what was left empty, too."""
    await db.execute(FILL)
    async with visit(database) as client:
        path = "/activity?event=completed&actor=&own=false&limit=2"
        told = await client.get(path, headers={"Accept": "text/html"})
        assert told.text.count('id="entry-') == 2
        assert '<option value="completed" selected>' in told.text
        assert "/activity?event=completed&amp;own=False&amp;before=" in told.text
        wrong = await client.get("/activity?event=nothing", headers={"Accept": "text/html"})
        assert wrong.status_code == 400
