"""The committed schema is the one that the files make."""

from __future__ import annotations

import re

from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Server
from tests.daemons import ROOT
from tests.postgres.dump import COMMITTED, HEAD, RENEW, normalised, pg_dump

CLAIM = ("allowance", "brake", "claim", "due", "guard", "horizon", "mark", "record")
DROPPED = re.compile(r"DROP FUNCTION IF EXISTS\s+([\w.]+\([^)]*\))")


def test_the_committed_schema_is_what_migrate_makes(server: Server, template: str) -> None:
    """The schema/schema.sql of this commit is the dump of a database migrated by this commit."""
    made = HEAD + pg_dump(server, server.dsn(template))
    assert made == COMMITTED.read_text(encoding="utf-8"), (
        f"the schema files changed; look at what that comes to, and commit it: {RENEW}"
    )


async def test_the_release_before_can_put_the_claim_back(db: Db) -> None:
    """None of its functions returns something else under its old name and parameters: `migrate` of
    the release before could not replace it, and claims would be made of two releases.
    """
    files = [ROOT / f"schema/functions/{name}.sql" for name in CLAIM]
    dropped = [one for file in files for one in DROPPED.findall(file.read_text(encoding="utf-8"))]
    assert dropped
    there = "SELECT s FROM unnest($1::text[]) s WHERE to_regprocedure(s) IS NOT NULL"
    assert [row["s"] for row in await db.fetch(there, dropped)] == []


def test_what_depends_on_the_version_is_left_out() -> None:
    """Two dumps that differ only in what their versions add are the same, save in functions."""
    body = "AS $_$\n-- a comment of ours\nSET x = 1;\n$_$;\n"
    old = f"--\n-- Dumped by 15\n--\n\nSET a = b;\n\n\nCREATE TABLE t ();\n\n\n{body}"
    new = f"\\restrict k\n\nSET c = d;\n\nCREATE TABLE t ();\n\n{body}\n\\unrestrict k\n"
    assert normalised(old) == normalised(new) == f"CREATE TABLE t ();\n\n{body}"
