"""What was played and what became of it, as a table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from rich.table import Table

COLOURS = {None: "yellow", True: "green", False: "red"}


@dataclass(slots=True)
class SceneResult:
    """One line; `after` runs from the commit, or the call, until all had become so."""

    title: str
    file: str
    became: str = ""
    why: str = ""
    after: timedelta | None = None
    right: bool | None = None


def table(played: Iterable[SceneResult]) -> Table:
    """Return what has been played so far, made to fit 80 columns without breaking a word."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("what was done")
    shown.add_column("file", no_wrap=True)
    shown.add_column("became", no_wrap=True)
    shown.add_column("why")
    shown.add_column("after", justify="right", no_wrap=True)
    for one in played:
        shown.add_row(
            one.title,
            one.file,
            f"[{COLOURS[one.right]}]{one.became or 'waiting'}[/]",
            _brief(one.why),
            "" if one.after is None else f"{one.after.total_seconds() * 1000:.0f} ms",
        )
    return shown


def _brief(why: str) -> str:
    """Return a reason without schema and row; queue and report have it whole."""
    return re.sub(r"^((?:in use|named) by )(?:public\.)?(\S+).*", r"\1\2", why)
