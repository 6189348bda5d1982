"""The process of a daemon: waits for what it needs, hears signals, runs the daemon.

It waits for a database that is away, however long, and refuses what waiting does not mend. The
first signal stops claiming and lets what was sent be recorded; the second gives up. A supervisor
is told what start and stop wait for, so that it does not lose patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from mediasweep import __version__
from mediasweep.cloudinary import Account, Credentials
from mediasweep.daemon import Daemon
from mediasweep.http.server import bind
from mediasweep.http.startup import answer
from mediasweep.loops.heartbeat import PATIENCE
from mediasweep.metrics import Metrics
from mediasweep.postgres.migrate import applied_files, check_fits, read_schema
from mediasweep.postgres.pool import PASSING, connect, open_pool
from mediasweep.report import Report
from mediasweep.rules.events import AccountUnchecked, DaemonStopping, DatabaseLost
from mediasweep.rules.outcome import Outcome
from mediasweep.rules.text import message
from mediasweep.settings import CONCURRENCY_CAP, Settings, StartError
from mediasweep.systemd import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from mediasweep.http.access import AccessPolicy
    from mediasweep.rules.events import Emit

POOL_SIZE = 4
VISITORS = 4  # connections and calls to Cloudinary for the API, opened when it is asked
PATIENCE_WITH_POOL = timedelta(seconds=10)
STEP_WITHIN = timedelta(seconds=90)  # one step of the start, which may have to wait for the next
LEAVE_WITHIN = timedelta(seconds=10)  # once the time for finishing is up
FIRST_WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0)


async def run(settings: Settings, access: AccessPolicy) -> int:
    """Run until stopped by a signal; returns how many sent rows could not be recorded in time.

    Raises StartError, DatabaseError or SchemaError where it cannot start.
    """
    metrics = Metrics(__version__)
    report = Report(metrics)
    credentials = Credentials(**settings.credentials())  # type: ignore[arg-type]  # checked there
    supervisor = Supervisor(os.environ)
    stopping = asyncio.Event()
    hard_stop = asyncio.Event()

    def stop(name: str) -> None:
        if stopping.is_set():
            hard_stop.set()
        stopping.set()
        supervisor.stopping("stopping", settings.seconds("stop_timeout") + LEAVE_WITHIN)
        report.emit(DaemonStopping(name))

    async with AsyncExitStack() as stack:
        sock = bind(*settings.bind())
        stack.callback(sock.close)
        starting = await answer(sock)
        stack.callback(starting.close)
        stack.enter_context(_signals(stop))
        await _wait_for_database(settings, report.emit, supervisor, stopping)
        pool = await open_pool(settings.dsn(), size=POOL_SIZE, patience=PATIENCE_WITH_POOL)
        stack.callback(pool.terminate)
        visitors = await open_pool(
            settings.dsn(), size=VISITORS, patience=PATIENCE_WITH_POOL, kept=False
        )
        stack.callback(visitors.terminate)
        account = Account(
            credentials,
            threads=CONCURRENCY_CAP + VISITORS,
            timeout=settings.seconds("http_timeout"),
            emit=report.emit,
        )
        stack.callback(account.close)
        asked = "asking Cloudinary whether key and secret are good"
        supervisor.starting(asked, STEP_WITHIN + 2 * settings.seconds("http_timeout"))
        await _check_account(account, report.emit, stopping)
        starting.close()  # from here on the daemon itself answers
        daemon = Daemon(settings, pool, account, report, stopping, hard_stop, supervisor)
        await daemon.run(sock, access, visitors)
        return daemon.sweep.in_flight


async def _wait_for_database(
    settings: Settings, emit: Emit, supervisor: Supervisor, stopping: asyncio.Event
) -> None:
    """Wait until the database answers, however long; refuse what waiting does not mend."""
    waits = iter(FIRST_WAITS_S)
    while True:
        try:
            connection = await connect(settings.dsn(), name="mediasweep", pooled=True)
            try:
                check_fits(read_schema(), await applied_files(connection))
            finally:
                await connection.close(timeout=PATIENCE.total_seconds())
        except PASSING as error:
            said = message(error)
            emit(DatabaseLost("start", said))
            supervisor.starting(f"waiting for the database: {said}", STEP_WITHIN)
        else:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), next(waits, FIRST_WAITS_S[-1]))
        if stopping.is_set():
            raise StartError("stopped before the database answered", 0)


async def _check_account(account: Account, emit: Emit, stopping: asyncio.Event) -> None:
    ping = asyncio.ensure_future(account.ping())
    stop = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({ping, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not ping.done():
        ping.cancel()
        raise StartError("stopped before Cloudinary answered", 0)
    answer = ping.result()
    if answer.ok:
        return
    if answer.outcome in {Outcome.AUTH_REFUSED, Outcome.REJECTED}:
        raise StartError(
            f"Cloudinary refuses these credentials for cloud {account.credentials.cloud_name!r}: "
            f"{answer.detail}",
            4,
        )
    emit(AccountUnchecked(answer.detail or answer.outcome))


@contextmanager
def _signals(stop: Callable[[str], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop, number.name)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
