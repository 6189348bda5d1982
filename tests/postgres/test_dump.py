"""The committed schema is the one that the files make."""

from __future__ import annotations

from tests.conftest import Server
from tests.postgres.dump import COMMITTED, HEAD, RENEW, normalised, pg_dump


def test_the_committed_schema_is_what_migrate_makes(server: Server, template: str) -> None:
    """The schema/schema.sql of this commit is the dump of a database migrated by this commit."""
    made = HEAD + pg_dump(server, server.dsn(template))
    assert made == COMMITTED.read_text(encoding="utf-8"), (
        f"the schema files changed; look at what that comes to, and commit it: {RENEW}"
    )


def test_what_depends_on_the_version_is_left_out() -> None:
    """Two dumps that differ only in what their versions add are the same, save in functions."""
    body = "AS $_$\n-- a comment of ours\nSET x = 1;\n$_$;\n"
    old = f"--\n-- Dumped by 15\n--\n\nSET a = b;\n\n\nCREATE TABLE t ();\n\n\n{body}"
    new = f"\\restrict k\n\nSET c = d;\n\nCREATE TABLE t ();\n\n{body}\n\\unrestrict k\n"
    assert normalised(old) == normalised(new) == f"CREATE TABLE t ();\n\n{body}"
