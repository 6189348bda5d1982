"""Names that a caller makes mean nothing to what runs with the rights of the owner."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from mediasweep.postgres.migrate import migrate
from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import ARTICLES, DAEMON, claim, enqueue, queued, row, use
from tests.schema.roles import Staff, staffed, stranger

# found first under the attacker's path; each says whose rights it has
TRAPS = """
CREATE FUNCTION public.note(a anyelement) RETURNS anyelement LANGUAGE plpgsql
AS $$ BEGIN RAISE WARNING 'stolen from %', current_user; RETURN a; END $$;
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql
AS $$ BEGIN RETURN public.note(pg_catalog.clock_timestamp()); END $$;
CREATE FUNCTION public.jsonb_typeof(jsonb) RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RETURN public.note(pg_catalog.jsonb_typeof($1)); END $$;
CREATE FUNCTION public.same(a text, b text) RETURNS boolean LANGUAGE plpgsql
AS $$ BEGIN RETURN public.note(a OPERATOR(pg_catalog.=) b); END $$;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.same);
CREATE FUNCTION public.differ(a text, b text) RETURNS boolean LANGUAGE plpgsql
AS $$ BEGIN RETURN public.note(a OPERATOR(pg_catalog.<>) b); END $$;
CREATE OPERATOR public.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = public.differ);
CREATE FUNCTION public.times(a integer, b interval) RETURNS interval LANGUAGE plpgsql
AS $$ BEGIN RETURN public.note(b); END $$;
CREATE OPERATOR public.* (LEFTARG = integer, RIGHTARG = interval, FUNCTION = public.times);
"""
LED_ASTRAY = """
CREATE TEMP TABLE cloudinary_cleanup_queue (id uuid);
CREATE TEMP TABLE attached (id integer);
SET search_path = pg_temp, public, pg_catalog;
"""
CLAIM = f"""
SELECT mediasweep.claim('{DAEMON}', 10, '{{"lease": "60 s", "grace": "0", "max_attempts": 3}}',
                        NULL)
"""
UNPIN = """
DO $$ DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'mediasweep'::regnamespace LOOP
    EXECUTE format('ALTER FUNCTION %s RESET search_path', f);
  END LOOP;
END $$
"""


@pytest.fixture
async def staff(database: str) -> AsyncIterator[Staff]:
    """Give a database with the three roles."""
    async with staffed(database) as roles:
        yield roles


async def _attack(dsn: str, *statements: str) -> str:
    """Run statements under a path that leads to traps; return the warnings that came back."""
    said: list[str] = []
    attacker = await asyncpg.connect(dsn)
    attacker.add_log_listener(lambda _, message: said.append(str(message)))
    try:
        for statement in (TRAPS, LED_ASTRAY, *statements):
            await attacker.execute(statement)
    finally:
        await attacker.close()
    return "\n".join(said)


@pytest.mark.parametrize("pinned", [True, False])
async def test_a_capture_runs_nothing_of_whoever_deletes(
    database: str, db: Db, staff: Staff, *, pinned: bool
) -> None:
    """Operators, functions and temporary tables of the deleting role are not taken for ours."""
    async with stranger(database) as thief:
        await db.execute(f"GRANT CREATE ON SCHEMA public TO {thief.name}")
        await db.execute("CREATE TABLE public.t (cover text)")
        await db.execute(f"GRANT SELECT, DELETE ON public.t TO {thief.name}")
        await db.execute("""SELECT mediasweep.attach('public.t', '{"public_id": "cover"}')""")
        await db.execute("INSERT INTO public.t VALUES ('a')")
        if not pinned:
            await db.execute(UNPIN)
        said = await _attack(thief.dsn, "DELETE FROM public.t")
        assert pinned is not (f"stolen from {staff.roles.owner}" in said)
        assert await queued(db) == [("a", "row_deleted")]


@pytest.mark.parametrize("pinned", [True, False])
async def test_a_claim_runs_nothing_of_whoever_claims(
    db: Db, staff: Staff, *, pinned: bool
) -> None:
    """A member of the daemon's role cannot make the claim run his code as the owner."""
    await db.execute(f"GRANT CREATE ON SCHEMA public TO {staff.daemon.name}")
    await enqueue(db, "a")
    if not pinned:
        await db.execute(UNPIN)
    said = await _attack(staff.daemon.dsn, CLAIM)
    assert pinned is not (f"stolen from {staff.roles.owner}" in said)
    assert (await row(db))["status"] == "processing"


@pytest.mark.parametrize("safeguard", [True, False])
async def test_rows_that_are_hidden_from_the_owner_never_read_as_unused(
    blank_database: str, *, safeguard: bool
) -> None:
    """Under forced row-level security, which hides the using row, the guard raises and keeps it."""
    async with stranger(blank_database) as owner:
        admin = await asyncpg.connect(blank_database)
        name = await admin.fetchval("SELECT current_database()")
        await admin.execute(f"ALTER DATABASE {name} OWNER TO {owner.name}")
        await admin.close()
        await migrate(owner.dsn)
        db = await asyncpg.connect(owner.dsn)
        await db.execute(ARTICLES)
        await use(db, "a")
        await enqueue(db, "a")
        await db.execute("ALTER TABLE articles FORCE ROW LEVEL SECURITY")
        await db.execute("ALTER TABLE articles ENABLE ROW LEVEL SECURITY")
        if not safeguard:
            await db.execute("ALTER FUNCTION mediasweep.uses RESET row_security")
        claimed = await claim(db)
        await db.close()
        if safeguard:
            assert "row-level security" in (claimed.guard_error or "")
            assert claimed.brought_nothing
        else:
            assert claimed.assets == ["a"]
