"""The description of the API, in OpenAPI and in docs/api.md, is what the routes take and answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from mediasweep.http.examples import ANSWERS
from tests.daemons import ROOT
from tests.http.visits import application

SECTION = re.compile(r"^### `(\w+) (/api/\S+)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
HEADED = re.compile(r"^##+ ([^\n]+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
TEXTS = {
    re.sub(r"[^\w -]", "", head).lower().replace(" ", "-"): text
    for head, text in HEADED.findall(PAGE)
}


@cache
def described() -> dict[str, Any]:
    """Return the description."""
    return application(None).openapi()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation under its method and path."""
    for path, methods in described()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def names(schema: Any) -> set[str]:  # noqa: ANN401  JSON Schema
    """Return the names of all that a schema can hold, through its references."""
    if isinstance(schema, list):
        return {name for one in schema for name in names(one)}
    if not isinstance(schema, dict):
        return set()
    if "$ref" in schema:
        schema = described()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    inner = [v for k, v in schema.items() if k in {"items", "anyOf", "allOf"}]
    properties = schema.get("properties", {})
    return {*properties} | names(inner) | names([*properties.values()])


def test_every_route_has_a_section_and_no_other() -> None:
    """The page and the description know the same routes."""
    told = {f"{method} {path}" for method, path, _ in SECTION.findall(PAGE)}
    assert told == {name for name, _ in operations()}


@pytest.mark.parametrize("name", [f"{m} {p}" for m, p, _ in SECTION.findall(PAGE)])
def test_every_key_is_told_in_its_section(name: str) -> None:
    """What may be asked and is answered, or a link to where on the page that is told."""
    (text,) = (text for method, path, text in SECTION.findall(PAGE) if f"{method} {path}" == name)
    linked = [TEXTS[anchor] for anchor in re.findall(r"\]\(#([\w-]+)\)", text)]
    told = set(re.findall(r"`([\w-]+)`", " ".join([text, *linked])))
    operation = dict(operations())[name]
    asked = {one["name"] for one in operation.get("parameters", [])}
    bodies = operation.get("requestBody", {}).get("content", {}).values()
    answers = operation["responses"].get("200", {}).get("content", {}).values()
    keys = asked | names([one["schema"] for one in (*bodies, *answers)])
    assert keys - told - {"success", "timestamp"} == set()


def fits(value: Any, schema: Any) -> bool:  # noqa: ANN401  JSON, JSON Schema
    """Tell whether an example has exactly the keys that a schema has, all the way down."""
    if "$ref" in schema:
        schema = described()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return any(fits(value, one) for one in schema["anyOf"])
    if "properties" in schema:
        properties = schema["properties"]
        return set(value or ()) == set(properties) and all(
            fits(one, properties[name]) for name, one in value.items()
        )
    if "items" in schema:
        return isinstance(value, list) and all(fits(one, schema["items"]) for one in value)
    return value is None or schema.get("type") != "null"


def test_every_answer_has_an_example_that_is_one() -> None:
    """An example has exactly the keys of its answer, and stands in the description."""
    for name, operation in operations():
        assert {"4XX", "503"} <= set(operation["responses"]), name
        for good in [told for status, told in operation["responses"].items() if status == "200"]:
            (content,) = good["content"].values()
            assert content["example"], name
            # the description leaves out what is null
            assert fits(ANSWERS[operation["operationId"]], content["schema"]), name
