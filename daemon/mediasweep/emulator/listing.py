"""A page of the assets that a query is about, and the cursor of the next one.

Newest first, or by public id where a prefix is asked for (Cloudinary documentation, "Admin API
reference"). A cursor holds the place of the last asset told and belongs to its query; one that does
not fit raises ValueError. Planted assets are found by halving, so a page costs the same anywhere.
"""

from __future__ import annotations

import heapq
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice, takewhile

from mediasweep.emulator.assets import Asset
from mediasweep.emulator.planting import Planting
from mediasweep.emulator.store import Order, Place, Row, Store

BAD_CURSOR = "Invalid value for parameter next_cursor"


@dataclass(frozen=True, slots=True)
class Query:
    """Which assets, and in which order. What is empty or None may be anything.

    `where` may look at anything that all assets of a planting share. `name` tells one `where` from
    another in cursors. `since`: seconds since 1970. `placeholders`: those of destroyed ones, too.
    """

    resource_type: str = ""
    delivery_type: str = ""
    prefix: str | None = None
    since: int = 0
    ascending: bool = False
    name: str = ""
    where: Callable[[Asset], bool] | None = None
    placeholders: bool = False

    @property
    def order(self) -> Order:
        """Return what it is sorted by."""
        return by_age if self.prefix is None else by_public_id

    @property
    def upwards(self) -> bool:
        """Tell whether it goes from the first to the last."""
        return self.ascending or self.prefix is not None

    @property
    def mark(self) -> str:
        """Return what a cursor of it carries."""
        shown = (
            self.resource_type,
            self.delivery_type,
            self.prefix,
            self.since,
            self.upwards,
            self.name,
        )
        return blake2b(repr(shown).encode(), digest_size=8).hexdigest()

    def fits(self, asset: Asset) -> bool:
        """Tell whether it is about the asset."""
        return (
            self.resource_type in {"", asset.resource_type}
            and self.delivery_type in {"", asset.delivery_type}
            and (self.where is None or self.where(asset))
        )


def by_age(asset: Asset) -> Place:
    """Return the place of an asset among others, oldest first."""
    return (asset.version, asset.public_id, asset.delivery_type, asset.resource_type)


def by_public_id(asset: Asset) -> Place:
    """Return the place of an asset among others, by public id."""
    return (asset.public_id, asset.delivery_type, asset.resource_type)


def page(
    store: Store, query: Query, cursor: str, most: int, *, offsets: bool = False
) -> tuple[list[Asset], str]:
    """Return at most so many assets from the cursor on, and the cursor that goes on, or nothing.

    `offsets`: cursors hold how many were told before.
    """
    place = _place(query, cursor)
    if offsets:
        skipped = place[0] if place else 0
        found = list(islice(_walk(store, query, None), skipped, skipped + most + 1))
    else:
        skipped = 0
        found = list(islice(_walk(store, query, place), most + 1))
    if len(found) <= most:
        return found, ""
    told = found[:most]
    return told, _cursor(query, (skipped + most,) if offsets else query.order(told[-1]))


def _walk(store: Store, query: Query, after: Place | None) -> Iterator[Asset]:
    """Yield the assets from a place on."""
    rows: list[Row | Planting] = [store.ordered(query.order)]
    rows += [p for p in store.plantings.values() if query.fits(p[0])]
    if query.placeholders:
        left = {k: a.destroyed() for k, a in store.backup_of.items() if store.find(k) is None}
        rows.append(Row(sorted(left.values(), key=query.order), left))
    found = [_from(row, query, after) for row in rows if len(row)]
    return filter(query.fits, heapq.merge(*found, key=query.order, reverse=not query.upwards))


def _from(row: Row | Planting, query: Query, after: Place | None) -> Iterator[Asset]:
    """Yield the assets of a row, from a place on as long as the query goes."""
    order = query.order
    if not query.upwards:
        end = len(row) if after is None else bisect_left(row, after, key=order)
        older = (row[n] for n in range(end - 1, -1, -1) if row.has(n))
        return takewhile(lambda asset: asset.version >= query.since, older)
    low = (query.since,) if query.prefix is None else (query.prefix,)
    # (x,) is before whatever begins with x
    begin = bisect_right(row, low if after is None else after, key=order)
    later = (row[n] for n in range(begin, len(row)) if row.has(n))
    return takewhile(lambda asset: asset.public_id.startswith(query.prefix or ""), later)


def _cursor(query: Query, place: Place) -> str:
    return json.dumps([query.mark, *place]).encode().hex()


def _place(query: Query, cursor: str) -> Place | None:
    if not cursor:
        return None
    try:
        mark, *place = json.loads(bytes.fromhex(cursor))
    except (ValueError, TypeError) as wrong:
        raise ValueError(BAD_CURSOR) from wrong
    if mark != query.mark:
        raise ValueError(BAD_CURSOR)
    return tuple(place)
