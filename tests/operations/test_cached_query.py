"""What is costly to ask for is told as it was last heard, and only that."""

from __future__ import annotations

import asyncio

import pytest

from mediasweep.operations import cached_query
from mediasweep.operations.cached_query import KEPT_S, REST, WITHIN_S, CachedQuery


class Question:
    """A question whose answers are numbers, each of which takes as long as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.takes_s = 0.0
        self.asked = 0
        monkeypatch.setattr(cached_query, "boot_s", lambda: self.now_s)

    async def ask(self) -> int:
        """Return how often it was asked."""
        self.asked += 1
        self.now_s += self.takes_s
        return self.asked


async def test_a_quick_answer_is_always_that_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a single one took long."""
    question = Question(monkeypatch)
    asked = CachedQuery(question.ask)
    for number in range(1, 9):
        question.takes_s = 10 * WITHIN_S if number == 4 else WITHIN_S / 2
        assert await asked.get() == number


async def test_a_costly_answer_is_told_again_until_the_next_one_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is fetched meanwhile, not too often, and one that is too old is told to nobody."""
    question = Question(monkeypatch)
    asked = CachedQuery(question.ask)
    question.takes_s = 2 * WITHIN_S
    for number in (1, 2, 3):
        assert await asked.get() == number
    assert (await asked.get(), question.asked) == (3, 3)  # it rests
    question.now_s += REST * question.takes_s + 0.001
    assert (await asked.get(), question.asked) == (3, 3)
    under_way = asked._asking  # noqa: SLF001  nothing else tells when it ends
    assert under_way is not None
    await asyncio.wait({under_way})
    assert (await asked.get(), question.asked) == (4, 4)
    question.now_s += KEPT_S + 1
    assert await asked.get() == 5
    asked.end()
