"""How commands print: tables for people, JSON for programs; both to stdout."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDEST = 4000


def print_json(value: Any) -> None:  # noqa: ANN401  anything that JSON can say
    """Print one JSON document."""
    typer.echo(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def print_table(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, err: bool = False
) -> None:
    """Print rows as a table, one line each however long; `columns` maps keys to headings."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, no_wrap=True, overflow="ignore")
    for row in rows:
        table.add_row(*(cell(row[key]) for key in columns))
    console = Console(width=WIDEST)  # the terminal may break a line; a filter must not find half
    with console.capture() as captured:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()), err=err)


def cell(value: Any) -> Text:  # noqa: ANN401  whatever a column holds
    """Return a value as people read it; control characters are made visible."""
    if value is None:
        return Text("")
    if isinstance(value, datetime):
        return Text(value.strftime("%Y-%m-%d %H:%M:%S"))
    text = str(value)
    return Text("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)
