"""migrate, sql."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

WithLibrary = Annotated[
    bool,
    typer.Option("--with-library", help="Also make the table public.media_assets and attach it."),
]


def migrate(with_library: WithLibrary = False) -> None:
    """Bring the database to this version's schema.

    Safe to run at any time, and by any number at once.
    """
    from mediasweep.postgres import migrate as runner
    from mediasweep.settings import load

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    dsn = load().direct_dsn()
    if not asyncio.run(runner.migrate(dsn, with_library=with_library, say=say)):
        say("nothing to do")


def sql(with_library: WithLibrary = False) -> None:
    """Print the schema as SQL, to paste or to save.

    It is what `migrate` would run on an empty database.
    """
    from mediasweep.postgres.migrate import script

    for part in script(with_library=with_library):
        typer.echo(part, nl=False)
