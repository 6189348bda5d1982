"""What the real SDK can change of an asset: its id, tags, context, metadata, name and folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cloudinary.api
import cloudinary.uploader
import pytest
from cloudinary import exceptions

from mediasweep.emulator.client import Cloud

GIF = b"GIF89a" + b"\x1e\x00\x14\x00"


def upload(cloud: Cloud, public_id: str, data: bytes = b"bytes", **options: object) -> str:
    """Upload something and return its asset id."""
    given = {**cloud.options(), "public_id": public_id, **options}
    return str(cloudinary.uploader.upload(data, **given)["asset_id"])


def resource(cloud: Cloud, public_id: str, **options: object) -> dict[str, Any]:
    """Return the details of an asset."""
    given = {**cloud.options(), **options}
    answer: dict[str, Any] = cloudinary.api.resource(public_id, **given)
    return answer


@pytest.fixture
def with_field(cloud: Cloud) -> Cloud:
    """Give a cloud with a metadata field `sku`."""
    cloudinary.api.add_metadata_field(
        {"external_id": "sku", "label": "SKU", "type": "string"}, **cloud.options()
    )
    return cloud


def test_a_renamed_asset_is_the_same_asset(cloud: Cloud) -> None:
    """A rename keeps the asset id, normalises the new id, and leaves nothing under the old one."""
    asset_id = upload(cloud, "a")
    told = cloudinary.uploader.rename("a", "f/b*", **cloud.options())
    assert (told["public_id"], told["asset_id"]) == ("f/b", asset_id)
    assert cloud.assets() == {("image", "upload", "f/b")}
    with pytest.raises(exceptions.NotFound, match="Resource not found - a"):
        cloudinary.uploader.rename("a", "c", **cloud.options())
    with pytest.raises(exceptions.BadRequest, match="invalid"):
        cloudinary.uploader.rename("f/b", "a?", **cloud.options())


@pytest.mark.parametrize(
    ("status", "error"), [(400, exceptions.BadRequest), (409, exceptions.AlreadyExists)]
)
def test_a_rename_overwrites_only_if_it_may(
    cloud: Cloud, status: int, error: type[Exception]
) -> None:
    """Where another asset is, a rename is refused with a switched status, unless it overwrites."""
    cloud.switch(rename_taken_status=status)
    upload(cloud, "a", GIF)
    there = upload(cloud, "b")
    with pytest.raises(error, match="already exists"):
        cloudinary.uploader.rename("a", "b", **cloud.options())
    assert resource(cloud, "b")["asset_id"] == there
    cloudinary.uploader.rename("a", "b", overwrite=True, **cloud.options())
    assert (resource(cloud, "b")["format"], len(cloud.assets())) == ("gif", 1)
    with pytest.raises(exceptions.NotFound):
        cloudinary.api.resource_by_asset_id(there, **cloud.options())


def test_a_rename_may_change_the_type(cloud: Cloud) -> None:
    """With to_type the asset is of another delivery type, under the same id or a new one."""
    upload(cloud, "a")
    cloudinary.uploader.rename("a", "a", to_type="private", **cloud.options())
    assert cloud.assets() == {("image", "private", "a")}


def test_tags_are_added_removed_and_replaced(cloud: Cloud) -> None:
    """The commands on tags do what they say, and tell which assets were there."""
    given = cloud.options()
    for name in "ab":
        upload(cloud, name, tags=["old", "a"])
    told = cloudinary.uploader.add_tag("one,two", ["a", "b", "none"], **given)
    assert told["public_ids"] == ["a", "b"]
    assert resource(cloud, "a")["tags"] == ["a", "old", "one", "two"]
    cloudinary.uploader.remove_tag("one", ["a"], **given)
    cloudinary.uploader.replace_tag("three", ["b"], **given)
    assert (resource(cloud, "a")["tags"], resource(cloud, "b")["tags"]) == (
        ["a", "old", "two"],
        ["three"],
    )
    cloudinary.uploader.remove_all_tags(["a", "b"], **given)
    assert "tags" not in resource(cloud, "a")


def test_an_id_with_a_comma_is_one_id(cloud: Cloud) -> None:
    """A list of ids is told apart from an id that holds a comma, and is signed all the same."""
    for name in "abc":
        upload(cloud, name)
    told = cloudinary.uploader.add_tag("x", ["a,b", "c"], **cloud.options())
    assert told["public_ids"] == ["c"]


def test_context_is_added_and_removed(cloud: Cloud) -> None:
    """Pairs are merged into the context, escaped ones too, and removed all at once."""
    given = cloud.options()
    upload(cloud, "a", context={"alt": "hat"})
    cloudinary.uploader.add_context({"by": "a=b|c"}, ["a"], **given)
    assert resource(cloud, "a")["context"] == {"custom": {"alt": "hat", "by": "a=b|c"}}
    cloudinary.uploader.remove_all_context(["a"], **given)
    assert "context" not in resource(cloud, "a")


def test_metadata_has_fields(with_field: Cloud) -> None:
    """Metadata is stored by upload, update and command if it has a field, and refused without."""
    given = with_field.options()
    upload(with_field, "a", metadata={"sku": "1"})
    assert resource(with_field, "a")["metadata"] == {"sku": "1"}
    told = cloudinary.uploader.update_metadata({"sku": "2"}, "a", **given)
    assert (told["public_ids"], resource(with_field, "a")["metadata"]) == (["a"], {"sku": "2"})
    cloudinary.api.update("a", metadata={"sku": "3"}, **given)
    assert resource(with_field, "a")["metadata"] == {"sku": "3"}
    cloudinary.uploader.update_metadata({"sku": ""}, "a", **given)
    assert "metadata" not in resource(with_field, "a")
    with pytest.raises(exceptions.BadRequest, match="field colour doesn't exist"):
        upload(with_field, "a", metadata={"colour": "red"})


def test_a_field_has_a_default(with_field: Cloud) -> None:
    """An upload without a value has the default, and a field can be changed, listed and deleted."""
    given = with_field.options()
    new = {"default_value": "none", "type": "integer"}
    assert cloudinary.api.update_metadata_field("sku", new, **given)["type"] == "string"
    upload(with_field, "a")
    assert resource(with_field, "a")["metadata"] == {"sku": "none"}
    assert [
        field["default_value"]
        for field in cloudinary.api.list_metadata_fields(**given)["metadata_fields"]
    ] == ["none"]
    cloudinary.api.delete_metadata_field("sku", **given)
    with pytest.raises(exceptions.NotFound):
        cloudinary.api.metadata_field_by_field_id("sku", **given)


def test_an_update_changes_what_it_names(cloud: Cloud) -> None:
    """Tags, name, folder and moderation are set; the rest stays; what is not there is a 404."""
    given = cloud.options()
    upload(cloud, "f/a", tags=["x"], context={"alt": "hat"}, moderation="manual")
    told = cloudinary.api.update(
        "f/a", tags=[], display_name="A", asset_folder="g", moderation_status="approved", **given
    )
    assert told["moderation"] == [{"status": "approved", "kind": "manual"}]
    same = resource(cloud, "f/a")
    assert (same["display_name"], same["asset_folder"], "tags" in same) == ("A", "g", False)
    assert same["context"] == {"custom": {"alt": "hat"}}
    with pytest.raises(exceptions.NotFound, match="Resource not found - f/b"):
        cloudinary.api.update("f/b", tags=["x"], **given)
    with pytest.raises(exceptions.BadRequest, match="Illegal value"):
        cloudinary.api.update("f/a", detection="illegal", **given)


def test_explicit_changes_what_it_names(cloud: Cloud) -> None:
    """An explicit call sets tags and answers like an upload; what is not there is a 404."""
    upload(cloud, "a")
    told = cloudinary.uploader.explicit("a", type="upload", tags=["x"], **cloud.options())
    assert (told["tags"], "signature" in told) == (["x"], True)
    gone = cloudinary.uploader.explicit("b", type="upload", return_error=True, **cloud.options())
    assert (gone["error"]["http_code"], gone["error"]["message"]) == (404, "Resource not found - b")


def test_faults_meet_a_change_by_any_id(cloud: Cloud) -> None:
    """A rename goes wrong by its old id, a command on tags by any of its ids."""
    upload(cloud, "a")
    cloud.faults({"action": "*", "public_id": "a", "status": 500})
    calls: tuple[Callable[[], object], ...] = (
        lambda: cloudinary.uploader.rename("a", "b", **cloud.options()),
        lambda: cloudinary.uploader.add_tag("x", ["c", "a"], **cloud.options()),
        lambda: cloudinary.api.update("a", tags=["x"], **cloud.options()),
    )
    for call in calls:
        with pytest.raises(exceptions.GeneralError):
            call()
    assert cloudinary.uploader.add_tag("x", ["c"], **cloud.options())["public_ids"] == []
