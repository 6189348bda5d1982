"""Attaching a table: finding it, looking at what it holds, doing it, and the index of the guard.

What cannot be meant is an AttachError whose message has the nearest names. Attaching again with the
same options changes nothing.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mediasweep.postgres import index
from mediasweep.postgres.attached import Attached
from mediasweep.rules.attachment import AttachError, flags
from mediasweep.rules.table import nearest, table_called

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.attachment import AttachFlags
    from mediasweep.rules.table import Table

UNSAID = ["--json-path", "COLUMN PATH"]


class Attaching:
    """One table, and how it is to be attached."""

    def __init__(
        self, rows: Attached, connection: Pool | Connection, table: Table, columns: Sequence[str]
    ) -> None:
        self._attached = rows
        self._connection = connection
        self._columns = columns
        self.table = table

    async def number(self, said: AttachFlags) -> int | None:
        """Return the number under which it is attached, in just this way if any is said.

        None: it is not attached. Raises AttachError if it is attached in another way.
        """
        state = await self._attached.state(self.table, {} if said.nothing else said.read())
        if state is not None and not (said.nothing or state[1]):
            raise AttachError(
                f"{self.table.shown} is attached already, with other options: detach it first;"
                " attached again it keeps its number, and its unfinished rows go on"
            )
        return state and state[0]

    async def look(self, said: AttachFlags) -> Mapping[str, Any]:
        """Return what attaching would find."""
        with self._near():
            return await self._attached.look(self.table, said.read())

    async def script(self, said: AttachFlags) -> str:
        """Return what attaching would run, as SQL."""
        with self._near():
            return await self._attached.script(self.table, said.read())

    async def attach(self, said: AttachFlags) -> int:
        """Attach it, and return its number."""
        with self._near():
            return await self._attached.attach(self.table, said.read())

    async def cover(self) -> int:
        """Make triggers that are missing on attached tables; returns on how many parts."""
        return await self._attached.cover()

    async def missing(self) -> list[Mapping[str, Any]]:
        """Return the indexes that the guard wants, and that are not there."""
        return await index.missing(self._connection, self.table.oid)

    @contextmanager
    def _near(self) -> Iterator[None]:
        """Add the nearest columns to what says that there is no such one."""
        try:
            yield
        except AttachError as error:
            if error.column is None:
                raise
            near = nearest(error.column, {name: name for name in self._columns})
            raise AttachError(f"{error}{near}", error.column) from error


async def find(
    connection: Pool | Connection, text: str, say: Callable[[str], None] = lambda _: None
) -> Attaching:
    """Return the table that a text names; raises AttachError with the nearest names."""
    rows = Attached(connection, say)
    table = table_called(text, await rows.as_typed(text), await rows.tables())
    return Attaching(rows, connection, table, await rows.columns(table))


async def listing(connection: Pool | Connection) -> list[dict[str, Any]]:
    """Return the attached tables, and detached ones of which rows are unfinished."""
    return await Attached(connection).rows()


async def strays(connection: Pool | Connection) -> list[Mapping[str, Any]]:
    """Return the tables that were parts of attached ones, each with what it was a part `of`."""
    return await Attached(connection).strays()


async def suggestions(connection: Pool | Connection) -> list[dict[str, Any]]:
    """Return the tables that seem to name assets, each with the command that attaches it."""
    found = await Attached(connection).suggestions()
    return [
        one | {"command": shlex.join(["mediasweep", "attach", one["table"], *_flags(one)])}
        for one in found
    ]


def _flags(one: Mapping[str, Any]) -> list[str]:
    return UNSAID if one["options"] is None else flags(one["options"])


async def build_indexes(dsn: str, table: Table, say: Callable[[str], None]) -> list[str]:
    """Build the indexes that the guard wants, concurrently; returns their names."""
    return await index.build(dsn, table.oid, say)
