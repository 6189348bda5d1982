"""The doctor: what is wrong with an installation, and what to do. It changes nothing.

Every check has its own time, and what a check raises is a finding. What needs the database is left
out where there is none, and what needs the schema where that does not fit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from mediasweep.operations.checks import CONNECTED, INSTALLED, Check, Installation, fits
from mediasweep.operations.webhooks import beyond
from mediasweep.postgres.doctor import ask
from mediasweep.postgres.pool import PASSING, Connection, DatabaseError, connect, is_pooled
from mediasweep.rules.diagnosis import account as judge
from mediasweep.rules.diagnosis.connection import away
from mediasweep.rules.finding import Finding, Level, problem, warning
from mediasweep.rules.text import message
from mediasweep.settings import Settings, SettingsError

if TYPE_CHECKING:
    from mediasweep.cloudinary import Account

WITHIN_S = 4.0
# what a check may raise: the server's word, the line's, or an answer of a kind never seen before
RAISED = (
    asyncpg.PostgresError,
    *(*PASSING, DatabaseError, SettingsError),
    *(LookupError, TypeError, ValueError),
)
Clock = Callable[[], datetime]


@dataclass(slots=True)
class DoctorReport:
    """What was looked at, and what was found; `database`: it could be reached to the end."""

    database: bool = False
    checks: list[str] = field(default_factory=list)
    findings: list[tuple[str, Finding]] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Tell whether nothing is wrong: there may be notes."""
        return all(finding.level is Level.NOTE for _, finding in self.findings)

    def add(self, check: str, found: list[Finding]) -> None:
        """Take in what a check has found."""
        self.checks.append(check)
        self.findings += [(check, finding) for finding in found]

    def plain(self) -> Mapping[str, Any]:
        """Return the report as JSON has it."""
        found = [{"check": check} | asdict(finding) for check, finding in self.findings]
        told = {"healthy": self.healthy, "database": self.database}
        return told | {"checks": self.checks, "findings": found}


async def examine(settings: Settings, account: Account | None, now: Clock) -> DoctorReport:
    """Look at everything, by this host's clock.

    `account` None: the settings have none that can be read.
    """
    report = DoctorReport()
    cloud = account.credentials.cloud_name if account else None
    async with asyncio.TaskGroup() as both:
        greeting = both.create_task(_account(settings, account, now))
        await _database(report, settings, cloud, now)
    report.add("account", greeting.result())
    return report


async def _account(settings: Settings, account: Account | None, now: Clock) -> list[Finding]:
    if account is None:
        try:
            settings.credentials()
        except SettingsError as error:
            why = "no daemon starts without an account"
            return problem(str(error), why, "copy CLOUDINARY_URL from Settings, API Keys")
        return []
    answer, headers = await account.greet()
    found = judge.answer(answer, account.credentials.cloud_name)
    if not found:
        told = await account.triggers()
        found = judge.triggers(told)
        if settings.api_token is None:
            found += judge.exposed(beyond(told.response or {}))
    return found + judge.clock(headers.get("date"), now()) + judge.quota(headers)


async def _database(
    report: DoctorReport, settings: Settings, cloud: str | None, now: Clock
) -> None:
    try:
        dsn = settings.dsn()
    except SettingsError as error:
        why = "without a database there is nothing to look at"
        report.add("database", problem(str(error), why, "set DATABASE_URL"))
        return
    try:
        connection = await connect(dsn, name="mediasweep doctor", pooled=True)
    except (*PASSING, DatabaseError) as error:
        said = message(error)
        report.add("database", away("DATABASE_URL", said, dsn))
        return
    try:
        installation = await _admit(connection, settings, cloud, now)
        report.add("database", [])
        report.database = await _run(report, installation)
    except RAISED as error:
        report.add("database", away("DATABASE_URL", message(error), dsn))
    finally:
        connection.terminate()  # a close would wait for a peer that may never answer


async def _admit(
    connection: Connection, settings: Settings, cloud: str | None, now: Clock
) -> Installation:
    async with asyncio.timeout(WITHIN_S):
        pooled = await is_pooled(connection)
        asked = now()
        [server] = await ask(connection, "server")
        answered = now()
    return Installation(settings, connection, pooled, server, asked, answered, cloud)


async def _run(report: DoctorReport, installation: Installation) -> bool:
    """Run the checks, one after the other; tells whether the database was there to the end."""
    for name, check in CONNECTED.items():
        report.add(name, await _within(check, installation))
    found = await _within(fits, installation)
    report.add("schema", found)
    if not any(one.level is Level.PROBLEM for one in found):
        for name, check in INSTALLED.items():
            if installation.connection.is_closed():
                break
            report.add(name, await _within(check, installation))
    return not installation.connection.is_closed()


async def _within(check: Check, installation: Installation) -> list[Finding]:
    """Return what a check finds, or that it could not tell."""
    why = "whatever it would have said is not known"
    try:
        async with asyncio.timeout(WITHIN_S):
            return await check(installation)
    except TimeoutError:
        what = f"this had no answer within {WITHIN_S:.0f} s"
        return warning(what, why, "look who holds a lock, as in pg_stat_activity, and try again")
    except asyncpg.InsufficientPrivilegeError as error:
        remedy = (
            "run it as the role that ran `mediasweep migrate`, or as a member of the daemon's or "
            "the reader's"
        )
        return problem(f"this could not be looked at: {error}", why, remedy)
    except RAISED as error:
        what = f"this could not be looked at: {message(error)}"
        return warning(what, why, "mend what it says; `mediasweep migrate` if it is of the schema")
