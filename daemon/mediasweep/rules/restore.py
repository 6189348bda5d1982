"""Which deletions can be taken back, by which calls, and what became of each.

Total: every deletion that is asked about gets exactly one result, and an answer of a kind never
seen before is not a success. Facts: Cloudinary documentation, "Admin API reference", restore.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mediasweep.rules.asset import DELIVERY_TYPES, RESOURCE_TYPES
from mediasweep.rules.outcome import Answer, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

IDS_MOST = 100  # of one call
NEAR = timedelta(minutes=5)
TRIES = 3
_UNREADABLE = "error"  # under this key the SDK sees an error of the whole call

REASONS = {
    "no_backup": "Cloudinary has no backup of it",
    "failed": "Cloudinary could not restore it",
    "unauthorized": "this API key may not restore it",
}


@dataclass(frozen=True, slots=True)
class RestoreFilter:
    """Which deletions are wanted: each that fits all that is given. Empty, None: anything fits.

    `source` is the number of an attached table, or 0; `ids` are those of queue rows.
    """

    ids: Sequence[UUID] = ()
    public_ids: Sequence[str] = ()
    prefix: str | None = None
    source: int | None = None
    reason: str | None = None
    actor: str | None = None
    app: str | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion in the journal; `entry` is its number there.

    `certain`: Cloudinary said so. Otherwise the answer was lost: it may have been carried out.
    """

    entry: int
    at: datetime
    queue_id: UUID | None
    public_id: str
    resource_type: str | None
    delivery_type: str | None
    asset_id: str | None = None
    format: str | None = None
    bytes: int | None = None
    certain: bool = True
    source: str | None = None
    reason: str | None = None
    actor: str | None = None
    app: str | None = None


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What became of one deletion; `why` it could not be taken back, or None: the asset is back."""

    deletion: Deletion
    why: str | None = None
    response: Mapping[str, Any] | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call asks for: public ids of two types or, where `types` is None, asset ids."""

    types: tuple[str, str] | None
    deletions: Sequence[Deletion]

    @property
    def ids(self) -> list[str]:
        """Return the ids that the call names."""
        return [self._id(deletion) for deletion in self.deletions]

    def _id(self, deletion: Deletion) -> str:
        return deletion.public_id if self.types else deletion.asset_id or ""

    def fail(self, why: str, request_id: str | None = None) -> list[RestoreResult]:
        """Return the results where the call as a whole went wrong."""
        return [RestoreResult(one, why, request_id=request_id) for one in self.deletions]

    def read(self, told: Mapping[str, Any], request_id: str | None = None) -> list[RestoreResult]:
        """Return a result for each deletion from a map of ids to assets or errors."""
        by_asset_id = {
            part["asset_id"]: part
            for part in told.values()
            if isinstance(part, dict) and isinstance(part.get("asset_id"), str)
        }
        return [self._result(one, told, by_asset_id, request_id) for one in self.deletions]

    def _result(
        self,
        one: Deletion,
        told: Mapping[str, Any],
        by_asset_id: Mapping[str, Any],
        request_id: str | None,
    ) -> RestoreResult:
        part = told.get(self._id(one))
        if part is None and self.types is None:  # the keys may be public ids all the same
            part = by_asset_id.get(one.asset_id or "") or told.get(one.public_id)
        kept = part if isinstance(part, dict) else None
        return RestoreResult(one, _why(one, part), kept, request_id)


def _why(one: Deletion, part: object) -> str | None:
    """Return why this part of an answer does not mean that the asset is back; None: it does."""
    if part is None:
        return "Cloudinary's answer does not name it"
    if not isinstance(part, dict) or not {"error", "public_id"} & part.keys():
        return f"Cloudinary's answer cannot be read: {str(part)[:200]}"
    if "error" in part:
        said = part["error"] if isinstance(part["error"], str) else str(part["error"])
        return REASONS.get(said, f"Cloudinary says: {said[:200]}")
    if part.get("placeholder") is True:
        return "Cloudinary still has a placeholder in its place"
    there = part.get("asset_id")
    if one.asset_id and isinstance(there, str) and there != one.asset_id:
        return f"another asset, {there[:64]}, has its public id now"
    return None


def unique(deletions: Iterable[Deletion]) -> list[Deletion]:
    """Return the newest deletion of each asset; they come newest first, and stay so.

    Two are of one asset if they share the queue row, the asset id, or the public id and both types.
    """
    seen: set[object] = set()
    kept: list[Deletion] = []
    for one in deletions:
        named = (one.resource_type, one.delivery_type, one.public_id)
        keys = {named, *filter(None, (one.queue_id, one.asset_id))}
        if not keys & seen:
            kept.append(one)
        seen |= keys
    return kept


def calls(
    deletions: Sequence[Deletion], *, by_asset_id: bool
) -> tuple[list[Batch], list[RestoreResult]]:
    """Return the calls that would take these back, and a result for those that no call can.

    `by_asset_id`: this account is proven to know assets by their asset id, so that no other file
    can be meant.
    """
    groups: dict[tuple[str, str] | None, list[Deletion]] = defaultdict(list)
    hopeless: list[RestoreResult] = []
    for one in deletions:
        if by_asset_id and one.asset_id:
            groups[None].append(one)
        elif one.resource_type not in RESOURCE_TYPES or one.delivery_type not in DELIVERY_TYPES:
            hopeless.append(RestoreResult(one, "its resource type or delivery type is not known"))
        elif one.public_id == _UNREADABLE:
            hopeless.append(RestoreResult(one, "the SDK cannot read the answer for this public id"))
        else:
            groups[(one.resource_type, one.delivery_type)].append(one)
    batches = [
        Batch(types, group[begin : begin + IDS_MOST])
        for types, group in groups.items()
        for begin in range(0, len(group), IDS_MOST)
    ]
    return batches, hopeless


def wait(answer: Answer, tries: int, now: datetime) -> timedelta | None:
    """Return how long to wait before the same call is made again; None: not now.

    `tries`: how often it was made. A limit that names no time is the hourly one, which ends with
    the hour.
    """
    if tries >= TRIES:
        return None
    if answer.outcome in {Outcome.UNCLEAR, Outcome.UNREACHABLE, Outcome.LOCKED}:
        return timedelta(seconds=4 ** (tries - 1))
    if answer.outcome is not Outcome.THROTTLED:
        return None
    until = answer.until or now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    # a second more: the two clocks may differ, and resets are told in whole seconds
    left = max(until - now, timedelta(0)) + timedelta(seconds=1)
    return left if left <= NEAR else None
