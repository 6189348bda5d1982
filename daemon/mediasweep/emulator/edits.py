"""What an asset becomes when its tags, context, metadata, name, folder or moderation change.

Pure. Facts: Cloudinary documentation, "Upload API reference". What cannot be raises ValueError with
the message that the API answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from mediasweep.emulator.assets import Asset

UNESCAPED_BAR = re.compile(r"(?<!\\)\|")
UNESCAPED_EQUALS = re.compile(r"(?<!\\)=")
ESCAPED = re.compile(r"\\([|=])")
MODERATED = frozenset({"approved", "rejected", "pending"})
Edit = Callable[[Asset], Asset]
T = TypeVar("T")


def pairs(text: str) -> dict[str, str]:
    """Return what a text `k=v|k=v` says; `|` and `=` may be escaped by a backslash."""
    found = (UNESCAPED_EQUALS.split(pair, maxsplit=1) for pair in UNESCAPED_BAR.split(text))
    parts = (pair for pair in found if len(pair) == 2)  # noqa: PLR2004  a name and a value
    return {ESCAPED.sub(r"\1", k): ESCAPED.sub(r"\1", v) for k, v in parts}


def names(text: str) -> tuple[str, ...]:
    """Return what a text separated by commas names, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def known(metadata: Mapping[str, str], fields: Collection[str]) -> dict[str, str]:
    """Return metadata that has fields for all of it; raises ValueError for the others."""
    for name in metadata:
        if name not in fields:
            raise ValueError(f"field {name} doesn't exist")
    return dict(metadata)


def described(params: Mapping[str, str], fields: Collection[str]) -> Edit:
    """Return the edit that an update or an explicit asks for; what it does not name stays."""
    new: dict[str, Any] = {}
    if "tags" in params:
        new["tags"] = names(params["tags"])
    if "context" in params:
        new["context"] = pairs(params["context"])
    new |= {name: params[name] for name in ("asset_folder", "display_name") if name in params}
    status = params.get("moderation_status")
    if status is not None:
        if status not in MODERATED:
            raise ValueError(f"Illegal value for moderation_status - {status}")
        new["moderation"] = status
    given = known(pairs(params.get("metadata", "")), fields)

    def edit(asset: Asset) -> Asset:
        # a field is emptied by an empty value
        metadata = {k: v for k, v in {**asset.metadata, **given}.items() if v}
        return replace(asset, **new, metadata=metadata)

    return edit


def tagged(command: str, tag: str) -> Edit:
    """Return the edit of a command on tags."""
    given = names(tag)
    made: dict[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
        "add": lambda old: tuple(dict.fromkeys(old + given)),
        "remove": lambda old: tuple(tag for tag in old if tag not in given),
        "replace": lambda _: given,
        "remove_all": lambda _: (),
    }
    change = _of(made, command)
    return lambda asset: replace(asset, tags=change(asset.tags))


def contextual(command: str, context: str) -> Edit:
    """Return the edit of a command on context."""
    given = pairs(context)
    made: dict[str, Callable[[Mapping[str, str]], dict[str, str]]] = {
        "add": lambda old: {**old, **given},
        "remove_all": lambda _: {},
    }
    change = _of(made, command)
    return lambda asset: replace(asset, context=change(asset.context))


def _of(made: dict[str, T], command: str) -> T:
    if command not in made:
        raise ValueError(f"Invalid command - {command}")
    return made[command]
