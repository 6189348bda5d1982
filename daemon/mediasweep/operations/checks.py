"""The checks of the doctor, by name, in the order in which they are told.

Each asks one thing of an installation and has it judged by `rules/diagnosis`. It raises what
asyncpg raised; `doctor` makes a finding of that.
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
class Installation:
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


Check = Callable[[Installation], Awaitable[list[Finding]]]


def seen(judge: Callable[[Sequence[Row]], list[Finding]], question: str, *args: object) -> Check:
    """Return the check that has the answer to a question judged."""

    async def check(installation: Installation) -> list[Finding]:
        return judge(await installation.ask(question, *args))

    return check


async def _server(installation: Installation) -> list[Finding]:
    return connection.role_of_server(installation.server)


async def _encryption(installation: Installation) -> list[Finding]:
    return connection.encryption(
        "DATABASE_URL",
        peer(installation.connection),
        encrypted=installation.server["encrypted"],
        dsn=installation.settings.dsn(),
    )


async def _clock(installation: Installation) -> list[Finding]:
    return connection.clock(installation.server, installation.asked, installation.answered)


async def _isolation(installation: Installation) -> list[Finding]:
    return connection.isolation(installation.server, pooled=installation.pooled)


async def _notifications(installation: Installation) -> list[Finding]:
    return connection.notifications(installation.server)


async def _listener(installation: Installation) -> list[Finding]:
    """Listen as a daemon would, and notify over the other connection."""
    if installation.server["standby"]:  # which cannot listen
        return []
    direct = installation.settings.listen_url is not None
    name = "MEDIASWEEP_LISTEN_URL" if direct else "DATABASE_URL"
    dsn = installation.settings.direct_dsn()
    try:
        listener = await connect(dsn, name="mediasweep doctor", pooled=True)
    except (*PASSING, DatabaseError) as error:
        return connection.away(name, message(error), dsn)
    try:
        if direct:
            [there] = await ask(listener, "server")
            if found := connection.same_server(installation.server, there):
                return found
        return connection.listening(
            heard=await hears(listener, installation.connection, ECHO_S),
            pooled=await is_pooled(listener),
            name=name,
            dsn=dsn,
        )
    finally:
        listener.terminate()  # a close would wait for a peer that may never answer


async def _earlier_system(installation: Installation) -> list[Finding]:
    return connection.earlier_system(await takeover.found(installation.settings.dsn()))


async def fits(installation: Installation) -> list[Finding]:
    """Judge whether the schema and this release fit."""
    files, applied = read_schema(), await applied_files(installation.connection)
    try:
        check_fits(files, applied)
    except SchemaError as error:
        return schema.unfit(error.what, error.remedy)
    changed = [f.name for f in files if not f.once and applied[f.name] != f.sha256]
    return schema.outdated(changed)


async def _lacks(installation: Installation) -> list[Finding]:
    [rights] = await installation.ask("rights")
    return schema.lacks(
        await installation.ask("lacks"), installation.server["role"], rights["kind"]
    )


async def _parts(installation: Installation) -> list[Finding]:
    return capture.strays(await Fleet(installation.connection).strays())


async def _guard(installation: Installation) -> list[Finding]:
    return capture.guard(await Environment(installation.connection).guard_error())


async def _place(installation: Installation) -> list[Finding]:
    if installation.server["standby"]:
        return []
    return work.place(await Environment(installation.connection).differences(installation.cloud))


async def _gates(installation: Installation) -> list[Finding]:
    return work.gates(await still_closed(installation.connection))


async def _daemons(installation: Installation) -> list[Finding]:
    [rows] = await installation.ask("stuck")
    fleet = await Fleet(installation.connection).daemons()
    return work.daemons(fleet, __version__, rows["unfinished"])


async def _due(installation: Installation) -> list[Finding]:
    fleet = Fleet(installation.connection)
    found = await fleet.due()
    oldest = timedelta(seconds=found["oldest_seconds"])
    if not work.due(oldest, found["rows"], ()):  # what they wait for is a longer question
        return []
    return work.due(oldest, found["rows"], [brief(why) for why in await fleet.waiting()])


async def _stuck(installation: Installation) -> list[Finding]:
    [rows] = await installation.ask("stuck")
    return work.stuck(rows)


async def _fallback(installation: Installation) -> list[Finding]:
    [captures] = await installation.ask("fallback")
    return work.fallback(captures)


async def _kept(installation: Installation) -> list[Finding]:
    [old] = await installation.ask("kept", installation.retention)
    return work.kept(old, installation.retention)


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
