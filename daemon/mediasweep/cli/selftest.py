"""selftest."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mediasweep.cli.output import Json, cell, print_json
from mediasweep.cli.session import account, database, do, who

if TYPE_CHECKING:
    from mediasweep.rules.selftest import CheckResult, SelftestReport


def selftest(
    *,
    within: Annotated[
        float, typer.Option(min=1, max=600, help="How many seconds a check may wait.")
    ] = 30,
    probe: Annotated[
        bool, typer.Option("--probe", help="Also try what Cloudinary's documentation leaves open.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Test everything, from upload to deletion, on a live daemon.

    It goes from upload to deletion, needs a daemon that runs, and cleans up after itself. Exit
    code 1: a check failed.
    """
    say = (lambda _: None) if as_json else _print
    try:
        report = do(_run(timedelta(seconds=within), say, probing=probe))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("broken off: all that it made is in the queue, to be deleted", err=True)
        raise
    if as_json:
        print_json(report.plain(datetime.now(UTC)))
    else:
        for one in report.probed:
            typer.echo(f"{one.question}: {cell(one.seen)}")
        typer.echo(f"{report.passed} of {len(report.results)} checks passed")
    raise typer.Exit(report.passed < len(report.results))


async def _run(
    within: timedelta, say: Callable[[CheckResult], None], *, probing: bool
) -> SelftestReport:
    from mediasweep.operations.account_probe import probe
    from mediasweep.operations.selftest import run

    task = asyncio.current_task()
    if task:  # as an interrupt from the keyboard does, so that it cleans up
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with account() as asked:
        async with database() as connection:
            report = await run(connection, asked, who=who(), within=within, say=say)
            if probing:
                report.probed = await probe(connection, asked, who=who(), within=within)
            return report


def _print(result: CheckResult) -> None:
    word = "passed" if result.passed else "FAILED"
    said = typer.style(word, fg="green" if result.passed else "red", bold=True)
    typer.echo(f"{said}  {result.duration_ms:>6} ms  {result.name}: {cell(result.message)}")
