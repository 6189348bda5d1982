"""The points inside the database: put there in a database of the test's own, and armed.

`failpoint.reach` counts with unlogged sequences, whose count stands whatever the transaction comes
to, and which give it no transaction id. Only what the daemons do counts, not what the test does.
"""

from __future__ import annotations

from collections.abc import Iterable

from mediasweep.postgres.pool import Connection as Db
from tests.daemons import until
from tests.failpoints import statements

LOCK = 4711
SCHEMA = f"""
CREATE SCHEMA failpoint;
CREATE TABLE failpoint.armed (
  point text PRIMARY KEY, blow text NOT NULL, counter regclass NOT NULL);
CREATE SEQUENCE failpoint.number;
CREATE FUNCTION failpoint.reach(at text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  armed  failpoint.armed;
BEGIN
  IF current_setting('application_name') NOT LIKE 'mediasweep%' THEN RETURN true; END IF;
  SELECT * INTO armed FROM failpoint.armed a WHERE a.point = at;
  IF armed.point IS NULL OR nextval(armed.counter) <> 1 THEN RETURN true; END IF;
  CASE armed.blow
    WHEN 'hang' THEN PERFORM pg_advisory_xact_lock_shared({LOCK});
    WHEN 'cut' THEN PERFORM pg_terminate_backend(pg_backend_pid());
    WHEN 'deadlock' THEN RAISE deadlock_detected USING MESSAGE = 'failpoint ' || at;
    WHEN 'bug' THEN RAISE internal_error USING MESSAGE = 'failpoint ' || at;
  END CASE;
  RETURN true;
END $$;
"""
ARM = """
INSERT INTO failpoint.armed (point, blow, counter) VALUES ($1, $2, $3::text::regclass)
"""
NEXT = "SELECT nextval('failpoint.number')"
STANDS = f"""
SELECT EXISTS (
  SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
   WHERE l.locktype = 'advisory' AND l.objid = {LOCK} AND NOT l.granted)
"""
LEFT = """
SELECT array_agg(a.point ORDER BY a.point) FROM failpoint.armed a
 WHERE pg_sequence_last_value(a.counter) IS NULL
"""


async def prepare(db: Db) -> None:
    """Put every point into this database."""
    await db.execute(SCHEMA)
    for definition in statements.armed():
        await db.execute(definition)


async def arm(db: Db, points: Iterable[str], blow: str) -> None:
    """Arm these points and no others; each blow falls once, when its point is first reached."""
    await db.execute("DELETE FROM failpoint.armed")
    for point in points:
        # never one that was there before: a daemon may be counting with that still
        counter = f"failpoint.reached_{await db.fetchval(NEXT)}"
        await db.execute(f"CREATE UNLOGGED SEQUENCE {counter}")
        await db.execute(ARM, point, blow, counter)


async def hold(db: Db) -> None:
    """Let whoever comes to a point that hangs wait from now on."""
    await db.execute(f"SELECT pg_advisory_lock({LOCK})")


async def let_go(db: Db) -> None:
    """Let whoever waits go on."""
    await db.execute(f"SELECT pg_advisory_unlock({LOCK})")


async def until_one_stands(db: Db) -> None:
    """Return when a session stands at a point."""
    await until(db, STANDS)


async def left(db: Db) -> list[str]:
    """Return the points that were armed and not come to yet."""
    points: list[str] | None = await db.fetchval(LEFT)
    return points or []
