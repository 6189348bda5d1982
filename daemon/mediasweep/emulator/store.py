"""The assets of one cloud, in memory: by resource type, delivery type and public id, or asset id.

Both indexes always name the same assets. What is planted counts as stored; when it is changed, it
is stored indeed. Nothing here fails; what is not there is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mediasweep.emulator.assets import Asset, Key
from mediasweep.emulator.planting import MARK, Planting

Place = tuple[Any, ...]
Order = Callable[[Asset], Place]


@dataclass(frozen=True, slots=True)
class Row:
    """Assets in an order, of which some may be gone by now, or be others."""

    assets: list[Asset]
    stored: Mapping[Key, Asset]

    def __len__(self) -> int:
        return len(self.assets)

    def __getitem__(self, number: int) -> Asset:
        return self.assets[number]

    def has(self, number: int) -> bool:
        """Tell whether the asset of that number is there."""
        asset = self.assets[number]
        return self.stored.get(asset.key) is asset


@dataclass(slots=True)
class Store:
    """What one cloud holds; `deleted` and `restored` count by public id.

    `backups` are kept by asset id, and the newest under each key is in `backup_of` as well.
    `folders` are those that were made or used, with or without assets in them.
    """

    assets: dict[Key, Asset] = field(default_factory=dict)
    plantings: dict[str, Planting] = field(default_factory=dict)
    deleted: Counter[str] = field(default_factory=Counter)
    restored: Counter[str] = field(default_factory=Counter)
    backups: dict[str, Asset] = field(default_factory=dict)
    backup_of: dict[Key, Asset] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    _by_asset_id: dict[str, Asset] = field(default_factory=dict)
    _ordered: dict[Order, Row] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.assets) + sum(planting.left for planting in self.plantings.values())

    def there(self) -> Iterator[Key]:
        """Yield the keys of all assets."""
        yield from self.assets
        for planting in self.plantings.values():
            yield from (planting.key(n) for n in range(len(planting)) if planting.has(n))

    def find(self, key: Key, *, case_sensitive: bool = True) -> Asset | None:
        """Return the asset of that key."""
        found = self.assets.get(key) or self._planted(key)
        if found is not None or case_sensitive:
            return found
        wanted = (*key[:2], key[2].casefold())
        return next(
            (a for k, a in self.assets.items() if (*k[:2], k[2].casefold()) == wanted), None
        )

    def find_by_id(self, asset_id: str) -> Asset | None:
        """Return the asset of that asset id."""
        found = self._by_asset_id.get(asset_id)
        planting = self.plantings.get(asset_id[:MARK])
        return found or (planting.find_by_id(asset_id) if planting else None)

    def plant(self, planting: Planting) -> None:
        """Let assets exist by a rule; others that have their ids are forgotten."""
        for key in [key for key in self.assets if planting.find(key)]:
            self._forget(key)
        self.plantings[planting.mark] = planting

    def put(self, asset: Asset) -> None:
        """Store an asset, in place of an older one of the same key."""
        self._forget(asset.key)
        self.assets[asset.key] = asset
        self._by_asset_id[asset.asset_id] = asset
        self.folders.add(asset.asset_folder)
        self._ordered.clear()

    def replace(self, old: Asset, new: Asset) -> None:
        """Store what became of an asset; whatever else had its key is forgotten."""
        self._forget(old.key)
        self.put(new)

    def remove(self, asset: Asset) -> None:
        """Remove an asset that is stored."""
        self._forget(asset.key)
        self.deleted[asset.public_id] += 1
        if asset.backup:
            self.backups[asset.asset_id] = self.backup_of[asset.key] = asset

    def restore(self, backup: Asset) -> None:
        """Store an asset again of which a backup was kept; the backup stays."""
        self.put(backup)
        self.restored[backup.public_id] += 1

    def drop_backup(self, backup: Asset) -> None:
        """Let a backup be lost for good."""
        del self.backups[backup.asset_id]
        if self.backup_of.get(backup.key) is backup:
            del self.backup_of[backup.key]

    def ordered(self, order: Order) -> Row:
        """Return the stored assets in an order."""
        # removing keeps the row, so that deleting while listing does not sort once a page
        if order not in self._ordered:
            self._ordered[order] = Row(sorted(self.assets.values(), key=order), self.assets)
        return self._ordered[order]

    def _planted(self, key: Key) -> Asset | None:
        found = (planting.find(key) for planting in self.plantings.values())
        return next((asset for asset in found if asset), None)

    def _forget(self, key: Key) -> None:
        old = self.assets.pop(key, None)
        if old is not None:
            del self._by_asset_id[old.asset_id]
        for planting in self.plantings.values():
            planting.forget(key)
