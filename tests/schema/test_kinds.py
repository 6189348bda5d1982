"""Columns of every kind: domains, computed ones, and those that changed after the attach."""

from __future__ import annotations

import json

import asyncpg
import pytest

from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import claim, enqueue, make_due, queued

DOMAINS = """
CREATE DOMAIN public.flag AS boolean;
CREATE DOMAIN public.tag AS text;
CREATE DOMAIN public.tags AS text[];
CREATE DOMAIN public.named_tags AS public.tags;
CREATE DOMAIN public.document AS jsonb;
CREATE TABLE public.t (
  id integer PRIMARY KEY, one public.tag, many public.named_tags, data public.document,
  gone public.flag);
SELECT mediasweep.attach('public.t', '{"refs": [{"public_id": "one"}, {"public_id": "many"},
  {"public_id": {"column": "data", "path": "$.ids"}}], "deleted": "gone"}');
INSERT INTO t VALUES (1, 'a', '{b,c}', '{"ids": ["d"]}', false)
"""
TABLE = """
CREATE TABLE public.t (id integer PRIMARY KEY, cover text, gone timestamptz);
SELECT mediasweep.attach('public.t', '{"public_id": "cover", "deleted": "gone"}');
INSERT INTO t VALUES (1, 'a', NULL)
"""
# how a column becomes of another kind: read in the old way, its row would not be a use any more
CHANGES = {
    "an array": "ALTER TABLE t ALTER cover TYPE text[] USING ARRAY[cover]",
    "a boolean": "ALTER TABLE t ALTER gone TYPE boolean USING gone IS NOT NULL",
    "another column": "ALTER TABLE t DROP gone; ALTER TABLE t ADD gone boolean DEFAULT false",
}
VIRTUAL_COLUMNS = 18  # the first release that has them
FOLDED = """
CREATE COLLATION public.folded
  (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE public.t (id integer PRIMARY KEY, cover text COLLATE public.folded,
  asset text COLLATE public.folded, version text COLLATE public.folded);
SELECT mediasweep.attach('public.t', '{"public_id": "cover", "asset_id": "asset",
  "version": "version"}');
INSERT INTO t VALUES (1, 'Aa', 'x1', '7'), (2, 'aa', 'x2', '7'), (3, 'b', 'x3', '7')
"""
OTHER_KIND = (
    "a column of the attached table public.t is of another kind now: run mediasweep migrate"
)


async def test_a_domain_keeps_what_its_type_would(db: Db) -> None:
    """A flag that is false is no soft delete, and each element of an array is a use."""
    await db.execute(DOMAINS)
    await enqueue(db, "a", "b", "c", "d")
    assert (await claim(db)).skipped == 4


async def test_a_domain_lets_go_of_what_its_type_would(db: Db) -> None:
    """Elements and flags of domains are captured like those of the types below."""
    await db.execute(DOMAINS)
    await db.execute("UPDATE t SET many = '{c}'")
    await db.execute("UPDATE t SET gone = true")
    assert await queued(db) == [
        ("a", "soft_deleted"),
        ("b", "reference_removed"),
        ("c", "soft_deleted"),
        ("d", "soft_deleted"),
    ]


@pytest.mark.parametrize("how", CHANGES)
async def test_a_column_of_another_kind_never_reads_as_unused(
    db: Db, database: str, how: str
) -> None:
    """The guard refuses to answer until migrate has looked; then it finds the use again."""
    await db.execute(TABLE)
    await enqueue(db, "a")
    await db.execute(CHANGES[how])
    assert (await claim(db)).guard_error == OTHER_KIND
    await migrate(database)
    await make_due(db)
    assert (await claim(db)).skipped == 1


async def test_a_column_that_cannot_be_read_any_more_stops_the_guard(db: Db, database: str) -> None:
    """What attach would refuse, migrate cannot mend: the guard says so, and gives no answer."""
    await db.execute(TABLE)
    await enqueue(db, "a")
    await db.execute("ALTER TABLE t ALTER cover TYPE jsonb USING to_jsonb(cover)")
    await migrate(database)
    assert '"cover" is jsonb: say where in it' in ((await claim(db)).guard_error or "")


async def test_a_wider_type_of_the_same_kind_changes_nothing(db: Db) -> None:
    """A column of text that becomes varchar is read as before."""
    await db.execute(TABLE)
    await enqueue(db, "a")
    await db.execute("ALTER TABLE t ALTER cover TYPE varchar(100)")
    assert (await claim(db)).skipped == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"public_id": "seen"}, "seen of public.t is computed when it is read"),
        ({"public_id": "cover", "deleted": "off"}, "off of public.t is computed when it is read"),
        ({"public_id": "cover", "filter": "NOT off"}, 'column "off" does not exist'),
    ],
)
async def test_a_column_that_no_trigger_sees_is_refused(
    db: Db, options: dict[str, str], said: str
) -> None:
    """What is computed when it is read would never be captured, and could not even be noticed."""
    if db.get_server_version().major < VIRTUAL_COLUMNS:
        pytest.skip("before PostgreSQL 18 every generated column is stored")
    await db.execute(
        "CREATE TABLE public.t (cover text, seen text GENERATED ALWAYS AS (cover) VIRTUAL,"
        " off boolean GENERATED ALWAYS AS (cover = 'a') VIRTUAL)"
    )
    with pytest.raises(asyncpg.PostgresError, match=said):
        await db.execute("SELECT mediasweep.attach('public.t', $1)", json.dumps(options))


async def test_a_collation_that_folds_letters_is_captured_byte_for_byte(db: Db) -> None:
    """Two ids that such a collation takes for one are two, and the guard keeps rather too much."""
    try:
        await db.execute(FOLDED)
    except asyncpg.FeatureNotSupportedError:
        pytest.skip("this server was built without ICU, and has no such collation")
    await db.execute("UPDATE t SET cover = 'aA', asset = 'x4' WHERE id = 1; DELETE FROM t")
    assert [asset for asset, _ in await queued(db)] == ["Aa", "aA", "aa", "b"]
    assert await db.fetchval("SELECT count(*) FROM mediasweep.fallback") == 0
    await db.execute("INSERT INTO t VALUES (1, 'AA')")
    assert (await claim(db)).skipped == 3
    refused = """SELECT mediasweep.attach('public.u',
                  '{"public_id": {"column": "cover", "url": true}, "cloud": "c"}')"""
    with pytest.raises(asyncpg.RaiseError, match="under which no URL can be read"):
        await db.execute(f"CREATE TABLE public.u (LIKE t); {refused}")
