"""Bringing a database to the schema of this version: sorted files, each once, one transaction each.

Owns the ledger `mediasweep.migration`. A migration that was applied never changes (it is refused if
it did); a function file is applied again whenever it has. Runners of several replicas poll one
advisory lock, so that all but one find nothing to do; a crash leaves whole files or nothing.
The lock is polled because a waiting `pg_advisory_lock` would hold a snapshot and deadlock with
CREATE INDEX CONCURRENTLY.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from mediasweep.postgres.echo import is_a_session
from mediasweep.postgres.media import Media
from mediasweep.postgres.pool import PASSING, DatabaseError, connect, statements
from mediasweep.rules.failures import SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mediasweep.postgres.pool import Connection

SQL = statements(__file__)
LOCK_POLL_S = 0.2
ATTEMPTS = 5
ECHO_S = 2.0
FILE_TIMEOUT_S = 3600.0  # an index over a long queue takes its time
NO_TRANSACTION = "-- no-transaction"
LIBRARY = "library.sql"
AGAIN = "library.sql, attached again"


@dataclass(frozen=True, slots=True)
class File:
    """One SQL file of the schema; `once`: a migration, applied once and never changed."""

    name: str
    text: str
    once: bool

    @property
    def sha256(self) -> str:
        """Return the digest that the ledger keeps."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def in_transaction(self) -> str:
        """Return the text for a script that is one transaction, on a database without rows."""
        if not self.text.startswith(NO_TRANSACTION):
            return self.text
        return self.text.removeprefix(f"{NO_TRANSACTION}\n").replace(" CONCURRENTLY ", " ")


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the three roles: who owns the schema, who works with it, who only looks."""

    owner: str = "mediasweep_owner"
    daemon: str = "mediasweep_daemon"
    reader: str = "mediasweep_reader"

    @property
    def sql(self) -> str:
        """Return the statement that makes them, or mends what they may do."""
        names = (self.owner, self.daemon, self.reader)
        owner, daemon, reader = (name.replace("'", "''") for name in names)
        return SQL["make_roles"].format(owner=owner, daemon=daemon, reader=reader) + ";\n"


def schema_folder() -> Path:
    """Return the folder of the schema: inside an installed package, else beside a checkout."""
    packaged = Path(str(files("mediasweep"))) / "schema"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "schema"


def read_schema(*, with_library: bool = False) -> list[File]:
    """Return the files of this version in the order in which they are applied."""
    folder = schema_folder()

    def read(path: Path, *, once: bool) -> File:
        name = path.relative_to(folder).as_posix()
        return File(name, path.read_text(encoding="utf-8"), once)

    found = [read(path, once=True) for path in sorted(folder.glob("migrations/*.sql"))]
    found += [read(path, once=False) for path in sorted(folder.glob("functions/*.sql"))]
    if with_library:
        found.append(read(folder / LIBRARY, once=True))
    return found


def extra(name: str) -> str:
    """Return the text of a file of the schema that is no part of its order."""
    return (schema_folder() / name).read_text(encoding="utf-8")


def to_apply(schema: list[File], applied: dict[str, str]) -> list[File]:
    """Return what has to be applied; raises SchemaError where it must not be."""
    check_not_newer(schema, applied)
    changed = [f.name for f in schema if f.once and applied.get(f.name, f.sha256) != f.sha256]
    if changed:
        raise SchemaError(
            f"{', '.join(changed)} changed after it was applied to this database",
            "a migration never changes; restore the file or install the release that wrote it",
        )
    return [f for f in schema if applied.get(f.name) != f.sha256]


def check_not_newer(schema: list[File], applied: dict[str, str]) -> None:
    """Raise SchemaError if the database has migrations that this version does not know."""
    known = {f.name for f in schema} | {LIBRARY}
    newer = sorted(n for n in applied if n not in known and n.startswith("migrations/"))
    if newer:
        raise SchemaError(
            f"the schema of this database is newer than this version (it has {newer[-1]})",
            "upgrade mediasweep",
        )


def check_fits(schema: list[File], applied: dict[str, str]) -> None:
    """Raise SchemaError unless a daemon of this version can work on this database."""
    check_not_newer(schema, applied)
    missing = [f.name for f in schema if f.name not in applied]
    if missing:
        seen = "has no schema of mediasweep that this role may see"
        what = f"has not got {missing[0]}" if applied else seen
        raise SchemaError(f"this database {what}", "run `mediasweep migrate` first")


async def applied_files(connection: Connection) -> dict[str, str]:
    """Return what the ledger of this database holds, name to sha256; empty without a ledger."""
    if not await connection.fetchval(SQL["has_ledger"]):
        return {}
    return {row["name"]: row["sha256"] for row in await connection.fetch(SQL["applied"])}


async def pending(dsn: str, *, with_library: bool = False) -> list[File]:
    """Return the files that `migrate` would apply to this database now, which is left alone."""
    connection = await connect(dsn, name="mediasweep migrate", pooled=True)
    try:
        return await _missing(connection, with_library=with_library)
    finally:
        await connection.close(timeout=5)


async def _missing(connection: Connection, *, with_library: bool) -> list[File]:
    applied = await applied_files(connection)
    again: str | None = None
    if with_library and LIBRARY in applied:
        if await connection.fetchval(SQL["library_dropped"]):
            del applied[LIBRARY]
        else:  # as it was attached, and nothing else: it may be a table of yours by now
            again = await connection.fetchval(SQL["attach_again"])
    todo = to_apply(read_schema(with_library=with_library), applied)
    return [*todo, File(AGAIN, again, once=False)] if again else todo


async def migrate(
    dsn: str,
    *,
    with_library: bool = False,
    roles: Roles | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Apply what is missing and return the names; waits for another runner to finish first.

    `roles`: make them as well, and hand the schema over to its owner.
    """
    connection = await connect(dsn, name="mediasweep migrate", pooled=True)
    try:
        await refuse_encoding(connection)
        await refuse_pooler(connection, dsn)
        await wait_for_turn(connection, say)
        ledger = f"{extra('ledger.sql')}{SQL['become_owner']};"
        await patiently(connection, "ledger.sql", ledger)
        todo = await _missing(connection, with_library=with_library)
        for file in todo:
            # the table in the library is yours, and not the schema's owner's
            who = f"{SQL['be_oneself']};\n" if file.name in {LIBRARY, AGAIN} else ""
            await patiently(connection, file.name, who + file.text, digest=file.sha256)
            say(f"applied {file.name}")
        rebuild = f"{SQL['be_oneself']};\n{extra('rebuild.sql')}"
        await patiently(connection, "rebuild.sql", rebuild)
        for row in await connection.fetch(SQL["misplaced"]):
            say(f"nothing is sent: {row['says']}")
        if with_library and not await Media(connection).is_there():
            say("public.media_assets is attached in another way: detach it, and run this again")
        if roles:
            await patiently(connection, "--roles", roles.sql)
            say(f"roles: {roles.owner}, {roles.daemon}, {roles.reader}")
            say(f"daemons need a login to which {roles.daemon} is granted, also those that run")
        return [file.name for file in todo]
    finally:
        await connection.close(timeout=5)


async def wait_for_turn(connection: Connection, say: Callable[[str], None]) -> None:
    """Return when no other runner works on this database; holds for the life of the session."""
    while not await connection.fetchval(SQL["try_lock"]):
        say("waiting for another migrate to finish")
        await asyncio.sleep(LOCK_POLL_S)


async def refuse_encoding(connection: Connection) -> None:
    """Raise DatabaseError in a database that cannot hold every public id, or holds what is none."""
    if (encoding := await connection.fetchval(SQL["encoding"])) != "UTF8":
        raise DatabaseError(
            f"the encoding of this database is {encoding}, and mediasweep needs UTF8: dump it, and "
            "restore it into one that was made with ENCODING 'UTF8' TEMPLATE template0"
        )


async def refuse_pooler(connection: Connection, dsn: str, *, doing: str = "migrate") -> None:
    """Raise DatabaseError behind a transaction pooler, which would give our lock to others."""
    other = await connect(dsn, name="mediasweep migrate", pooled=True)
    try:
        if not await is_a_session(connection, other, ECHO_S):
            raise DatabaseError(
                f"{doing} needs one session, and this address leads through a transaction pooler: "
                "set MEDIASWEEP_LISTEN_URL to the direct (or session-mode) address"
            )
    finally:
        await other.close(timeout=5)


async def patiently(
    connection: Connection, name: str, sql: str, *, digest: str | None = None
) -> None:
    """Run a file; a lock that a busy table does not give is tried for a few times, briefly."""
    for attempt in range(ATTEMPTS):
        try:
            await connection.execute(SQL["set_timeouts"])
            if sql.startswith(NO_TRANSACTION):
                for index in await connection.fetch(SQL["half_built"]):
                    await connection.execute(index["drop"])
                await _run(connection, name, sql, digest)
            else:
                async with connection.transaction():
                    await _run(connection, name, sql, digest)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(2**attempt)
        except PASSING:
            raise
        except asyncpg.InsufficientPrivilegeError as error:
            remedy = await connection.fetchval(SQL["remedy"])
            said = f"{error}; {remedy}" if remedy else str(error)
            raise DatabaseError(
                f"{name} could not be applied, nothing of it was: {said}"
            ) from error
        except asyncpg.PostgresError as error:
            raise DatabaseError(
                f"{name} could not be applied, nothing of it was: {error}"
            ) from error
        else:
            return


async def _run(connection: Connection, name: str, sql: str, digest: str | None) -> None:
    await connection.execute(sql, timeout=FILE_TIMEOUT_S)
    if digest is not None:
        await connection.execute(SQL["note"], name, digest)


def takeover() -> str:
    """Return what takes an older system over; its table is the library from then on."""
    [library] = [file for file in read_schema(with_library=True) if file.name == LIBRARY]
    noted = SQL["note_literal"].format(name=library.name, sha256=library.sha256)
    return f"{extra('takeover.sql')}{noted};\n"


def script(
    *,
    with_library: bool = False,
    take_over: bool = False,
    roles: Roles | None = None,
    only: Iterable[File] | None = None,
) -> Iterator[str]:
    """Yield what `migrate` would run without its schema, as plain SQL to paste or to save."""
    yield "-- mediasweep: paste into a SQL editor, or save as a migration. All of it or nothing.\n"
    yield "BEGIN;\nSET LOCAL lock_timeout = '3s';\nSET LOCAL check_function_bodies = off;\n"
    yield extra("ledger.sql")
    for file in read_schema(with_library=with_library) if only is None else only:
        yield f"\n-- ==== {file.name}\n{file.in_transaction}"
        yield SQL["note_literal"].format(name=file.name, sha256=file.sha256) + ";\n"
    yield f"\n{extra('rebuild.sql')}"
    if take_over:
        yield f"\n-- ==== takeover.sql\n{takeover()}"
    yield f"{roles.sql if roles else ''}COMMIT;\n"
