"""Which table a person means, by the names that it has; and which name may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from mediasweep.rules.attachment import AttachError


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the user's, with its names: bare, with its schema, and as SQL has it."""

    oid: int
    name: str
    qualified: str
    shown: str
    kind: str = "r"


KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


def table_called(text: str, oid: int | None, tables: Sequence[Table]) -> Table:
    """Return the table that a text names: as SQL has it (`oid`), or letter by letter.

    Raises AttachError with the nearest names, or where several tables fit.
    """
    fits = [t for t in tables if t.oid == oid]
    bare = text.replace('"', "")
    for called in (text, bare):
        fits = fits or [t for t in tables if called == t.qualified]
        fits = fits or [t for t in tables if called == t.name]
    if not fits:
        raise AttachError(f"there is no table {text!r}{nearest(text, _names(tables))}")
    if len(fits) > 1:
        names = " or ".join(t.shown for t in fits)
        raise AttachError(f"{text!r} is the name of more than one table: say {names}")
    if fits[0].kind in KINDS:
        raise AttachError(f"{fits[0].shown} is {KINDS[fits[0].kind]}: attach the table behind it")
    return fits[0]


def _names(tables: Sequence[Table]) -> dict[str, str]:
    """Return what tables are called, each with what to write."""
    plain = [t for t in tables if t.kind not in KINDS]
    return {t.qualified: t.shown for t in plain} | {t.name: t.shown for t in plain}


def nearest(text: str, names: dict[str, str]) -> str:
    """Return, as the end of a sentence, which of the names may have been meant."""
    lower = {name.lower(): said for name, said in names.items()}
    close = difflib.get_close_matches(text.lower().strip('"'), lower, n=3, cutoff=0.5)
    said = list(dict.fromkeys(lower[name] for name in close))
    return f": did you mean {' or '.join(said)}?" if said else ""
