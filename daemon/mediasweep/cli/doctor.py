"""doctor."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from mediasweep.cli.output import Json, in_a_line, print_json
from mediasweep.cli.session import account, do
from mediasweep.rules.finding import Finding, Level
from mediasweep.rules.number import counted

if TYPE_CHECKING:
    from mediasweep.operations.doctor import DoctorReport

PATIENCE = timedelta(seconds=2.5)
COLOURS = {Level.PROBLEM: "red", Level.WARNING: "yellow", Level.NOTE: "cyan"}
INDENT = " " * 9
WIDTH_MOST = 120


def doctor(
    as_json: Json = False,
) -> None:
    """Diagnose the installation, and suggest fixes.

    Looks at connections, schema, tables, queue, daemons and account, and changes nothing. Exit
    code 0: nothing is wrong; 1: something is; 3: the database cannot be reached.
    """
    from mediasweep.operations.doctor import examine
    from mediasweep.settings import SettingsError, load

    settings = load()
    with ExitStack() as stack:
        try:
            given = stack.enter_context(account(PATIENCE))
        except SettingsError:  # which is a finding
            given = None
        report = do(examine(settings, given, lambda: datetime.now(UTC)))
    if as_json:
        print_json(report.plain())
    else:
        _print(report)
    raise typer.Exit(3 if not report.database else 0 if report.healthy else 1)


def _print(report: DoctorReport) -> None:
    """Print the findings, the worst first, and how many there are."""
    # for programs, and for who copies from a log, a sentence is a line
    width = (
        min(WIDTH_MOST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sys.maxsize
    )
    for level in Level:
        for check, finding in report.findings:
            if finding.level is level:
                _print_one(check, finding, width)
    levels = Counter(finding.level for _, finding in report.findings)
    found = ", ".join(counted(levels[level], level) for level in Level if levels[level])
    typer.echo(f"{counted(len(report.checks), 'check')}: {found or 'nothing is wrong'}")


def _print_one(check: str, finding: Finding, width: int) -> None:
    level = typer.style(f"{finding.level:<9}", fg=COLOURS[finding.level], bold=True)
    lines = textwrap.wrap(f"{check}: {in_a_line(finding.what)}", width - len(INDENT))
    typer.echo(level + f"\n{INDENT}".join(lines))
    for said in (finding.why, f"to do: {finding.remedy}"):
        typer.echo(
            textwrap.fill(
                in_a_line(said),
                width,
                initial_indent=INDENT,
                subsequent_indent=INDENT,
                break_on_hyphens=False,
            )
        )
    typer.echo()
