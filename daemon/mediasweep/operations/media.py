"""The library: a page of it, and deletions that are waited for.

To delete is to mark the rows and to queue their assets, in one transaction; what happens to these
is then the queue's business, and whoever waits is told how far it has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mediasweep.operations import cleanup
from mediasweep.operations.refusal import RefusedError
from mediasweep.postgres.media import Media
from mediasweep.rules.job import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.shelf import Shelf

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
class Deletion:
    """One asset whose row is deleted; `row` is its queue row as it is, None: it was not queued.

    `verified`: Cloudinary was asked a second time, and it was not there; None: it was not asked.
    """

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
    connection: Pool | Connection, shelf: Shelf, figures: Mapping[str, Any] | None
) -> Listed:
    """Return a page of the library, of which these are the figures.

    Raises RefusedError if that takes too long, as a search in millions of rows does.
    """
    if figures is None:
        return Listed([], 0, None)
    try:
        items, total = await Media(connection).page(shelf, WITHIN)
    except TimeoutError as error:
        raise RefusedError(TOO_LONG) from error
    whole = sum(figures[kind] for kind in ("total_images", "total_videos", "total_files"))
    return Listed(items, whole if total is None else total, figures)


async def delete(
    connection: Pool | Connection, ids: Sequence[str], *, who: str, verify: bool, within_s: float
) -> list[Deletion]:
    """Delete these assets, wait for what becomes of them, and return it; RefusedError: no library.

    A public id that no live row has is not among the answers.
    """
    media = Media(connection)
    if not await media.is_there():
        raise RefusedError(NO_LIBRARY)
    queued = await media.delete(ids, who)
    rows = await _rows(connection, [id_ for _, id_ in queued if id_], within_s)
    done = [Deletion(public_id, rows.get(id_) if id_ else None) for public_id, id_ in queued]
    return await _look_again(connection, done, who, within_s) if verify else done


async def _rows(
    connection: Pool | Connection, ids: Sequence[UUID], within_s: float
) -> dict[UUID, Mapping[str, Any]]:
    if not ids:
        return {}
    return {row["id"]: row for row in await cleanup.wait(connection, ids, within_s=within_s)}


async def _look_again(
    connection: Pool | Connection, done: Sequence[Deletion], who: str, within_s: float
) -> list[Deletion]:
    gone = [one.row["id"] for one in done if one.row and one.row["status"] == Status.COMPLETED]
    again = await Media(connection).delete_again(gone, who) if gone else []
    rows = await _rows(connection, again, within_s)
    absent = {row["public_id"] for row in rows.values() if _absent(row)}
    return [
        Deletion(one.public_id, one.row, one.public_id in absent)
        if one.row and one.row["id"] in gone
        else one
        for one in done
    ]


def _absent(row: Mapping[str, Any]) -> bool:
    said = row["cloudinary_response"] or {}
    return row["status"] == Status.COMPLETED and said.get("result") == "not found"
