"""Attached tables as Python values: what they hold, attaching, listing, detaching, taking all away.

Each change is one transaction, READ COMMITTED. It waits for a lock for 3 s only, for who writes to
the table would queue behind it, and tries a few times. What the database refuses becomes a
sentence: AttachError for what was asked, DatabaseError for rights and busy tables, SchemaError
where the functions are of an older release.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.pool import DatabaseError, patient, statements
from mediasweep.rules.attachment import AttachError
from mediasweep.rules.failures import SchemaError
from mediasweep.rules.table import Table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from mediasweep.postgres.pool import Connection, Pool

SQL = statements(__file__)
ATTEMPTS = 5
PATIENCE_S = 600.0  # attaching looks at ten thousand rows, uninstalling counts the queue
OWNERS = (
    ": this is for the owner of the schema mediasweep; run it as the role that ran `mediasweep"
    " migrate`, or, if there are three, as a member of the owner's, mediasweep_owner"
)
T = TypeVar("T")


class Attached:
    """The attached tables of a database."""

    def __init__(
        self, connection: Pool | Connection, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """Use a connection or a pool; `say` hears that something is waited for."""
        self._connection = connection
        self._say = say

    async def tables(self) -> list[Table]:
        """Return every table of the user's."""
        return [Table(**row) for row in await self._connection.fetch(SQL["tables"])]

    async def as_typed(self, text: str) -> int | None:
        """Return the oid of the table that SQL would find under this name."""
        try:
            oid: int | None = await self._connection.fetchval(SQL["as_typed"], text)
        except (
            *(asyncpg.InvalidNameError, asyncpg.PostgresSyntaxError, asyncpg.DataError),
            asyncpg.InsufficientPrivilegeError,  # which attach says with what mends it
        ):
            return None
        return oid

    async def columns(self, table: Table) -> list[str]:
        """Return the names of a table's columns."""
        return [row["name"] for row in await self._connection.fetch(SQL["columns"], table.oid)]

    async def state(self, table: Table, options: Mapping[str, Any]) -> tuple[int, bool] | None:
        """Return the number of an attached table, and whether it has just these options."""
        row = await self._connection.fetchrow(SQL["attached"], table.oid, json.dumps(options))
        return None if row is None else (row["id"], row["same"])

    async def look(self, table: Table, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what attaching would find; refuses what attach refuses."""
        return dict((await self._fetch("look", table.oid, json.dumps(options)))[0])

    async def script(self, table: Table, options: Mapping[str, Any]) -> str:
        """Return what attaching would run, as SQL; refuses what attach refuses."""
        return str((await self._fetch("script", table.oid, json.dumps(options)))[0][0])

    async def attach(self, table: Table, options: Mapping[str, Any]) -> int:
        """Attach a table, and return its number."""
        return int((await self._fetch("attach", table.oid, json.dumps(options)))[0][0])

    async def cover(self) -> int:
        """Make triggers that are missing, where nobody has to wait; returns on how many parts."""
        return int((await self._fetch("cover"))[0][0])

    async def rows(self) -> list[dict[str, Any]]:
        """Return the attached tables, and detached ones of which rows are unfinished."""
        found = [dict(row) for row in await self._fetch("list")]
        return [row | {"options": json.loads(row["options"])} for row in found]

    async def suggestions(self) -> list[dict[str, Any]]:
        """Return the tables that seem to name assets; `options` None: a person has to say."""
        found = [dict(row) for row in await self._fetch("suggest")]
        return [row | {"options": json.loads(row["options"] or "null")} for row in found]

    async def detachable(self, number: int) -> Mapping[str, Any] | None:
        """Return what detaching would leave behind and drop; None: it is not attached."""
        found = await self._fetch("detachable", number)
        return dict(found[0]) if found else None

    async def strays(self) -> list[Mapping[str, Any]]:
        """Return the tables that were parts of attached ones and still carry their triggers."""
        return await self._patiently(lambda connection: Fleet(connection).strays())

    async def stray(self, text: str) -> Mapping[str, Any] | None:
        """Return what detaching such a table would drop; None: this is none."""
        found = await self._fetch("stray", text)
        return dict(found[0]) if len(found) == 1 else None

    async def detach_stray(self, table: str) -> None:
        """Take our triggers off such a table."""
        await self._fetch("detach_stray", table)

    async def detach(self, number: int) -> int:
        """Detach, and return how many unfinished rows stay behind."""

        async def work(connection: Connection) -> int:
            await connection.fetchval(SQL["detach"], number)
            return int(await connection.fetchval(SQL["left_behind"], number))

        return await self._patiently(work)

    async def to_uninstall(self, *, force: bool) -> Mapping[str, Any]:
        """Return what an uninstall would drop, keep and lose."""
        return dict((await self._fetch("to_uninstall", force))[0])

    async def uninstall(self, *, force: bool) -> None:
        """Detach everything and drop the schema; AttachError where it would lose something."""
        await self._fetch("uninstall", force)

    async def _fetch(self, name: str, *args: object) -> list[asyncpg.Record]:
        async def work(connection: Connection) -> list[asyncpg.Record]:
            return await connection.fetch(SQL[name], *args, timeout=PATIENCE_S)

        return await self._patiently(work)

    async def _patiently(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        for attempt in range(ATTEMPTS):
            try:
                async with patient(self._connection, PATIENCE_S) as connection:
                    await connection.fetchrow(SQL["set_place"])
                    with _plainly():
                        return await work(connection)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                if attempt < ATTEMPTS - 1:
                    self._say("a table is busy: trying again")
                    await asyncio.sleep(2**attempt)
        raise DatabaseError(
            f"a transaction holds a table that is needed, through {ATTEMPTS} attempts: try again"
            " when it has ended; nothing was changed"
        )


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Turn what the database refuses into a sentence that says what to do."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseError(_sentence(error, "\n") if error.hint else f"{error}{OWNERS}") from error
    except asyncpg.UndefinedFunctionError as error:
        if error.position is None:  # inside a function: what was asked for has no such operator
            raise AttachError(_sentence(error)) from error
        raise SchemaError(
            "the schema of this database is older than this version",
            "run `mediasweep migrate` first",
        ) from error
    except (
        asyncpg.RaiseError,
        asyncpg.SyntaxOrAccessError,
        asyncpg.DataError,
        asyncpg.FeatureNotSupportedError,
        asyncpg.ObjectNotInPrerequisiteStateError,
    ) as error:
        if isinstance(error, asyncpg.LockNotAvailableError):  # of the last kind, and it passes
            raise
        raise AttachError(_sentence(error), getattr(error, "column_name", None)) from error


def _sentence(error: asyncpg.PostgresError, gap: str = " ") -> str:
    said = str(error.args[0] if error.args else error)
    for prefix in ("attach", "detach", "uninstall"):
        said = said.removeprefix(f"mediasweep.{prefix}: ")
    hint = getattr(error, "hint", None)
    return f"{said}.{gap}{hint}" if hint else said
