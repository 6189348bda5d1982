"""The queue in an operator's hands: one filter for list and moves finds what it says, no more."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from mediasweep.postgres.operator_queue import OperatorQueue
from mediasweep.postgres.pool import Connection as Db
from mediasweep.rules.filter import Filter, source_number
from mediasweep.rules.job import ByHand, Status
from mediasweep.rules.moment import Window
from tests.schema.queue import ARTICLES, claim, enqueue, record, result

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FILL = """
INSERT INTO mediasweep.cloudinary_cleanup_queue
  (cloudinary_public_id, status, processed_at, source_id, deletion_reason, app, actor,
   in_doubt, claim_no, queued_at, original_filename)
VALUES ('posts/1', 'pending', NULL, 1, 'row_deleted', 'web', 'ann', false, 0, $1, 'IMG_1.jpg'),
       ('posts/2', 'failed', $1, 2, 'soft_deleted', 'job', 'bob', true, 1, $1 + interval '1 h',
        'IMG%1.jpg'),
       ('POSTS/3', 'skipped', $1, 0, 'upload_pending', '', 'ann', false, 0, $1 + interval '2 h',
        NULL),
       ('posts_1', 'processing', NULL, 1, 'row_deleted', 'web', 'bob', true, 1,
        $1 + interval '3 h', NULL),
       ('a%b', 'completed', $1, 1, 'row_deleted', 'web', 'bob', false, 1, $1 + interval '4 h', NULL)
"""
ALL = ["a%b", "posts_1", "POSTS/3", "posts/2", "posts/1"]
FILTERS = [
    (Filter(), ALL),
    (Filter(statuses=(Status.FAILED, Status.SKIPPED)), ["POSTS/3", "posts/2"]),
    (Filter(source=0), ["POSTS/3"]),
    (Filter(source=99), []),
    (Filter(public_id="posts/1"), ["posts/1"]),
    (Filter(public_id="posts/*"), ["posts/2", "posts/1"]),
    (Filter(public_id="posts?1"), ["posts_1", "posts/1"]),
    (Filter(public_id="posts_1"), ["posts_1"]),
    (Filter(public_id="a%b"), ["a%b"]),
    (Filter(public_id="%"), []),
    (Filter(public_id="*"), ALL),
    (Filter(public_id="POSTS*"), ["POSTS/3"]),
    (Filter(reason="soft_deleted"), ["posts/2"]),
    (Filter(app="web"), ["a%b", "posts_1", "posts/1"]),
    (Filter(app=""), ["POSTS/3"]),
    (Filter(actor="ann"), ["POSTS/3", "posts/1"]),
    (Filter(window=Window(since=NOON + 3 * HOUR)), ["a%b", "posts_1"]),
    (Filter(window=Window(until=NOON + HOUR)), ["posts/1"]),
    (Filter(window=Window(NOON + HOUR, NOON + 3 * HOUR)), ["POSTS/3", "posts/2"]),
    (Filter(in_doubt=True), ["posts_1", "posts/2"]),
    (Filter(in_doubt=False), ["a%b", "POSTS/3", "posts/1"]),
    (Filter(app="web", actor="bob", in_doubt=False), ["a%b"]),
    (Filter(filename="img_1.jpg"), []),
    (Filter(filename="IMG_1.*"), ["posts/1"]),
    (Filter(filename="IMG?1.jpg"), ["posts/2", "posts/1"]),
    (Filter(own=True), ["POSTS/3"]),
    (Filter(own=False), ["a%b", "posts_1", "posts/2", "posts/1"]),
]


@pytest.mark.parametrize(("filter_", "expected"), FILTERS)
async def test_a_filter_finds_what_it_says(db: Db, filter_: Filter, expected: list[str]) -> None:
    """List, count and choice agree on the rows, and differ only in their order."""
    await db.execute(FILL, NOON)
    queue = OperatorQueue(db)
    found = await queue.rows(filter_, 100)
    assert [row["cloudinary_public_id"] for row in found] == expected
    assert await queue.count(filter_) == len(expected)
    assert await queue.oldest(filter_, 100) == [row["id"] for row in found][::-1]


async def test_limits_take_the_newest_to_show_and_the_oldest_to_move(db: Db) -> None:
    """A limit cuts off at the far end of each order."""
    await db.execute(FILL, NOON)
    queue = OperatorQueue(db)
    [newest] = await queue.rows(Filter(), 1)
    assert newest["cloudinary_public_id"] == "a%b"
    [oldest] = await queue.preview(await queue.oldest(Filter(), 1), ByHand.CANCEL)
    assert (oldest["cloudinary_public_id"], oldest["refused"]) == ("posts/1", None)


async def test_a_preview_refuses_what_the_move_refuses(db: Db) -> None:
    """For rows in every state, the preview foresees the answer to the move, word for word."""
    ids = await enqueue(db, *(f"a{n}" for n in range(5)))
    jobs = (await claim(db, batch=4)).jobs
    said = ("completed", "deleted"), ("failed", "rejected"), ("unknown", "unclear")
    await record(db, *(result(job, *one) for job, one in zip(jobs, said, strict=False)))
    queue = OperatorQueue(db)
    for move in ByHand:
        foreseen = {row["id"]: row["refused"] for row in await queue.preview(ids, move)}
        undone = db.transaction()
        await undone.start()
        answers = (
            await queue.retry(ids, "ann")
            if move is ByHand.RETRY
            else await queue.cancel(ids, "ann", None)
        )
        assert foreseen == {one.id: one.refused for one in answers}
        assert None in foreseen.values()
        await undone.rollback()
    assert await queue.preview([uuid.uuid4()], ByHand.RETRY) == []


async def test_a_table_is_found_by_each_of_its_names(db: Db) -> None:
    """By its name, with its schema, and as SQL has it, also when it was detached; by its number
    alone when it is gone.
    """
    await db.execute('CREATE SCHEMA blog; CREATE TABLE blog."My Posts" (cover text)')
    options = '{"public_id": "cover"}'
    number = await db.fetchval(
        """SELECT mediasweep.attach('blog."My Posts"', $1::jsonb)""", options
    )
    await db.execute("SELECT mediasweep.detach_number($1)", number)
    await db.execute(ARTICLES)
    await db.execute("DROP TABLE articles")
    sources = await OperatorQueue(db).sources(None)
    for name in ("My Posts", "blog.My Posts", 'blog."My Posts"', str(number)):
        assert source_number(name, sources) == number
    assert {source.name for source in sources} == {"media_assets", "My Posts", None}
    assert source_number(str(number + 1), sources) == number + 1
    names = "SELECT array_agg(mediasweep.source_name(n) ORDER BY n) FROM unnest($1::integer[]) n"
    assert await db.fetchval(names, [0, 1, number, number + 1, 99]) == [
        *("manual", "media_assets", 'blog."My Posts"', str(number + 1), "99")
    ]


async def test_a_number_is_a_source_as_long_as_any_row_has_it(db: Db) -> None:
    """What was written by hand with a wrong number can be found by it, in queue and journal."""
    await enqueue(db, "a", source=77)
    await db.execute("INSERT INTO mediasweep.journal (event, source_id) VALUES ('completed', 78)")
    numbers = [[one.id for one in await OperatorQueue(db).sources(n)] for n in (77, 78, 79)]
    assert numbers == [[1, 77], [1, 78], [1]]
