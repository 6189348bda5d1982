"""What scrapes ask of the database."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from mediasweep.operations import figures
from mediasweep.operations.figures import Figures


@pytest.mark.parametrize(("failure", "asked"), [("late", 1), ("refused", 3)])
async def test_a_count_that_was_given_up_is_not_begun_with_each_scrape(
    monkeypatch: pytest.MonkeyPatch, failure: str, asked: int
) -> None:
    """A queue too long to be counted in time would keep the database counting all the time; one
    that refused at once is asked again.
    """
    monkeypatch.setattr(figures, "WITHIN_S", 0.05)
    monkeypatch.setattr(figures, "KEPT_S", 0.0)
    calls: list[str] = []

    async def state() -> None:
        calls.append("state")
        if failure == "refused":
            raise ConnectionRefusedError
        await asyncio.Event().wait()

    fleet: Any = SimpleNamespace(state=state)
    known = Figures(fleet)
    for _ in range(3):
        assert await known.state() is None
    assert len(calls) == asked
