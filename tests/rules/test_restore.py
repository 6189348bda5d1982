"""Which deletions are taken back by which calls, and how each answer is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.rules.outcome import Answer, Outcome
from mediasweep.rules.restore import (
    IDS_MOST,
    NEAR,
    TRIES,
    Batch,
    Deletion,
    calls,
    unique,
    wait,
)

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
A, B = UUID(int=1), UUID(int=2)
IMAGE = ("image", "upload")
ONE = Deletion(1, NOW, A, "a", "image", "upload", asset_id="x1")
NO_BACKUP = {"error": "no_backup"}

DELETIONS = st.lists(
    st.builds(
        Deletion,
        entry=st.integers(1, 10**6),
        at=st.just(NOW),
        queue_id=st.none() | st.uuids(),
        public_id=st.sampled_from(["a", "b", "c", "error"]) | st.text(min_size=1, max_size=5),
        resource_type=st.sampled_from(["image", "video", "raw", None]),
        delivery_type=st.sampled_from(["upload", "private", "authenticated", None, "fetch"]),
        asset_id=st.none() | st.sampled_from(["x1", "x2"]),
    ),
    max_size=350,
    unique_by=lambda one: one.entry,
)


def asset(public_id: str = "a", asset_id: str = "x1", **more: object) -> dict[str, Any]:
    """Return an asset as an answer describes it."""
    return {"public_id": public_id, "asset_id": asset_id, "bytes": 5, "placeholder": False, **more}


# -- which, and by which calls ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, entry=2, queue_id=B, asset_id=None),  # the same id and types
        replace(ONE, entry=2, queue_id=B, public_id="renamed"),  # the same asset id
        replace(ONE, entry=2, asset_id=None, resource_type=None),  # the same queue row
    ],
)
def test_an_asset_is_taken_back_once(other: Deletion) -> None:
    """Of several deletions of one asset the newest counts, whatever tells that it is one."""
    assert unique([other, ONE]) == [other]


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, entry=2, queue_id=B, asset_id="x2", public_id="b"),
        replace(ONE, entry=2, queue_id=B, asset_id=None, resource_type="raw"),
        replace(ONE, entry=2, queue_id=None, asset_id=None, delivery_type="private"),
    ],
)
def test_assets_that_differ_are_both_taken_back(other: Deletion) -> None:
    """Another id, or the same id under another type, is another asset."""
    assert unique([other, ONE]) == [other, ONE]


@given(DELETIONS, st.booleans())
def test_every_deletion_is_in_one_call_or_has_a_result(
    deletions: list[Deletion], by_asset_id: bool
) -> None:
    """Nothing is left out and nothing comes twice; no call names more than it may."""
    batches, hopeless = calls(deletions, by_asset_id=by_asset_id)
    placed = [one for batch in batches for one in batch.deletions]
    placed += [result.deletion for result in hopeless]
    assert sorted(one.entry for one in placed) == sorted(one.entry for one in deletions)
    assert all(0 < len(batch.ids) <= IDS_MOST and all(batch.ids) for batch in batches)
    assert all(result.why for result in hopeless)


def test_a_call_is_about_one_pair_of_types_or_about_asset_ids() -> None:
    """Public ids are grouped by their types; asset ids are used only where they are proven."""
    video = Deletion(2, NOW, B, "v", "video", "private", asset_id="x2")
    plain = Deletion(3, NOW, None, "p", "image", "upload")
    told = [
        [(batch.types, batch.ids) for batch in calls([ONE, video, plain], by_asset_id=proven)[0]]
        for proven in (False, True)
    ]
    assert told[0] == [(IMAGE, ["a", "p"]), (("video", "private"), ["v"])]
    assert told[1] == [(None, ["x1", "x2"]), (IMAGE, ["p"])]


def test_a_thousand_assets_take_ten_calls() -> None:
    """Calls are as full as they may be."""
    many = [replace(ONE, entry=n, public_id=str(n), asset_id=None) for n in range(1001)]
    batches, _ = calls(many, by_asset_id=False)
    assert [len(batch.ids) for batch in batches] == [100] * 10 + [1]


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (replace(ONE, resource_type=None), "is not known"),
        (replace(ONE, delivery_type=None), "is not known"),
        (replace(ONE, public_id="error"), "the SDK cannot read"),
    ],
)
def test_what_no_call_can_name_is_told_beforehand(one: Deletion, why: str) -> None:
    """Without types, or with an id that would hide the answer, only an asset id helps."""
    batches, (result,) = calls([one], by_asset_id=False)
    assert (batches, why in (result.why or "")) == ([], True)
    assert calls([one], by_asset_id=True)[1] == []


# -- what is answered ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"a": asset()}, None),
        ({"a": asset(asset_id="x2")}, "another asset, x2, has its public id now"),
        ({"a": asset(bytes=0, placeholder=True)}, "still has a placeholder"),
        ({"a": NO_BACKUP}, "Cloudinary has no backup of it"),
        ({"a": {"error": "failed"}}, "Cloudinary could not restore it"),
        ({"a": {"error": "unauthorized"}}, "this API key may not restore it"),
        ({"a": {"error": {"message": "odd"}}}, "Cloudinary says: {'message': 'odd'}"),
        ({"b": asset("b", "x2")}, "does not name it"),
        ({}, "does not name it"),
        ({"a": "ok"}, "cannot be read: ok"),
        ({"a": {}}, "cannot be read: {}"),
        ({"a": None}, "does not name it"),
    ],
)
def test_only_the_asset_itself_is_a_success(told: dict[str, Any], why: str | None) -> None:
    """A deletion is taken back when its asset is described; all else is a reason why not."""
    (result,) = Batch(IMAGE, [ONE]).read(told, "r1")
    assert result.request_id == "r1"
    assert (result.why is None) == (why is None)
    assert (why or "") in (result.why or "")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"x1": asset()}, None),
        ({"a": asset()}, None),
        ({"other": asset(public_id="renamed")}, None),
        ({"x1": {"public_id": "a"}}, None),
        ({"x1": NO_BACKUP}, "Cloudinary has no backup of it"),
        ({"a": NO_BACKUP}, "Cloudinary has no backup of it"),
        ({"b": asset("b", "x2")}, "Cloudinary's answer does not name it"),
    ],
)
def test_an_asset_id_is_found_under_whatever_key(told: dict[str, Any], why: str | None) -> None:
    """The keys of an answer to asset ids may be asset ids or public ids."""
    assert Batch(None, [ONE]).read(told)[0].why == why


def test_a_call_that_failed_has_a_result_for_each() -> None:
    """What is wrong with the call is the reason for all that it named."""
    two = replace(ONE, entry=2, public_id="b")
    told = Batch(IMAGE, [ONE, two]).fail("no", "r1")
    assert [(v.deletion, v.why, v.request_id) for v in told] == [
        (ONE, "no", "r1"),
        (two, "no", "r1"),
    ]


# -- when to ask again -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (NOW + timedelta(seconds=30), timedelta(seconds=31)),
        (NOW - timedelta(hours=1), timedelta(seconds=1)),
        (NOW + NEAR, None),
        (None, None),  # the full hour, half an hour away
    ],
)
def test_a_limit_is_waited_for_if_it_ends_soon(
    until: datetime | None, expected: timedelta | None
) -> None:
    """The named reset is waited for up to five minutes; without one it is the full hour."""
    assert wait(Answer(Outcome.THROTTLED, until=until), 1, NOW) == expected


def test_a_limit_without_a_time_ends_with_the_hour() -> None:
    """Shortly before the full hour that is near enough to be waited for."""
    late = NOW.replace(minute=58)
    assert wait(Answer(Outcome.THROTTLED), 1, late) == timedelta(minutes=2, seconds=1)


@pytest.mark.parametrize("outcome", Outcome)
def test_no_call_is_repeated_without_end(outcome: Outcome) -> None:
    """After the last try nothing is waited for; a good or a final answer never is."""
    answer = Answer(outcome, until=NOW)
    assert wait(answer, TRIES, NOW) is None
    again = {Outcome.UNCLEAR, Outcome.UNREACHABLE, Outcome.LOCKED, Outcome.THROTTLED}
    assert (wait(answer, 1, NOW) is not None) == (outcome in again)
