"""What attach grants to the owner of the schema is taken back by detach."""

from __future__ import annotations

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Server
from tests.postgres.dump import pg_dump
from tests.schema.roles import staffed

TABLES = """
CREATE SCHEMA "My App";
CREATE TABLE "My App".a (c text);
CREATE TABLE "My App".b (c text)
"""
ATTACH = """SELECT mediasweep.attach('"My App".{}', '{{"public_id": "c"}}')"""
DETACH = """SELECT mediasweep.detach('"My App".{}')"""
MAY = "SELECT has_schema_privilege($1, 'My App', 'USAGE')"


async def test_the_last_table_of_a_schema_takes_the_way_into_it(
    db: Db, database: str, server: Server
) -> None:
    """While another one of it is attached, the owner may look into it; then all is as it was."""
    await db.execute(TABLES)
    before = pg_dump(server, database, '--schema="My App"')
    async with staffed(database) as staff:
        for name in "ab":
            await db.execute(ATTACH.format(name))
        for name, may in (("a", True), ("b", False)):
            await db.execute(DETACH.format(name))
            assert await db.fetchval(MAY, staff.roles.owner) is may
        assert pg_dump(server, database, '--schema="My App"') == before
