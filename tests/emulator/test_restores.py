"""What the real SDK can bring back after a destroy, and what is told of what is gone."""

from __future__ import annotations

from typing import Any

import cloudinary.api
import cloudinary.exceptions
import cloudinary.uploader
import pytest

from mediasweep.emulator.client import Cloud


def uploaded(cloud: Cloud, public_id: str, **options: object) -> dict[str, Any]:
    """Upload something and return the answer."""
    given = {**cloud.options(), "public_id": public_id, **options}
    answer: dict[str, Any] = cloudinary.uploader.upload(b"some bytes", **given)
    return answer


def destroy(cloud: Cloud, public_id: str, **options: object) -> None:
    """Destroy what has to be there."""
    given = {**cloud.options(), **options}
    assert cloudinary.uploader.destroy(public_id, **given)["result"] == "ok"


def restore(cloud: Cloud, *public_ids: str, **options: object) -> dict[str, Any]:
    """Restore by public ids."""
    given = {**cloud.options(), **options}
    answer: dict[str, Any] = cloudinary.api.restore(list(public_ids), **given)
    return answer


def by_asset_ids(cloud: Cloud, *asset_ids: str) -> dict[str, Any]:
    """Restore by asset ids."""
    answer: dict[str, Any] = cloudinary.api.restore_by_asset_ids(list(asset_ids), **cloud.options())
    return answer


def resource(cloud: Cloud, public_id: str, **options: object) -> dict[str, Any]:
    """Return the details of an asset."""
    given = {**cloud.options(), **options}
    answer: dict[str, Any] = cloudinary.api.resource(public_id, **given)
    return answer


def test_what_has_a_backup_comes_back_as_it_was(cloud: Cloud) -> None:
    """A restored asset has its asset id, version and bytes again; what has no backup is told."""
    before = uploaded(cloud, "f/a", backup=True)
    uploaded(cloud, "b")
    destroy(cloud, "f/a")
    destroy(cloud, "b")
    told = restore(cloud, "f/a", "b", "never")
    assert (told["b"], told["never"]) == ({"error": "no_backup"}, {"error": "no_backup"})
    same = ("asset_id", "version", "bytes", "etag", "secure_url")
    assert [told["f/a"][k] for k in same] == [before[k] for k in same]
    assert cloud.assets() == {("image", "upload", "f/a")}
    state = cloud.state()
    assert (state["deleted"], state["restored"], state["backups"]) == (2, 1, 1)


def test_only_the_asset_of_those_types_comes_back(cloud: Cloud) -> None:
    """A restore by public ids is about one resource type and one delivery type."""
    for options in ({}, {"type": "private"}, {"resource_type": "raw"}):
        uploaded(cloud, "a", backup=True, **options)
        destroy(cloud, "a", **options)
    assert restore(cloud, "a", type="authenticated") == {"a": {"error": "no_backup"}}
    assert restore(cloud, "a", resource_type="raw")["a"]["resource_type"] == "raw"
    assert cloud.assets() == {("raw", "upload", "a")}


def test_asset_ids_of_any_type_come_back_in_one_call(cloud: Cloud) -> None:
    """A restore by asset ids finds each asset whatever its types, and tells it by its asset id."""
    image = uploaded(cloud, "a", backup=True)["asset_id"]
    raw = uploaded(cloud, "a.txt", resource_type="raw", type="private", backup=True)["asset_id"]
    destroy(cloud, "a")
    destroy(cloud, "a.txt", resource_type="raw", type="private")
    told = by_asset_ids(cloud, image, raw, "0" * 32)
    assert {k: v.get("public_id") for k, v in told.items()} == {
        image: "a",
        raw: "a.txt",
        "0" * 32: None,
    }
    assert told["0" * 32] == {"error": "no_backup"}
    destroy(cloud, "a")
    cloud.switch(restore_tells_public_ids=True)
    assert list(by_asset_ids(cloud, image)) == ["a"]


def test_a_backup_can_be_had_for_all(cloud: Cloud) -> None:
    """With the switch every upload is kept, unless it says otherwise; so is what is filled in."""
    cloud.switch(backup=True)
    uploaded(cloud, "a")
    uploaded(cloud, "b", backup=False)
    cloud.switch(backup=False)
    cloud.fill("kept/", 1, backup=True)
    cloud.fill("lost/", 1)
    for public_id in ("a", "b", "kept/0", "lost/0"):
        destroy(cloud, public_id)
    told = restore(cloud, "a", "b", "kept/0", "lost/0")
    assert {k for k, v in told.items() if "error" not in v} == {"a", "kept/0"}


def test_a_placeholder_is_left_where_a_backup_is(cloud: Cloud) -> None:
    """Details of a destroyed asset with a backup are a placeholder; without one they are a 404."""
    uploaded(cloud, "f/kept", backup=True)
    uploaded(cloud, "lost")
    assert resource(cloud, "f/kept").items() >= {"bytes": 10, "placeholder": False}.items()
    destroy(cloud, "f/kept")
    destroy(cloud, "lost")
    assert resource(cloud, "f/kept").items() >= {"bytes": 0, "placeholder": True}.items()
    with pytest.raises(cloudinary.exceptions.NotFound, match="Resource not found - lost"):
        resource(cloud, "lost")
    restore(cloud, "f/kept")
    assert resource(cloud, "f/kept")["bytes"] == 10
    destroy(cloud, "f/kept")
    cloud.switch(placeholders=False)
    with pytest.raises(cloudinary.exceptions.NotFound):
        resource(cloud, "f/kept")


@pytest.mark.parametrize("there", ["asset", "overwrite", "failed"])
def test_where_an_asset_is_a_restore_follows_its_switch(cloud: Cloud, there: str) -> None:
    """Something else under the id is told as it is, overwritten, or an error."""
    cloud.switch(overwrite_keeps_asset_id=False, restore_there=there)
    old = uploaded(cloud, "a", backup=True)["asset_id"]
    destroy(cloud, "a")
    new = uploaded(cloud, "a")["asset_id"]
    told = restore(cloud, "a")["a"]
    if there == "failed":
        assert told == {"error": "failed"}
    else:
        assert told["asset_id"] == {"asset": new, "overwrite": old}[there]
    assert resource(cloud, "a")["asset_id"] == (old if there == "overwrite" else new)


def test_a_version_has_to_be_one_that_was_kept(cloud: Cloud) -> None:
    """A restore of a version brings back that one, and no other."""
    version = uploaded(cloud, "a", backup=True)["version_id"]
    destroy(cloud, "a")
    assert restore(cloud, "a", versions=["0" * 32]) == {"a": {"error": "no_backup"}}
    assert restore(cloud, "a", versions=[version])["a"]["version_id"] == version
    with pytest.raises(cloudinary.exceptions.BadRequest, match="as many"):
        restore(cloud, "a", versions=[version, version])


def test_a_call_names_one_to_a_hundred_ids(cloud: Cloud) -> None:
    """A hundred ids are taken, more are a bad request, and so are none."""
    ids = [f"a{n}" for n in range(101)]
    assert len(restore(cloud, *ids[:100])) == 100
    for wrong in (ids, []):
        with pytest.raises(cloudinary.exceptions.BadRequest, match="public_ids"):
            restore(cloud, *wrong)
    assert [len(call["ids"]) for call in cloud.calls("restore")] == [100, 101, 0]


def test_a_restore_wants_the_key(cloud: Cloud) -> None:
    """With a wrong secret nothing is restored, and no call is counted against the limit."""
    uploaded(cloud, "a", backup=True)
    destroy(cloud, "a")
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired):
        restore(cloud, "a", api_secret="wrong")
    assert not cloud.assets()
    assert cloudinary.api.ping(**cloud.options()).rate_limit_remaining == 499


def test_faults_meet_a_restore_by_any_of_its_ids(cloud: Cloud) -> None:
    """A restore goes wrong if one of its assets fits the glob, whichever road names it."""
    asset_id = uploaded(cloud, "b", backup=True)["asset_id"]
    destroy(cloud, "b")
    cloud.faults({"action": "restore", "public_id": "b*", "status": 500, "act": True})
    assert restore(cloud, "a", "c") == {k: {"error": "no_backup"} for k in "ac"}
    with pytest.raises(cloudinary.exceptions.GeneralError):
        restore(cloud, "a", "b")
    with pytest.raises(cloudinary.exceptions.GeneralError):
        by_asset_ids(cloud, asset_id)
    assert cloud.state()["restored"] == 1
