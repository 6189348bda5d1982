"""The daemon: builds its parts, keeps its loops together, and stops in two stages.

One TaskGroup holds every loop; a loop that dies takes the process down, visibly, because a restart
is cleaner than a daemon that limps. The first signal stops claiming and lets what was sent be
recorded; the second, or the end of the stop time, gives up, and the leases of what is left run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from mediasweep import __version__
from mediasweep.cloudinary import Account, Credentials
from mediasweep.http.app import build
from mediasweep.http.server import bind, serve
from mediasweep.loops.heartbeat import PATIENCE, Heartbeat
from mediasweep.loops.sweep import Sweep
from mediasweep.loops.ticket import SweepPolicy
from mediasweep.loops.upkeep import HealthPolicy, Upkeep
from mediasweep.operations.fleet import pause_if_alone
from mediasweep.operations.probes import Probes
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.gates import Gates
from mediasweep.postgres.migrate import applied_files, check_fits, read_schema
from mediasweep.postgres.pool import PASSING, Pool, connect, open_pool
from mediasweep.postgres.queue import Queue, Terms
from mediasweep.postgres.wake import Wake
from mediasweep.report import Metrics, Report
from mediasweep.rules.events import (
    AccountUnchecked,
    DaemonStarted,
    DaemonStopped,
    DaemonStopping,
    DatabaseLost,
)
from mediasweep.rules.gate import GateKeeper, GatePolicy
from mediasweep.rules.outcome import Backoff, Outcome
from mediasweep.settings import Settings, StartError

if TYPE_CHECKING:
    from mediasweep.rules.events import Emit

POOL_SIZE = 4
PATIENCE_WITH_POOL = timedelta(seconds=10)
GATE_FIRST = {
    "auth": timedelta(seconds=15),
    "rate_limit": timedelta(seconds=2),
    "breaker": timedelta(seconds=5),
}
GATE_LONGEST, BACKOFF_CAP = timedelta(seconds=60), timedelta(minutes=15)
FIRST_WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0)


async def run(settings: Settings) -> int:
    """Run until stopped by a signal; returns how many sent rows could not be recorded in time.

    Raises StartError, DatabaseError or SchemaError where it cannot start.
    """
    metrics = Metrics(__version__)
    report = Report(metrics)
    credentials = Credentials(**settings.credentials())  # type: ignore[arg-type]  # checked there
    stopping = asyncio.Event()
    hard_stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        sock = bind(*settings.bind())
        stack.callback(sock.close)
        stack.enter_context(_signals(stopping, hard_stop, report.emit))
        await _wait_for_database(settings, report.emit, stopping)
        pool = await open_pool(settings.dsn(), size=POOL_SIZE, patience=PATIENCE_WITH_POOL)
        stack.callback(pool.terminate)
        account = Account(
            credentials, threads=settings.concurrency, timeout=settings.seconds("http_timeout")
        )
        stack.callback(account.close)
        await _check_account(account, report.emit, stopping)
        daemon = _Daemon(settings, pool, account, report, stopping, hard_stop)
        await daemon.run(sock)
        return daemon.sweep.in_flight


class _Daemon:
    """The parts of one daemon, put together."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        account: Account,
        report: Report,
        stopping: asyncio.Event,
        hard_stop: asyncio.Event,
    ) -> None:
        self.id = uuid4()
        self.settings = settings
        self.emit = report.emit
        self.stopping = stopping
        self.hard_stop = hard_stop
        self.metrics = report.metrics
        self.account = account
        self.fleet = Fleet(pool)
        self.pool = pool
        queue = Queue(pool, self.id, terms(settings, account.credentials.cloud_name))
        self.wake = Wake(settings.direct_dsn(), pool, self.emit, patience=PATIENCE)
        self.sweep = Sweep(
            queue=queue,
            account=account,
            gates=Gates(pool),
            wake=self.wake,
            keeper=GateKeeper(GatePolicy(GATE_FIRST, GATE_LONGEST)),
            policy=sweep_policy(settings),
            emit=self.emit,
            who=f"daemon {self.id}",
            stopping=stopping,
        )
        self.heartbeat = Heartbeat(self.id, __version__, self.fleet, self.wake, self.sweep, account)
        interval = settings.seconds("health_check_interval")
        look = self.wake.heard.set
        self.upkeep = Upkeep(queue, self.fleet, HealthPolicy(), interval, look, self.emit)
        self.probes = Probes(
            pool, self.wake, self.sweep, self.heartbeat, stopping, enabled=settings.enabled
        )

    async def run(self, sock: socket.socket) -> None:
        await self._enter()
        app = build(self.probes, self.metrics.registry, self._refresh, __version__)
        host, port = sock.getsockname()[:2]
        try:
            async with asyncio.TaskGroup() as group:
                others = [
                    group.create_task(serve(app, sock), name="http"),
                    group.create_task(self.wake.run(), name="wake"),
                    group.create_task(self.heartbeat.run(), name="heartbeat"),
                    group.create_task(self.upkeep.run(), name="upkeep"),
                ]
                self.emit(self._started(f"{host}:{port}"))
                await self._work()
                for task in others:
                    task.cancel()
        finally:
            with contextlib.suppress(*PASSING):
                await asyncio.wait_for(self.fleet.leave(self.id), PATIENCE.total_seconds())
            self.emit(DaemonStopped(self.sweep.in_flight))

    def _started(self, http: str) -> DaemonStarted:
        cloud = self.account.credentials.cloud_name
        return DaemonStarted(str(self.id), __version__, cloud, http, self.settings.enabled)

    async def _enter(self) -> None:
        installed = await self.fleet.install(self.account.credentials.cloud_name)
        here = installed["cloud_name"] == self.account.credentials.cloud_name
        self.account.asset_id_proven = here and installed["asset_id_proven_at"] is not None
        if not self.settings.auto_start:
            await pause_if_alone(self.pool, who=self.sweep.who)
        await self.heartbeat.once()

    async def _work(self) -> None:
        """Sweep until told to stop, and then for as long as stopping may take."""
        if not self.settings.enabled:
            await self.stopping.wait()
            return
        work = asyncio.create_task(self.sweep.run(), name="sweep")
        stop = asyncio.create_task(self._until_time_is_up(), name="stop")
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not work.done():
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        else:
            work.result()

    async def _until_time_is_up(self) -> None:
        await self.stopping.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.hard_stop.wait(), self.settings.stop_timeout)

    async def _refresh(self) -> None:
        state = await self.probes.state()
        if state is not None:
            self.metrics.state(state["counts"], state["due"], state["closed"])


def terms(settings: Settings, cloud: str) -> Terms:
    """Return what a claim is made under."""
    return Terms(
        lease=settings.seconds("lease"),
        grace=settings.seconds("grace"),
        max_attempts=settings.max_retries,
        cloud=cloud,
        brake_floor=settings.brake_floor,
        brake_share=settings.brake_share,
        brake_window=timedelta(minutes=settings.brake_window),
    )


def sweep_policy(settings: Settings) -> SweepPolicy:
    """Return how a sweep works; the reserve of a lease is the longest that a call may take."""
    reserve = 2 * settings.seconds("http_timeout")
    return SweepPolicy(
        batch=settings.batch_size,
        concurrency=settings.concurrency,
        interval=timedelta(minutes=settings.interval_minutes),
        lease=settings.seconds("lease"),
        reserve=reserve,
        backoff=Backoff(settings.seconds("retry_base"), BACKOFF_CAP, settle=reserve),
    )


async def _wait_for_database(settings: Settings, emit: Emit, stopping: asyncio.Event) -> None:
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
            emit(DatabaseLost("start", str(error) or type(error).__name__))
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
    if answer.outcome is Outcome.DELETED:  # which is how a good answer is called here
        return
    if answer.outcome in {Outcome.AUTH_REFUSED, Outcome.REJECTED}:
        raise StartError(
            f"Cloudinary refuses these credentials for cloud {account.credentials.cloud_name!r}: "
            f"{answer.detail}",
            4,
        )
    emit(AccountUnchecked(answer.detail or answer.outcome))


@contextmanager
def _signals(stopping: asyncio.Event, hard_stop: asyncio.Event, emit: Emit) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        if stopping.is_set():
            hard_stop.set()
        stopping.set()
        emit(DaemonStopping(name))

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop, number.name)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
