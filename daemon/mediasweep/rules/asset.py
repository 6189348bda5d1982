"""The identity of an asset, and the ways in which Cloudinary can be asked to delete it.

An asset is (resource type, delivery type, public id); its asset id is immutable and names it alone
(Cloudinary documentation, "Upload API reference"). A type that is not known is None and stands for
every type: the guard has then looked for a use under any of them, and only then are several tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

RESOURCE_TYPES = ("image", "video", "raw")
DELIVERY_TYPES = ("upload", "private", "authenticated")


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset, as far as it is known."""

    public_id: str
    resource_type: str | None
    delivery_type: str | None
    asset_id: str | None = None


@dataclass(frozen=True, slots=True)
class Road:
    """One call that would delete the asset: by asset id, or by public id under both types."""

    asset_id: str | None = None
    public_id: str | None = None
    resource_type: str | None = None
    delivery_type: str | None = None


def roads(asset: Asset, *, asset_id_proven: bool) -> list[Road]:
    """Return the calls to try, in order, until one of them finds the asset.

    Deleting by asset id cannot hit another file uploaded later under the same public id, so once
    that road has worked on this account it is the only one taken. Until then it comes first, and
    "not found" may also mean that the account does not know it.
    """
    by_asset_id = [Road(asset_id=asset.asset_id)] if asset.asset_id else []
    if by_asset_id and asset_id_proven:
        return by_asset_id
    delivery_types = (asset.delivery_type,) if asset.delivery_type else DELIVERY_TYPES
    resource_types = (asset.resource_type,) if asset.resource_type else RESOURCE_TYPES
    return by_asset_id + [
        Road(public_id=asset.public_id, resource_type=resource_type, delivery_type=delivery_type)
        for delivery_type, resource_type in product(delivery_types, resource_types)
    ]
