"""The guard finds a use by an index, in each shape, and attach says which index that would be."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from mediasweep.postgres.pool import Connection as Db

ROWS = 200_000
USE = 123_456
URL = "'https://res.cloudinary.com/demo/image/upload/v1700000000/f/a' || n || '.jpg'"
ASK = """
SELECT u.used_by FROM mediasweep.uses(ARRAY[
  jsonb_populate_record(NULL::mediasweep.cloudinary_cleanup_queue,
    jsonb_build_object('id', gen_random_uuid(), 'cloudinary_public_id', $1::text,
                       'asset_id', $2::text)),
  jsonb_populate_record(NULL::mediasweep.cloudinary_cleanup_queue,
    jsonb_build_object('id', gen_random_uuid(), 'cloudinary_public_id', 'f/none'))]) u
"""

# how often a table was read through, as far as it is not written down elsewhere yet
SCANS = "SELECT pg_stat_get_xact_numscans('public.t'::regclass)"


@dataclass(frozen=True, slots=True)
class Held:
    """A column in which ids are held, what stands in it, and how it is attached."""

    name: str
    type: str
    value: str
    options: str
    asset_id: str | None = None


HELD = [
    Held("text", "text", "'f/a' || n", '{"public_id": "c"}'),
    Held("varchar", "varchar(200)", "'f/a' || n", '{"public_id": "c"}'),
    Held("array", "text[]", "ARRAY['f/a' || n, 'f/b' || n]", '{"public_id": "c"}'),
    Held("varchar array", "varchar(99)[]", "ARRAY['f/a' || n, 'f/b' || n]", '{"public_id": "c"}'),
    Held(
        "JSON path",
        "jsonb",
        "jsonb_build_object('images', jsonb_build_array(jsonb_build_object('id', 'f/a' || n)))",
        '{"public_id": {"column": "c", "path": "$.images[*].id"}}',
    ),
    Held(
        "JSON objects",
        "jsonb",
        "jsonb_build_object('images', jsonb_build_array(jsonb_build_object('id', 'f/a' || n)))",
        '{"public_id": {"column": "c", "path": "$.images", "key": "id"}}',
    ),
    Held("URL", "text", URL, '{"cloud": "demo", "public_id": {"column": "c", "url": true}}'),
    Held(
        "URL in JSON",
        "jsonb",
        f"jsonb_build_object('photo', {URL})",
        '{"cloud": "demo", "public_id": {"column": "c", "path": "$.photo", "url": true}}',
    ),
    Held("asset id", "text", "'x' || n", '{"public_id": "other", "asset_id": "c"}', f"x{USE}"),
]


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.name)
async def test_the_guard_uses_the_index_that_attach_names(db: Db, held: Held) -> None:
    """With the index that attach asks for no shape is read through, and without it all answer."""
    said: list[str] = []
    db.add_log_listener(lambda _, message: said.append(str(message)))
    await db.execute(
        f"CREATE TABLE public.t (id integer PRIMARY KEY, other text, c {held.type});"
        f"INSERT INTO t SELECT n, 'o' || n, {held.value} FROM generate_series(1, {ROWS}) n;"
        f"CREATE INDEX ON t (other); ANALYZE t"
    )
    await db.execute("SELECT mediasweep.attach('public.t', $1)", held.options)
    wanted = re.findall(r"CREATE INDEX CONCURRENTLY (.*);", "\n".join(said))
    assert len(wanted) == 1, said
    assert f"about {ROWS:,} rows" in said[0]
    public_id = f"f/a{USE}" if held.asset_id is None else "f/none"
    assert [row[0] for row in await db.fetch(ASK, public_id, held.asset_id)] == [
        f"public.t id={USE}"
    ]
    await db.execute(f"CREATE INDEX {wanted[0]}; ANALYZE t")
    async with db.transaction():
        before = await db.fetchval(SCANS)
        found = await db.fetch(ASK, public_id, held.asset_id)
        scans = await db.fetchval(SCANS) - before
    assert ([row[0] for row in found], scans) == ([f"public.t id={USE}"], 0)
    said.clear()
    await db.execute("SELECT mediasweep.detach('public.t')")
    await db.execute("SELECT mediasweep.attach('public.t', $1)", held.options)
    assert "for want of an index" not in "\n".join(said)
