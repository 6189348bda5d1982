"""The parameters of a request to the Admin API: query, JSON body, or form as older SDKs send it.

A body that cannot be read raises ApiError 400. A parameter of the wrong kind counts as not given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from mediasweep.emulator.answers import ApiError

ITEM = re.compile(r"(.+)\[\d*\]")  # the name of an item of a list, numbered or not


@dataclass(frozen=True, slots=True)
class Params:
    """What was asked for, by name; lists of texts are lists, everything else is as it came."""

    given: Mapping[str, Any]

    def __contains__(self, name: str) -> bool:
        return self.given.get(name) is not None

    def text(self, name: str) -> str:
        """Return a text or a number as text, or nothing."""
        found = self.given.get(name)
        fits = isinstance(found, str | int | float) and not isinstance(found, bool)
        return str(found) if fits else ""

    def number(self, name: str, default: int) -> int:
        """Return a whole number that is not negative."""
        found = self.text(name)
        return int(found) if found.isascii() and found.isdecimal() else default

    def flag(self, name: str) -> bool:
        """Tell whether something is wanted."""
        return str(self.given.get(name)).lower() in {"true", "1"}

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts, or None if it is none."""
        found = self.given.get(name)
        fits = isinstance(found, list) and all(isinstance(item, str) for item in found)
        return found if fits else None


async def params(request: Request) -> Params:
    """Return the parameters of a request; the body counts more than the query."""
    given = _listed(request.query_params.multi_items())
    body = await request.body()
    if not body.strip():
        return Params(given)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return Params(given | _listed(parse_qsl(body.decode(errors="replace"))))
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            return Params(given | _listed((k, str(v)) for k, v in form.multi_items()))
    try:
        read = json.loads(body)
    except ValueError as wrong:
        raise ApiError(400, "Malformed request body") from wrong
    if not isinstance(read, dict):
        raise ApiError(400, "Malformed request body")
    return Params(given | read)


def _listed(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if item := ITEM.fullmatch(name):
            found.setdefault(item[1], []).append(value)
        else:
            found[name] = value
    return found
