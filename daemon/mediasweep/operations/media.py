"""The library: a page of it, and deletions that are waited for.

To delete is to mark the rows and to queue their assets, in one transaction; what happens to these
is then the queue's business, and whoever waits is told how far it has come.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mediasweep.operations import cleanup
from mediasweep.operations.fleet import still_closed
from mediasweep.operations.refusal import RefusedError
from mediasweep.postgres.media import Media
from mediasweep.rules.job import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.page_request import PageRequest
    from mediasweep.rules.selection import Selection

LIBRARY = "media_assets"  # as `mediasweep.source_name` tells it
WITHIN = timedelta(seconds=2)  # that a page may take
TOO_LONG = "given up after 2 s: ask for a folder, a type or tags as well, or in another order"
NO_LIBRARY = "there is no library: `mediasweep migrate --with-library` makes the table media_assets"


@dataclass(frozen=True, slots=True)
class Listed:
    """A page; `total` rows match; `figures` of the whole, None: there is no library."""

    items: Sequence[Mapping[str, Any]]
    total: int
    figures: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class MediaDeletion:
    """One asset whose row `id` is deleted; `row` is its queue row, None: it was not queued.

    `verified`: Cloudinary was asked a second time, and it was not there; None: it was not asked.
    """

    id: UUID
    public_id: str
    row: Mapping[str, Any] | None
    verified: bool | None = None


async def is_there(connection: Pool | Connection) -> bool:
    """Tell whether there is a library of ours."""
    return await Media(connection).is_there()


async def row(connection: Pool | Connection, id_: UUID) -> Mapping[str, Any] | None:
    """Return a row of the library, deleted or not; None: there is none."""
    media = Media(connection)
    return await media.row(id_) if await media.is_there() else None


async def figures(connection: Pool | Connection) -> Mapping[str, Any] | None:
    """Return the whole library in figures; None: there is none."""
    return await Media(connection).figures()


async def page(
    pool: Pool, request: PageRequest, asked: Awaitable[Mapping[str, Any] | None]
) -> Listed:
    """Return a page of the library, and its figures, which are `asked` for meanwhile.

    Raises RefusedError if that takes too long, as a search in millions of rows does.
    """
    try:
        (items, total), figures = await asyncio.gather(Media(pool).page(request, WITHIN), asked)
    except TimeoutError as error:
        raise RefusedError(TOO_LONG) from error
    if figures is None:
        return Listed([], 0, None)
    whole = sum(figures[kind] for kind in ("total_images", "total_videos", "total_files"))
    return Listed(items, whole if total is None else total, figures)


async def closed(connection: Pool | Connection) -> list[Mapping[str, Any]]:
    """Return the closed gates that the library has to wait for."""
    return [gate for gate in await still_closed(connection) if gate["source"] in {None, LIBRARY}]


async def named(media: Media, chosen: Selection) -> list[dict[str, Any]]:
    """Return the rows that are meant.

    RefusedError: there is no library, or a public id is that of several assets.
    """
    if not await media.is_there():
        raise RefusedError(NO_LIBRARY)
    rows = await media.named(chosen)
    if unclear := chosen.unclear(rows):
        raise RefusedError(unclear)
    return rows


async def delete(
    connection: Pool | Connection, chosen: Selection, *, who: str, verify: bool, within_s: float
) -> list[MediaDeletion]:
    """Delete these assets, wait for what becomes of them, and return it; raises as `named` does.

    What no live row has is not among the answers. While a gate is closed nothing is waited for.
    """
    media = Media(connection)
    within_s = 0.0 if await closed(connection) else within_s
    meant = {row["id"]: row["public_id"] for row in await named(media, chosen)}
    queued = await media.delete(meant, who) if meant else []
    rows = await _rows(connection, [one["queue_id"] for one in queued if one["queue_id"]], within_s)
    done = [MediaDeletion(one["id"], one["public_id"], rows.get(one["queue_id"])) for one in queued]
    return await _look_again(connection, done, who, within_s) if verify else done


async def _rows(
    connection: Pool | Connection, ids: Sequence[UUID], within_s: float
) -> dict[UUID, Mapping[str, Any]]:
    if not ids:
        return {}
    return {row["id"]: row for row in await cleanup.wait(connection, ids, within_s=within_s)}


async def _look_again(
    connection: Pool | Connection, done: Sequence[MediaDeletion], who: str, within_s: float
) -> list[MediaDeletion]:
    gone = [one.row["id"] for one in done if one.row and one.row["status"] == Status.COMPLETED]
    again = await Media(connection).delete_again(gone, who) if gone else []
    rows = await _rows(connection, again, within_s)
    there = {row["public_id"] for row in rows.values() if not _absent(row)}
    return [
        replace(one, verified=one.public_id not in there)
        if one.row and one.row["id"] in gone
        else one
        for one in done
    ]


def _absent(row: Mapping[str, Any]) -> bool:
    said = row["cloudinary_response"] or {}
    return row["status"] == Status.COMPLETED and said.get("result") == "not found"
