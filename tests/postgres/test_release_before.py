"""What the release before calls is there while `migrate` runs, and after its own has run again."""

from __future__ import annotations

from mediasweep.postgres.migrate import read_schema
from mediasweep.postgres.pool import Connection as Db

# as it had them: `readings` is called by every statement on an attached table of URLs
BEFORE = """
CREATE FUNCTION mediasweep.embedded(said text, hosts text[]) RETURNS SETOF text
LANGUAGE sql IMMUTABLE AS $$ SELECT mediasweep.embedded(said, hosts, NULL) $$;
CREATE OR REPLACE FUNCTION mediasweep.readings(
  url text, hosts text[], OUT public_id text, OUT resource_type text, OUT delivery_type text,
  OUT version bigint, OUT cloud text, OUT certain boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE AS $$
  SELECT u.* FROM mediasweep.embedded(url, hosts) e CROSS JOIN mediasweep.url_readings(e, hosts) u
$$;
"""
TEXT = "see https://res.cloudinary.com/demo/image/upload/v1700000000/a.jpg and more"
READ = "SELECT count(*) FROM mediasweep.readings($1, '{}') r WHERE r.public_id = 'a'"
PUT_BACK = """
CREATE OR REPLACE FUNCTION mediasweep.delete_media(ids uuid[], who text)
RETURNS TABLE (id uuid, public_id text, queue_id uuid) LANGUAGE sql
AS $$ SELECT gen_random_uuid(), who, NULL::uuid $$
"""
COUNTED = "SELECT count(*) FROM mediasweep.delete_media($1, $2)"
DELETE = "SELECT d.public_id FROM mediasweep.delete_media($1, $2) d"


async def test_after_each_file_of_a_migrate_texts_can_be_read(db: Db) -> None:
    """Each file is a transaction of its own; where this fails, statements on strict tables do."""
    await db.execute(BEFORE)
    await db.execute("SET check_function_bodies = off")
    for file in read_schema():
        if file.name.startswith("functions/"):
            await db.execute(file.text)
            assert await db.fetchval(READ, TEXT) == 1, file.name
    left = await db.fetchval("SELECT to_regprocedure('mediasweep.embedded(text, text[])')::text")
    assert left is None


async def test_a_deletion_that_the_release_before_has_put_back_can_be_called(db: Db) -> None:
    """By its own parameters, which may not mean one of ours as well: it would be not unique."""
    assert await db.fetchval(COUNTED, [], "ann") == 0
    await db.execute(PUT_BACK)
    assert [row[0] for row in await db.fetch(DELETE, [], "ann")] == ["ann"]
