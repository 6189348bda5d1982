"""Notifications on their way: tried again, lost, doubled, mixed up, held and sent once more."""

from __future__ import annotations

import json
import socket
from collections import Counter
from itertools import pairwise

import cloudinary.uploader
import pytest

from mediasweep.emulator.client import Cloud
from tests.receiver import Receiver


def upload(cloud: Cloud, public_id: str, **options: object) -> None:
    """Upload something."""
    given = {**cloud.options(), "public_id": public_id, **options}
    cloudinary.uploader.upload(b"bytes", **given)


def told_of(cloud: Cloud, inbox: Receiver) -> list[str]:
    """Return the public ids that have come when nothing is under way, and empty the inbox."""
    cloud.wait_hooks()
    got, inbox.got = inbox.got, []
    return [json.loads(post.body)["public_id"] for post in got]


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
    speed = told.state()["switches"]["hook_speed"]
    assert [gap >= s / speed for gap, s in zip(gaps, (180, 360, 540), strict=True)] == [True] * 3
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
    """While a notification waits calls are answered, and a reset of the cloud gives it up."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        for n in range(3):
            upload(cloud, str(n), notification_url=url)
        assert cloud.state()["hooks_under_way"] == 3
        assert sorted(delivery["state"] for delivery in cloud.hooks())[1:] == ["waiting"] * 2
        cloud.reset()
        connection, _ = deaf.accept()
        with connection, connection.makefile("rb") as sent:
            connection.settimeout(10)
            assert sent.read().startswith(b"POST / HTTP/1.1")


def chaos(cloud: Cloud, inbox: Receiver, seed: int) -> list[str]:
    """Return in which order thirty uploads were told under these mishaps."""
    cloud.mishaps(drop=0.2, duplicate=0.2, reorder=0.3, seed=seed)
    for n in range(30):
        upload(cloud, str(n))
    cloud.release()
    return told_of(cloud, inbox)


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
    assert (told_of(told, inbox), told.state()["hooks_held"]) == ([], 3)
    assert told.release("reversed") == 3
    assert told_of(told, inbox) == ["c", "b", "a"]
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
