"""What is read from a body: each asset once, what is so since when, and nothing by guessing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasweep.rules.notification import EPOCH, READERS, Notification

SIGNED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASSET: dict[str, Any] = {"asset_id": "1", "resource_type": "image", "type": "upload"}
NAME = {"public_id": "a", "resource_type": "image", "type": "upload"}
WORDS = """
asset_id public_id resource_type type version bytes tags context custom added removed updated name
value timestamp triggered_at notification_context to_public_id from_public_id width created_at
duration placeholder to_asset_folder new_display_name
"""
KEYS = st.sampled_from(WORDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def _read(kind: str, **told: Any) -> list[Any]:  # noqa: ANN401  JSON
    body = json.dumps({"notification_type": kind, **told}).encode()
    return Notification.read(body).changes(SIGNED_AT)


CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "delete": (
        "delete",
        {"resources": [{**ASSET, "public_id": "a"}]},
        {"gone": True, "was": NAME},
    ),
    "rename": (
        "rename",
        {**ASSET, "from_public_id": "a", "to_public_id": "x/b", "display_name": "B"},
        {"name": NAME | {"public_id": "x/b"}, "was": NAME, "folder": "x", "display_name": "B"},
    ),
    "move": (
        "move",
        {"resources": {"a": {**ASSET, "to_asset_folder": "x"}}},
        {"name": NAME, "folder": "x"},
    ),
    "tags": (
        "resource_tags_changed",
        {"resources": [{**ASSET, "public_id": "a", "added": ["x"], "removed": ["y"]}]},
        {"name": NAME, "tag:x": True, "tag:y": False},
    ),
    "context as pairs": (
        "resource_context_changed",
        {"resources": {"a": {**ASSET, "added": [{"name": "alt", "value": "x"}]}}},
        {"name": NAME, "context:alt": "x"},
    ),
    "context as a map": (
        "resource_context_changed",
        {"resources": {"a": {**ASSET, "removed": {"alt": "x"}, "updated": {"caption": 1}}}},
        {"name": NAME, "context:alt": None, "context:caption": "1"},
    ),
    "metadata": (
        "resource_metadata_changed",
        {"resources": {"a": {**ASSET, "new_metadata": {"x": 1}}}},
        {"name": NAME},
    ),
    "display name": (
        "resource_display_name_changed",
        {"resources": {"a": {**ASSET, "new_display_name": "x"}}},
        {"name": NAME, "display_name": "x"},
    ),
    "half a name": ("delete", {"resources": [{"asset_id": "1", "public_id": "a"}]}, {"gone": True}),
    "what jsonb cannot hold": (
        "resource_tags_changed",
        {"resources": [{"asset_id": "1", "added": ["a\0\ud800"]}]},
        {"tag:a?": True},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_type_says_what_its_documentation_says(name: str) -> None:
    """A list, a map or the body itself: what it says of the asset is read."""
    kind, told, said = CASES[name]
    [change] = _read(kind, **told)
    assert (change.asset_id, change.said) == ("1", said)


def test_an_upload_says_what_the_file_is() -> None:
    """The file, its name, folder, tags and context, and no more than is told."""
    more = {"public_id": "a", "version": 7, "bytes": 5, "format": "jpg", "tags": ["x"], "width": 0}
    context = {"custom": {"alt": "y"}}
    [change] = _read("upload", **ASSET, **more, context=context, created_at="2026-01-01T00:00:00Z")
    file = {key: value for key, value in change.said.pop("upload").items() if value is not None}
    assert change.said == {"name": NAME, "folder": "", "tag:x": True, "context:alt": "y"}
    assert file == {
        "public_id": "a",
        "version": 7,
        "bytes": 5,
        "format": "jpg",
        "mime_type": "image/jpeg",
        "access_mode": "public",
        "created_at": "2026-01-01T00:00:00+00:00",
    }


@pytest.mark.parametrize(
    "told",
    [
        {"placeholder": True, "bytes": 5},
        {"bytes": 0},
        {"bytes": 5, "type": None},
        {"bytes": 5, "asset_id": None},
    ],
)
def test_an_upload_without_a_file_or_a_name_says_nothing(told: dict[str, Any]) -> None:
    """A placeholder is no asset that a library could show, and one without an id is none at all."""
    assert _read("upload", **{**ASSET, "public_id": "a", **told}) == []


def test_another_type_says_nothing() -> None:
    """What is not known is no change, whatever it names."""
    assert _read("eager", resources=[{**ASSET, "public_id": "a"}]) == []


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ({"notification_context": {"triggered_at": "2026-03-01T11:59:59.5Z"}}, "11:59:59.500000"),
        ({"timestamp": "2026-03-01T11:00:00+00:00"}, "11:00:00"),
        ({"timestamp": "2026-03-01T11:00:00"}, "11:00:00"),
        ({"timestamp": "yesterday", "notification_context": 3}, "12:00:00"),
        ({"notification_context": {"triggered_at": "9999-01-01T00:00:00Z"}}, "12:10:00"),
    ],
)
def test_it_happened_when_the_body_says_and_not_after_it_was_signed(
    told: dict[str, Any], at: str
) -> None:
    """Without a time of its own, the signature's counts; a time to come would win for ever."""
    [change] = _read("delete", resources=[ASSET], **told)
    wanted = datetime.fromisoformat(f"2026-03-01T{at}+00:00")
    assert change.at_us == (wanted - EPOCH).total_seconds() * 1e6


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"notification_type": 3}', b"\xff", b"[" * 100_000, b"NaN"]
)
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    """A body that is no object with a type raises ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011  whatever it says
        Notification.read(body)


@given(st.sampled_from(sorted(READERS)), JSON, JSON)
def test_whatever_a_body_holds_is_read(kind: str, told: object, resources: object) -> None:
    """No JSON makes reading fail, and what is read can be written as strict JSON again."""
    more = dict(told) if isinstance(told, dict) else {}
    for change in _read(kind, **more) + _read(kind, **{**more, "resources": resources}):
        text = json.dumps(change.as_json(), allow_nan=False)
        assert "\\u0000" not in text
        assert -(2**63) <= change.at_us < 2**63
