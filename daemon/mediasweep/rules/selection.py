"""Which assets of the library are meant: rows by their ids, or public ids, which may be several."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows with these ids; or with these public ids and, where it is said, of this type.

    A row is given as a mapping with `id`, `public_id`, `resource_type` and `delivery_type`.
    """

    ids: Sequence[UUID] = ()
    public_ids: Sequence[str] = ()
    resource_type: str | None = None
    delivery_type: str | None = None

    def means(self, row: Mapping[str, Any]) -> bool:
        """Tell whether this row is meant."""
        return row["id"] in self.ids or (
            row["public_id"] in self.public_ids
            and self.resource_type in {None, row["resource_type"]}
            and self.delivery_type in {None, row["delivery_type"]}
        )

    def place(self, row: Mapping[str, Any]) -> int:
        """Return which of what was named this row is."""
        named = self.ids or self.public_ids
        return named.index(row["id"] if self.ids else row["public_id"])

    def missing(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return what was named and is none of these rows."""
        found = {key for row in rows for key in (row["id"], row["public_id"])}
        return [str(one) for one in (*self.ids, *self.public_ids) if one not in found]

    def unclear(self, rows: Iterable[Mapping[str, Any]]) -> str | None:
        """Return which public ids have several of these rows, in a sentence; None: none has."""
        kinds: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            if row["id"] not in self.ids:
                kinds[row["public_id"]].append(f"{row['resource_type']}/{row['delivery_type']}")
        several = {name: sorted(found) for name, found in kinds.items() if len(found) > 1}
        if not several:
            return None
        said = "; ".join(f"{name} is {' and '.join(found)}" for name, found in several.items())
        return f"more than one asset is meant: {said}: say resource_type and delivery_type, or ids"
