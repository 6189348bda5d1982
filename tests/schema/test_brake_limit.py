"""How much of a source may go: the floor, the share of its table, and what a table may have of its
own; and that a claim counts only what it has not counted before.
"""

from __future__ import annotations

import json
from datetime import timedelta

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.brakes import (
    FINISH,
    LIMIT,
    MINUTE,
    braked,
    closed,
    let_go,
    try_claim,
)
from tests.schema.queue import insert_assets

DAY = timedelta(days=1)
TERMS = '{"brake_floor": 10, "brake_share": 0.05, "brake_window": "600 s"}'
ATTACH = "SELECT mediasweep.attach('public.parts', $1)"
DRIBBLE = "SELECT mediasweep.brake_dribble($1::jsonb)"
PARTS = """
CREATE TABLE public.parts (id integer PRIMARY KEY, cover text) PARTITION BY RANGE (id);
CREATE TABLE public.parts_1 PARTITION OF public.parts FOR VALUES FROM (0) TO (200);
CREATE TABLE public.parts_2 PARTITION OF public.parts FOR VALUES FROM (200) TO (1000);
INSERT INTO public.parts SELECT n, 'c' || n FROM generate_series(0, 399) n;
ANALYZE public.parts
"""
COUNTS_NO_MORE = """
CREATE OR REPLACE FUNCTION mediasweep.let_go(
  source integer, uploads boolean, covered pg_snapshot, confirmed xid8[], queued_from timestamptz,
  queued_to timestamptz, since pg_snapshot, most bigint)
RETURNS TABLE (queued_at timestamptz, xact xid8) LANGUAGE plpgsql STABLE AS $$
BEGIN RAISE EXCEPTION 'counted'; END $$
"""

# counts how often a window is weighed
COUNTING = """
CREATE SEQUENCE mediasweep.weighed;
ALTER FUNCTION mediasweep.weigh(integer, boolean, timestamptz, record, record) RENAME TO weigh_;
CREATE FUNCTION mediasweep.weigh(
  source integer, uploads boolean, around timestamptz, rule record, known record,
  OUT fullest bigint) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM nextval('mediasweep.weighed');
  fullest := mediasweep.weigh_(source, uploads, around, rule, known);
END $$
"""


async def _attach(db: Db, **options: object) -> int:
    """Attach the partitioned table of 400 rows, and return its number."""
    await db.execute(PARTS)
    given = json.dumps({"public_id": "cover"} | options)
    return int(await db.fetchval(ATTACH, given))


# -- the limit -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "go"), [(20, True), (21, False)])
async def test_a_share_of_the_table_may_go(db: Db, rows: int, go: bool) -> None:
    """Five per cent of a table of 400 rows in two partitions, which is more than the floor."""
    source = await _attach(db)
    await let_go(db, "a", rows, source=source)
    claimed = await try_claim(db)
    assert len(claimed.jobs) == rows * go
    assert [told["limit"] for told in braked(claimed)] == [20] * (not go)


@pytest.mark.parametrize(("rows", "go"), [(20, True), (21, False)])
async def test_a_share_of_a_plain_table_may_go(db: Db, rows: int, go: bool) -> None:
    """The same for a table without partitions."""
    await db.execute("CREATE TABLE public.parts (cover text)")
    await db.execute("INSERT INTO public.parts SELECT 'c' || n FROM generate_series(1, 400) n")
    await db.execute("ANALYZE public.parts")
    source = await db.fetchval(ATTACH, '{"public_id": "cover"}')
    await let_go(db, "a", rows, source=source)
    assert len((await try_claim(db)).jobs) == rows * go


async def test_the_floor_may_go_of_a_small_or_unknown_table(db: Db) -> None:
    """A table that was never analysed, or is small, has the floor."""
    await insert_assets(db, *(f"kept{n}" for n in range(20)))
    await let_go(db, "a", LIMIT, source=1)
    assert len((await try_claim(db)).jobs) == LIMIT
    await db.execute("ANALYZE public.media_assets")
    await let_go(db, "b", 1, source=1)
    assert (await try_claim(db)).brought_nothing


async def test_a_table_that_is_gone_has_the_floor(db: Db) -> None:
    """Without its table, a source is not claimed, and asking for its limit is no error."""
    source = await _attach(db)
    await db.execute("DROP TABLE public.parts")
    rule = "SELECT r.most FROM mediasweep.brake_rule($1, $2) r"
    assert await db.fetchval(rule, source, TERMS) == LIMIT


@pytest.mark.parametrize(
    ("brake", "rows", "go"),
    [
        ({"floor": 30}, 30, True),
        ({"floor": 30}, 31, False),
        ({"floor": 5, "share": 0}, 6, False),
        ({"share": 0.1}, 40, True),
        ({"share": 0.1}, 41, False),
        ({"window": "1 minute"}, 21, True),
        ({"window": "1 hour"}, 21, False),
    ],
)
async def test_a_table_may_have_its_own(
    db: Db, brake: dict[str, object], rows: int, go: bool
) -> None:
    """Floor, share and window of a table go before those of the daemon."""
    source = await _attach(db, brake=brake)
    await let_go(db, "a", rows, source=source, every=MINUTE / 10, at_once=False)
    assert len((await try_claim(db)).jobs) == rows * go


@pytest.mark.parametrize(
    "brake",
    [
        False,
        True,
        None,
        0,
        "off",
        [],
        {"off": True},
        {"floor": 0},
        {"floor": -1},
        {"floor": 1.5},
        {"floor": "100"},
        {"floor": 10**9},
        {"floor": None},
        {"share": 1.1},
        {"share": -0.1},
        {"window": "0"},
        {"window": "1 s"},
        {"window": "soon"},
        {"window": "31 days"},
        {"window": 10},
        {"window": None},
    ],
)
async def test_nothing_switches_it_off(db: Db, brake: object) -> None:
    """What is no limit is refused, and says what would be one."""
    with pytest.raises(asyncpg.PostgresError, match=r'mediasweep.attach: "brake"'):
        await _attach(db, brake=brake)


# -- the long window -------------------------------------------------------------------------------


async def _dribble(db: Db) -> list[dict[str, object]]:
    told: list[dict[str, object]] = json.loads(await db.fetchval(DRIBBLE, TERMS))
    return told


async def _lose(db: Db, rows: int, *, over: timedelta = 0.9 * DAY) -> None:
    """Delete so many assets, one by one, evenly over a time that ends now."""
    await let_go(db, "a", rows, every=over / rows, at_once=False)
    assert len((await try_claim(db)).jobs) == rows
    await db.execute(FINISH, "completed")


async def test_a_slow_loss_is_stopped(db: Db) -> None:
    """Five times the limit within a day may go, slowly; one row more stops the rest."""
    await _lose(db, 5 * LIMIT)
    assert await _dribble(db) == []
    await let_go(db, "next", 1)
    [told] = await _dribble(db)
    assert told == {
        "source_id": 0,
        "source": "manual",
        "rows": 1,
        "limit": 10,
        "reason": "more than 50 rows of manual were let go of within 24 h (the limit is "
        "five times the floor of 10 rows); 1 waited when it closed",
    }
    assert (await try_claim(db)).brought_nothing
    assert await closed(db) == [0]
    assert await _dribble(db) == []


async def test_what_was_lost_before_is_forgotten(db: Db) -> None:
    """The long window looks back for a day."""
    await _lose(db, 5 * LIMIT + 5, over=1.2 * DAY)
    assert await _dribble(db) == []


# -- what is counted -------------------------------------------------------------------------------


async def test_what_was_counted_is_not_counted_again(db: Db) -> None:
    """A backlog that a check has let pass is worked off without another one."""
    await let_go(db, "a", LIMIT)
    memory = (await try_claim(db, batch=1)).memory
    await db.execute(COUNTS_NO_MORE)
    for _ in range(LIMIT - 1):
        claimed = await try_claim(db, batch=1, memory=memory)
        assert len(claimed.jobs) == 1
        memory = claimed.memory
    await let_go(db, "b", 1)
    with pytest.raises(asyncpg.PostgresError, match="counted"):
        await try_claim(db, memory=memory)


async def test_what_came_since_is_added_to_what_was_counted(db: Db) -> None:
    """After a check that let pass, one row too many stops the source, whoever claimed the rest."""
    await let_go(db, "a", 4)
    memory = (await try_claim(db)).memory
    await let_go(db, "b", 3)
    assert len((await try_claim(db)).jobs) == 3  # another daemon
    await db.execute(FINISH, "completed")
    await let_go(db, "c", 3)
    claimed = await try_claim(db, memory=memory)
    assert len(claimed.jobs) == 3
    await let_go(db, "d", 1)
    assert (await try_claim(db, memory=claimed.memory)).brought_nothing
    assert await closed(db) == [0]


async def test_a_long_transaction_of_before_the_check_is_added(db: Db) -> None:
    """Rows that were queued before a check and committed after it count with those that follow."""
    await let_go(db, "a", 1)
    memory = (await try_claim(db)).memory
    await let_go(db, "b", 5, ago=MINUTE)
    claimed = await try_claim(db, memory=memory)
    assert len(claimed.jobs) == 5
    await let_go(db, "c", 5)
    assert (await try_claim(db, memory=claimed.memory)).brought_nothing


async def test_a_steady_inflow_is_weighed_now_and_then(db: Db) -> None:
    """At 96 per cent of the limit a few of sixty claims look at a whole window, and all pass."""
    memory = None
    # 960 rows in each ten minutes of the last hour; the last five minutes come claim by claim
    await let_go(db, "a", 5280, ago=5 * MINUTE, every=timedelta(seconds=0.625), at_once=False)
    await db.execute(FINISH, "completed")
    await db.execute(COUNTING)
    for n in range(60):
        await let_go(db, f"b{n}-", 8, ago=(60 - n) * MINUTE / 12, at_once=False)
        claimed = await try_claim(db, memory=memory, brake_floor=1000)
        assert len(claimed.jobs) == 8
        memory = claimed.memory
    assert 1 <= await db.fetchval("SELECT last_value FROM mediasweep.weighed") <= 15


async def test_a_steady_inflow_is_stopped_at_the_limit(db: Db) -> None:
    """Three daemons, each with its own memory: whoever claims the row too many is stopped."""
    memories: list[str | None] = [None, None, None]
    got = 0
    for n in range(3 * LIMIT):
        await let_go(db, f"a{n}-", 1)
        claimed = await try_claim(db, memory=memories[n % 3])
        memories[n % 3] = claimed.memory
        got += len(claimed.jobs)
        await db.execute(FINISH + " AND claim_no > 0", "completed")
    assert got == LIMIT


async def test_the_window_moves_on(db: Db) -> None:
    """Rows a minute and a second apart go on for hours, in the hands of one daemon."""
    memory = None
    for n in range(60, 0, -1):
        await let_go(db, f"a{n}-", 1, ago=n * timedelta(seconds=61))
        claimed = await try_claim(db, memory=memory)
        assert len(claimed.jobs) == 1
        memory = claimed.memory
        await db.execute(FINISH, "completed")


async def test_a_check_of_the_release_before_counts_for_nothing(db: Db) -> None:
    """A daemon that runs while the schema is migrated has its window weighed anew."""
    await let_go(db, "a", 1)
    memory = json.loads((await try_claim(db)).memory)
    [check] = memory["brake"]["0"]
    check["counted"] = check.pop("fullest")
    check["queued_from"] = check.pop("since")
    await let_go(db, "b", LIMIT)
    assert (await try_claim(db, memory=json.dumps(memory))).brought_nothing
    assert await closed(db) == [0]
