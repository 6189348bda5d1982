"""Taking deletions from the library back: what is deleted at Cloudinary comes back from its backup,
what is still to be deleted is cancelled, and then the row lives again. Whether an asset is there
that was to stay, that has been deleted before, or of which nobody knows, is asked first, and none
that was deleted since then counts: no row comes back without one.

The asset comes first. Whatever stops in between, doing it again goes on from there: an asset that
is back already is not asked for twice.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mediasweep.operations import restore
from mediasweep.operations.media import NO_LIBRARY
from mediasweep.operations.plan import MOST
from mediasweep.operations.refusal import RefusedError
from mediasweep.postgres.media import Media
from mediasweep.rules.cursor import Cursor, cursor
from mediasweep.rules.drift import is_there
from mediasweep.rules.job import UNFINISHED, Status
from mediasweep.rules.restore import IDS_MOST, RestoreFilter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mediasweep.cloudinary import Account
    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.restore import Deletion
    from mediasweep.rules.selection import Selection

NO_ROW = "no deleted row of the library is called this"
OLDER = "another row of its asset was deleted after it: restore that one"
NOT_KNOWN = "it is not at Cloudinary, and the journal knows no deletion that could be taken back"
Kind = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Deleted:
    """Deleted rows, the newest first, and the place after the last; None: there are no more."""

    rows: Sequence[Mapping[str, Any]]
    next: str | None


@dataclass(frozen=True, slots=True)
class Undeleted:
    """What became of one asset; `why` it is not back, or None."""

    public_id: str
    why: str | None


async def deleted(
    connection: Pool | Connection, search: str | None, *, after: str | None, limit: int
) -> Deleted:
    """Return deleted rows of the library that come after a place; raises CursorError."""
    media = Media(connection)
    if not await media.is_there():
        raise RefusedError(NO_LIBRARY)
    there = None if after is None else cursor(after)
    found = await media.deleted(None, search, there, limit + 1)
    rows = found[:limit]
    more = len(found) > limit
    return Deleted(rows, str(Cursor(rows[-1]["deleted_at"], rows[-1]["id"])) if more else None)


async def undelete(
    connection: Pool | Connection,
    account: Account,
    chosen: Selection,
    *,
    who: str,
    within_s: float,
) -> list[Undeleted]:
    """Bring assets back, each with its row that was deleted last; returns what became of each.

    It waits for Cloudinary no longer than for the call that is under way after `within_s`.
    RefusedError: there is no library, or a public id is that of several deleted assets.
    """
    media = Media(connection)
    if not await media.is_there():
        raise RefusedError(NO_LIBRARY)
    ids = chosen.public_ids or [row["public_id"] for row in await media.named(chosen)]
    # first: whatever completes later is no asset to count on
    completed = await media.completed(ids)
    found, none = await _named(media, chosen, ids)
    # what has another row is not brought back over that one's asset
    free = {kind: row for kind, row in found.items() if not row["taken"]}
    gone = {kind for kind, row in free.items() if row["status"] == Status.COMPLETED}
    doubtful = [
        kind
        for kind, row in free.items()
        if kind not in gone and (row["status"] not in UNFINISHED or kind[0] in completed.values())
    ]
    missing, why = await _missing(account, doubtful)
    why = dict.fromkeys(found) | why
    if gone := gone | missing:
        why |= await _bring_back(connection, account, gone, who, within_s)
    back = {row["id"]: kind for kind, row in found.items() if why[kind] is None}
    for id_, refused in (await media.undelete(list(back), who, list(completed))).items():
        why[back[id_]] = refused
    return [Undeleted(kind[0], why[kind]) for kind in found] + none


async def _named(
    media: Media, chosen: Selection, ids: Sequence[str]
) -> tuple[dict[Kind, Mapping[str, Any]], list[Undeleted]]:
    """Return the deleted rows that are meant, which have these public ids, and what else was named.

    The backup of an asset is of what its last row told of, so no older one comes back.
    """
    rows = await media.deleted(ids, None, None, MOST)
    newest = {_kind(row): row for row in reversed(rows)}
    found = {kind: row for kind, row in newest.items() if chosen.means(row)}
    if unclear := chosen.unclear(found.values()):
        raise RefusedError(unclear)
    older = {str(row["id"]) for row in rows}
    missing = chosen.missing(found.values())
    return found, [Undeleted(one, OLDER if one in older else NO_ROW) for one in missing]


async def _missing(
    account: Account, kinds: Sequence[Kind]
) -> tuple[set[Kind], dict[Kind, str | None]]:
    """Return which of these are not at Cloudinary, and why of others that is not known."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, kind, delivery in kinds:
        groups[kind, delivery].append(name)
    missing: set[Kind] = set()
    unknown: dict[Kind, str | None] = {}
    for (kind, delivery), names in groups.items():
        for first in range(0, len(names), IDS_MOST):
            asked = names[first : first + IDS_MOST]
            answer, _ = await account.told(asked, (kind, delivery))
            if answer.ok:
                found = (answer.response or {}).get("resources") or []
                there = {one["public_id"] for one in found if is_there(one)}
                missing |= {(name, kind, delivery) for name in asked if name not in there}
            else:
                why = f"Cloudinary could not be asked for it: {answer.detail or answer.outcome}"
                unknown |= {(name, kind, delivery): why for name in asked}
    return missing, unknown


async def _bring_back(
    connection: Pool | Connection, account: Account, gone: set[Kind], who: str, within_s: float
) -> dict[Kind, str | None]:
    """Return of each of these assets why it is not back at Cloudinary, None: it is."""
    names = sorted({name for name, _, _ in gone})
    plan = await restore.plan(connection, RestoreFilter(public_ids=names), limit=MOST)
    wanted = [one for one in plan.deletions if _kind_of(one) in gone]
    rest = gone - {_kind_of(one) for one in wanted}  # back already, or forgotten
    missing, unknown = await _missing(account, list(rest))
    why = dict.fromkeys(rest) | dict.fromkeys(missing, NOT_KNOWN) | unknown
    stopping = asyncio.Event()
    timer = asyncio.get_running_loop().call_later(within_s, stopping.set)
    try:
        report = await restore.restore(
            connection, account, wanted, who=who, say=lambda _: None, stopping=stopping
        )
    finally:
        timer.cancel()
    why |= {_kind_of(one.deletion): one.why for one in report.results}
    return why | {_kind_of(one): f"not restored: {report.stopped}" for one in report.left}


def _kind(row: Mapping[str, Any]) -> Kind:
    return row["public_id"], row["resource_type"], row["delivery_type"]


def _kind_of(deletion: Deletion) -> Kind:
    return deletion.public_id, deletion.resource_type or "", deletion.delivery_type or ""
