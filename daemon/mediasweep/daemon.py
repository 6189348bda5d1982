"""The daemon: builds its parts, keeps its loops together, and stops in two stages.

One TaskGroup holds every loop; a loop that dies takes the process down, visibly, because a restart
is cleaner than a daemon that limps. Stopping, it claims no more and lets what was sent be recorded;
at the end of the stop time it gives up, and the leases of what is left run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from mediasweep import __version__
from mediasweep.http.access import AccessPolicy
from mediasweep.http.app import build
from mediasweep.http.server import serve
from mediasweep.loops.boot_clock import boot_s
from mediasweep.loops.config import Config
from mediasweep.loops.gating import Gating
from mediasweep.loops.heartbeat import PATIENCE, Heartbeat
from mediasweep.loops.inbox import InboxLoop
from mediasweep.loops.predecessor import identity, is_gone
from mediasweep.loops.pulse import pulse
from mediasweep.loops.reconcile import ReconcileLoop, Reconciler, RunRequest
from mediasweep.loops.rehearsal import Rehearsal
from mediasweep.loops.second_look import SecondLook
from mediasweep.loops.slots import Slots
from mediasweep.loops.sweep import Sweep
from mediasweep.loops.ticket import SweepPolicy
from mediasweep.loops.upkeep import Upkeep
from mediasweep.operations.backend import Backend
from mediasweep.operations.figures import Figures
from mediasweep.operations.fleet import pause_if_alone
from mediasweep.operations.health import Health
from mediasweep.operations.webhooks import Webhooks
from mediasweep.postgres.environment import Environment
from mediasweep.postgres.fleet import Fleet
from mediasweep.postgres.gates import Gates
from mediasweep.postgres.inbox import Inbox
from mediasweep.postgres.migrate import read_schema
from mediasweep.postgres.pool import PASSING, Pool
from mediasweep.postgres.queue import ClaimTerms, Queue
from mediasweep.postgres.reconcile import Reconciliations
from mediasweep.postgres.wake import Wake
from mediasweep.rules.drift import ReconcileWaits
from mediasweep.rules.events import DaemonStarted, DaemonStopped
from mediasweep.rules.gate import GateKeeper, GatePolicy
from mediasweep.rules.outcome import Backoff
from mediasweep.rules.settable import SETTABLE

if TYPE_CHECKING:
    from mediasweep.cloudinary import Account
    from mediasweep.report import Report
    from mediasweep.settings import Settings
    from mediasweep.systemd import Supervisor

GATE_FIRST_S = {"auth": 15, "rate_limit": 2, "breaker": 5}
GATE_FIRST = {name: timedelta(seconds=seconds) for name, seconds in GATE_FIRST_S.items()}
GATE_LONGEST, BACKOFF_CAP = timedelta(seconds=60), timedelta(minutes=15)


class Daemon:
    """The parts of one daemon, put together."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        account: Account,
        report: Report,
        stopping: asyncio.Event,
        hard_stop: asyncio.Event,
        supervisor: Supervisor,
    ) -> None:
        self.id = uuid4()
        self.process = identity()
        self.works = settings.enabled and not settings.dry_run
        self.settings = settings
        self.emit = report.emit
        self.stopping = stopping
        self.hard_stop = hard_stop
        self.supervisor = supervisor
        self.metrics = report.metrics
        self.account = account
        self.fleet = Fleet(pool)
        self.config = Config(
            own_interval=timedelta(minutes=settings.interval_minutes),
            own_batch=settings.batch_size,
            own_health_check=settings.seconds("health_check_interval"),
        )
        self.pool = pool
        self.terms = terms(settings, account.credentials.cloud_name)
        queue = Queue(pool, self.id, self.terms)
        self.wake = Wake(settings.direct_dsn(), pool, self.emit, patience=PATIENCE)
        self.who = f"daemon {self.id}"
        slots = Slots()
        self.sweep = Sweep(
            queue=queue,
            account=account,
            gating=Gating(
                gates=Gates(pool),
                keeper=GateKeeper(GatePolicy(GATE_FIRST, GATE_LONGEST)),
                slots=slots,
                fleet_limit=settings.concurrency,
                who=self.who,
                emit=self.emit,
            ),
            wake=self.wake,
            policy=sweep_policy(settings),
            config=self.config,
            slots=slots,
            emit=self.emit,
            stopping=stopping,
            turned=self._turned,
        )
        self.rehearsal = Rehearsal(queue, self.wake, self.config, self.emit, stopping, self._turned)
        self.heartbeat = self._beat()
        self.upkeep = self._chores(queue)
        self.inbox = InboxLoop(Inbox(pool), asyncio.Event(), self.emit)
        self.webhooks = self._webhooks()
        self.figures = Figures(self.fleet)
        self.reconcile = self._reconcile()
        parts = self.wake, self.sweep, self.heartbeat, self.upkeep
        self.health = Health(*parts, stopping, enabled=self.works, reconcile=self.reconcile)

    def _beat(self) -> Heartbeat:
        return Heartbeat(
            daemon=self.id,
            version=__version__,
            fleet=self.fleet,
            wake=self.wake,
            sweep=self.sweep,
            account=self.account,
            config=self._published(),
            emit=self.emit,
        )

    def _webhooks(self) -> Webhooks:
        window = self.settings.seconds("webhook_window")
        secrets = self.settings.signing_secrets()
        return Webhooks(self.pool, secrets, window, self.inbox.heard, self.emit)

    def _chores(self, queue: Queue) -> Upkeep:
        return Upkeep(
            queue=queue,
            inbox=Inbox(self.pool),
            fleet=self.fleet,
            gates=Gates(self.pool),
            config=self.config,
            retention=timedelta(days=self.settings.retention),
            files=[file.name for file in read_schema()],
            second_look=SecondLook(Environment(self.pool), self.id, self.sweep.recent, self.emit),
            look=self.wake.heard.set,
            emit=self.emit,
        )

    def _reconcile(self) -> ReconcileLoop | None:
        """Return what reconciles by itself, if that is wanted."""
        if not self.settings.reconcile_hours:
            return None

        def say(news: object) -> None:
            if isinstance(news, ReconcileWaits):
                self.emit(news)

        runs = Reconciliations(self.pool, self.id)
        share = self.settings.reconcile_share
        return ReconcileLoop(
            Reconciler(runs, self.account, share, self.stopping, say),
            timedelta(hours=self.settings.reconcile_hours),
            RunRequest(self.who, timedelta(hours=24)),
            self.emit,
        )

    async def run(self, sock: socket.socket, access: AccessPolicy, visitors: Pool) -> None:
        """Work, and answer HTTP with connections of its own, until told to stop."""
        await self._enter()
        backend = Backend(visitors, self.account, self.settings, self.stopping, self.emit)
        app = build(
            self.health, self.webhooks, self.metrics.registry, self._refresh, backend, access
        )
        host, port = sock.getsockname()[:2]
        try:
            async with asyncio.TaskGroup() as group:
                others = [
                    group.create_task(serve(app, sock), name="http"),
                    group.create_task(self.wake.run(), name="wake"),
                    group.create_task(self.heartbeat.run(), name="heartbeat"),
                    group.create_task(self.upkeep.run(), name="upkeep"),
                    group.create_task(self.inbox.run(), name="inbox"),
                    group.create_task(backend.run(), name="backend"),
                ]
                if self.reconcile is not None:
                    others.append(group.create_task(self.reconcile.run(), name="reconcile"))
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
        dry_run = self.settings.enabled and self.settings.dry_run
        return DaemonStarted(
            str(self.id), __version__, cloud, http, enabled=self.works, dry_run=dry_run
        )

    async def _enter(self) -> None:
        for other in await self.fleet.daemons():
            if is_gone(other["config"].get("process", {}), self.process):
                await self.fleet.leave(other["id"])  # it was killed: its share is free at once
        if self.works:
            await pause_if_alone(self.pool, who=self.who, auto_start=self.settings.auto_start)
        await self.heartbeat.once()
        if self.works:  # one that does not is only asked by its claims, which it takes back
            installed = await self.fleet.install(self.id, self.terms)
            here = installed["cloud_name"] == self.account.credentials.cloud_name
            self.account.asset_id_proven = here and installed["asset_id_proven_at"] is not None

    async def _work(self) -> None:
        """Sweep until told to stop, and then for as long as stopping may take."""
        if not self.settings.enabled:
            await pulse(asyncio.Event(), self.stopping, math.inf, self._turned)
            return
        path = self.rehearsal.run() if self.settings.dry_run else self.sweep.run()
        work = asyncio.create_task(path, name="sweep")
        stop = asyncio.create_task(self._until_time_is_up(), name="stop")
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not work.done():
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        else:
            work.result()

    def _turned(self) -> None:
        """Take note that the work loop has turned; tell the supervisor, once it is up and while it
        gets on.
        """
        self.health.turned_s = boot_s()
        if self.wake.tried and not self.stopping.is_set() and self.health.moves():
            self.supervisor.turned(self.health.doing)

    async def _until_time_is_up(self) -> None:
        await self.stopping.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.hard_stop.wait(), self.settings.stop_timeout)

    def _published(self) -> dict[str, Any]:
        """Return what the registry is told of how this daemon was started."""
        return {
            "works": self.works,
            "grace_s": self.settings.grace,
            "process": self.process,
            **{name: getattr(self.settings, name) for name in SETTABLE},
        }

    async def _refresh(self) -> None:
        state = await self.figures.state()
        if state is not None:
            self.metrics.fleet.show(state)
        self.metrics.own.show(self.health.standing())


def terms(settings: Settings, cloud: str) -> ClaimTerms:
    """Return what a claim is made under."""
    return ClaimTerms(
        lease=settings.seconds("lease"),
        grace=settings.seconds("grace"),
        settle=2 * settings.seconds("http_timeout"),
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
        concurrency=settings.concurrency,
        lease=settings.seconds("lease"),
        reserve=reserve,
        backoff=Backoff(settings.seconds("retry_base"), BACKOFF_CAP, settle=reserve),
    )
