"""What the real SDK can set up and ask of an account: folders, triggers, presets, usage."""

from __future__ import annotations

from datetime import UTC, datetime

import cloudinary.api
import cloudinary.uploader
import pytest
from cloudinary.exceptions import AlreadyExists, AuthorizationRequired, BadRequest, NotFound

from mediasweep.emulator.client import Cloud


def test_folders_are_those_made_and_those_used(cloud: Cloud) -> None:
    """Folders are listed by name one level at a time, and stay when their assets go."""
    given = cloud.options()
    for name in ("f1/b/item", "f1/a/item", "f2/item"):
        cloudinary.uploader.upload(b"bytes", public_id=name, **given)
    cloud.plant("f3/deep/", 3)
    made = cloudinary.api.create_folder("f0", **given)
    assert (made["success"], made["path"], made["name"]) == (True, "f0", "f0")
    cloudinary.uploader.destroy("f2/item", **given)
    roots = cloudinary.api.root_folders(**given)
    assert [folder["name"] for folder in roots["folders"]] == ["f0", "f1", "f2", "f3"]
    assert (roots["total_count"], roots["next_cursor"]) == (4, None)
    inside = cloudinary.api.subfolders("f1", **given)["folders"]
    assert [folder["path"] for folder in inside] == ["f1/a", "f1/b"]
    with pytest.raises(NotFound, match="Can't find folder"):
        cloudinary.api.subfolders("f", **given)


def test_a_folder_is_deleted_when_it_is_empty(cloud: Cloud) -> None:
    """A folder with assets in it or below stays; one with empty folders goes with them."""
    given = cloud.options()
    cloudinary.uploader.upload(b"bytes", public_id="a/b/item", **given)
    with pytest.raises(BadRequest, match="Folder is not empty"):
        cloudinary.api.delete_folder("a", **given)
    cloudinary.uploader.destroy("a/b/item", **given)
    assert cloudinary.api.delete_folder("a", **given)["deleted"] == ["a", "a/b"]
    assert cloudinary.api.root_folders(**given)["folders"] == []


def test_a_folder_moves_with_what_is_in_it(cloud: Cloud) -> None:
    """Assets are in the folder of the new name, under the public id of before."""
    given = cloud.options()
    cloudinary.uploader.upload(b"bytes", public_id="a/b/item", **given)
    told = cloudinary.api.rename_folder("a", "c", **given)
    assert (told["from"]["path"], told["to"]["path"]) == ("a", "c")
    assert cloudinary.api.resource("a/b/item", **given)["asset_folder"] == "c/b"
    assert [f["path"] for f in cloudinary.api.subfolders("c", **given)["folders"]] == ["c/b"]
    with pytest.raises(NotFound, match="Cannot find source folder"):
        cloudinary.api.rename_folder("a", "d", **given)
    with pytest.raises(BadRequest, match="to_folder"):
        cloudinary.api.rename_folder("c", "c/d", **given)


def test_triggers_live_as_in_the_sdks_own_test(cloud: Cloud) -> None:
    """A trigger is made, listed, by event too, moved to another address, and deleted."""
    given = cloud.options()
    made = cloudinary.api.create_trigger("poll://channel", "upload", uri_type="poll", **given)
    assert (made["uri"], made["uri_type"], made["event_type"]) == (
        "poll://channel",
        "poll",
        "upload",
    )
    cloudinary.api.create_trigger("https://example.com/hook", "all", **given)
    assert cloudinary.api.triggers(**given)["total"] == 2
    cloudinary.api.update_trigger(made["id"], "poll://other", **given)
    (found,) = cloudinary.api.triggers(event_type="upload", **given)["triggers"]
    assert (found["id"], found["uri"]) == (made["id"], "poll://other")
    tested = cloudinary.api.test_trigger(made["id"], **given)
    assert tested["filter_result"] is True
    assert cloudinary.api.delete_trigger(made["id"], **given)["message"]
    assert cloudinary.api.triggers(event_type="upload", **given)["triggers"] == []
    with pytest.raises(NotFound, match="Trigger not found"):
        cloudinary.api.update_trigger(made["id"], "https://example.com", **given)


def test_an_account_has_thirty_triggers(cloud: Cloud) -> None:
    """The thirty-first is refused, and so is one without an address or an event."""
    given = cloud.options()
    for n in range(30):
        cloudinary.api.create_trigger(f"https://example.com/{n}", "all", **given)
    with pytest.raises(BadRequest, match="at most 30"):
        cloudinary.api.create_trigger("https://example.com/30", "all", **given)
    for wrong in (("", "all"), ("https://example.com", "")):
        with pytest.raises(BadRequest, match="Missing required parameter"):
            cloudinary.api.create_trigger(*wrong, **given)


def test_a_preset_allows_unsigned_uploads(cloud: Cloud) -> None:
    """By an unsigned preset an upload needs no key and cannot override it; by others it does."""
    given = cloud.options()
    anonymous = {"cloud_name": cloud.name, "upload_prefix": cloud.api}
    cloudinary.api.create_upload_preset(name="open", unsigned=True, tags=["u"], **given)
    cloudinary.api.create_upload_preset(name="own", unsigned=False, folder="f", **given)
    told = cloudinary.uploader.unsigned_upload(b"a", "open", tags=["x"], **anonymous)
    assert told["tags"] == ["u"]
    signed = cloudinary.uploader.upload(b"a", upload_preset="own", public_id="a", **given)
    assert signed["public_id"] == "f/a"
    with pytest.raises(BadRequest, match="must be whitelisted"):
        cloudinary.uploader.unsigned_upload(b"a", "own", **anonymous)
    with pytest.raises(BadRequest, match="not found"):
        cloudinary.uploader.upload(b"a", upload_preset="none", **given)


def test_presets_are_kept(cloud: Cloud) -> None:
    """A preset is told, changed and deleted by its name, and made only once."""
    given = cloud.options()
    cloudinary.api.create_upload_preset(name="p", folder="f", **given)
    cloudinary.api.update_upload_preset("p", unsigned=True, tags="t", **given)
    told = cloudinary.api.upload_preset("p", **given)
    assert (told["unsigned"], told["settings"]) == (True, {"folder": "f", "tags": "t"})
    with pytest.raises(AlreadyExists):
        cloudinary.api.create_upload_preset(name="p", **given)
    cloudinary.api.delete_upload_preset("p", **given)
    assert cloudinary.api.upload_presets(**given)["presets"] == []


def test_usage_and_config_are_told(cloud: Cloud) -> None:
    """Usage has what the SDK's own test wants, of a day without limits; config the folder mode."""
    given = cloud.options()
    cloud.fill("a/", 3)
    usage = cloudinary.api.usage(**given)
    assert (usage["resources"], usage["objects"]["usage"]) == (3, 3)
    assert {"plan", "last_updated", "bandwidth", "storage", "media_limits"} <= set(usage)
    day = cloudinary.api.usage(date=datetime.now(UTC), **given)
    assert not {"limit", "used_percent"} & set(day["bandwidth"])
    config = cloudinary.api.config(settings=True, **given)
    assert (config["cloud_name"], config["settings"]["folder_mode"]) == (cloud.name, "dynamic")
    assert "settings" not in cloudinary.api.config(**given)


def test_all_of_the_admin_api_wants_the_key_and_counts(cloud: Cloud) -> None:
    """Each kind of call is refused to a wrong secret, and counts one against the hour."""
    wrong = {**cloud.options(), "api_secret": "wrong"}
    for call in (
        cloudinary.api.resources,
        cloudinary.api.root_folders,
        cloudinary.api.triggers,
        cloudinary.api.usage,
        cloudinary.api.upload_presets,
    ):
        with pytest.raises(AuthorizationRequired):
            call(**wrong)
        call(**cloud.options())
    assert cloudinary.api.ping(**cloud.options()).rate_limit_remaining == 500 - 6
