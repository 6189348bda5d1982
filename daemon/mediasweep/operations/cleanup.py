"""The cleanup: how the queue stands, and a sweep on demand that is waited for.

Whoever waits is answered after a while in any case: what is not done by then goes on without them,
and says that it is unfinished. To wait is to ask a few rows by their ids, five times a second.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.operations import queue, scheduler
from mediasweep.operations.fleet import still_closed
from mediasweep.operations.refusal import RefusedError, UnknownError
from mediasweep.postgres.cleanup import Cleanup
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.gates import Gates
from mediasweep.rules.filter import RawFilter
from mediasweep.rules.job import UNFINISHED, ByHand, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool

RECENT = 20
LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of the rows that were asked for, in a sentence and row by row."""

    message: str
    rows: Sequence[Mapping[str, Any]]

    def count(self, *statuses: Status) -> int:
        """Return how many of them ended like this."""
        return sum(row["status"] in statuses for row in self.rows)


async def rows(connection: Pool | Connection) -> dict[str, int]:
    """Return the number of rows in each status, in a long queue estimated of what is done."""
    return await Fleet(connection).figures()


async def status(connection: Pool | Connection, figures: Mapping[str, int]) -> dict[str, Any]:
    """Return the rows by status, which are these, the newest twenty, and whether any waits."""
    newest = await queue.page(connection, RawFilter(), after=None, limit=RECENT)
    stats = {"total": sum(figures.values()), **figures}
    return {
        "stats": stats,
        "recent_items": newest.rows,
        "has_pending": any(stats[each] for each in UNFINISHED),
    }


async def process(
    connection: Pool | Connection,
    *,
    limit: int,
    retry: bool,
    id_: UUID | None,
    who: str,
    within_s: float,
) -> Cleaned:
    """Have up to `limit` due rows done, or this one, and return what became of them by then.

    `retry`: failed rows too. Passes a stop, and no other gate; RefusedError where a stop would have
    to be passed for one row alone, UnknownError where there is no such row.
    """
    ids = await _ids(connection, limit, id_)
    if retry:
        ids = await _put_back(connection, limit, ids if id_ else None, who) or ids
    if not ids:
        return Cleaned("nothing is due", [])
    if await _held(connection, ids):
        within_s = 0.0
    if id_ is None:
        await scheduler.force_cleanup(connection, who=who, limit=limit)
    rows = await wait(connection, ids, within_s=within_s)
    done = sum(row["status"] not in UNFINISHED for row in rows)
    if done == len(rows):
        return Cleaned(f"{done} processed", rows)
    return Cleaned(f"{done} processed, {len(rows) - done} go on: {await _why(connection)}", rows)


async def wait(
    connection: Pool | Connection, ids: Sequence[UUID], *, within_s: float
) -> list[Mapping[str, Any]]:
    """Return these rows once none is unfinished, or as they are by then.

    Where no daemon is at work nothing is waited for.
    """
    cleanup = Cleanup(connection)
    rows = await cleanup.became(ids)
    if not await Fleet(connection).at_work():
        return rows
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    while loop.time() < until and any(row["status"] in UNFINISHED for row in rows):
        await asyncio.sleep(LOOK_S)
        rows = await cleanup.became(ids)
    return rows


async def _ids(connection: Pool | Connection, limit: int, id_: UUID | None) -> Sequence[UUID]:
    if id_ is None:
        return await Cleanup(connection).due(limit)
    if not await Cleanup(connection).became([id_]):
        raise UnknownError(f"there is no row {id_}")
    if any(gate["name"] == "pause" for gate in await Gates(connection).list()):
        raise RefusedError("the fleet is stopped, and a stop lets no single row pass: start it")
    return [id_]


async def _put_back(
    connection: Pool | Connection, limit: int, ids: Sequence[UUID] | None, who: str
) -> Sequence[UUID]:
    """Retry failed rows: these, or the oldest; returns those that go on."""
    if ids is None:
        failed = RawFilter(statuses=(Status.FAILED,))
        ids = (await queue.choose(connection, ByHand.RETRY, failed, limit=limit)).ids
    moved: list[UUID] = []
    async for step in queue.move_rows(connection, ByHand.RETRY, ids, who=who, why=None):
        moved += step.moved
    return moved


async def _held(connection: Pool | Connection, ids: Sequence[UUID]) -> bool:
    """Tell whether a gate that no sweep passes is closed for each of these rows."""
    closed = [gate for gate in await still_closed(connection) if gate["name"] != "pause"]
    sources = {gate["source"] for gate in closed}
    rows = await Cleanup(connection).became(ids)
    return None in sources or all(row["source"] in sources for row in rows)


async def _why(connection: Pool | Connection) -> str:
    if not await Fleet(connection).at_work():
        return "no daemon that deletes is at work"
    closed = [gate["name"] for gate in await Gates(connection).list() if gate["name"] != "pause"]
    return f"held by {' and '.join(closed)}" if closed else "GET /api/queue/{id} says why"
