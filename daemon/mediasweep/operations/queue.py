"""The queue in an operator's hands: list, show why a row is where it is, retry, cancel.

Rows are chosen once, by id or by a filter, and then moved in steps, each a transaction of its own:
what was moved before a failure or a Ctrl-C stays moved and is in the journal. A row that somebody
holds is asked for again for a moment, and then named.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mediasweep.operations import named
from mediasweep.operations.foresight import foresee
from mediasweep.postgres import clock
from mediasweep.postgres.operator_queue import OperatorQueue
from mediasweep.rules.cursor import Cursor, cursor
from mediasweep.rules.filter import MANUAL, looked_at
from mediasweep.rules.job import ByHand
from mediasweep.rules.reason import outcome, sentence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from mediasweep.operations.foresight import Foresight
    from mediasweep.postgres.operator_queue import MoveResult
    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.filter import Filter, RawFilter

STEP = 1000
BUSY_TRIES = 10
BUSY_WAIT_S = 0.2
LOOKED_AT = 50_000  # rows of each source, for one page
LEAST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows, the newest first, and how many more match."""

    rows: Sequence[Mapping[str, Any]]
    left: int


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, the newest first, and the place after what was looked at; None: that was all."""

    rows: Sequence[Mapping[str, Any]]
    next: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows that are to be moved, and how many more match the filter."""

    ids: Sequence[UUID]
    left: int = 0


@dataclass(frozen=True, slots=True)
class MovePreview:
    """What a move would do: the rows as they are, those moved, those refused with the reason, those
    that were cancelled and a retry would take up, by whom and why, and what a claim would keep;
    None: their assets stay anyway.
    """

    rows: Sequence[Mapping[str, Any]]
    moved: Sequence[UUID]
    refused: Mapping[UUID, str]
    cancelled: Mapping[UUID, str]
    foreseen: Foresight | None


@dataclass(frozen=True, slots=True)
class MoveStep:
    """What a step moved, also of what was not asked for, and what it did not, with the reason.

    `done`: how many of the rows that were asked for are settled by now.
    """

    moved: Sequence[UUID]
    refused: Mapping[UUID, str]
    done: int


async def rows(connection: Pool | Connection, said: RawFilter, *, limit: int) -> Listing:
    """Return the newest rows that match; raises FilterError or MomentError."""
    queue = OperatorQueue(connection)
    filter_ = await _read(connection, queue, said)
    found = await queue.rows(filter_, limit)
    left = await queue.count(filter_) - limit if len(found) == limit else 0
    return Listing(found, max(0, left))


async def page(
    connection: Pool | Connection, said: RawFilter, *, after: str | None, limit: int
) -> Page:
    """Return the newest rows that match and come after a place, and the place after these.

    Only so many rows are looked at; where fewer match, the next page looks at the following ones. A
    reason that no row has matches nothing. Raises FilterError, MomentError or CursorError.
    """
    queue = OperatorQueue(connection)
    source = await named.source(queue, said.source)
    filter_ = said.read(source, await clock.now(connection))
    there = None if after is None else cursor(after)
    until = await queue.reach(filter_, there, LOOKED_AT) if said.selects else None
    found = await queue.page(filter_, there, limit + 1, until)
    if len(found) > limit:
        last = found[limit - 1]
        return Page(found[:limit], str(Cursor(last["queued_at"], last["id"])))
    return Page(found, None if until is None else str(Cursor(until, LEAST)))


async def _read(connection: Pool | Connection, queue: OperatorQueue, said: RawFilter) -> Filter:
    await named.reason(queue, said.reason)
    source = await named.source(queue, said.source)
    return said.read(source, await clock.now(connection))


async def show(connection: Pool | Connection, id_: UUID) -> dict[str, Any] | None:
    """Return a row, its timeline, and in words why it is where it is; None: no such row."""
    shown = await OperatorQueue(connection).show(id_)
    if shown is None:
        return None
    row = shown.row
    reasons = [asdict(why) | {"says": sentence(why)} for why in shown.reasons]
    finished = outcome(row["status"], row["error_message"], row["cloudinary_response"])
    why = finished if row["processed_at"] else "; ".join(reason["says"] for reason in reasons)
    return {"why": why, "reasons": reasons, "row": dict(row), "timeline": shown.timeline}


async def sources(connection: Pool | Connection) -> list[str]:
    """Return the names of the tables that are attached or were, as a filter takes them."""
    found = await OperatorQueue(connection).sources(None)
    return [*sorted(one.shown for one in found if one.shown), MANUAL]


async def choose(
    connection: Pool | Connection, move: ByHand, said: RawFilter, *, limit: int
) -> Choice:
    """Return the oldest rows that match and may be moved like this, or nearly.

    Raises FilterError or MomentError.
    """
    queue = OperatorQueue(connection)
    statuses = looked_at(said.statuses, move)
    filter_ = await _read(connection, queue, replace(said, statuses=statuses))
    ids = await queue.oldest(filter_, limit)
    left = await queue.count(filter_) - limit if len(ids) == limit else 0
    return Choice(ids, max(0, left))


async def preview(
    connection: Pool | Connection, move: ByHand, ids: Sequence[UUID]
) -> list[Mapping[str, Any]]:
    """Return these rows as they are, each with the reason for which it would be `refused`, and
    those that would be moved along.
    """
    return await OperatorQueue(connection).preview(ids, move)


async def rehearse(connection: Pool | Connection, move: ByHand, ids: Sequence[UUID]) -> MovePreview:
    """Return what a move of these rows would do, and which of their assets a claim would keep."""
    rows = await preview(connection, move, ids)
    moved = [row["id"] for row in rows if row["refused"] is None]
    reasons = dict.fromkeys(ids, "there is no such row")
    reasons |= {row["id"]: row["refused"] for row in rows}
    refused = {id_: why for id_, why in reasons.items() if why is not None}
    cancelled = {row["id"]: row["cancelled"] for row in rows if row["cancelled"] is not None}
    foreseen = None if move is ByHand.CANCEL else await foresee(connection, moved)
    return MovePreview(rows, moved, refused, cancelled, foreseen)


async def move_rows(
    connection: Pool | Connection, move: ByHand, ids: Sequence[UUID], *, who: str, why: str | None
) -> AsyncIterator[MoveStep]:
    """Move these rows, and yield what came of each step.

    A cancel takes along the other rows of an asset: a step may move what a later one would.
    """
    queue = OperatorQueue(connection)
    along: set[UUID] = set()
    for first in range(0, len(ids), STEP):
        asked = [id_ for id_ in ids[first : first + STEP] if id_ not in along]
        answers = await _step(queue, move, asked, who, why)
        moved = [one.id for one in answers if one.refused is None]
        along.update(moved)
        refused = {one.id: one.refused for one in answers if one.refused is not None}
        yield MoveStep(moved, refused, min(first + STEP, len(ids)))


async def _step(
    queue: OperatorQueue, move: ByHand, ids: Sequence[UUID], who: str, why: str | None
) -> list[MoveResult]:
    """Move these rows, asking again for those that are held just now."""
    done: dict[UUID, MoveResult] = {}
    asked = ids
    for _ in range(BUSY_TRIES):
        if move is ByHand.RETRY:
            came = await queue.retry(asked, who)
        else:
            came = await queue.cancel(asked, who, why)
        done |= {one.id: one for one in came}
        asked = [one.id for one in came if one.busy]
        if not asked:
            break
        await asyncio.sleep(BUSY_WAIT_S)
    known = {id_: done[id_] for id_ in ids}  # in this order, and then what went along
    return list((known | done).values())
