"""The flags by which `attach` and `sql attach` are told where a table names assets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mediasweep.cli.output import misused

PublicIds = Annotated[
    list[str] | None,
    typer.Option(
        "--public-id", help="A column with a public id, or a text[] of them.", metavar="COLUMN"
    ),
]
Urls = Annotated[
    list[str] | None,
    typer.Option("--url", help="A column with Cloudinary URLs.", metavar="COLUMN"),
]
JsonPaths = Annotated[
    list[str] | None,
    typer.Option(
        "--json-path",
        help="Ids in JSON: 'COLUMN PATH', as 'data $.images[*].publicId'.",
        metavar="'COLUMN PATH'",
    ),
]
ResourceType = Annotated[
    str | None,
    typer.Option(
        help="image, video or raw for all rows, or the column that says it.", metavar="TYPE|COLUMN"
    ),
]
DeliveryType = Annotated[
    str | None,
    typer.Option(
        help="upload, private or authenticated for all rows, or the column.", metavar="TYPE|COLUMN"
    ),
]
AssetId = Annotated[
    str | None, typer.Option(help="The column with Cloudinary's asset id.", metavar="COLUMN")
]
Version = Annotated[str | None, typer.Option(help="The column with the version.", metavar="COLUMN")]
Deleted = Annotated[
    str | None,
    typer.Option(
        help="Soft delete: a date or boolean column, or status=deleted,archived.",
        metavar="COLUMN[=VALUES]",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(help="SQL condition; only rows that meet it name assets.", metavar="EXPRESSION"),
]
Grace = Annotated[str | None, typer.Option(help="How long to wait before deleting, as '1 hour'.")]
CloudName = Annotated[
    str | None, typer.Option("--cloud", help="The cloud whose URLs are yours.", metavar="NAME")
]
References = Annotated[
    str | None,
    typer.Option(
        help="What to do with a row that begins to use an asset while it is being deleted.",
        metavar="refuse|wait",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail the statement if its capture fails.")]
NoNotify = Annotated[bool, typer.Option("--no-notify", help="Captures do not wake the daemon.")]
BrakeFloor = Annotated[
    int | None, typer.Option(min=1, help="The brake's floor for this table.", metavar="ROWS")
]
Options = Annotated[
    str | None,
    typer.Option(help="All other options, as JSON or in a file.", metavar="JSON|@FILE"),
]


def text_of(options: str | None) -> str | None:
    """Return the JSON of --options, from the file that it names with @, or - for stdin."""
    if options is None or not options.startswith("@"):
        return options
    name = options[1:]
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        misused(f"--options {options} cannot be read: {error}")
