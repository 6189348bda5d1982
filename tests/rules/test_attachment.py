"""Flags of attach and the options of the database say the same, in both directions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediasweep.rules.attachment import AttachError, AttachFlags, flags
from mediasweep.rules.table import Table, table_called
from tests.schema.shapes import Shape
from tests.schema.shapes_many import MANY
from tests.schema.shapes_single import SINGLE

NAMES = {
    "--public-id": "public_id",
    "--url": "url",
    "--json-path": "json_path",
    "--where": "filter",
    "--no-notify": "notify",
}
MANIFOLD = ("public_id", "url", "json_path")
CASES: list[dict[str, Any]] = [
    {"public_id": "-c"},
    {"public_id": "c", "resource_type": "image"},
    {"public_id": "c", "resource_type": {"value": "image"}, "deleted": "a=b"},
    {"public_id": "c", "deleted": {"column": "s", "in": ["a,b"]}},
    {"public_id": "c", "deleted": {"column": "s", "in": [1]}},
    {"public_id": "c", "strict": False, "notify": True, "brake": {"floor": 5, "share": 0.1}},
    {"public_id": {"column": "a b", "path": "$.x"}},
    {"public_id": {"column": "a", "path": "strict $.x"}, "filter": "x = ''"},
    {"refs": [{"public_id": "c"}]},
    {"refs": [{"public_id": {"column": "u", "url": True}}, {"public_id": "c"}]},
]


def said(words: list[str]) -> AttachFlags:
    """Read flags as the command line does."""
    given: dict[str, Any] = {}
    left = list(words)
    while left:
        flag = left.pop(0)
        name = NAMES.get(flag, flag.removeprefix("--").replace("-", "_"))
        if name in MANIFOLD:
            given[name] = (*given.get(name, ()), left.pop(0))
        elif name in {"strict", "notify"}:
            given[name] = name == "strict"
        else:
            value = left.pop(0)
            given[name] = int(value) if name == "brake_floor" else value
    return AttachFlags(**given)


@pytest.mark.parametrize("options", CASES, ids=json.dumps)
def test_flags_say_what_these_options_said(options: dict[str, Any]) -> None:
    """Whatever flags cannot say is left to JSON, and nothing gets lost on the way."""
    assert said(flags(options)).read() == options


@pytest.mark.parametrize("shape", [*SINGLE, *MANY], ids=lambda shape: shape.name)
def test_flags_say_what_the_options_of_real_schemas_said(shape: Shape) -> None:
    """What is suggested as flags is read as the options that it was made of."""
    assert said(flags(shape.options)).read() == shape.options


def test_what_flags_can_say_is_not_said_in_json() -> None:
    """A plain table gets a plain command line."""
    options = {
        "refs": [{"public_id": "a"}, {"public_id": {"column": "u", "url": True}}],
        "resource_type": {"value": "video"},
        "deleted": {"column": "s", "in": ["x", "y"]},
        "notify": False,
    }
    words = "--public-id a --url u --resource-type video --deleted s=x,y --no-notify"
    assert flags(options) == words.split()


@pytest.mark.parametrize(
    "wrong",
    [
        AttachFlags(),
        AttachFlags(strict=True),
        AttachFlags(public_id=("a",), options='{"refs": []}'),
        AttachFlags(public_id=("a", "b"), options='{"public_id": "a"}'),
        AttachFlags(json_path=("$.a",)),
        AttachFlags(json_path=("data",)),
        AttachFlags(public_id=("a",), options="no"),
        AttachFlags(public_id=("a",), options="1"),
        AttachFlags(public_id=("a", "a")),
        AttachFlags(public_id=("a",), filter=""),
        AttachFlags(public_id=("a",), deleted="status="),
        AttachFlags(public_id=("a",), cloud="mine"),
        AttachFlags(url=("a",), cloud="my cloud"),
    ],
)
def test_what_cannot_be_meant_is_an_error(wrong: AttachFlags) -> None:
    """Nothing that is given twice, or in part, is guessed."""
    with pytest.raises(AttachError):
        wrong.read()


TABLES = [
    Table(1, "posts", "public.posts", "public.posts"),
    Table(2, "Posts", "public.Posts", 'public."Posts"'),
    Table(3, "posts", "other.posts", "other.posts"),
    Table(4, "seen", "public.seen", "public.seen", "v"),
]


@pytest.mark.parametrize(
    ("text", "oid", "found"),
    [
        ("posts", 3, 3),
        ("Posts", 1, 1),
        ("Posts", None, 2),
        ("other.posts", None, 3),
        ('"Posts"', None, 2),
    ],
)
def test_a_table_is_first_what_sql_means(text: str, oid: int | None, found: int) -> None:
    """As SQL reads it, else letter by letter."""
    assert table_called(text, oid, TABLES).oid == found


@pytest.mark.parametrize(
    ("text", "oid", "said_"),
    [
        ("posts", None, "more than one table: say public.posts or other.posts"),
        ("seen", 4, "public.seen is a view"),
        ("post", None, "did you mean"),
        ("zzzz", None, "there is no table 'zzzz'$"),
    ],
)
def test_a_name_without_one_table_is_an_error(text: str, oid: int | None, said_: str) -> None:
    """It says which tables fit, or come near."""
    with pytest.raises(AttachError, match=said_):
        table_called(text, oid, TABLES)
