"""The alerts for Prometheus, with the limits that their user wants.

`alerts.yaml` beside this module is their source. A `%{name=value}` in it is a parameter and its
default, which each further `%{name}` repeats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_SOURCE = Path(__file__).with_name("alerts.yaml")
_PARAMETER = re.compile(r"%\{(\w+)(?:=([^}]+))?\}")
# what Prometheus would refuse only when it loads the file
_LABELS = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*(,[a-zA-Z_][a-zA-Z0-9_]*)*")
_NOT_IN_GO = re.compile(r"\(\?[=!<>#(]|[*+?}]\+")  # what it cannot say, of what Python can
# what a value may look like; the default says which of them
_KINDS = {
    "a number": re.compile(r"\d+(\.\d+)?"),
    "a duration": re.compile(r"\d+(ms|s|m|h|d)"),
    "a text without spaces, quotes and braces": re.compile(r"[^\s\"'\\{}]+"),
}


def parameters() -> dict[str, str]:
    """Return the name and the default of each parameter, in the order of the alerts."""
    found = _PARAMETER.findall(_SOURCE.read_text(encoding="utf-8"))
    return {name: default for name, default in found if default}


def render(given: Mapping[str, str]) -> str:
    """Return the file for Prometheus, with these values in place of the defaults.

    Raises ValueError for a name that does not exist, and for a value of another kind.
    """
    values = parameters()
    for name, value in given.items():
        if name not in values:
            raise ValueError(f"there is no {name}: choose among {', '.join(values)}")
        kind = _kind(values[name])
        if not _KINDS[kind].fullmatch(value):
            raise ValueError(f"{name}={value} has to be {kind}, as in {name}={values[name]}")
    _check_labels(given.get("fleet", "job"))
    _check_expression(given.get("jobs", ""))
    values |= given
    return _PARAMETER.sub(lambda found: values[found[1]], _SOURCE.read_text(encoding="utf-8"))


def _check_labels(fleet: str) -> None:
    if not _LABELS.fullmatch(fleet):
        raise ValueError(f"fleet={fleet} has to be names of labels, as in fleet=job,namespace")


def _check_expression(jobs: str) -> None:
    try:
        re.compile(jobs)
    except re.error as error:
        raise ValueError(f"jobs={jobs} is no regular expression: {error}") from None
    if _NOT_IN_GO.search(jobs):
        raise ValueError(f"jobs={jobs} is no regular expression as Prometheus has them")


def _kind(default: str) -> str:
    return next(kind for kind, pattern in _KINDS.items() if pattern.fullmatch(default))
