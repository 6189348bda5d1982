"""The options of attach: what is refused, what is said, and what is suggested."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import claim, enqueue, queued
from tests.schema.roles import stranger

TABLE = """
CREATE TABLE public.t (id integer PRIMARY KEY, cover text, ids text[], numbers integer[],
  data jsonb, url text, state text, deletion integer, gone boolean, gone_at timestamptz)
"""
URL = "https://res.cloudinary.com/demo/image/upload/v1700000000/f/a.jpg"


async def attach(db: Db, options: dict[str, Any] | list[Any], table: str = "public.t") -> int:
    """Attach a table and return its number."""
    number: int = await db.fetchval(
        "SELECT mediasweep.attach($1::text::regclass, $2)", table, json.dumps(options)
    )
    return number


REFUSED: list[tuple[Any, str]] = [
    ([], "the options are an object"),
    ({"refs": []}, '"refs" is an array of objects'),
    ({"refs": ["cover"]}, '"refs" is an array of objects'),
    ({"refs": [{"public_id": "cover", "grace": "1 h"}]}, "there is no option grace"),
    ({"refs": [{"folder": "cover"}]}, "say which column"),
    ({"public_id": 7}, '"public_id" cannot be|say which column'),
    ({"public_id": {"column": "cover", "pth": "$"}}, '"public_id" cannot be'),
    ({"public_id": {"column": "data"}}, "say where in it the public id stands"),
    ({"public_id": "data"}, "say where in it the public id stands"),
    ({"public_id": {"column": "cover", "path": "$"}}, "only json and jsonb have a path"),
    ({"public_id": {"column": "data", "path": "$.a["}}, "is no SQL/JSON path"),
    ({"public_id": {"column": "cover", "key": "a"}}, '"key" needs a "path"'),
    ({"public_id": "cover", "folder": {"key": "a"}}, "reads the object that the path"),
    ({"public_id": "numbers"}, "public ids are text"),
    ({"public_id": {"column": "url", "url": "yes"}}, "there is no|says whether|cannot be"),
    ({"public_id": {"column": "url", "url": True}}, "not known which cloud's URLs are yours"),
    ({"public_id": "cover", "deleted": "state"}, "say which of its values mean"),
    ({"public_id": "cover", "deleted": "deletion"}, "say which of its values mean"),
    ({"public_id": "cover", "deleted_at": "deletion"}, "say which of its values mean"),
    ({"public_id": "cover", "deleted": {"column": "state", "in": []}}, '"deleted" is a column'),
    ({"public_id": "cover", "deleted": "nothing"}, 'has no column "nothing"'),
    ({"public_id": "cover", "deleted": "gone", "deleted_at": "gone_at"}, "give one of them"),
    ({"public_id": "cover", "filter": "cover"}, "must be a boolean expression"),
    ({"public_id": "cover", "filter": "kover = 'a'"}, "must be a boolean expression"),
    ({"public_id": "cover", "filter": "ctid IS NULL"}, "must be a boolean expression"),
    ({"public_id": "cover", "filter": "true) OR ("}, "must be a boolean expression"),
    ({"public_id": "cover", "filter": "true) OR (true"}, "must be a boolean expression"),
    ({"public_id": "cover", "filter": "random() < 0.5"}, "in filter must be marked IMMUTABLE"),
    ({"public_id": "cover", "filter": "gone_at < now()"}, "in filter must be marked IMMUTABLE"),
    ({"public_id": "cover", "filter": "EXISTS (SELECT)"}, "cannot use subquery in filter"),
    ({"public_id": "gone_at"}, "public ids are text"),
    ({"public_id": "cover", "version": "data"}, "a version is a number"),
    (
        {"public_id": "cover", "resource_type": "picture"},
        'write {"value": "image"}, of image, video',
    ),
    ({"public_id": "cover", "strict": "yes"}, '"strict" is true or false'),
    ({"public_id": "cover", "deleted": {"column": "id", "in": ["abc"]}}, "has no such value"),
    ({"public_id": "cover", "resource_type": {"value": "movie"}}, "is no resource_type"),
    *(
        ({"public_id": {"column": "url", "url": True}, "cloud": "c", "host": host}, '"host" is a')
        for host in (
            "cdn.example:80",
            "http://cdn.example",
            "cdn.example/",
            "",
            "a b",
            7,
            ["a", ""],
        )
    ),
    ({"public_id": {"value": "logo"}}, "say which column of public.t holds the public id"),
    ({"public_id": {"column": "cover", "value": "logo"}}, '"public_id" cannot be'),
    ({"public_id": "cover", "grace": "-1 s"}, 'as in "1 hour", and not "-1 s"'),
    ({"public_id": "cover", "grace": "soon"}, '"grace" is how long .* not "soon"'),
    ({"public_id": "cover", "grace": "1e9 years"}, '"grace" is how long'),
    ({"public_id": "cover", "grace": [1]}, '"grace" is how long'),
    ({"public_id": "cover", "strict": "maybe"}, '"strict" is true or false, and not "maybe"'),
    ({"public_id": "cover", "notify": 7}, '"notify" is true or false, and not 7'),
]


async def test_what_cannot_be_meant_is_refused(db: Db) -> None:
    """Each mistake is refused with a text that says what to write, and nothing of it stays."""
    await db.execute(TABLE)
    for options, said in REFUSED:
        with pytest.raises(asyncpg.PostgresError, match=said):
            await attach(db, options)
    assert (
        await db.fetchval("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.t'::regclass")
        == 0
    )
    assert (await claim(db)).guard_error is None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("VIEW public.v AS SELECT * FROM public.t", "public.v is a view"),
        ("MATERIALIZED VIEW public.v AS SELECT * FROM public.t", "is a materialized view"),
        ("SEQUENCE public.v", "is no table"),
    ],
)
async def test_what_is_no_table_is_refused(db: Db, made: str, said: str) -> None:
    """Nothing of a view can be captured, and the text says what to attach in its place."""
    await db.execute(f"{TABLE}; CREATE {made}")
    with pytest.raises(asyncpg.RaiseError, match=f"{said}.*attach the tables that hold its rows"):
        await attach(db, {"public_id": "cover"}, "public.v")


async def test_the_ddl_can_be_read_first(db: Db) -> None:
    """The text of attach_sql is what attach does: pasted, it attaches, and only that."""
    await db.execute(TABLE)
    text = await db.fetchval(
        "SELECT mediasweep.attach_sql('public.t', $1)",
        json.dumps({"public_id": "ids", "filter": "id > 0"}),
    )
    assert (
        await db.fetchval("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.t'::regclass")
        == 0
    )
    assert text.count("\n-- CREATE TRIGGER") == 3
    assert "-- CREATE INDEX CONCURRENTLY ON public.t USING gin (ids);" in text
    await db.execute(text)
    made = await db.fetch(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'public.t'::regclass"
    )
    assert [row[0] in text for row in made] == [True] * 3
    with pytest.raises(asyncpg.RaiseError, match="is attached already"):
        await db.fetchval("SELECT mediasweep.attach_sql('public.t', '{\"public_id\": \"ids\"}')")


async def test_attach_says_what_it_cannot_read(db: Db) -> None:
    """The notices of attach count the rows and name an example of what means nothing."""
    said: list[str] = []
    db.add_log_listener(lambda _, message: said.append(str(message)))
    await db.execute(TABLE)
    await db.execute(
        "INSERT INTO t (id, cover) VALUES (1, 'a'), (2, NULL), (3, 'https://x.example/b')"
    )
    await attach(db, {"public_id": "cover"})
    assert "3 rows name 1 assets" in said[0]
    assert (
        'in 1 of them nobody can tell which asset is meant, for example in "https://x.example/b"'
        in said[1]
    )


async def test_an_address_in_the_place_of_an_id_queues_nothing(db: Db) -> None:
    """Where a column of ids holds an address nothing is deleted by it, and it is counted."""
    await db.execute(TABLE)
    await attach(db, {"public_id": "cover"})
    await db.execute(f"INSERT INTO t (id, cover) VALUES (1, '{URL}'), (2, 'b')")
    await db.execute("DELETE FROM t")
    assert await queued(db) == [("b", "row_deleted")]
    assert await db.fetchval("SELECT (ref ->> 'texts')::int FROM mediasweep.fallback") == 1


async def test_a_column_of_ids_and_urls_is_read_as_both(db: Db) -> None:
    """One column may be two refs: what is no URL is an id, and what is a URL is read."""
    await db.execute(TABLE)
    column = {"column": "cover", "url": True}
    await attach(db, {"cloud": "demo", "refs": [{"public_id": "cover"}, {"public_id": column}]})
    await db.execute(f"INSERT INTO t (id, cover) VALUES (1, '{URL}'), (2, 'b'); DELETE FROM t")
    assert await queued(db) == [("b", "row_deleted"), ("f/a", "row_deleted")]


async def test_the_cloud_of_the_daemon_is_the_cloud_of_the_urls(db: Db) -> None:
    """Once a daemon has run, URLs of its cloud are meant, however it is spelled, and no others."""
    await db.execute(TABLE)
    await db.execute(
        "INSERT INTO mediasweep.installation "
        " (cloud_name, system_identifier, database, place, timeline)"
        " VALUES ('De_Mo', '1', 'd', 'p', 1)"
    )
    await attach(db, {"public_id": {"column": "url", "url": True}})
    await db.executemany(
        "INSERT INTO t (id, url) VALUES ($1, $2)",
        [
            (n, f"https://res.cloudinary.com/{cloud}/image/upload/v1700000000/{cloud}.jpg")
            for n, cloud in enumerate(("de_mo", "De_Mo", "demo", "other"))
        ],
    )
    await db.execute(
        "INSERT INTO t (id, url) VALUES (9, 'https://de-mo-res.cloudinary.com/v1700000000/p')"
    )
    await db.execute("DELETE FROM t")
    assert [id_ for id_, _ in await queued(db)] == ["De_Mo", "de_mo", "p"]


async def test_columns_called_like_our_variables_do_not_confuse(db: Db) -> None:
    """Filters over columns with the names that we use inside still mean the user's columns."""
    await db.execute(
        "CREATE TABLE public.u (id integer, used_by text, candidates text, c text, ref text,"
        " r text,"
        " failure text, public_id text, name text, old_rows text, item text)"
    )
    await attach(
        db,
        {
            "public_id": "public_id",
            "filter": "id = 1 AND used_by = 'x' AND candidates = 'x' AND c = 'x' AND ref = 'x'"
            " AND failure = 'x' AND name = 'x' AND old_rows = 'x' AND item = 'x'",
        },
        "public.u",
    )
    await db.execute(
        "INSERT INTO u SELECT n, 'x', 'x', 'x', 'x', 'x', 'x', 'p' || n, 'x', 'x', 'x'"
        " FROM generate_series(1, 2) n"
    )
    await enqueue(db, "p1", "p2")
    claimed = await claim(db)
    assert (claimed.assets, claimed.skipped, claimed.guard_error) == (["p2"], 1, None)
    await db.execute("DELETE FROM u")
    assert ("p1", "row_deleted") in await queued(db)
    assert await db.fetchval("SELECT count(*) FROM mediasweep.fallback") == 0


async def test_what_is_missing_for_a_table_of_another_is_said(
    db: Db, database: str, role: str
) -> None:
    """The owner of our schema is told which rights to ask for, and attaches once it has them."""
    async with stranger(database) as ours:
        admin = await db.fetchval("SELECT current_user")
        await db.execute(
            f"CREATE SCHEMA theirs AUTHORIZATION {role}; CREATE TABLE theirs.t (cover text);"
            f"ALTER TABLE theirs.t OWNER TO {role};"
            f"GRANT USAGE, CREATE ON SCHEMA mediasweep TO {ours.name};"
            f"GRANT ALL ON ALL TABLES IN SCHEMA mediasweep TO {ours.name};"
            f"GRANT ALL ON ALL SEQUENCES IN SCHEMA mediasweep TO {ours.name};"
            f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mediasweep TO {ours.name}"
        )
        await db.execute(f"SET ROLE {ours.name}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
            await db.fetchval(
                "SELECT mediasweep.check_rights(c.oid::regclass) FROM pg_class c"
                " WHERE c.relname = 't' AND c.relnamespace = 'theirs'::regnamespace"
            )
        await db.execute(f"SET ROLE {admin}")
        hint = str(refused.value.hint)
        assert f"GRANT USAGE ON SCHEMA theirs TO {ours.name};" in hint
        assert f"GRANT SELECT, TRIGGER ON theirs.t TO {ours.name};" in hint
        await db.execute("\n".join(line for line in hint.splitlines() if line.startswith("GRANT")))
        await db.execute("ALTER TABLE theirs.t ENABLE ROW LEVEL SECURITY")
        await db.execute(f"SET ROLE {ours.name}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError) as hidden:
            await db.fetchval("SELECT mediasweep.check_rights('theirs.t')")
        assert "BYPASSRLS" in str(hidden.value.hint)
        await db.execute(f"SET ROLE {admin}")
        await db.execute("ALTER TABLE theirs.t DISABLE ROW LEVEL SECURITY")
        await db.execute(f"SET ROLE {ours.name}")
        assert await db.fetchval("SELECT mediasweep.check_rights('theirs.t') IS NOT NULL")
        await db.execute(f"SET ROLE {admin}")


async def test_tables_that_look_like_it_are_suggested(db: Db) -> None:
    """Names and values that look like references are suggested, as options that attach takes."""
    await db.execute(
        'CREATE TABLE "Image" (id int, "publicId" text, "secureUrl" text, "resourceType" text,'
        ' "deletedAt" timestamptz);'
        "CREATE TABLE profiles (id int, avatar_public_id text, banner_public_id text);"
        "CREATE TABLE posts (id int, cover text, title text);"
        "CREATE TABLE notes (id int, body text);"
        f"INSERT INTO posts VALUES (1, '{URL}', 'a'); INSERT INTO notes VALUES (1, 'https://x.example/a.jpg')"
    )
    found = {
        str(row[0]): json.loads(row[1])
        for row in await db.fetch("SELECT relation::text, options FROM mediasweep.suggest()")
    }
    assert found == {
        '"Image"': {
            "public_id": "publicId",
            "resource_type": "resourceType",
            "deleted": "deletedAt",
        },
        "posts": {"public_id": {"column": "cover", "url": True}},
        "profiles": {
            "refs": [{"public_id": "avatar_public_id"}, {"public_id": "banner_public_id"}]
        },
    }
    for table, options in found.items():
        await attach(db, options | {"cloud": "demo"}, table)
    assert await db.fetchval("SELECT count(*) FROM mediasweep.suggest()") == 0
