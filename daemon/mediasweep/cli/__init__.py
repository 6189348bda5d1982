"""The `mediasweep` command. stdout is data, stderr is log; exit codes:

0 ok · 1 failed · 2 usage or settings · 3 database · 4 Cloudinary · 5 schema too new or too old ·
6 refused by a safeguard. Whatever a command cannot do, it says in one line that names the remedy.
"""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from mediasweep.cli import (
    attach,
    brake,
    daemon,
    detach,
    doctor,
    environment,
    fleet,
    queue,
    reconcile,
    restore,
    scheduler,
    schema,
    selftest,
    webhook,
)
from mediasweep.rules.text import message

app = typer.Typer(
    name="mediasweep",
    help="Deletes Cloudinary assets when their rows in Postgres are deleted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.callback()(daemon.options)
app.command("run")(daemon.run)
app.command("demo")(daemon.demo)
app.command("version")(daemon.version)
app.command("migrate")(schema.migrate)
app.command("attach")(attach.attach)
app.command("detach")(detach.detach)
app.command("uninstall")(detach.uninstall)
sql = typer.Typer(invoke_without_command=True)
sql.callback()(schema.sql)
sql.command("attach")(attach.sql_attach)
sql.command("detach")(detach.sql_detach)
app.add_typer(sql, name="sql")
app.command("status")(fleet.status)
app.command("doctor")(doctor.doctor)
app.command("pause")(fleet.pause)
app.command("resume")(fleet.resume)
app.command("adopt")(environment.adopt)
app.command("restore")(restore.restore)
app.command("reconcile")(reconcile.reconcile)
app.command("selftest")(selftest.selftest)
app.add_typer(queue.app, name="queue")
app.add_typer(scheduler.app, name="scheduler")
app.add_typer(brake.app, name="brake")
app.add_typer(webhook.app, name="webhook")


def main() -> NoReturn:
    """Run the command and exit with its code; an error without an explanation is shown whole."""
    try:
        app()
    except SystemExit:  # as which commands end well; what is explained takes long to import
        raise
    except tuple(explained()) as error:
        code = error.code if hasattr(error, "code") else exit_code(error)
        sys.stderr.write(f"mediasweep: {sentence(error)}\n")
        sys.exit(code)
    sys.exit(0)


def sentence(error: BaseException) -> str:
    """Return what an error says, and what there is to do about it."""
    import asyncpg

    from mediasweep.postgres.user_errors import user_function

    said = message(error)
    if name := user_function(error):
        return f"{name}, a function of yours that a trigger calls, fails: {said}"
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return (
            f"{said}: run this as the role that ran `mediasweep migrate`; with three roles, as a "
            "member of mediasweep_daemon, or of mediasweep_owner for what only the owner may do"
        )
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedObjectError):
        return (
            f"{said}: part of the schema mediasweep is missing or renamed; restore it. Until then "
            "captures are kept in mediasweep.fallback, if that table still exists"
        )
    if isinstance(error, ConnectionError | TimeoutError):
        return f"the database does not answer: {said}"
    if isinstance(error, OSError):
        return f"a file cannot be read or written: {said}"
    return said


def explained() -> dict[type[BaseException], int]:
    """Return the errors whose message says what to do, each with its exit code."""
    import asyncpg

    from mediasweep.demo.binaries import NoServerError
    from mediasweep.demo.cluster import ServerError
    from mediasweep.demo.processes import DaemonError
    from mediasweep.operations.brake import DigestError
    from mediasweep.operations.refusal import RefusedError
    from mediasweep.operations.webhooks import AddressError, WebhookError
    from mediasweep.postgres.pool import PASSING, DatabaseError
    from mediasweep.rules.attachment import AttachError
    from mediasweep.rules.drift import ListingError
    from mediasweep.rules.failures import AccountError, BusyError, SchemaError, StoppedError
    from mediasweep.rules.filter import FilterError
    from mediasweep.rules.moment import MomentError
    from mediasweep.settings import SettingsError, StartError

    demo = dict.fromkeys((NoServerError, ServerError, DaemonError), 1)
    away = (ConnectionError, TimeoutError)  # any other OSError is of a file
    database = dict.fromkeys((DatabaseError, asyncpg.PostgresError, *away, *PASSING), 3)
    asked = (FilterError, MomentError, DigestError, AttachError, AddressError)
    given = dict.fromkeys((StartError, SettingsError, *asked), 2)
    other: dict[type[BaseException], int] = {SchemaError: 5, RefusedError: 6, WebhookError: 1}
    other |= {AccountError: 4, ListingError: 4, BusyError: 1, StoppedError: 1}
    return given | other | demo | database | {OSError: 1}


def exit_code(error: BaseException) -> int:
    """Return the exit code of an explained error."""
    return next(code for kind, code in explained().items() if isinstance(error, kind))
