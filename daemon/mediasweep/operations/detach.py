"""Detaching: one table, or all of them together with the schema.

A detach leaves the table as it was; what it had let go of stays in the queue, unsent. An uninstall
is a RefusedError while anything would be lost, unless it is forced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mediasweep.operations import named
from mediasweep.operations.refusal import RefusedError
from mediasweep.postgres.attached import Attached
from mediasweep.postgres.operator_queue import OperatorQueue
from mediasweep.postgres.pool import DatabaseError
from mediasweep.rules.attachment import AttachError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mediasweep.postgres.pool import Connection, Pool


async def look(connection: Pool | Connection, text: str) -> Mapping[str, Any]:
    """Return what detaching a table, by name or number, would leave behind and drop.

    A table that was a part of an attached one, and carries its triggers, has no number: `source`
    is None.

    Raises FilterError or AttachError where none such is attached.
    """
    if (stray := await Attached(connection).stray(text)) is not None:
        return stray
    number = await named.source(OperatorQueue(connection), text)
    found = await Attached(connection).detachable(number or 0)
    if found is None:
        raise AttachError(f"{text} is not attached: `mediasweep attach --list` has what is")
    return found


async def detach(
    connection: Pool | Connection,
    found: Mapping[str, Any],
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Detach what `look` has found, and return how many unfinished rows stay behind."""
    if found["source"] is None:
        await Attached(connection, say).detach_stray(found["table"])
        return 0
    return await Attached(connection, say).detach(found["source"])


async def survey(connection: Pool | Connection, *, force: bool) -> Mapping[str, Any]:
    """Return what an uninstall would drop, keep and lose; RefusedError where it would not do it."""
    found = await Attached(connection).to_uninstall(force=force)
    if found["dependents"]:
        raise RefusedError(f"drop first what needs the schema: {found['dependents']}")
    if not force and found["unfinished"] + found["fallen"] + found["alive"]:
        raise RefusedError(
            f"rows that are unfinished: {found['unfinished']}, captures not queued yet:"
            f" {found['fallen']}, daemons that run: {found['alive']}; wait until all is done and"
            " stop the daemons, or lose what is left with --force"
        )
    return found


async def uninstall(
    connection: Pool | Connection, *, force: bool, say: Callable[[str], None] = lambda _: None
) -> None:
    """Detach everything and drop the schema."""
    try:
        await Attached(connection, say).uninstall(force=force)
    except AttachError as error:  # it has been looked at, and something has come in since
        raise RefusedError(f"{error}; nothing was changed") from error
    except DatabaseError as error:
        raise DatabaseError(f"nothing was dropped: {error}") from error
