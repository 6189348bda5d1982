"""The `mediasweep` command. stdout is data, stderr is log; exit codes:

0 ok · 1 failed · 2 usage or settings · 3 database · 4 Cloudinary · 5 schema too new or too old ·
6 refused by a safeguard. Whatever a command cannot do, it says in one line that names the remedy.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from mediasweep.cli import daemon, fleet, queue, schema

app = typer.Typer(
    name="mediasweep",
    help="Keeps a Postgres database and a Cloudinary account in step: a row goes, its asset goes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(daemon.run)
app.command("demo")(daemon.demo)
app.command("version")(daemon.version)
app.command("migrate")(schema.migrate)
app.command("sql")(schema.sql)
app.command("status")(fleet.status)
app.command("pause")(fleet.pause)
app.command("resume")(fleet.resume)
app.add_typer(queue.app, name="queue")


def main() -> NoReturn:
    """Run the command and exit with its code."""
    try:
        app()
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        sys.stderr.write(f"mediasweep: {error}\n")
        sys.exit(code)
    sys.exit(0)


def exit_code(error: Exception) -> int | None:
    """Return the exit code of an explained error; None: it is a bug, and is shown whole."""
    from mediasweep.demo.binaries import NoServerError
    from mediasweep.demo.cluster import ServerError
    from mediasweep.demo.processes import DaemonError
    from mediasweep.postgres.migrate import SchemaError
    from mediasweep.postgres.pool import PASSING, DatabaseError
    from mediasweep.run import StartError
    from mediasweep.settings import SettingsError

    if isinstance(error, StartError):
        return error.code
    if isinstance(error, SettingsError):
        return 2
    if isinstance(error, SchemaError):
        return 5
    if isinstance(error, (DatabaseError, *PASSING)):
        return 3
    if isinstance(error, (NoServerError, ServerError, DaemonError)):
        return 1
    return None
