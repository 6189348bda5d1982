"""Notifications: what is told, to whom, and how it is signed."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import cloudinary
import cloudinary.api
import cloudinary.uploader
import cloudinary.utils
import pytest

from mediasweep.emulator.client import Cloud
from tests.receiver import Post, Receiver


def upload(cloud: Cloud, public_id: str, **options: object) -> dict[str, Any]:
    """Upload something and return the answer."""
    given = {**cloud.options(), "public_id": public_id, **options}
    answer: dict[str, Any] = cloudinary.uploader.upload(b"bytes", **given)
    return answer


def bodies(cloud: Cloud, inbox: Receiver) -> list[dict[str, Any]]:
    """Return what has come when nothing is under way any more, and empty the inbox."""
    cloud.wait_hooks()
    got, inbox.got = inbox.got, []
    return [json.loads(post.body) for post in got]


def is_signed(post: Post, secret: str, algorithm: str = "sha1") -> bool:
    """Tell whether the SDK takes the signature."""
    cloudinary.config(api_secret=secret)
    try:
        return bool(
            cloudinary.utils.verify_notification_signature(
                post.body.decode(),
                post.headers["x-cld-timestamp"],
                post.headers.get("x-cld-signature"),
                algorithm=algorithm,
            )
        )
    finally:
        cloudinary.reset_config()


def test_an_upload_is_told_with_all_that_it_was_answered(told: Cloud, inbox: Receiver) -> None:
    """The body has the keys of the answer, who did it, in which call, and who signed it."""
    answer = upload(told, "f/a", tags=["x"])
    (body,) = bodies(told, inbox)
    assert body["notification_type"] == "upload"
    assert body.items() >= {k: v for k, v in answer.items() if k != "signature"}.items()
    assert body["notification_context"]["triggered_by"] == {"source": "api", "id": told.key}
    assert body["signature_key"] == told.key
    assert body["timestamp"]


def test_what_did_nothing_is_not_told(told: Cloud, inbox: Receiver) -> None:
    """An upload that may not overwrite, a destroy in vain and a tag that was there are silent."""
    upload(told, "a", tags=["x"])
    assert len(bodies(told, inbox)) == 1
    upload(told, "a", overwrite=False)
    cloudinary.uploader.destroy("b", **told.options())
    cloudinary.uploader.add_tag("x", ["a"], **told.options())
    assert bodies(told, inbox) == []
    assert not told.calls("tags")[0]["acted"]


def test_deletions_are_told_in_a_list(told: Cloud, inbox: Receiver) -> None:
    """A destroy and a delete of several are one event each, with neither timestamp nor request."""
    made = [upload(told, f"f/{n}") for n in range(3)]
    bodies(told, inbox)
    cloudinary.uploader.destroy("f/0", **told.options())
    cloudinary.api.delete_resources(["f/1", "f/2", "f/3"], **told.options())
    one, two = bodies(told, inbox)
    same = ("resource_type", "type", "asset_id", "public_id", "version", "asset_folder")
    assert [r.items() >= {k: made[0][k] for k in same}.items() for r in one["resources"]] == [True]
    assert [r["public_id"] for r in two["resources"]] == ["f/1", "f/2"]
    assert [{"timestamp", "request_id"} & set(body) for body in (one, two)] == [set(), set()]


def test_a_long_deletion_is_told_in_as_many_as_was_switched(told: Cloud, inbox: Receiver) -> None:
    """With a batch of two, five deleted in one call are told in three notifications."""
    told.fill("a/", 5)
    told.switch(delete_batch=2)
    cloudinary.api.delete_resources_by_prefix("a/", **told.options())
    assert [len(body["resources"]) for body in bodies(told, inbox)] == [2, 2, 1]


def test_a_change_is_told_by_what_changed(told: Cloud, inbox: Receiver) -> None:
    """One update of folder, tags, context and display name is an event of each kind."""
    asset_id = upload(told, "a", tags=["x", "y"], context={"alt": "old", "by": "me"})["asset_id"]
    bodies(told, inbox)
    cloudinary.api.update(
        "a", tags=["y", "z"], context={"alt": "new", "is": "so"}, asset_folder="g",
        display_name="A", **told.options(),
    )  # fmt: skip
    events = {body["notification_type"]: body for body in bodies(told, inbox)}
    named = {"asset_id": asset_id, "resource_type": "image", "type": "upload"}
    (tags,) = events["resource_tags_changed"]["resources"]
    assert tags == {**named, "public_id": "a", "added": ["z"], "removed": ["x"]}
    named["display_name"] = "A"
    assert events["move"]["resources"] == {
        "a": {**named, "from_asset_folder": "", "to_asset_folder": "g"}
    }
    assert events["resource_context_changed"]["resources"]["a"] == {
        **named,
        "added": [{"name": "is", "value": "so"}],
        "removed": [{"name": "by", "value": "me"}],
        "updated": [{"name": "alt", "value": "new"}],
    }
    names = events["resource_display_name_changed"]
    assert names["resources"]["a"]["previous_display_name"] == "a"
    assert names["request_id"] == told.calls("update")[0]["request_id"]
    assert len(events) == 4


def test_metadata_renames_folders_and_restores_are_told(told: Cloud, inbox: Receiver) -> None:
    """Each of them is an event of its own kind."""
    given = told.options()
    cloudinary.api.add_metadata_field(
        {"external_id": "sku", "label": "SKU", "type": "string"}, **given
    )
    upload(told, "a", backup=True)
    cloudinary.uploader.update_metadata({"sku": "1"}, ["a"], **given)
    cloudinary.uploader.rename("a", "b", **given)
    cloudinary.api.create_folder("new/old", **given)
    cloudinary.api.rename_folder("new/old", "new/er", **given)
    cloudinary.api.delete_folder("new/er", **given)
    cloudinary.uploader.destroy("b", **given)
    cloudinary.api.restore(["b"], **given)
    got = bodies(told, inbox)
    assert [body["notification_type"] for body in got] == [
        "upload", "resource_metadata_changed", "rename", "create_folder",
        "move_or_rename_asset_folder", "delete_folder", "delete", "upload",
    ]  # fmt: skip
    changed = got[1]["resources"]["a"]
    assert (changed["previous_metadata"], changed["new_metadata"]) == ({}, {"sku": "1"})
    assert (got[2]["from_public_id"], got[2]["to_public_id"]) == ("a", "b")
    assert got[3].items() >= {"folder_path": "new/old", "folder_name": "old"}.items()


def test_a_restore_may_be_told_of_by_nobody(told: Cloud, inbox: Receiver) -> None:
    """With the switch empty a restored asset comes back without a sound."""
    told.switch(restore_event="")
    upload(told, "a", backup=True)
    cloudinary.uploader.destroy("a", **told.options())
    cloudinary.api.restore(["a"], **told.options())
    assert [body["notification_type"] for body in bodies(told, inbox)] == ["upload", "delete"]


def test_a_trigger_hears_what_it_asked_for(cloud: Cloud, inbox: Receiver) -> None:
    """An event goes to the webhooks of its type and of all types, each at its own address."""
    cloudinary.api.create_trigger("poll://channel", "all", "poll", **cloud.options())
    for event in ("upload", "delete", "all"):
        cloudinary.api.create_trigger(f"{inbox.url}/{event}", event, **cloud.options())
    upload(cloud, "a")
    cloudinary.uploader.destroy("a", **cloud.options())
    cloud.wait_hooks()
    heard = [post.path for post in inbox.got]
    assert heard == ["/upload", "/all", "/delete", "/all"]
    assert len(cloud.hooks()) == 4


def test_a_url_in_the_call_replaces_triggers_that_do_not_add(cloud: Cloud, inbox: Receiver) -> None:
    """With a notification_url only that one and additive triggers are told, also of tags."""
    for extra in ({}, {"additive": True}):
        params = {"uri": f"{inbox.url}/{len(extra)}", "event_type": "all", **extra}
        cloudinary.api.call_json_api("post", ["triggers"], params, **cloud.options())
    own = f"{inbox.url}/own"
    upload(cloud, "a", notification_url=own)
    cloudinary.uploader.add_tag("x", ["a"], notification_url=own, **cloud.options())
    cloudinary.api.delete_resources(["a"], notification_url=own, **cloud.options())
    cloud.wait_hooks()
    assert Counter(post.path for post in inbox.got) == {"/own": 3, "/1": 3}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_notification_is_signed_as_the_sdk_verifies(
    told: Cloud, inbox: Receiver, algorithm: str
) -> None:
    """The raw body with its timestamp fits the signature, by the algorithm of the account."""
    told.switch(hook_sha256=algorithm == "sha256")
    upload(told, "a")
    told.wait_hooks()
    assert is_signed(inbox.got[0], told.secret, algorithm)
    assert not is_signed(inbox.got[0], "other", algorithm)


def test_an_older_account_does_not_tell_who(told: Cloud, inbox: Receiver) -> None:
    """Switched so, a deletion is told with its kind and its resources and nothing else."""
    told.switch(hook_context=False)
    upload(told, "a")
    cloudinary.uploader.destroy("a", **told.options())
    assert set(bodies(told, inbox)[1]) == {"notification_type", "resources"}


def test_another_key_may_sign(told: Cloud, inbox: Receiver) -> None:
    """With a key of its own for notifications, the body names it and its secret signs."""
    told.switch(hook_key="77", hook_secret="hooks")
    upload(told, "a")
    told.wait_hooks()
    assert is_signed(inbox.got[0], "hooks")
    assert json.loads(inbox.got[0].body)["signature_key"] == "77"


def test_a_second_key_works_and_is_named(told: Cloud, inbox: Receiver) -> None:
    """What another application does with its own key is told as done by that key."""
    told.switch(other_key="88", other_secret="their")
    upload(told, "a", api_key="88", api_secret="their")
    cloudinary.api.delete_resources(
        ["a"], **{**told.options(), "api_key": "88", "api_secret": "their"}
    )
    by = [body["notification_context"]["triggered_by"]["id"] for body in bodies(told, inbox)]
    assert by == ["88", "88"]


@pytest.mark.parametrize(
    ("scheme", "signed"),
    [
        ("default", {"x-cld-signature", "x-cld-signature_v2"}),
        ("legacy_hmac", {"x-cld-signature"}),
        ("eddsa_v2", {"x-cld-signature_v2"}),
    ],
)
def test_a_trigger_has_a_scheme(
    cloud: Cloud, inbox: Receiver, scheme: str, signed: set[str]
) -> None:
    """The scheme of a trigger says which of the two signatures are sent."""
    params = {"uri": inbox.url, "event_type": "all", "auth_scheme": scheme}
    cloudinary.api.call_json_api("post", ["triggers"], params, **cloud.options())
    upload(cloud, "a")
    cloud.wait_hooks()
    assert {name for name in inbox.got[0].headers if "signature" in name} == signed
