"""Random statements on three attached tables, in two sessions, against a model in Python.

The model knows which assets a table names after each committed statement. What a statement let go
of is in the queue once its transaction commits, and nothing else is; what is named is in use.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from mediasweep.postgres.pool import Connection as Db

TABLES = """
CREATE TABLE public.one (id integer PRIMARY KEY, note text, held text, gone boolean);
CREATE TABLE public.list (id integer PRIMARY KEY, note text, held text[], gone boolean);
CREATE TABLE public.doc (id integer PRIMARY KEY, note text, held jsonb, gone boolean);
SELECT mediasweep.attach('public.one', '{"public_id": "held", "deleted": "gone"}');
SELECT mediasweep.attach('public.list', '{"public_id": "held", "deleted": "gone"}');
SELECT mediasweep.attach('public.doc',
  '{"public_id": {"column": "held", "path": "$.images[*].id"}, "deleted": "gone"}');
"""
CLEAR = """
ALTER TABLE one DISABLE TRIGGER USER; DELETE FROM one; ALTER TABLE one ENABLE TRIGGER USER;
ALTER TABLE list DISABLE TRIGGER USER; DELETE FROM list; ALTER TABLE list ENABLE TRIGGER USER;
ALTER TABLE doc DISABLE TRIGGER USER; DELETE FROM doc; ALTER TABLE doc ENABLE TRIGGER USER;
DELETE FROM mediasweep.cloudinary_cleanup_queue;
"""
QUEUED = "SELECT q.cloudinary_public_id FROM mediasweep.cloudinary_cleanup_queue q"
USED = """
WITH asked AS (
  SELECT array_agg(jsonb_populate_record(NULL::mediasweep.cloudinary_cleanup_queue,
           jsonb_build_object('id', gen_random_uuid(), 'cloudinary_public_id', n.id))) AS candidates
    FROM unnest($1::text[]) n (id))
SELECT DISTINCT c.cloudinary_public_id
  FROM asked, mediasweep.uses(asked.candidates) u JOIN LATERAL unnest(asked.candidates) c USING (id)
"""
NAMES = ("one", "list", "doc")
SIDES = ("a", "b")  # two transactions: each has the rows of its own group, and assets are shared
IDS = st.sampled_from(["p", "q", "r", "s"])
HELD = st.lists(IDS | st.none() | st.just(""), max_size=3)
WHICH = st.sets(st.integers(0, 3), min_size=1)
AT_FIRST: list[list[str | None]] = [["p", "q"], ["q"], ["r", "s", "s"]]
T = TypeVar("T")
Row = tuple[tuple[str, ...], bool]
State = dict[str, dict[int, Row]]


def stored(table: str, held: list[str | None]) -> object:
    """Return what stands in the column of a table that names these assets."""
    if table == "one":
        return held[0] if held else None
    if table == "list":
        return held
    return json.dumps({"images": [{"id": one} for one in held], "more": 1})


def named(table: str, held: list[str | None]) -> tuple[str, ...]:
    """Return the assets that it names."""
    return tuple(one for one in (held[:1] if table == "one" else held) if one)


def live(rows: dict[int, Row], which: set[int]) -> set[str]:
    """Return the assets that some of a table's rows use."""
    return {one for id_ in which & set(rows) for one in rows[id_][0] if not rows[id_][1]}


class Dml(RuleBasedStateMachine):
    """Two sessions that change rows, and what the queue has to hold."""

    loop: asyncio.AbstractEventLoop
    sessions: dict[str, Db]
    watch: Db
    statements = 0
    queued_rows = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the loop of the test."""
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        """Begin with the same few rows, and no transaction."""
        self.run(self.watch.execute(CLEAR))
        self.rows: dict[str, State] = {side: {table: {} for table in NAMES} for side in SIDES}
        self.before: dict[str, State] = {}  # of each side whose transaction is open, as committed
        self.pending: dict[str, Counter[str]] = {side: Counter() for side in SIDES}
        self.expected: Counter[str] = Counter()
        for side, (id_, held) in itertools.product(SIDES, enumerate(AT_FIRST)):
            for table in NAMES:
                self.write(side, table, {id_}, held)

    def teardown(self) -> None:
        """Compare at the end of each game, and leave no transaction open."""
        try:
            self.compare()
        finally:
            for side in SIDES:
                if self.sessions[side].is_in_transaction():
                    self.run(self.sessions[side].execute("ROLLBACK"))

    def _ids(self, side: str, which: set[int]) -> list[int]:
        return sorted(id_ + 10 * SIDES.index(side) for id_ in which)

    def _do(self, side: str, sql: str, *arguments: object) -> None:
        type(self).statements += 1
        self.run(self.sessions[side].execute(sql, *arguments))

    def _settle(self, side: str, table: str, which: set[int], after: dict[int, Row]) -> None:
        """Let the rows be as they are now, and what they no longer use be let go of."""
        rows = self.rows[side][table]
        self.pending[side].update(live(rows, which) - live(after, which))
        self.rows[side][table] = after
        if side not in self.before:
            self._committed(side)

    def _committed(self, side: str) -> None:
        self.before.pop(side, None)
        self.expected += self.pending[side]
        self.pending[side] = Counter()

    @rule(side=st.sampled_from(SIDES), table=st.sampled_from(NAMES), which=WHICH, held=HELD)
    def write(self, side: str, table: str, which: set[int], held: list[str | None]) -> None:
        """Insert rows, or change what they name if they are there."""
        self._do(
            side,
            f"INSERT INTO {table} (id, held, gone) SELECT n, $2, false FROM unnest($1::int[]) n"
            " ON CONFLICT (id) DO UPDATE SET held = excluded.held",
            self._ids(side, which),
            stored(table, held),
        )
        after = dict(self.rows[side][table])
        there = which & set(after)
        for id_ in which:
            after[id_] = (named(table, held), after[id_][1] if id_ in after else False)
        # the UPDATE trigger of an upsert sees only the rows that were there before
        self._settle(side, table, there, after)

    @rule(side=st.sampled_from(SIDES), table=st.sampled_from(NAMES), which=WHICH)
    def delete(self, side: str, table: str, which: set[int]) -> None:
        """Delete rows."""
        self._do(side, f"DELETE FROM {table} WHERE id = ANY ($1)", self._ids(side, which))
        after = {id_: row for id_, row in self.rows[side][table].items() if id_ not in which}
        self._settle(side, table, which, after)

    @rule(
        side=st.sampled_from(SIDES), table=st.sampled_from(NAMES), which=WHICH, gone=st.booleans()
    )
    def mark(self, side: str, table: str, which: set[int], gone: bool) -> None:
        """Delete rows softly, or take that back."""
        self._do(
            side, f"UPDATE {table} SET gone = $2 WHERE id = ANY ($1)", self._ids(side, which), gone
        )
        after = {
            id_: (row[0], gone if id_ in which else row[1])
            for id_, row in self.rows[side][table].items()
        }
        self._settle(side, table, which, after)

    @rule(side=st.sampled_from(SIDES), table=st.sampled_from(NAMES), which=WHICH)
    def note(self, side: str, table: str, which: set[int]) -> None:
        """Change what has nothing to do with assets."""
        self._do(
            side, f"UPDATE {table} SET note = 'n' || id WHERE id = ANY ($1)", self._ids(side, which)
        )

    @rule(side=st.sampled_from(SIDES))
    def open(self, side: str) -> None:
        """Begin a transaction."""
        if side not in self.before:
            self.before[side] = {table: dict(rows) for table, rows in self.rows[side].items()}
            self.run(self.sessions[side].execute("BEGIN"))

    @rule(side=st.sampled_from(SIDES), commit=st.booleans())
    def end(self, side: str, commit: bool) -> None:
        """Commit or roll back."""
        if side not in self.before:
            return
        self.run(self.sessions[side].execute("COMMIT" if commit else "ROLLBACK"))
        if commit:
            self._committed(side)
        else:
            self.rows[side] = self.before.pop(side)
            self.pending[side] = Counter()

    @rule()
    def compare(self) -> None:
        """Queue and guard are what the model says."""
        found = Counter(row[0] for row in self.run(self.watch.fetch(QUEUED)))
        assert found == self.expected
        type(self).queued_rows += len(found)
        committed = [self.before.get(side, self.rows[side]) for side in SIDES]
        used = {
            one for state in committed for rows in state.values() for one in live(rows, set(rows))
        }
        asked = self.run(self.watch.fetch(USED, ["p", "q", "r", "s", "t"]))
        assert {row[0] for row in asked} == used


@pytest.fixture
def sessions(database: str) -> Iterator[tuple[asyncio.AbstractEventLoop, list[Db]]]:
    """Give three sessions of one database, with a loop to use them in."""
    loop = asyncio.new_event_loop()
    opened = [loop.run_until_complete(asyncpg.connect(database)) for _ in range(3)]
    yield loop, opened
    for session in opened:
        loop.run_until_complete(session.close())
    loop.close()


def play(loop: asyncio.AbstractEventLoop, opened: list[Db], *more: str) -> type[Dml]:
    """Play games on new tables, after whatever else is done to the database."""
    first, second, watch = opened
    loop.run_until_complete(watch.execute(";".join([TABLES, *more])))
    game = type("Game", (Dml,), {"loop": loop, "watch": watch})
    game.sessions = dict(zip(SIDES, (first, second), strict=True))  # type: ignore[attr-defined]  # of Dml
    run_state_machine_as_test(
        game,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return game


@pytest.mark.timeout(300)
def test_queue_and_guard_agree_with_a_model(
    sessions: tuple[asyncio.AbstractEventLoop, list[Db]],
) -> None:
    """Whatever is done to the rows, the queue has what was let go of, and the guard the rest."""
    game = play(*sessions)
    assert game.statements > 200
    assert game.queued_rows > 20


BLIND = """
CREATE OR REPLACE FUNCTION mediasweep.gone_expression(relation regclass, options jsonb) RETURNS text
LANGUAGE sql AS $$ SELECT 'false' $$;
SELECT mediasweep.build()
"""


@pytest.mark.timeout(300)
def test_the_model_notices_a_soft_delete_that_is_missed(
    sessions: tuple[asyncio.AbstractEventLoop, list[Db]],
) -> None:
    """With the rule about deleted rows gone, queue and guard are not what the model says."""
    with pytest.raises(AssertionError):
        play(*sessions, BLIND)
