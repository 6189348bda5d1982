"""How commands print: tables for people, JSON for programs, both to stdout; faults to stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer
from rich.cells import cell_len

from mediasweep.rules.number import size

GAP = "  "
SIZES = {"bytes", "file_size"}  # columns that JSON has exactly, and people as a size
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def misused(what: str) -> NoReturn:
    """Say what is wrong with a command line, and exit with 2."""
    typer.echo(f"mediasweep: {what}", err=True)
    raise typer.Exit(2)


def print_json(value: Any) -> None:  # noqa: ANN401  anything that JSON can say
    """Print one JSON document."""
    typer.echo(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def print_table(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, err: bool = False
) -> None:
    """Print rows as a table, one line each however long; `columns` maps keys to headings."""
    # laid out here: rich takes a minute for a hundred thousand rows
    lines = [list(columns.values()), *([shown(key, row[key]) for key in columns] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        padded = (text + " " * (w - cell_len(text)) for text, w in zip(line, widths, strict=True))
        text = GAP.join(padded).rstrip()
        typer.echo(text if number else typer.style(text, bold=True), err=err)


def shown(name: str, value: Any) -> str:  # noqa: ANN401  whatever a column holds
    """Return a value of the column of this name as people read it."""
    return cell(value) if value is None or name not in SIZES else size(value)


def cell(value: Any) -> str:  # noqa: ANN401  whatever a column holds
    """Return a value as people read it; control characters are made visible."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def in_a_line(text: str) -> str:
    """Return what the database said in several lines, with its hint, as one."""
    return "; ".join(cell(line) for line in text.splitlines() if line.strip())


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
