"""After a take-over: who may call what is left, what goes on working, and what fails loudly."""

from __future__ import annotations

import asyncpg
import pytest

from mediasweep.postgres.pool import Connection as Db
from tests.schema.origin import ROLES, SQL, asset, drop_roles, fill, make_roles, session, take
from tests.schema.queue import claim
from tests.schema.roles import stranger

CALLS = {
    "queue": "SELECT public.queue_cloudinary_cleanup('victim', 'video', trigger_source => 'api')",
    "pending": "SELECT * FROM public.get_pending_cleanup_items()",
    "move": "SELECT public.update_cleanup_queue_status(gen_random_uuid(), 'completed')",
    "anything": "SELECT public.execute_setup_sql(ARRAY['SELECT 1'])",
    "soft delete": "SELECT public.soft_delete_media_asset('a')",
}
FUNCTIONS = """
SELECT p.proname FROM pg_proc p
 WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
   AND has_function_privilege($1::text, p.oid, 'EXECUTE') ORDER BY 1
"""
INSERT = "INSERT INTO public.{} (cloudinary_public_id, deletion_reason) VALUES ('a', 'x')"
OLD = "cloudinary_cleanup_queue_before_mediasweep"


async def _as(db: Db, role: str, sql: str) -> None:
    await db.execute(f"SET ROLE {role}")
    try:
        await db.execute(sql)
    finally:
        await db.execute("RESET ROLE")


async def test_nobody_unknown_may_call_them(earlier: str) -> None:
    """What a visitor could run as the owner before, they may not run any more."""
    async with session(earlier) as db:
        for call in CALLS.values():
            await _as(db, "anon", call)
        await take(earlier)
        for call in CALLS.values():
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await _as(db, "anon", call)


async def test_who_may_call_what(earlier: str) -> None:
    """Visitors nothing, users what was given to them by name, the application's server all."""
    async with session(earlier) as db:
        await db.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO anon, authenticated")
        said = await take(earlier)
        may = {
            role: [row[0] for row in await db.fetch(FUNCTIONS, role)]
            for role in ("anon", "authenticated", "service_role")
        }
    assert may["anon"] == []
    assert may["authenticated"] == ["soft_delete_media_asset"]
    assert len(may["service_role"]) == 6
    told = (
        "soft_delete_media_asset(text,text) is not for anon, PUBLIC any more, but for authenticated"
    )
    assert any(told in line for line in said)


async def test_asking_for_a_deletion_goes_on_working(earlier: str) -> None:
    """The application's server still queues an asset, which goes through the guard as all do."""
    async with session(earlier) as db:
        await take(earlier)
        await _as(db, "service_role", CALLS["queue"])
        await _as(db, "service_role", "SELECT queue_cloudinary_cleanup('used', 'image')")
        await asset(db, "used")
        claimed = await claim(db)
        assert (claimed.assets, claimed.skipped) == (["victim"], 1)
        row = await db.fetchrow(
            "SELECT q.resource_type, q.delivery_type, q.trigger_source, q.deletion_reason"
            " FROM mediasweep.cloudinary_cleanup_queue q WHERE q.cloudinary_public_id = 'victim'"
        )
    assert row is not None
    assert tuple(row) == ("video", "upload", "api", "database_deletion")


@pytest.mark.parametrize("what", ["pending", "move"])
async def test_the_old_worker_fails_loudly(earlier: str, what: str) -> None:
    """What used to hand out rows, and to record, ends with an error, so that nothing is sent."""
    async with session(earlier) as db:
        await take(earlier)
        with pytest.raises(asyncpg.UndefinedTableError, match="cloudinary_cleanup_queue"):
            await _as(db, "service_role", CALLS[what])


async def test_no_deletion_is_put_where_nobody_looks(earlier: str) -> None:
    """A row for the old queue is an error under its old name, and under its new one."""
    async with session(earlier) as db:
        await take(earlier)
        with pytest.raises(asyncpg.UndefinedTableError):
            await db.execute(INSERT.format("cloudinary_cleanup_queue"))
        with pytest.raises(asyncpg.CheckViolationError, match="taken_over_by_mediasweep"):
            await db.execute(INSERT.format(OLD))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _as(db, "anon", f"SELECT * FROM public.{OLD}")
        await _as(db, "service_role", f"SELECT * FROM public.{OLD}")


async def test_the_library_goes_on_with_our_triggers_alone(earlier: str) -> None:
    """Deleting, soft deletes by the old function, and other triggers of the table go on."""
    async with session(earlier) as db:
        await asset(db, "a", "b")
        await take(earlier)
        triggers = await db.fetch(
            "SELECT t.tgname FROM pg_trigger t"
            " WHERE t.tgrelid = 'media_assets'::regclass AND NOT t.tgisinternal ORDER BY 1"
        )
        assert [row[0] for row in triggers] == [
            "media_assets_cleanup_trigger_delete",
            "media_assets_cleanup_trigger_truncate",
            "media_assets_cleanup_trigger_update",
            "update_media_assets_updated_at",
        ]
        await _as(db, "authenticated", CALLS["soft delete"])
        await db.execute("DELETE FROM media_assets")
        queued = await db.fetch(
            "SELECT q.cloudinary_public_id, q.deletion_reason"
            " FROM mediasweep.cloudinary_cleanup_queue q ORDER BY 1"
        )
    assert [tuple(row) for row in queued] == [("a", "soft_deleted"), ("b", "row_deleted")]


async def test_the_owner_of_it_all_needs_no_superuser(blank_database: str) -> None:
    """Whoever owns database and tables can take them over, and asks the guard afterwards."""
    await make_roles(blank_database)
    async with stranger(blank_database) as owner:
        async with session(blank_database) as admin:
            name = await admin.fetchval("SELECT current_database()")
            await admin.execute(f"ALTER DATABASE {name} OWNER TO {owner.name}")
        async with session(owner.dsn) as db:
            await db.execute(SQL)
            await fill(db)
            await asset(db, "a")
            assert any("the brake holds these 5 rows" in line for line in await take(owner.dsn))
            await db.execute("DELETE FROM media_assets")
            claimed = await claim(db)
            assert (claimed.assets, claimed.guard_error) == (["a"], None)
    async with session(blank_database) as admin:
        await admin.execute(f"DROP OWNED BY {', '.join(ROLES)}")
    await drop_roles(blank_database)
