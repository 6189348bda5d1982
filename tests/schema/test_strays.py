"""What was taken out of an attached table, or has taken its name: nothing of it is lost unasked."""

from __future__ import annotations

import pytest

from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import ARTICLES, claim, enqueue, make_due, queued, use

PARTITIONED = """
CREATE TABLE public.log (id integer, c text) PARTITION BY LIST (id);
CREATE TABLE public.log1 PARTITION OF public.log FOR VALUES IN (1);
CREATE TABLE public.log2 PARTITION OF public.log FOR VALUES IN (2);
SELECT mediasweep.attach('log', '%s')
"""
PUBLIC_ID = '{"public_id": "c"}'
INHERITED = f"""
CREATE TABLE public.log (id integer, c text);
CREATE TABLE public.log1 () INHERITS (public.log);
SELECT mediasweep.attach('log', '{PUBLIC_ID}')
"""
URL = '{"public_id": {"column": "c", "url": true}, "cloud": "demo"}'
STRAYS = "SELECT source, relation::text FROM mediasweep.strays()"
TRIGGERS = """
SELECT t.tgrelid::regclass::text, count(*) FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
 WHERE f.pronamespace = 'mediasweep'::regnamespace AND t.tgrelid::regclass::text ~ '^log'
   AND f.proname LIKE '%\\_' || $1
 GROUP BY 1 ORDER BY 1
"""
UNINHERIT = "ALTER TABLE log1 NO INHERIT log"
DETACH = "ALTER TABLE log DETACH PARTITION log1"
WITHOUT = """
CREATE OR REPLACE FUNCTION mediasweep.strays()
RETURNS TABLE (source integer, relation regclass, was_part_of regclass)
LANGUAGE sql AS 'SELECT NULL::integer, NULL::regclass, NULL::regclass WHERE false'
"""


@pytest.mark.parametrize("rule", [True, False])
@pytest.mark.parametrize(
    ("made", "taken_out", "names"),
    [
        (PARTITIONED % PUBLIC_ID, DETACH, "lg/1"),
        (PARTITIONED % URL, DETACH, "https://res.cloudinary.com/demo/image/upload/lg/1"),
        (INHERITED, UNINHERIT, "lg/1"),
    ],
    ids=["partition", "URLs", "inheritance"],
)
async def test_a_table_that_was_taken_out_is_still_asked(
    db: Db, made: str, taken_out: str, names: str, *, rule: bool
) -> None:
    """Its rows keep what they name; without the rule the asset would be deleted."""
    await db.execute(f"{made}; {taken_out}")
    await db.execute(f"INSERT INTO log1 VALUES (1, '{names}')")
    if not rule:
        await db.execute(WITHOUT)
    await enqueue(db, "lg/1", "lg/2")
    assert sorted((await claim(db)).assets) == (["lg/2"] if rule else ["lg/1", "lg/2"])


async def test_a_partition_that_was_taken_out_can_be_attached(db: Db) -> None:
    """It is named until then; attached by itself it is its own source, and keeps what it names."""
    await db.execute(f"{PARTITIONED % PUBLIC_ID}; {DETACH}; INSERT INTO log1 VALUES (1, 'lg/1')")
    assert [tuple(row) for row in await db.fetch(STRAYS)] == [(2, "log1")]
    number = await db.fetchval("SELECT mediasweep.attach('log1', $1)", PUBLIC_ID)
    assert await db.fetch(STRAYS) == []
    assert [tuple(row) for row in await db.fetch(TRIGGERS, str(number))] == [("log1", 3)]
    assert [tuple(row) for row in await db.fetch(TRIGGERS, "2")] == [("log", 2), ("log2", 3)]
    await db.execute("DELETE FROM log1")
    assert (
        await db.fetchval(
            "SELECT source_id FROM mediasweep.cloudinary_cleanup_queue WHERE source_id > 0"
        )
        == number
    )
    assert (await claim(db)).assets == ["lg/1"]


async def test_a_partition_that_was_taken_out_can_be_let_go(db: Db) -> None:
    """Detached, it has no triggers of ours any more, and keeps nothing."""
    await db.execute(f"{PARTITIONED % PUBLIC_ID}; {DETACH}; INSERT INTO log1 VALUES (1, 'lg/1')")
    await db.execute("SELECT mediasweep.detach('log1')")
    assert [tuple(row) for row in await db.fetch(TRIGGERS, "2")] == [("log", 2), ("log2", 3)]
    await enqueue(db, "lg/1")
    assert (await claim(db)).assets == ["lg/1"]


@pytest.mark.parametrize("first", ["log", "log1"])
async def test_a_part_may_be_attached_by_itself(db: Db, first: str) -> None:
    """Whichever comes first, the part is captured for itself, and as a part once it is detached."""
    await db.execute(PARTITIONED % PUBLIC_ID)
    if first == "log1":
        await db.execute("SELECT mediasweep.detach('log')")
    await db.execute("SELECT mediasweep.attach('log1', $1)", PUBLIC_ID)
    if first == "log1":
        await db.execute("SELECT mediasweep.attach('log', $1)", PUBLIC_ID)
    assert await db.fetch("SELECT FROM mediasweep.uncovered()") == []
    assert await db.fetch(STRAYS) == []
    await db.execute("INSERT INTO log VALUES (1, 'a'); DELETE FROM log1")
    assert await queued(db) == [("a", "row_deleted")]
    await db.execute("SELECT mediasweep.detach('log1')")
    assert await db.fetch("SELECT FROM mediasweep.uncovered()") == []
    await db.execute("INSERT INTO log VALUES (1, 'b'); DELETE FROM log1")
    assert [id_ for id_, _ in await queued(db)] == ["a", "b"]


REPLACED = {
    "ALTER TABLE articles RENAME TO away": (
        "public.articles is another table now, which is not attached; the attached one is"
        " public.away. If the new one names assets, attach it too: mediasweep attach"
        " public.articles. If not, detach public.away, and attach that again"
    ),
    "DROP TABLE articles": (
        "the attached table public.articles (number 2) is gone, and another has its name, to be"
        " attached if it names assets: detach it by SELECT mediasweep.detach_number(2)"
    ),
}


@pytest.mark.parametrize("decided", ["attach the new", "attach the old again"])
@pytest.mark.parametrize("how", REPLACED)
async def test_a_table_that_was_replaced_is_for_a_person_to_decide(
    db: Db, database: str, how: str, decided: str
) -> None:
    """No migrate passes over it: nothing is sent until somebody has said what the new table is."""
    await db.execute(ARTICLES)
    await db.execute(f"{how}; CREATE TABLE public.articles (id serial, cover text)")
    await use(db, "a")
    await enqueue(db, "a")
    assert (await claim(db)).guard_error == REPLACED[how]
    said: list[str] = []
    await migrate(database, say=said.append)
    assert said == [f"nothing is sent: {REPLACED[how]}"]
    await make_due(db)
    assert (await claim(db)).guard_error == REPLACED[how]
    if decided == "attach the new":
        await db.execute("""SELECT mediasweep.attach('articles', '{"public_id": "cover"}')""")
    if "DROP" in how or decided != "attach the new":
        await db.execute("SELECT mediasweep.detach_number(2)")
    if "RENAME" in how and decided != "attach the new":
        await db.execute("""SELECT mediasweep.attach('away', '{"public_id": "cover"}')""")
    await make_due(db)
    assert (await claim(db)).skipped == (decided == "attach the new")
    await db.execute("SELECT mediasweep.build()")
    assert await db.fetchval("SELECT count(*) FROM mediasweep.uses('{}')") == 0
