"""Migrate killed at every file of the real schema, one run after the other, until it is done."""

from __future__ import annotations

import re

import asyncpg

from mediasweep.postgres.migrate import migrate, read_schema
from tests.conftest import Server
from tests.daemons import environment
from tests.failpoints.nursery import Nursery
from tests.postgres.dump import pg_dump

ARGV = ("migrate", "--with-library")
# a file was run, and is to be noted; and: a file was committed, and the next is to begin. (The
# ledger is run first in each run, so that the third beginning is that after the first new file.)
BETWEEN = (
    ("migrate.run:connection.execute#2:before", 1),
    ("migrate.patiently:connection.execute:before", 3),
)
NOTED = "SELECT count(*) FROM mediasweep.migration"


def _without_numbers(dump: str) -> str:
    """Return a dump without what a sequence gave twice: the number of the attached table."""
    return re.sub(r"\d+", "0", dump)


async def test_a_schema_that_comes_piece_by_piece_is_the_same(
    blank_database: str, template: str, server: Server
) -> None:
    """Killed before and after the commit of each file, migrate comes to what one run comes to."""
    nursery = await Nursery.open()
    env = environment(blank_database, "cloudinary://key:secret@cloud")
    files = read_schema(with_library=True)
    for file in files:
        # a function file that was run and not noted is gone without a trace, as any transaction
        for point, nth in BETWEEN if file.once else BETWEEN[1:]:
            child = await nursery.bear(env, {point: ("kill", nth)}, argv=ARGV)
            assert (await child.over(), child.struck()) == (-9, {point}), child.said()
    db = await asyncpg.connect(blank_database)
    assert await db.fetchval(NOTED) == len(files)
    await db.close()
    await nursery.close()
    assert await migrate(blank_database, with_library=True) == []
    dumps = [pg_dump(server, server.dsn(template)), pg_dump(server, blank_database)]
    assert _without_numbers(dumps[0]) == _without_numbers(dumps[1])
