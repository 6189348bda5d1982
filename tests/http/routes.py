"""The routes of the application, taken from itself, and a request to each that it understands.

A route that is added joins by itself: whatever looks at all of them looks at it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi.routing import iter_route_contexts

from tests.http.visits import application

NOBODY = "00000000-0000-4000-8000-000000000000"  # an id as it may look, and nobody's


@dataclass(frozen=True, slots=True)
class Route:
    """A method at a path, as it is asked: names in the path filled in, and a body that fits."""

    method: str
    path: str
    body: Any
    parameters: tuple[str, ...] = ()  # of the address, by its description

    def __str__(self) -> str:
        """Return it as logs would."""
        return f"{self.method} {self.path}"


def routes() -> list[Route]:
    """Return one for each method of each path; HEAD goes with GET."""
    app = application(None)
    described = app.openapi()
    schemas = described["components"]["schemas"]
    found = []
    for context in iter_route_contexts(app.routes):
        told = described["paths"].get(re.sub(r":\w+\}", "}", context.path or ""), {})
        for method in sorted((context.methods or set()) - {"HEAD"}):
            operation = told.get(method.lower(), {})
            body, known = _body(operation, schemas), _parameters(operation)
            path = re.sub(r"\{.*?\}", NOBODY, context.path or "")
            found.append(Route(method, path, body, known))
    return found


def _parameters(operation: dict[str, Any]) -> tuple[str, ...]:
    given = operation.get("parameters", ())
    return tuple(one["name"] for one in given if one["in"] == "query")


def _body(operation: dict[str, Any], schemas: dict[str, Any]) -> Any:  # noqa: ANN401  JSON
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return _sample(content["schema"], schemas) if content else None


def _sample(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:  # noqa: ANN401  JSON
    """Return something that fits, with what is required and no more."""
    if "$ref" in schema:
        return _sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for given in (schema.get("examples"), schema.get("enum")):
        if given:
            return given[0]
    if "anyOf" in schema:
        return _sample(schema["anyOf"][0], schemas)
    if schema.get("type") == "object":
        asked = schema.get("properties", {})
        return {name: _sample(asked[name], schemas) for name in schema.get("required", ())}
    return schema.get("default")


def pages() -> Iterator[str]:
    """Yield the path of each page of the admin UI that needs no id."""
    for route in routes():
        bare = not route.path.startswith(("/api/", "/static")) and NOBODY not in route.path
        if bare and route.method == "GET" and route.path not in PLAIN:
            yield route.path


PLAIN = {"/livez", "/readyz", "/healthz", "/metrics"}
