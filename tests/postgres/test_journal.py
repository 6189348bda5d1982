"""Which deletions the journal gives back, by every filter, and what is written down about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mediasweep.postgres import clock
from mediasweep.postgres.journal import SQL, Journal
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.moment import Window
from mediasweep.rules.restore import RestoreFilter, RestoreResult

MANY = 1000
FILES = 2  # the second table that was attached, after the library
ALWAYS = Window()
# Deletions of two tables and one by hand: the queue row, its journal row, and how long ago it was.
FILL = """
CREATE TABLE public.files (id text PRIMARY KEY);
CREATE TABLE public."Covers" (id text PRIMARY KEY);
SELECT mediasweep.attach('files', '{"public_id": "id"}');
SELECT mediasweep.attach('"Covers"', '{"public_id": "id"}');
CREATE TEMP TABLE given AS
SELECT gen_random_uuid() AS id, g.* FROM (VALUES
  ('f/one',   'files',    'row_deleted',     'ann', 'admin', 'completed', 'deleted', '5 min'),
  ('f/two',   'files',    'soft_deleted',    'bob', 'admin', 'completed', 'deleted', '2 h'),
  ('c/one',   '"Covers"', 'table_truncated', 'ann', 'psql',  'completed', 'deleted', '3 h'),
  ('f_three', NULL,       'manual',          'bob', 'psql',  'completed', 'deleted', '4 h'),
  ('absent',  NULL,       'manual',          'bob', 'psql',  'completed', 'absent',  '4 h'),
  ('skipped', NULL,       'manual',          'bob', 'psql',  'skipped',   'in_use',  '4 h')
) g (name, relation, reason, actor, app, status, outcome, ago);
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (id, cloudinary_public_id, resource_type, delivery_type, source_id, deletion_reason,
   trigger_source, status, processed_at)
SELECT g.id, g.name, 'image', 'upload', coalesce(a.id, 0), g.reason,
       CASE WHEN a.id IS NULL THEN 'manual' ELSE 'trigger' END, g.status, now()
  FROM given g LEFT JOIN mediasweep.attached a ON a.relation = to_regclass(g.relation);
INSERT INTO mediasweep.journal
  (at, event, outcome, status, queue_id, public_id, resource_type, delivery_type, source_id,
   reason, actor, app, format, bytes)
SELECT clock_timestamp() - g.ago::interval, g.status, g.outcome, g.status, g.id, g.name, 'image',
       'upload', q.source_id, g.reason, g.actor, g.app, 'webp', 7
  FROM given g JOIN mediasweep.cloudinary_cleanup_queue q ON q.id = g.id
 ORDER BY g.ago::interval DESC, g.name
"""
EVENT = """
INSERT INTO mediasweep.journal (event, outcome, queue_id, public_id, resource_type, delivery_type)
SELECT $2, $3, q.id, q.cloudinary_public_id, q.resource_type, q.delivery_type
  FROM mediasweep.cloudinary_cleanup_queue q WHERE q.cloudinary_public_id = $1
"""
UNFINISHED = """
UPDATE mediasweep.cloudinary_cleanup_queue
   SET status = 'processing', processed_at = NULL, claim_no = 1, in_doubt = true
 WHERE cloudinary_public_id = $1
"""


@pytest.fixture
async def journal(db: Db) -> Journal:
    """Give a journal with four deletions, and two rows that are none."""
    await db.execute(FILL)
    return Journal(db)


async def names(journal: Journal, wanted: RestoreFilter, window: Window = ALWAYS) -> list[str]:
    """Return the public ids of the deletions that fit."""
    return [one.public_id for one in await journal.deletions(wanted, window, MANY)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RestoreFilter(), ["f/one", "f/two", "c/one", "f_three"]),
        (RestoreFilter(prefix="f/"), ["f/one", "f/two"]),
        (RestoreFilter(prefix="f_"), ["f_three"]),
        (RestoreFilter(prefix="%"), []),
        (RestoreFilter(public_ids=["c/one", "f/two", "absent"]), ["f/two", "c/one"]),
        (RestoreFilter(source=FILES), ["f/one", "f/two"]),
        (RestoreFilter(source=FILES + 1), ["c/one"]),
        (RestoreFilter(source=0), ["f_three"]),
        (RestoreFilter(source=99), []),
        (RestoreFilter(reason="soft_deleted"), ["f/two"]),
        (RestoreFilter(actor="ann"), ["f/one", "c/one"]),
        (RestoreFilter(app="psql"), ["c/one", "f_three"]),
        (RestoreFilter(actor="bob", app="admin", prefix="f", source=FILES), ["f/two"]),
        (RestoreFilter(actor="ann", reason="soft_deleted"), []),
    ],
)
async def test_a_deletion_has_to_fit_all_that_is_wanted(
    journal: Journal, wanted: RestoreFilter, expected: list[str]
) -> None:
    """Each filter keeps what fits, newest first, and several are taken together."""
    assert await names(journal, wanted) == expected


async def test_a_window_keeps_what_was_deleted_in_it(db: Db, journal: Journal) -> None:
    """The bounds are those of the recorded deletion, by the database's clock."""
    now = await clock.now(db)
    hours = [now - timedelta(hours=n) for n in range(5)]
    assert await names(journal, RestoreFilter(), Window(since=hours[1])) == ["f/one"]
    assert await names(journal, RestoreFilter(), Window(until=hours[3])) == ["c/one", "f_three"]
    between = Window(hours[3] - timedelta(minutes=1), hours[1])
    assert await names(journal, RestoreFilter(), between) == ["f/two", "c/one"]


async def test_a_row_of_the_queue_names_its_deletion(db: Db, journal: Journal) -> None:
    """By the id of a queue row its own deletion is found, with all that is known of it."""
    (found,) = await journal.deletions(RestoreFilter(public_ids=["f/one"]), ALWAYS, MANY)
    assert found.queue_id is not None
    assert await journal.deletions(RestoreFilter(ids=[found.queue_id]), ALWAYS, MANY) == [found]
    expected = {"source": "files", "reason": "row_deleted", "actor": "ann", "app": "admin"}
    expected |= {"format": "webp", "resource_type": "image", "delivery_type": "upload"}
    assert {name: getattr(found, name) for name in expected} == expected
    assert (found.bytes, found.certain) == (7, True)
    await db.execute("DELETE FROM mediasweep.cloudinary_cleanup_queue")
    (pruned,) = await journal.deletions(RestoreFilter(public_ids=["f/one"]), ALWAYS, MANY)
    assert pruned == found


async def test_a_limit_takes_the_newest(journal: Journal) -> None:
    """Of more than are wanted, the newest are returned."""
    found = await journal.deletions(RestoreFilter(), ALWAYS, 2)
    assert [one.public_id for one in found] == ["f/one", "f/two"]


@pytest.mark.parametrize("event", ["unknown", "handed_over"])
async def test_a_lost_answer_is_a_deletion_that_may_have_been(
    db: Db, journal: Journal, event: str
) -> None:
    """What was sent and not answered counts once its row is finished, whatever it ended as."""
    for name in ("absent", "f/one"):
        await db.execute(EVENT, name, event, "unclear")
    await db.execute(UNFINISHED, "f/one")
    found = await journal.deletions(RestoreFilter(public_ids=["absent", "f/one"]), ALWAYS, MANY)
    assert [(one.public_id, one.certain) for one in found] == [("absent", False)]


async def test_a_deletion_that_the_database_had_lost_counts(db: Db, journal: Journal) -> None:
    """What a daemon remembers counts without a queue row, for as certain as its answer was."""
    await db.execute(
        "INSERT INTO mediasweep.journal (event, outcome, queue_id, public_id)"
        " SELECT 'recalled', o, gen_random_uuid(), 'lost/' || o"
        " FROM unnest('{deleted,unclear,absent}'::text[]) o"
    )
    found = await journal.deletions(RestoreFilter(prefix="lost/"), ALWAYS, MANY)
    certain = {one.public_id: one.certain for one in found}
    assert certain == {"lost/deleted": True, "lost/unclear": False}


async def test_what_was_taken_back_is_left_out_until_it_is_deleted_again(
    db: Db, journal: Journal
) -> None:
    """A restore covers every earlier deletion of the asset, a failed one none, a later one none."""
    wanted = RestoreFilter(public_ids=["f/one"])
    before = await journal.deletions(wanted, ALWAYS, MANY)
    await journal.note_restores([RestoreResult(before[0], "no")], "ann")
    assert await journal.deletions(wanted, ALWAYS, MANY) == before
    await db.execute(EVENT, "f/one", "completed", "deleted")
    newer, older = await journal.deletions(wanted, ALWAYS, MANY)
    await journal.note_restores([RestoreResult(newer)], "ann")
    assert await journal.deletions(wanted, ALWAYS, MANY) == []
    back = await journal.deletions(wanted, ALWAYS, MANY, taken_back=True)
    assert back == [newer, older]
    await db.execute(EVENT, "f/one", "completed", "deleted")
    (again,) = await journal.deletions(wanted, ALWAYS, MANY)
    assert again.entry > newer.entry


async def test_a_restore_of_the_same_id_under_another_type_covers_nothing(
    db: Db, journal: Journal
) -> None:
    """Assets that share only the public id are told apart."""
    await db.execute(
        "INSERT INTO mediasweep.journal (event, public_id, resource_type, delivery_type)"
        " VALUES ('restored', 'f/one', 'raw', 'upload'), ('restored', 'f/one', 'image', 'private')"
    )
    assert await names(journal, RestoreFilter(public_ids=["f/one"])) == ["f/one"]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"format": "png", "bytes": 9, "asset_id": "x"}, ("png", 9, "x")),
        ({"format": None, "bytes": "9", "asset_id": 1}, ("webp", 7, None)),
        ({"bytes": 2**70, "format": "p\ud800g"}, ("p?g", 7, None)),
        ({"bytes": True}, ("webp", 7, None)),
    ],
)
async def test_what_an_answer_tells_of_the_asset_is_known_from_then_on(
    db: Db, journal: Journal, told: dict[str, Any], expected: tuple[object, ...]
) -> None:
    """Format, size and asset id come from the answer; what is odd in it does no harm."""
    (one,) = await journal.deletions(RestoreFilter(public_ids=["f/one"]), ALWAYS, MANY)
    await journal.note_restores(
        [RestoreResult(one, None, {"public_id": "f/one", **told}, "r1")], "ann"
    )
    row = await db.fetchrow("SELECT * FROM mediasweep.journal WHERE event = 'restored'")
    assert row is not None
    assert (row["format"], row["bytes"], row["asset_id"]) == expected
    assert (row["queue_id"], row["status"], row["actor"]) == (one.queue_id, "completed", "ann")
    assert (row["request_id"], "f/one" in row["response"]) == ("r1", True)


async def test_nothing_to_note_is_noted_by_no_statement(journal: Journal) -> None:
    """An empty list is no error."""
    await journal.note_restores([], "ann")
    assert await names(journal, RestoreFilter(prefix="c")) == ["c/one"]


async def test_whether_something_was_taken_back_is_found_by_an_index(db: Db) -> None:
    """In a long journal, no deletion is compared with all the others; the index is of restores."""
    await db.execute(
        "INSERT INTO mediasweep.journal (event, outcome, public_id, queue_id)"
        " SELECT CASE WHEN n % 5 = 0 THEN 'restored' ELSE 'completed' END, 'deleted', 'a' || n,"
        " gen_random_uuid() FROM generate_series(1, 50000) n; ANALYZE mediasweep.journal"
    )
    args = (None, ["a7", "a8"], *[None] * 7, False, MANY, "none/")
    plan = "\n".join(row[0] for row in await db.fetch(f"EXPLAIN {SQL['deletions']}", *args))
    assert "journal_restored" in plan, plan
    assert "Seq Scan on journal r" not in plan, plan
