"""What Cloudinary lists, as the database compares it; what is asked about a difference before it is
believed; and the events of a reconciliation.

Facts: Cloudinary documentation, "Admin API reference", resources. What a listing says in a way that
cannot be read makes the listing incomplete; it is never left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Any
from urllib.parse import quote

from mediasweep.rules.asset import DELIVERY_TYPES, RESOURCE_TYPES
from mediasweep.rules.number import counted
from mediasweep.rules.text import storable

IDS_MOST = 100  # of one call
ASKED_MOST = 4000  # characters of the ids in its address


class ListingError(Exception):
    """Cloudinary's answer is no page of a listing; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class ReconcileFinding:
    """A difference; `kind` is orphan, ghost or mismatch. A type that is None may be any."""

    id: int
    kind: str
    public_id: str
    resource_type: str | None
    delivery_type: str | None
    asset_id: str | None
    version: int | None

    def is_told(self, told: Mapping[str, Any]) -> bool:
        """Tell whether this is the asset that Cloudinary tells of, by name or by asset id."""
        named = told.get("public_id") == self.public_id and all(
            wanted in {None, told.get(key)}
            for key, wanted in (("resource_type", self.resource_type), ("type", self.delivery_type))
        )
        return named or (self.asset_id is not None and told.get("asset_id") == self.asset_id)

    def is_same(self, told: Mapping[str, Any]) -> bool:
        """Tell whether it is the same file under the same name."""
        known = (self.asset_id, self.version, self.public_id)
        return known == (told.get("asset_id"), told.get("version"), told.get("public_id"))


@dataclass(frozen=True, slots=True)
class Question:
    """What one call asks about: public ids of two types or, where they are None, asset ids."""

    ids: tuple[str, ...]
    types: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A reconciliation has come to its end: done, refused or failed, and then why."""

    run: int
    state: str
    asked_by: str
    counts: Mapping[str, int]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReconcileInterrupted:
    """Cloudinary does not answer as it has to, or the guard cannot; it goes on later."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReconcileWaits:
    """A reconciliation makes no call to Cloudinary before this moment, and why."""

    until: datetime
    reason: str


ReconcileEvent = Reconciled | ReconcileInterrupted | ReconcileWaits


def in_figures(counts: Mapping[str, int]) -> str:
    """Return how many of each kind were found: 2 orphans, 1 ghost, 0 mismatches."""
    kinds = (("orphan", "orphans"), ("ghost", "ghosts"), ("mismatch", "mismatches"))
    return ", ".join(counted(counts.get(many, 0), one, many) for one, many in kinds)


def in_words(finding: Mapping[str, Any]) -> str:
    """Return what is known of a finding beside its name; empty: nothing.

    It has `kind`, `source` and `detail`, which maps what differs to what the row and the account
    say.
    """
    detail = finding["detail"] or {}
    if finding["kind"] == "ghost":
        return "there is a backup" if detail.get("backup") else "no backup is known"
    if finding["kind"] == "orphan":
        said = ", ".join(row for row, _ in detail.values())
        near = f"a row of {finding['source']} nearly names it, so it is not deleted: {said}"
        return near if said else ""
    return ", ".join(f"{what}: {row} here, {there} there" for what, (row, there) in detail.items())


def page(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the assets of a page, as the database keeps them; raises ListingError."""
    listed = body.get("resources")
    if not isinstance(listed, list):
        raise ListingError(f"no list of resources: {str(body)[:200]}")
    return [_asset(told) for told in listed]


def is_there(told: Mapping[str, Any]) -> bool:
    """Tell whether there is a file, and not only what is left of one that has a backup."""
    return not (told.get("placeholder") is True or told.get("bytes") == 0)


def _asset(told: object) -> dict[str, Any]:
    try:
        asset = dict(told)  # type: ignore[call-overload]  # or else it is none
        version, size = int(asset["version"]), int(asset["bytes"])
        context = dict(dict(asset.get("context") or {}).get("custom") or {})
        made = max(
            datetime.fromisoformat(asset["created_at"]), datetime.fromtimestamp(version, UTC)
        )
        return {
            **{name: _clean(asset[name]) for name in ("asset_id", "public_id", "type")},
            "version": version,
            "bytes": size,
            "made_at": made.isoformat(),
            "format": _clean(asset.get("format")),
            "folder": _clean(asset.get("asset_folder")),
            "display_name": _clean(asset.get("display_name")),
            "alt": _clean(context.get("alt")),
            "caption": _clean(context.get("caption")),
            "tags": [_clean(tag) for tag in asset.get("tags") or ()],
            "placeholder": not is_there(asset),
        }
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ListingError(f"a resource that cannot be read ({error}): {str(told)[:200]}") from None


def _clean(text: object) -> str | None:
    return None if text is None else storable(str(text))


def questions(findings: Sequence[ReconcileFinding]) -> Iterator[Question]:
    """Yield the calls that tell which of these assets are there, whatever is known of them."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in findings:
        kinds = (one.resource_type,) if one.resource_type else RESOURCE_TYPES
        deliveries = (one.delivery_type,) if one.delivery_type else DELIVERY_TYPES
        for types in product(kinds, deliveries):
            groups[types].append(one.public_id)
    for types, ids in groups.items():
        yield from (Question(some, types) for some in _chunks(ids))
    known = [one.asset_id for one in findings if one.asset_id]
    yield from (Question(some, None) for some in _chunks(known))


def _chunks(ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    chunk: list[str] = []
    size = 0
    for one in dict.fromkeys(ids):
        length = len(quote(one, safe="")) + len("&public_ids[]=")
        if chunk and (len(chunk) == IDS_MOST or size + length > ASKED_MOST):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(one)
        size += length
    if chunk:
        yield tuple(chunk)
