"""What the real SDK can delete over the Admin API: by ids, prefix, tag, or all; backups too."""

from __future__ import annotations

from typing import Any

import cloudinary.api
import cloudinary.uploader
import pytest
from cloudinary.exceptions import BadRequest, NotAllowed, NotFound

from mediasweep.emulator.client import Cloud


def upload(cloud: Cloud, public_id: str, **options: object) -> dict[str, Any]:
    """Upload something and return the answer."""
    given = {**cloud.options(), "public_id": public_id, **options}
    answer: dict[str, Any] = cloudinary.uploader.upload(b"bytes", **given)
    return answer


def test_each_id_is_told_apart(cloud: Cloud) -> None:
    """Of each public id is told whether it was deleted, with counts, and only of those types."""
    upload(cloud, "a")
    upload(cloud, "b", type="private")
    told = cloudinary.api.delete_resources(["a", "b"], **cloud.options())
    assert told == {
        "deleted": {"a": "deleted", "b": "not_found"},
        "deleted_counts": {
            "a": {"original": 1, "derived": 0},
            "b": {"original": 0, "derived": 0},
        },
        "partial": False,
    }
    assert cloud.assets() == {("image", "private", "b")}


def test_asset_ids_of_any_type_are_deleted_in_one_call(cloud: Cloud) -> None:
    """By asset ids any types go in one call, told by asset id or, switched so, by public id."""
    for tells, keys in ((False, "asset_id"), (True, "public_id")):
        cloud.switch(delete_tells_public_ids=tells)
        made = [upload(cloud, "a"), upload(cloud, "b.txt", resource_type="raw", type="private")]
        asset_ids = [one["asset_id"] for one in made]
        told = cloudinary.api.delete_resources_by_asset_ids(asset_ids, **cloud.options())
        assert told["deleted"] == {one[keys]: "deleted" for one in made}
    assert not cloud.assets()


def test_at_most_a_hundred_ids_are_taken(cloud: Cloud) -> None:
    """More ids than a hundred, or none, are refused with the switched status, and nothing goes."""
    cloud.fill("", 1)
    cloud.switch(many_ids_status=403)
    with pytest.raises(NotAllowed, match="at most 100"):
        cloudinary.api.delete_resources([str(n) for n in range(101)], **cloud.options())
    with pytest.raises(BadRequest, match="public_ids"):
        cloudinary.api.delete_resources([], **cloud.options())
    assert len(cloud.assets()) == 1


def test_a_prefix_is_deleted_a_thousand_at_a_time(cloud: Cloud) -> None:
    """After each thousand comes a cursor, until the last call which is not partial."""
    cloud.plant("t/", 2001)
    cloud.fill("keep/", 1)
    given = {"prefix": "t/", **cloud.options()}
    counts: list[tuple[int, bool]] = []
    cursor = None
    while not counts or cursor:
        told = cloudinary.api.delete_resources_by_prefix(**given, next_cursor=cursor)
        counts.append((len(told["deleted"]), told["partial"]))
        cursor = told.get("next_cursor")
    assert counts == [(1000, True), (1000, True), (1, False)]
    assert cloud.assets() == {("image", "upload", "keep/0")}


def test_a_tag_or_all_is_deleted_or_only_what_is_derived(cloud: Cloud) -> None:
    """By tag go those that have it, by all the rest; with keep_original nothing goes."""
    given = cloud.options()
    upload(cloud, "a", tags=["x"])
    upload(cloud, "b")
    kept = cloudinary.api.delete_all_resources(keep_original=True, **given)
    assert (len(kept["deleted"]), len(cloud.assets())) == (2, 2)
    cloudinary.api.delete_resources_by_tag("x", **given)
    assert cloud.assets() == {("image", "upload", "b")}
    cloudinary.api.delete_all_resources(**given)
    assert not cloud.assets()


def test_a_backup_is_restored_or_lost_for_good(cloud: Cloud) -> None:
    """What was deleted in bulk comes back, until its backed-up version is deleted too."""
    given = cloud.options()
    made = upload(cloud, "a", backup=True)
    cloudinary.api.delete_resources(["a"], **given)
    assert cloudinary.api.resource("a", **given)["placeholder"] is True
    assert cloudinary.api.restore(["a"], **given)["a"]["bytes"] == 5
    cloudinary.api.delete_resources(["a"], **given)
    told = cloudinary.api.delete_backed_up_assets(made["asset_id"], [made["version_id"]], **given)
    assert told["deleted_version_ids"] == [made["version_id"]]
    assert cloudinary.api.restore(["a"], **given) == {"a": {"error": "no_backup"}}
    with pytest.raises(NotFound):
        cloudinary.api.resource("a", **given)


def test_older_forms_of_the_request_are_taken(cloud: Cloud) -> None:
    """Ids in the query, numbered, as older SDKs send them, are deleted like those in JSON."""
    cloud.fill("", 2)
    given = {"public_ids": ["0", "1"]}
    path = ["resources", "image", "upload"]
    told = cloudinary.api.call_api("delete", path, given, **cloud.options())
    assert told["deleted"] == {"0": "deleted", "1": "deleted"}


def test_faults_meet_a_deletion_by_any_of_its_ids(cloud: Cloud) -> None:
    """A bulk delete goes wrong if one of its assets fits the glob, whichever road names it."""
    asset_id = upload(cloud, "b")["asset_id"]
    cloud.faults({"action": "delete_resources", "public_id": "b", "status": 403})
    with pytest.raises(NotAllowed):
        cloudinary.api.delete_resources(["a", "b"], **cloud.options())
    with pytest.raises(NotAllowed):
        cloudinary.api.delete_resources_by_asset_ids([asset_id], **cloud.options())
    assert len(cloud.assets()) == 1
