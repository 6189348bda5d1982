"""Capture while something of ours is missing, refused or full: the user's statement comes first."""

from __future__ import annotations

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Connect
from tests.schema.queue import queued, rows

QUEUE = "mediasweep.cloudinary_cleanup_queue"
PHOTOS = """
CREATE TABLE public.photos (id integer PRIMARY KEY, cover text);
SELECT mediasweep.attach('public.photos', '{"public_id": "cover"}');
INSERT INTO photos VALUES (1, 'a'), (2, 'b')
"""
FULL = """
CREATE FUNCTION public.full_() RETURNS trigger LANGUAGE plpgsql AS
 $$BEGIN RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device'; END$$;
CREATE TRIGGER full_ BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION public.full_()
"""
# the owner of everything of ours, with all that he needs but for one right
POOR = """
SELECT mediasweep.hand_over('{role}'); ALTER TABLE photos OWNER TO {role};
REVOKE INSERT ON {table} FROM {role}
"""
NO_FALLBACK = "DROP TABLE mediasweep.fallback"
# what is broken, and the SQLSTATE that the fallback keeps
BROKEN = {
    "dropped": (f"DROP TABLE {QUEUE} CASCADE", "42P01"),
    "renamed": (f"ALTER TABLE {QUEUE} RENAME TO lost", "42P01"),
    "refused": (POOR.replace("{table}", QUEUE), "42501"),
    "of another type": (
        f"ALTER TABLE {QUEUE} ALTER folder TYPE integer USING 0",
        "42804",
    ),
    "full": (FULL.replace("{table}", QUEUE), "53100"),
    "without a helper": ("DROP FUNCTION mediasweep.resource_type(text)", "42883"),
    "without wake": ("DROP FUNCTION mediasweep.wake()", "42883"),
}
# what takes the fallback along
WORSE = {
    "dropped": NO_FALLBACK,
    "renamed": "ALTER TABLE mediasweep.fallback RENAME TO gone",
    "refused": POOR.replace("{table}", "mediasweep.fallback"),
    "of another type": "ALTER TABLE mediasweep.fallback ALTER ref TYPE integer USING 0",
    "full": FULL.replace("{table}", "mediasweep.fallback"),
    "the whole schema renamed": "ALTER SCHEMA mediasweep RENAME TO swept",
}
STATEMENTS = {
    "delete": ("DELETE FROM photos", "DELETE 2"),
    "update": ("UPDATE photos SET cover = cover || 'x'", "UPDATE 2"),
    "truncate": ("TRUNCATE photos", "TRUNCATE TABLE"),
}
TROUBLE = "SELECT says FROM mediasweep.capture_trouble()"


def _warnings(db: Db) -> list[str]:
    heard: list[str] = []
    db.add_log_listener(lambda _, message: heard.append(str(message)))
    return heard


async def _break(db: Db, how: str, role: str) -> None:
    await db.execute(f"SET client_min_messages = error; {PHOTOS}; {how.replace('{role}', role)}")
    await db.execute("RESET client_min_messages")


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("how", BROKEN)
async def test_a_statement_succeeds_and_what_it_let_go_is_kept(
    db: Db, role: str, how: str, statement: str
) -> None:
    """Whatever the queue lacks, the statement succeeds, a WARNING names the table, all is kept."""
    sql, state = BROKEN[how]
    await _break(db, sql, role)
    warnings = _warnings(db)
    said, tag = STATEMENTS[statement]
    assert await db.execute(said) == tag
    kept = await db.fetch(
        "SELECT coalesce(ref ->> 'public_id', ref -> 'row' ->> 'cover') AS id, left(error, 5) AS e"
        " FROM mediasweep.fallback ORDER BY 1"
    )
    assert [tuple(row) for row in kept] == [("a", state), ("b", state)]
    [warning] = warnings
    assert "public.photos" in warning
    assert "in mediasweep.fallback" in warning
    told = [row["says"] for row in await db.fetch(TROUBLE)]
    assert any("2 of photos fell back" in one and state in one for one in told)


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("how", WORSE)
async def test_a_statement_succeeds_when_even_the_fallback_is_lost(
    db: Db, role: str, how: str, statement: str
) -> None:
    """With neither queue nor fallback it succeeds, and the WARNING says that nothing is kept."""
    await _break(db, f"DROP FUNCTION mediasweep.delivery_type(text); {WORSE[how]}", role)
    warnings = _warnings(db)
    said, tag = STATEMENTS[statement]
    assert await db.execute(said) == tag
    [warning] = warnings
    assert "public.photos" in warning
    assert "not keep them either" in warning


@pytest.mark.parametrize("how", ["dropped", "renamed", "refused"])
async def test_the_trouble_is_told_before_anything_is_let_go(db: Db, role: str, how: str) -> None:
    """What is gone or refused shows before a statement had to fail; all well, nothing does."""
    await db.execute(PHOTOS)
    assert await db.fetch(TROUBLE) == []
    await db.execute(BROKEN[how][0].replace("{role}", role))
    [said] = [row["says"] for row in await db.fetch(TROUBLE)]
    assert "mediasweep.cloudinary_cleanup_queue" in said


async def test_a_trigger_that_is_disabled_is_told(db: Db) -> None:
    """A statement that nothing captures any more is trouble, too."""
    await db.execute(f"{PHOTOS}; ALTER TABLE photos DISABLE TRIGGER photos_cleanup_trigger_delete")
    [said] = [row["says"] for row in await db.fetch(TROUBLE)]
    assert "photos" in said
    assert "disabled" in said


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("how", BROKEN)
async def test_a_strict_table_says_why_it_refuses(
    db: Db, role: str, how: str, statement: str
) -> None:
    """A strict table keeps its rows, with the cause's SQLSTATE, the table's name and a remedy."""
    sql, state = BROKEN[how]
    await db.execute(PHOTOS.replace('"cover"}', '"cover", "strict": true}'))
    await db.execute(sql.replace("{role}", role))
    with pytest.raises(asyncpg.PostgresError, match=r"could not queue the assets of public\.") as e:
        await db.execute(STATEMENTS[statement][0])
    assert e.value.sqlstate == state
    assert "strict" in str(e.value.hint)
    assert await db.fetchval("SELECT string_agg(cover, '' ORDER BY id) FROM photos") == "ab"


async def test_a_truncate_that_could_not_be_read_is_queued_later(db: Db) -> None:
    """The rows that only the last resort kept of a TRUNCATE are queued once they can be read."""
    await db.execute(f"{PHOTOS}; ALTER FUNCTION mediasweep.resource_type(text) RENAME TO away")
    await db.execute("TRUNCATE photos")
    await db.execute("ALTER FUNCTION mediasweep.away(text) RENAME TO resource_type")
    assert await db.fetchval("SELECT mediasweep.refill(10)") == 2
    assert await queued(db) == [("a", "unread"), ("b", "unread")]


async def test_two_who_let_go_in_opposite_order_never_wait(connect: Connect) -> None:
    """Two transactions that let go of the same ids, each in its own order, meet nowhere."""
    one, other = await connect(), await connect()
    await one.execute(
        "CREATE TABLE public.left_ (id integer PRIMARY KEY, cover text);"
        "CREATE TABLE public.right_ (LIKE left_ INCLUDING ALL);"
        """SELECT mediasweep.attach('public.left_', '{"public_id": "cover"}');"""
        """SELECT mediasweep.attach('public.right_', '{"public_id": "cover"}');"""
        "INSERT INTO left_ VALUES (1, 'a'), (2, 'b'); INSERT INTO right_ VALUES (1, 'a'), (2, 'b')"
    )
    for db in (one, other):
        await db.execute("SET lock_timeout = '100ms'; BEGIN")
    await one.execute("DELETE FROM left_ WHERE id = 1")
    await other.execute("DELETE FROM right_ WHERE id = 2")
    await one.execute("DELETE FROM left_ WHERE id = 2")
    await other.execute("DELETE FROM right_ WHERE id = 1")
    await other.execute("COMMIT")
    await one.execute("COMMIT")
    assert sorted(row["cloudinary_public_id"] for row in await rows(one)) == ["a", "a", "b", "b"]
