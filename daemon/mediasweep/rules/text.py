"""Texts that come from outside: as a database can hold them, and what an error says."""

from __future__ import annotations

from typing import overload


@overload
def storable(text: str) -> str: ...
@overload
def storable(text: None) -> None: ...
def storable(text: str | None) -> str | None:
    """Return a text as text and jsonb hold it: without NUL and without halves of characters."""
    return None if text is None else text.replace("\0", "").encode("utf-8", "replace").decode()


def message(error: BaseException) -> str:
    """Return what an error says, or its name if it says nothing."""
    return str(error) or type(error).__name__
