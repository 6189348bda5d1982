"""What a deletion from the library would come to, before it is made; and what became of it after.

Nothing is locked and nothing is changed, so the claim, which asks again, may find it otherwise.
RefusedError: there is no library, or a public id is that of several assets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import asyncpg

from mediasweep.operations.media import LIBRARY, closed, named
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.media import Media
from mediasweep.postgres.pool import PASSING, SLOW
from mediasweep.rules.job import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from mediasweep.postgres.pool import Connection, Pool
    from mediasweep.rules.selection import Selection

NOT_QUEUED = (
    "nothing was sent from here: its file was deleted at Cloudinary, or its row while the table "
    "was not attached"
)
MOST = 10_000  # deleted rows that are looked through; a name may have had many


class Becomes(StrEnum):
    """What becomes of an asset: of one whose row lives, if it were deleted now."""

    DELETED = "deleted"
    KEPT = "kept"
    WAITING = "waiting"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One row of the library and what becomes of its asset, `why` in sentences.

    `done`: the row is deleted already, and this is how far it has come.
    """

    row: Mapping[str, Any]
    becomes: Becomes
    why: Sequence[str]
    done: bool = False


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What would happen to each row. `holds`: what keeps everything waiting; `brake`: what that
    says of it; `guard`: why nobody can tell what is in use; `unknown`: public ids without a row.
    """

    items: Sequence[PlanItem]
    unknown: Sequence[str]
    holds: Sequence[str]
    brake: str
    guard: str | None

    def count(self, *becomes: Becomes) -> int:
        """Return how many rows come to this."""
        return sum(one.becomes in becomes for one in self.items)


async def plan(connection: Pool | Connection, chosen: Selection) -> DeletionPlan:
    """Return what would become of these assets, in the order in which they are named."""
    media = Media(connection)
    meant = await named(media, chosen)
    gates = await closed(connection)
    holds = [f"the gate {gate['name']} is closed: {gate['reason']}" for gate in gates]
    if not await Fleet(connection).at_work():
        holds.append("no daemon that deletes is at work")
    rows, guard = await _planned(media, [row["id"] for row in meant if row["live"]])
    gone = await _gone(media, chosen, meant)
    items = [_foreseen(row, holds, guard) for row in rows] + [became(row) for row in gone]
    return DeletionPlan(
        sorted(items, key=lambda one: chosen.place(one.row)),
        chosen.missing([*meant, *gone]),
        holds,
        _brake(gates),
        guard,
    )


async def _gone(
    media: Media, chosen: Selection, meant: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return of what is named and does not live the rows that were deleted last."""
    live = {row["public_id"] for row in meant}
    names = {row["public_id"] for row in meant if not row["live"]}
    names |= {name for name in chosen.public_ids if name not in live}
    gone = _newest(await media.deleted(list(names), None, None, MOST)) if names else []
    return [row for row in gone if chosen.means(row) and not row["taken"]]


async def _planned(media: Media, ids: Sequence[UUID]) -> tuple[list[dict[str, Any]], str | None]:
    """Return the live rows and, if it cannot tell who uses them, what the guard says."""
    try:
        return await media.plan(ids, guarded=True), None
    except SLOW as error:
        guard = str(error) or "it takes too long"
    except PASSING:
        raise
    except asyncpg.PostgresError as error:
        guard = str(error)
    return await media.plan(ids, guarded=False), guard


def _foreseen(row: Mapping[str, Any], holds: Sequence[str], guard: str | None) -> PlanItem:
    kept = [f"in use by {name}" for name in row["used_by"]]
    if row["protected_by"] is not None:
        kept.append(f"protected by the prefix {row['protected_by']}")
    if guard is not None:
        return PlanItem(row, Becomes.UNCLEAR, [*kept, f"the guard cannot answer: {guard}"])
    if kept:
        return PlanItem(row, Becomes.KEPT, kept)
    return PlanItem(row, Becomes.WAITING if holds else Becomes.DELETED, holds)


def became(row: Mapping[str, Any]) -> PlanItem:
    """Return what became of the asset of a deleted row."""
    said = [row["said"]] if row["said"] else []
    match row["status"]:
        case Status.COMPLETED:
            return PlanItem(row, Becomes.DELETED, [], done=True)
        case Status.SKIPPED:
            return PlanItem(row, Becomes.KEPT, said, done=True)
        case Status.FAILED:
            return PlanItem(row, Becomes.UNCLEAR, said, done=True)
        case None:
            return PlanItem(row, Becomes.UNCLEAR, [NOT_QUEUED], done=True)
    return PlanItem(row, Becomes.WAITING, said, done=True)


def _newest(gone: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return of each asset the row that was deleted last; they come newest first."""
    kinds = ("public_id", "resource_type", "delivery_type")
    return [*{tuple(row[kind] for kind in kinds): row for row in reversed(gone)}.values()]


def _brake(gates: Sequence[Mapping[str, Any]]) -> str:
    if any(gate["name"] == "brake" for gate in gates):
        return f"the brake of {LIBRARY} is closed: nothing goes before it is acknowledged"
    return "you name each of these, so the brake will not hold them"
