"""The roads to an asset: which calls are tried, and in which order."""

import pytest

from mediasweep.rules.asset import DELIVERY_TYPES, RESOURCE_TYPES, Asset, Road, roads

BY_ASSET_ID = Road(asset_id="a1")


def by_public_id(*types: tuple[str, str]) -> list[Road]:
    """Return roads by public id, given pairs of delivery type and resource type."""
    return [Road(public_id="p", resource_type=r, delivery_type=d) for d, r in types]


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES)
@pytest.mark.parametrize("delivery_type", DELIVERY_TYPES)
def test_known_types_leave_one_road(resource_type: str, delivery_type: str) -> None:
    """An asset of known types is asked for exactly once, under those types."""
    asset = Asset("p", resource_type, delivery_type)
    expected = by_public_id((delivery_type, resource_type))
    assert expected == roads(asset, asset_id_proven=False)
    assert expected == roads(asset, asset_id_proven=True)


@pytest.mark.parametrize(
    ("resource_type", "delivery_type", "expected"),
    [
        ("video", None, [("upload", "video"), ("private", "video"), ("authenticated", "video")]),
        (None, "private", [("private", "image"), ("private", "video"), ("private", "raw")]),
        (
            None,
            None,
            [
                ("upload", "image"),
                ("upload", "video"),
                ("upload", "raw"),
                ("private", "image"),
                ("private", "video"),
                ("private", "raw"),
                ("authenticated", "image"),
                ("authenticated", "video"),
                ("authenticated", "raw"),
            ],
        ),
    ],
)
def test_an_unknown_type_stands_for_every_type(
    resource_type: str | None, delivery_type: str | None, expected: list[tuple[str, str]]
) -> None:
    """Every type is tried in place of an unknown one, public uploads and images first."""
    asset = Asset("p", resource_type, delivery_type)
    assert by_public_id(*expected) == roads(asset, asset_id_proven=False)


@pytest.mark.parametrize(("resource_type", "delivery_type"), [("image", "upload"), (None, None)])
def test_a_proven_asset_id_is_the_only_road(
    resource_type: str | None, delivery_type: str | None
) -> None:
    """Once deletion by asset id has worked, nothing is deleted by its reusable public id."""
    asset = Asset("p", resource_type, delivery_type, "a1")
    assert roads(asset, asset_id_proven=True) == [BY_ASSET_ID]


def test_an_unproven_asset_id_comes_first() -> None:
    """Until deletion by asset id has worked, the public id is tried after it."""
    asset = Asset("p", "raw", "private", "a1")
    expected = [BY_ASSET_ID, *by_public_id(("private", "raw"))]
    assert expected == roads(asset, asset_id_proven=False)


def test_an_empty_asset_id_is_no_road() -> None:
    """An empty asset id is not sent, even where deletion by asset id is proven."""
    asset = Asset("p", "image", "upload", "")
    assert by_public_id(("upload", "image")) == roads(asset, asset_id_proven=True)
