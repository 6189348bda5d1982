"""What a listing says, what is asked about a difference, and how much of the quota it may take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from mediasweep.rules.drift import (
    ASKED_MOST,
    ListingError,
    ReconcileFinding,
    in_words,
    page,
    questions,
)
from mediasweep.rules.quota import Quota
from mediasweep.rules.share import SLACK, next_hour, pause

NOW = datetime(2026, 1, 5, 12, 30, tzinfo=UTC)
TOLD = {"asset_id": "a", "public_id": "p", "type": "upload", "version": 1767600000, "bytes": 7}
TOLD |= {"created_at": "2020-01-01T00:00:00Z"}


def ghost(number: int, public_id: str, **more: Any) -> ReconcileFinding:  # noqa: ANN401  of any field
    """Return a ghost, an uploaded image unless it is told otherwise."""
    known = {"resource_type": "image", "delivery_type": "upload", "asset_id": None, "version": None}
    return ReconcileFinding(number, "ghost", public_id, **known | more)


def test_an_asset_is_as_old_as_its_newest_file() -> None:
    """An upload in place of an old asset makes it young: its version is the second of that."""
    assert page({"resources": [TOLD]})[0]["made_at"] == "2026-01-05T08:00:00+00:00"
    old = TOLD | {"version": 1}
    assert page({"resources": [old]})[0]["made_at"] == "2020-01-01T00:00:00+00:00"


@pytest.mark.parametrize("sign", [{"placeholder": True}, {"bytes": 0}])
def test_what_is_left_of_a_deleted_asset_is_a_placeholder(sign: dict[str, Any]) -> None:
    """Either sign of it is enough."""
    assert page({"resources": [TOLD | sign]})[0]["placeholder"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"resources": {}},
        {"resources": [None]},
        {"resources": [TOLD | {"version": None}]},
        {"resources": [TOLD | {"created_at": "yesterday"}]},
        {"resources": [TOLD | {"version": 10**20}]},
        {"resources": [{"public_id": "p"}]},
    ],
)
def test_a_page_that_cannot_be_read_is_no_page(body: dict[str, Any]) -> None:
    """One asset that was left out would be a ghost, so nothing is left out."""
    with pytest.raises(ListingError):
        page(body)


@pytest.mark.parametrize(
    ("kind", "detail", "said"),
    [
        ("ghost", {"backup": True}, "there is a backup"),
        ("ghost", None, "no backup is known"),
        ("orphan", None, ""),
        (
            "orphan",
            {"public_id": ["P", "p"]},
            "a row of t nearly names it, so it is not deleted: P",
        ),
        (
            "mismatch",
            {"version": [1, 2], "bytes": [3, 4]},
            "version: 1 here, 2 there, bytes: 3 here, 4 there",
        ),
    ],
)
def test_what_is_known_of_a_finding_is_told_in_words(
    kind: str, detail: dict[str, Any] | None, said: str
) -> None:
    """The same in a table, and on a page."""
    assert in_words({"kind": kind, "source": "t", "detail": detail}) == said


def test_every_type_that_may_be_meant_is_asked_for() -> None:
    """By name under each type that is not known, and by asset id where there is one."""
    asked = list(questions([ghost(1, "p", resource_type=None, asset_id="a"), ghost(2, "q")]))
    assert {(one.types, one.ids) for one in asked} == {
        (("image", "upload"), ("p", "q")),
        (("video", "upload"), ("p",)),
        (("raw", "upload"), ("p",)),
        (None, ("a",)),
    }


def test_no_question_is_longer_than_an_address_may_be() -> None:
    """At most a hundred ids, and fewer if they are long; each is asked for once."""
    ghosts = [ghost(n, f"{'ü' * 80}{n}") for n in range(50)] + [
        ghost(n, f"{n}") for n in range(250)
    ]
    asked = [one.ids for one in questions(ghosts)]
    assert max(len(ids) for ids in asked) == 100
    assert max(sum(len(quote(one)) for one in ids) for ids in asked) <= ASKED_MOST
    assert sorted(i for ids in asked for i in ids) == sorted({one.public_id for one in ghosts})


def test_an_asset_is_known_by_its_name_or_its_asset_id() -> None:
    """A type that is not known is any; another file under the same name is not the same."""
    one = ghost(1, "p", resource_type=None, asset_id="a", version=5)
    told = {"public_id": "p", "resource_type": "raw", "type": "upload", "asset_id": "b"}
    assert one.is_told(told)
    assert not one.is_told(told | {"type": "private"})
    assert one.is_told({"public_id": "renamed", "asset_id": "a"})
    assert one.is_same({"public_id": "p", "asset_id": "a", "version": 5})
    assert not one.is_same({"public_id": "p", "asset_id": "a", "version": 6})


@pytest.mark.parametrize(
    ("left", "share", "waits"),
    [
        *[(500, 0.5, False), (251, 0.5, False), (250, 0.5, True)],
        *[(0, 1, True), (1, 1, False), (500, 0.001, False), (499, 0.001, True)],
    ],
)
def test_what_is_left_to_others_is_not_taken(left: int, share: float, *, waits: bool) -> None:
    """Below the others' share it waits for the reset, and no longer."""
    quota = Quota(500, left, NOW + timedelta(minutes=3))
    assert pause(quota, share, NOW) == (timedelta(minutes=3) + SLACK if waits else timedelta(0))
    assert pause(quota, share, NOW + timedelta(minutes=3)) == timedelta(0)


def test_the_quota_is_whole_again_at_the_full_hour() -> None:
    """Where Cloudinary does not say when."""
    assert next_hour(NOW) == datetime(2026, 1, 5, 13, tzinfo=UTC)
