"""Capture: who let an asset go, and that nobody needs a right of ours to do so."""

from __future__ import annotations

import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.queue import insert_assets, row

USER = "8d7f1c1e-5a5e-4d3c-9b53-2f6a1f0d9c11"
OTHER = "00000000-0000-4000-8000-00000000beef"


async def test_a_role_without_rights_can_delete_from_a_table_of_another(db: Db, role: str) -> None:
    """Whoever may delete a row may do so, without any right on our schema and without owning it."""
    await db.execute(f"CREATE ROLE {role}_owner; CREATE TABLE public.t (cover text)")
    await db.execute(f"ALTER TABLE t OWNER TO {role}_owner; GRANT SELECT, DELETE ON t TO {role}")
    await db.execute("""SELECT mediasweep.attach('public.t', '{"public_id": "cover"}')""")
    await db.execute("INSERT INTO t VALUES ('a')")
    await db.execute(f"SET ROLE {role}")
    await db.execute("DELETE FROM t; RESET ROLE")
    await db.execute(f"DROP TABLE t; DROP ROLE {role}_owner")
    assert (await row(db))["cloudinary_public_id"] == "a"


async def test_nothing_of_ours_is_open_to_everybody(db: Db, role: str) -> None:
    """A role that was granted nothing can use no table, function or type of the schema."""
    await db.execute(f"SET ROLE {role}")
    reachable = await db.fetch(
        "SELECT p.oid::regprocedure::text FROM pg_proc p"
        " WHERE p.pronamespace = 'mediasweep'::regnamespace"
        " AND has_function_privilege(p.oid, 'EXECUTE')"
        " UNION ALL SELECT c.relname FROM pg_class c"
        " WHERE c.relnamespace = 'mediasweep'::regnamespace AND c.relkind = 'r'"
        " AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"
        " UNION ALL SELECT 'the schema' WHERE has_schema_privilege('mediasweep', 'USAGE, CREATE')"
    )
    await db.execute("RESET ROLE")
    assert reachable == []


async def test_the_actor_is_who_logged_in(db: Db, role: str) -> None:
    """The session's user is recorded, not the owner of the function that queues."""
    await insert_assets(db, "a")
    await db.execute(f"ALTER TABLE media_assets OWNER TO {role}; SET SESSION AUTHORIZATION {role}")
    await db.execute("DELETE FROM media_assets; RESET SESSION AUTHORIZATION")
    assert role == (await row(db))["actor"]


async def test_the_application_is_recorded(db: Db) -> None:
    """The application's name is recorded with what it let go."""
    await insert_assets(db, "a")
    await db.execute("SET application_name = 'the shop'; DELETE FROM media_assets")
    assert (await row(db))["app"] == "the shop"


@pytest.mark.parametrize(
    ("claims", "user"),
    [
        (f'{{"sub": "{USER}", "role": "authenticated"}}', USER),
        (f'{{"role":"authenticated","sub":"{USER}"}}', USER),
        (f'{{"user_metadata": {{"sub": "{OTHER}"}}, "sub": "{USER}"}}', USER),
        ('{"role": "anon"}', None),
        ('{"sub": "service"}', None),
        ('{"sub": 7}', None),
        ('{"sub"', None),
        ("junk", None),
        ("[]", None),
        ("", None),
    ],
)
async def test_the_user_behind_a_request_is_recorded(db: Db, claims: str, user: str | None) -> None:
    """The subject of Supabase's claims is who triggered it, and any other claims do no harm."""
    await insert_assets(db, "a")
    async with db.transaction():
        await db.execute("SELECT set_config('request.jwt.claims', $1, true)", claims)
        await db.execute("DELETE FROM media_assets")
    triggered_by = (await row(db))["triggered_by"]
    assert user == (triggered_by and str(triggered_by))
