"""The checks of the doctor, by name, in the order in which they are told.

Each asks one thing of a patient and has it judged by `rules/diagnosis`. It raises what asyncpg
raised; `doctor` makes a finding of that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mediasweep import __version__
from mediasweep.operations.fleet import still_closed
from mediasweep.postgres import takeover
from mediasweep.postgres.doctor import ask, peer
from mediasweep.postgres.echo import hears
from mediasweep.postgres.environment import Environment
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.migrate import applied_files, check_fits, read_schema
from mediasweep.postgres.pool import PASSING, Connection, DatabaseError, connect, is_pooled
from mediasweep.rules.diagnosis import capture, connection, schema, work
from mediasweep.rules.failures import SchemaError
from mediasweep.rules.finding import Finding
from mediasweep.rules.reason import brief
from mediasweep.rules.text import message
from mediasweep.settings import Settings

Row = Mapping[str, Any]

ECHO_S = 1.5
LARGE = 10_000  # rows of a table that one does not read for every claim


@dataclass(frozen=True, slots=True)
class Patient:
    """An installation that answers: `server` is what it told between `asked` and `answered`."""

    settings: Settings
    connection: Connection
    pooled: bool
    server: Row
    asked: datetime
    answered: datetime
    cloud: str | None

    @property
    def retention(self) -> timedelta:
        """Return for how long finished rows are kept, by these settings."""
        return timedelta(days=self.settings.retention)

    async def ask(self, question: str, *args: object) -> Sequence[Row]:
        """Return the answer to a question of doctor.sql."""
        return await ask(self.connection, question, *args)


Check = Callable[[Patient], Awaitable[list[Finding]]]


def seen(judge: Callable[[Sequence[Row]], list[Finding]], question: str, *args: object) -> Check:
    """Return the check that has the answer to a question judged."""

    async def check(patient: Patient) -> list[Finding]:
        return judge(await patient.ask(question, *args))

    return check


async def _server(patient: Patient) -> list[Finding]:
    return connection.role_of_server(patient.server)


async def _encryption(patient: Patient) -> list[Finding]:
    return connection.encryption(
        "DATABASE_URL",
        peer(patient.connection),
        encrypted=patient.server["encrypted"],
        dsn=patient.settings.dsn(),
    )


async def _clock(patient: Patient) -> list[Finding]:
    return connection.clock(patient.server, patient.asked, patient.answered)


async def _isolation(patient: Patient) -> list[Finding]:
    return connection.isolation(patient.server, pooled=patient.pooled)


async def _notifications(patient: Patient) -> list[Finding]:
    return connection.notifications(patient.server)


async def _listener(patient: Patient) -> list[Finding]:
    """Listen as a daemon would, and notify over the other connection."""
    if patient.server["standby"]:  # which cannot listen
        return []
    direct = patient.settings.listen_url is not None
    name = "MEDIASWEEP_LISTEN_URL" if direct else "DATABASE_URL"
    dsn = patient.settings.direct_dsn()
    try:
        listener = await connect(dsn, name="mediasweep doctor", pooled=True)
    except (*PASSING, DatabaseError) as error:
        return connection.away(name, message(error), dsn)
    try:
        if direct:
            [there] = await ask(listener, "server")
            if found := connection.same_server(patient.server, there):
                return found
        return connection.listening(
            heard=await hears(listener, patient.connection, ECHO_S),
            pooled=await is_pooled(listener),
            name=name,
            dsn=dsn,
        )
    finally:
        listener.terminate()  # a close would wait for a peer that may never answer


async def _earlier_system(patient: Patient) -> list[Finding]:
    return connection.earlier_system(await takeover.found(patient.settings.dsn()))


async def fits(patient: Patient) -> list[Finding]:
    """Judge whether the schema and this release fit."""
    files, applied = read_schema(), await applied_files(patient.connection)
    try:
        check_fits(files, applied)
    except SchemaError as error:
        return schema.unfit(error.what, error.remedy)
    changed = [f.name for f in files if not f.once and applied[f.name] != f.sha256]
    return schema.outdated(changed)


async def _lacks(patient: Patient) -> list[Finding]:
    [rights] = await patient.ask("rights")
    return schema.lacks(await patient.ask("lacks"), patient.server["role"], rights["kind"])


async def _parts(patient: Patient) -> list[Finding]:
    return capture.strays(await Fleet(patient.connection).strays())


async def _guard(patient: Patient) -> list[Finding]:
    return capture.guard(await Environment(patient.connection).guard_error())


async def _place(patient: Patient) -> list[Finding]:
    if patient.server["standby"]:
        return []
    return work.place(await Environment(patient.connection).differences(patient.cloud))


async def _gates(patient: Patient) -> list[Finding]:
    return work.gates(await still_closed(patient.connection))


async def _daemons(patient: Patient) -> list[Finding]:
    [rows] = await patient.ask("stuck")
    fleet = await Fleet(patient.connection).daemons()
    return work.daemons(fleet, __version__, rows["unfinished"])


async def _due(patient: Patient) -> list[Finding]:
    fleet = Fleet(patient.connection)
    found = await fleet.due()
    oldest = timedelta(seconds=found["oldest_seconds"])
    if not work.due(oldest, found["rows"], ()):  # what they wait for is a longer question
        return []
    return work.due(oldest, found["rows"], [brief(why) for why in await fleet.waiting()])


async def _stuck(patient: Patient) -> list[Finding]:
    [rows] = await patient.ask("stuck")
    return work.stuck(rows)


async def _fallback(patient: Patient) -> list[Finding]:
    [captures] = await patient.ask("fallback")
    return work.fallback(captures)


async def _kept(patient: Patient) -> list[Finding]:
    [old] = await patient.ask("kept", patient.retention)
    return work.kept(old, patient.retention)


CONNECTED: dict[str, Check] = {
    "server": _server,
    "encryption": _encryption,
    "pooler": _listener,
    "isolation": _isolation,
    "clock": _clock,
    "notifications": _notifications,
    "earlier system": _earlier_system,
}
INSTALLED: dict[str, Check] = {
    "rights": _lacks,
    "attached": seen(capture.attached, "attached"),
    "triggers": seen(capture.uncovered, "uncovered"),
    "parts": _parts,
    "replication": seen(capture.replicas, "replicas"),
    "publications": seen(capture.published, "published"),
    "row-level security": seen(capture.hidden, "hidden"),
    "guard": _guard,
    "indexes": seen(capture.unindexed, "unindexed", LARGE),
    "durability": seen(schema.unlogged, "unlogged"),
    "vacuum": seen(schema.unvacuumed, "unvacuumed"),
    "place": _place,
    "gates": _gates,
    "daemons": _daemons,
    "due": _due,
    "stuck": _stuck,
    "fallback": _fallback,
    "transactions": seen(work.holding, "holding"),
    "retention": _kept,
    "level": seen(capture.level, "contract"),
}
