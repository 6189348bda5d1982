"""The wheel under a real systemd, by the manual: up, watched, stopped, and fenced in."""

from __future__ import annotations

import re
from asyncio import to_thread
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from mediasweep import __version__
from mediasweep.emulator.client import Cloud
from mediasweep.postgres.pool import Connection as Db
from tests.conftest import Server
from tests.daemons import INSERT_ASSETS, QUICK, Daemon, finished
from tests.pages import manual
from tests.proxy import Proxy
from tests.system.booted import Booted
from tests.system.containers import Containers

pytestmark = pytest.mark.timeout(300)  # the first one installs the wheel on a new machine
UNIT = "/etc/systemd/system/mediasweep.service"
MEDIASWEEP = "CREDENTIALS_DIRECTORY=/etc/mediasweep/credentials /opt/mediasweep/bin/mediasweep"
MOST_EXPOSED = 15  # of 100: how far systemd's own scale lets the unit go
DROP_IN = f"{UNIT}.d/test.conf"
IMPATIENT = "[Service]\nWatchdogSec=3s\nRestartSec=100ms\nTimeoutStopSec=1s\n"
# a claim that never comes back while this file is there: put into the installed package, not ours
HANG = """
import asyncio, os
from mediasweep.postgres.queue import Queue

whole = Queue.claim

async def claim(self, *given):
    if os.path.exists("/etc/hang"):
        await asyncio.Event().wait()
    return await whole(self, *given)

Queue.claim = claim
"""


def _manual() -> list[str]:
    """Return the commands of the chapter on systemd, block by block."""
    text = manual()
    chapter = text.partition("\n## Under systemd\n")[2].partition("\n## ")[0]
    return re.findall(r"^```bash\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def installed(containers: Containers, wheel: Path) -> Iterator[Booted]:
    """Give a machine with the wheel in a bare venv, by the first commands of the manual."""
    assert wheel.exists()  # they name it by a pattern
    with Booted(containers) as machine:
        machine.sh(f"{_manual()[0]}\ninstall -m 0644 deploy/systemd/mediasweep.service {UNIT}")
        yield machine


@pytest.fixture
async def machine(
    installed: Booted, database: str, cloud: Cloud
) -> AsyncIterator[tuple[Booted, Daemon]]:
    """Give that machine with a database and an account of the test's own, and its journal."""
    await to_thread(installed.sh, _secrets(database, cloud))
    settings = "".join(f"{name}={value}\n" for name, value in QUICK.items())
    await to_thread(installed.write, "/etc/mediasweep/settings", settings)
    await to_thread(installed.write, DROP_IN, IMPATIENT)
    journal = await installed.journal()
    try:
        yield installed, journal
    finally:
        await to_thread(installed.sh, f"systemctl stop mediasweep; rm -rf {UNIT}.d /etc/hang")
        await journal.kill()


def _secrets(database: str, cloud: Cloud) -> str:
    """Return the manual's commands that write the secrets, with these."""
    manual = _manual()[1].replace("cloudinary://key:secret@cloud", cloud.url)
    return manual.replace("postgresql://user:password@host:5432/database", database)


async def _deleted(db: Db, cloud: Cloud) -> None:
    """Let go of an asset, by the application's row."""
    await to_thread(cloud.fill, "a", 1)
    await db.execute(INSERT_ASSETS, "a", 1)
    await db.execute("DELETE FROM media_assets")


async def test_the_manual_leads_from_the_wheel_to_a_first_deletion(
    machine: tuple[Booted, Daemon], blank_database: str, cloud: Cloud
) -> None:
    """Installed and started by its commands, the unit is active, says so, and deletes."""
    systemd, journal = machine
    await to_thread(systemd.sh, _secrets(blank_database, cloud))
    status = await to_thread(systemd.sh, _manual()[2])
    assert "Active: active (running)" in status
    await journal.seen("daemon_started")
    await to_thread(systemd.sh, f"{MEDIASWEEP} migrate --with-library")
    db = await asyncpg.connect(blank_database)
    await _deleted(db, cloud)
    assert await finished(db) == {"completed": 1}
    await db.close()
    assert not await to_thread(cloud.assets)
    said = await systemd.until_shown("StatusText", lambda text: "1 completed" in text)
    assert said == "idle; 0 in flight, 1 completed, 0 failed since the start; listener proven"
    version = await to_thread(systemd.sh, "/opt/mediasweep/bin/mediasweep --version")
    assert version == f"{__version__}\n"
    told = await to_thread(systemd.sh, "/opt/mediasweep/bin/mediasweep demo", code=1)
    assert "pip install 'mediasweep[demo]'" in told
    await to_thread(systemd.sh, "systemctl stop mediasweep")


async def test_the_unit_is_well_formed_and_fenced_in(installed: Booted) -> None:
    """There is nothing for systemd to remark, and little that the service may do but need not."""
    assert await to_thread(installed.sh, f"systemd-analyze verify {UNIT}") == ""
    security = (
        f"systemd-analyze security --offline=yes --threshold={MOST_EXPOSED} --no-pager {UNIT}"
    )
    told = (await to_thread(installed.sh, security)).splitlines()
    print(told[-1])  # noqa: T201  the figure, for whoever reads the run


async def test_it_is_active_only_once_it_is_up(
    machine: tuple[Booted, Daemon], database: str, server: Server
) -> None:
    """While the database is away it is activating, says why, and gets more time than the unit
    grants.
    """
    systemd, journal = machine
    async with Proxy(server.address()) as line:
        line.refuse()
        dsn = line.dsn(database)
        await to_thread(systemd.write, "/etc/mediasweep/credentials/DATABASE_URL", dsn)
        await to_thread(systemd.write, DROP_IN, f"{IMPATIENT}TimeoutStartSec=3s\n")
        start = "systemctl daemon-reload; systemctl start --no-block mediasweep"
        await to_thread(systemd.sh, start)
        for _ in range(4):  # 0.2, 0.5 and 1 s apart; the next is 2 s later, and good
            await journal.seen("database_lost", after=len(journal.log))
        state, said = await to_thread(systemd.shown, "ActiveState", "StatusText")
        assert state == "activating"
        assert said.startswith("waiting for the database: ")
        await line.heal()
        await systemd.until_shown("ActiveState", "active".__eq__)  # 3.7 s after the first
        assert await to_thread(systemd.shown, "NRestarts") == ["0"]
        await to_thread(systemd.sh, "systemctl stop mediasweep")


async def test_work_that_hangs_is_killed_and_restarted(
    machine: tuple[Booted, Daemon], db: Db, cloud: Cloud
) -> None:
    """A claim that never comes back, in a process that is well otherwise, ends by the watchdog; the
    next process deletes what was to be deleted.
    """
    systemd, journal = machine
    packages = "/opt/mediasweep/lib/python3.*/site-packages"
    put = f"cat > $(echo {packages})/hang.py <<'END'\n{HANG}\nEND\necho 'import hang' > "
    await to_thread(systemd.sh, f"{put}$(echo {packages})/hang.pth; systemctl daemon-reload")
    await to_thread(systemd.sh, "systemctl start mediasweep; touch /etc/hang")
    await _deleted(db, cloud)
    await journal.seen("text", where=lambda line: "Watchdog timeout" in line["text"])
    await to_thread(systemd.sh, f"rm /etc/hang {packages}/hang.*")
    assert await finished(db) == {"completed": 1}
    await systemd.until_shown("ActiveState", "active".__eq__)
    assert await to_thread(systemd.shown, "NRestarts") == ["1"]
    await journal.seen("text", where=lambda line: "Fatal Python error: Aborted" in line["text"])


async def test_a_stop_waits_for_what_was_sent(
    machine: tuple[Booted, Daemon], db: Db, cloud: Cloud
) -> None:
    """A deletion that takes longer than the unit's stop time is recorded, and the exit is clean."""
    systemd, journal = machine
    patient = QUICK | {"MEDIASWEEP_HTTP_TIMEOUT": "8", "MEDIASWEEP_LEASE": "30"}
    patient |= {"MEDIASWEEP_STOP_TIMEOUT": "20"}
    settings = "".join(f"{name}={value}\n" for name, value in patient.items())
    await to_thread(systemd.write, "/etc/mediasweep/settings", settings)
    await to_thread(systemd.sh, "systemctl daemon-reload; systemctl start mediasweep")
    await to_thread(cloud.faults, {"latency_s": 2})
    await _deleted(db, cloud)
    await journal.seen("swept")
    await to_thread(systemd.sh, "systemctl stop mediasweep")
    assert await finished(db) == {"completed": 1}
    ended = await to_thread(systemd.shown, "Result", "ExecMainStatus", "ActiveState")
    assert ended == ["success", "0", "inactive"]


async def test_settings_that_cannot_work_are_not_tried_again(
    machine: tuple[Booted, Daemon],
) -> None:
    """The unit has failed at once, and the journal says what to correct."""
    systemd, journal = machine
    await to_thread(systemd.write, "/etc/mediasweep/settings", "MEDIASWEEP_LEASES=60\n")
    start = "systemctl daemon-reload; systemctl start mediasweep || systemctl is-failed mediasweep"
    assert (await to_thread(systemd.sh, start)).splitlines()[-1] == "failed"
    await journal.seen("text", where=lambda line: "MEDIASWEEP_LEASES is no" in line["text"])
    assert await to_thread(systemd.shown, "NRestarts") == ["0"]
    await to_thread(systemd.sh, "systemctl reset-failed mediasweep")
