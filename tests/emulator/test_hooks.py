"""Notifications: what is told to whom, how signed, tried again, lost, doubled and mixed up."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import cloudinary
import cloudinary.api
import cloudinary.uploader
import cloudinary.utils
import pytest

from mediasweep.emulator.client import Cloud
from tests.receiver import Post, Receiver, receiving

FAST = 18_000  # 3, 6 and 9 minutes in 10, 20 and 30 ms


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    """Run one web server for all tests of this file."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def inbox(server: Receiver) -> Receiver:
    """Give it to a test as if it was new."""
    server.got, server.answers = [], []
    return server


@pytest.fixture
def told(cloud: Cloud, inbox: Receiver) -> Cloud:
    """Give a cloud that tells everything to the inbox."""
    cloud.switch(hook_speed=FAST)
    cloudinary.api.create_trigger(f"{inbox.url}/all", "all", **cloud.options())
    return cloud


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
    """An event goes to the triggers of its type and of all types, each at its own address."""
    for event in ("upload", "delete", "all"):
        cloudinary.api.create_trigger(f"{inbox.url}/{event}", event, **cloud.options())
    upload(cloud, "a")
    cloudinary.uploader.destroy("a", **cloud.options())
    cloud.wait_hooks()
    heard = [post.path for post in inbox.got]
    assert heard == ["/upload", "/all", "/delete", "/all"]


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


@pytest.mark.parametrize("bad", [500, 204, 302, 404])
def test_only_200_is_success(told: Cloud, inbox: Receiver, bad: int) -> None:
    """Any other answer, a redirect that is not followed included, is tried again in 3 minutes."""
    inbox.answers = [bad]
    upload(told, "a")
    told.wait_hooks()
    (delivery,) = told.hooks()
    assert [tried["status"] for tried in delivery["attempts"]] == [bad, 200]
    assert (delivery["state"], {post.path for post in inbox.got}) == ("delivered", {"/all"})


def test_after_four_attempts_a_notification_is_gone(told: Cloud, inbox: Receiver) -> None:
    """Three further attempts follow, 3, 6 and 9 minutes apart by the scaled clock, and no more."""
    inbox.answers = [500] * 9
    upload(told, "a")
    told.wait_hooks()
    (delivery,) = told.hooks()
    at = [tried["at_ns"] / 1e9 for tried in delivery["attempts"]]
    gaps = [later - before for before, later in pairwise(at)]
    assert [gap >= s / FAST for gap, s in zip(gaps, (180, 360, 540), strict=True)] == [True] * 3
    assert (delivery["state"], len(inbox.got)) == ("failed", 4)


@pytest.mark.parametrize("resigned", [True, False])
def test_a_further_attempt_is_signed_anew_or_not(
    told: Cloud, inbox: Receiver, *, resigned: bool
) -> None:
    """Every attempt has the same body, and headers of its own only if the switch says so."""
    told.switch(hook_resigned=resigned)
    inbox.answers = [500]
    upload(told, "a")
    told.wait_hooks()
    one, two = inbox.got
    assert one.body == two.body
    # the second signature is different each time it is made
    assert (one.headers == two.headers) is not resigned


def test_nobody_there_is_a_failed_attempt(cloud: Cloud) -> None:
    """An address where nobody listens costs the call nothing, and the log tells the error."""
    cloud.switch(hook_speed=10**9)
    upload(cloud, "a", notification_url="http://127.0.0.1:1/hook")
    cloud.wait_hooks()
    (delivery,) = cloud.hooks()
    assert (delivery["state"], len(delivery["attempts"])) == ("failed", 4)
    assert "Connection" in delivery["attempts"][0]["error"]


def test_who_does_not_answer_makes_no_call_wait(cloud: Cloud) -> None:
    """While a notification waits for its answer calls are answered, and the log shows it."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        for n in range(3):
            upload(cloud, str(n), notification_url=url)
        assert cloud.state()["hooks_under_way"] == 3
        assert sorted(delivery["state"] for delivery in cloud.hooks())[1:] == ["waiting"] * 2
        cloud.forget()


def chaos(cloud: Cloud, inbox: Receiver, seed: int) -> list[str]:
    """Return in which order thirty uploads were told under these mishaps."""
    cloud.mishaps(drop=0.2, duplicate=0.2, reorder=0.3, seed=seed)
    for n in range(30):
        upload(cloud, str(n))
    cloud.release()
    return [body["public_id"] for body in bodies(cloud, inbox)]


def test_mishaps_are_the_same_for_the_same_seed(told: Cloud, inbox: Receiver) -> None:
    """By one seed the same ones are lost, doubled and passed; by another, others are."""
    first, again, other = (chaos(told, inbox, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert set(map(str, range(30))) - set(first)
    assert max(Counter(first).values()) == 2
    seen = list(dict.fromkeys(first))
    assert seen != sorted(seen, key=int)
    states = Counter(delivery["state"] for delivery in told.hooks())
    assert set(states) == {"delivered", "dropped"}


def test_what_is_held_is_released_in_any_order(told: Cloud, inbox: Receiver) -> None:
    """While they are held nothing is sent; a release sends all, as they came or backwards."""
    told.mishaps(hold=True)
    for n in "abc":
        upload(told, n)
    assert (bodies(told, inbox), told.state()["hooks_held"]) == ([], 3)
    assert told.release("reversed") == 3
    assert [body["public_id"] for body in bodies(told, inbox)] == ["c", "b", "a"]
    with pytest.raises(ValueError, match="orders"):
        told.release("random")


def test_a_notification_can_be_sent_again(told: Cloud, inbox: Receiver) -> None:
    """A replay has the same body, signed anew or exactly as it was."""
    upload(told, "a")
    told.wait_delivered(1)
    told.again(1)
    told.again(1, old=True)
    told.wait_delivered(3)
    first, anew, old = inbox.got
    assert {first.body, anew.body, old.body} == {first.body}
    assert (first.headers == old.headers, first.headers == anew.headers) == (True, False)
    assert [delivery["copy_of"] for delivery in told.hooks()] == [None, 1, 1]


def test_a_cloud_made_anew_tells_nothing(told: Cloud, inbox: Receiver) -> None:
    """What was under way in a cloud is given up with it, and its triggers are gone."""
    told.mishaps(hold=True)
    upload(told, "a")
    told.reset()
    upload(told, "b")
    told.wait_hooks()
    assert (inbox.got, told.hooks()) == ([], [])


@pytest.mark.parametrize("wrong", [{"drop": "often"}, {"hold": 1}, {"delay": 0.1}])
def test_a_mishap_has_to_be_known(cloud: Cloud, wrong: dict[str, object]) -> None:
    """A misspelt mishap is refused rather than never happening."""
    with pytest.raises(ValueError, match="no mishap"):
        cloud.mishaps(**wrong)
