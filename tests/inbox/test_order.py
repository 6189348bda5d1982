"""Whatever the order in which notifications come, and how often, the library is the same."""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from random import Random
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mediasweep.postgres.pool import Connection as Db
from tests.inbox.account import Account
from tests.inbox.library import QUEUED, hear_all

HISTORIES = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],  # each example takes too long to be made smaller
)
CALLS = st.integers(3, 25)
# a safeguard, and what it would be without
REPLACED = {
    "the newest is kept": (
        "CREATE OR REPLACE FUNCTION mediasweep.newest(one jsonb, another jsonb) RETURNS jsonb"
        " LANGUAGE sql IMMUTABLE AS 'SELECT one || another'"
    ),
    "an upload begins anew": (
        "CREATE OR REPLACE FUNCTION mediasweep.still(said jsonb, what text) RETURNS jsonb"
        " LANGUAGE sql IMMUTABLE AS 'SELECT said -> what -> 1'"
    ),
    "a name has one holder": (
        "CREATE OR REPLACE FUNCTION mediasweep.not_there_since(known mediasweep.asset)"
        " RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT CASE WHEN"
        " known.said #>> '{gone,0}' >= known.said #>> '{upload,0}'"
        " THEN mediasweep.moment(known.said -> 'gone') END $$"
    ),
    "what is gone stays gone": (
        "UPDATE pg_proc SET prosrc = replace(prosrc, '>= ALL', '< ALL')"
        " WHERE proname = 'not_there_since'"
    ),
}


class Library:
    """A library that is empty before each history."""

    def __init__(self, database: str) -> None:
        self._database = database

    def after(self, *orders: list[bytes]) -> list[list[dict[str, Any]]]:
        """Return what it shows after each order, having seen that nothing is queued."""

        async def run() -> list[list[dict[str, Any]]]:
            db: Db = await asyncpg.connect(self._database)
            try:
                return [await _once(db, order) for order in orders]
            finally:
                await db.close()

        return asyncio.run(run())


async def _once(db: Db, order: list[bytes]) -> list[dict[str, Any]]:
    transaction = db.transaction()
    await transaction.start()
    try:
        shown = await hear_all(db, order)
        assert await db.fetchval(QUEUED) == 0
        return shown
    finally:
        await transaction.rollback()


def _history(chance: Random, calls: int) -> Account:
    account = Account(chance, keeps_asset_id=chance.random() < 0.5)
    for _ in range(calls):
        account.do_something()
    return account


def _mixed(chance: Random, told: list[bytes]) -> list[bytes]:
    """Return them in another order, a third of them twice."""
    mixed = told + chance.sample(told, len(told) // 3)
    chance.shuffle(mixed)
    return mixed


async def test_any_order_gives_what_is_there(database: str) -> None:
    """In any order, with duplicates, the library comes to show exactly what the account has."""
    library = Library(database)

    @HISTORIES
    @given(st.randoms(use_true_random=False), CALLS)
    def check(chance: Random, calls: int) -> None:
        account = _history(chance, calls)
        [shown] = library.after(_mixed(chance, account.told))
        assert shown == account.rows()

    await to_thread(check)


async def test_any_order_of_what_was_not_lost_gives_the_same(database: str) -> None:
    """Where some are lost, the others come to the same in any order as in that of events."""
    library = Library(database)

    @settings(HISTORIES, max_examples=30)
    @given(st.randoms(use_true_random=False), CALLS)
    def check(chance: Random, calls: int) -> None:
        left = [body for body in _history(chance, calls).told if chance.random() < 0.75]
        in_order, mixed = library.after(left, _mixed(chance, left))
        assert mixed == in_order

    await to_thread(check)


@pytest.mark.parametrize("safeguard", REPLACED)
async def test_what_makes_order_indifferent_is_needed(
    database: str, db: Db, safeguard: str
) -> None:
    """Without one of the rules some order gives another library."""
    await db.execute(REPLACED[safeguard])
    library = Library(database)

    def differs(seed: int) -> bool:
        account = _history(Random(seed), 25)
        [shown] = library.after(_mixed(Random(seed), account.told))
        return shown != account.rows()

    assert await to_thread(lambda: any(map(differs, range(30))))
