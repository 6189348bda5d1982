"""What is told: each event becomes a log line, and moves the metrics. Logs and metrics cannot
disagree.

stdout is data, so the log goes to stderr. Names of log events and metrics are stable; values that
come from outside are escaped by the renderer; label sets are closed.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
)

from mediasweep.rules import events
from mediasweep.rules.job import Status
from mediasweep.rules.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

GONE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400)
GATES = ("pause", "breaker", "auth", "rate_limit", "brake", "environment", "failover")
WOKEN_BY = ("start", "notify", "tick", "arming", "backlog")
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


CODES = ("none", "200", "400", "401", "403", "404", "409", "420", "423", "429", "500", "other")


def _code(status: int | None) -> str:
    code = str(status or "none")
    return code if code in CODES else "other"


class Metrics:
    """Every metric of the daemon, in one registry of its own."""

    def __init__(self, version: str) -> None:
        """Create all series at zero, so that a rate is right from the first event on."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series beside each counter, which nobody asked for
        self.registry = registry = CollectorRegistry()
        Info("mediasweep_build", "Version of the running daemon", registry=registry).info(
            {"version": version}
        )
        self.queue_rows = Gauge(
            "mediasweep_queue_rows",
            "Rows of the queue by status; the same for every replica, so use max",
            ["status"],
            registry=registry,
        )
        self.oldest_due = Gauge(
            "mediasweep_queue_oldest_due_seconds",
            "How long the oldest claimable row has been due; the same for every replica",
            registry=registry,
        )
        self.fallback_rows = Gauge(
            "mediasweep_fallback_rows",
            "Captures that could not be queued yet; above zero means that capture is broken",
            registry=registry,
        )
        self.gate_closed = Gauge(
            "mediasweep_gate_closed",
            "1 while this gate is closed or testing; the same for every replica",
            ["gate"],
            registry=registry,
        )
        self.listener_up = Gauge(
            "mediasweep_listener_up",
            "1 while notifications are proven to arrive",
            registry=registry,
        )
        self.deletions = Counter(
            "mediasweep_deletions",
            "Answers to deletions by outcome; deleted and absent complete a row",
            ["outcome"],
            registry=registry,
        )
        self.requests = Counter(
            "mediasweep_cloudinary_requests",
            "Calls to Cloudinary by API and HTTP status; code none: no whole answer came",
            ["api", "code"],
            registry=registry,
        )
        self.gone = Histogram(
            "mediasweep_commit_to_gone_seconds",
            "From the capture in the user's transaction to the recorded deletion",
            buckets=GONE_BUCKETS,
            registry=registry,
        )
        self.sweeps = Counter(
            "mediasweep_sweeps",
            "Claims that brought rows, by what woke them",
            ["woken_by"],
            registry=registry,
        )
        self.skipped = Counter(
            "mediasweep_skipped", "Rows kept because their asset is in use", registry=registry
        )
        self.lost_claims = Counter(
            "mediasweep_claims_lost",
            "Answers that came after another claim took over",
            registry=registry,
        )
        self.guard_failures = Counter(
            "mediasweep_guard_failures", "Claims whose guard could not answer", registry=registry
        )
        self._start_at_zero()

    def _start_at_zero(self) -> None:
        for outcome in Outcome:
            self.deletions.labels(outcome)
        for gate in GATES:
            self.gate_closed.labels(gate).set(0)
        for code in CODES:
            self.requests.labels("upload", code)
        for status in Status:
            self.queue_rows.labels(status).set(0)
        for woken_by in WOKEN_BY:
            self.sweeps.labels(woken_by)

    def state(self, counts: Mapping[str, int], due: Mapping[str, Any], closed: set[str]) -> None:
        """Set the gauges that come from the database."""
        for status in Status:
            self.queue_rows.labels(status).set(counts.get(status, 0))
        self.oldest_due.set(due["oldest_seconds"])
        self.fallback_rows.set(due["fallback"])
        for gate in GATES:
            self.gate_closed.labels(gate).set(gate in closed)


class Report:
    """Takes every event; `emit` is what loops are given."""

    def __init__(self, metrics: Metrics) -> None:
        """Log by structlog as `configure_logging` left it."""
        self.metrics = metrics
        self._log = structlog.get_logger("mediasweep")

    def emit(self, event: events.Event) -> None:
        """Log and count one event."""
        self._count(event)
        level, name, values = line(event)
        self._log.log(LEVELS[level], name, **values)

    def _count(self, event: events.Event) -> None:
        metrics = self.metrics
        match event:
            case events.Swept():
                metrics.sweeps.labels(event.woken_by).inc()
                metrics.skipped.inc(event.skipped)
            case events.Answered(answer=answer):
                metrics.deletions.labels(answer.outcome).inc()
                if answer.outcome is not Outcome.UNSENT:
                    metrics.requests.labels("upload", _code(answer.status)).inc(answer.calls)
            case events.Recorded(answer=answer) if answer.outcome in {
                Outcome.DELETED,
                Outcome.ABSENT,
            }:
                metrics.gone.observe(event.gone_after.total_seconds())
            case events.ClaimLost():
                metrics.lost_claims.inc()
            case events.GuardFailed():
                metrics.guard_failures.inc()
            case events.ListenerUp():
                metrics.listener_up.set(1)
            case events.ListenerDown():
                metrics.listener_up.set(0)
            case _:
                pass


def line(event: events.Event) -> tuple[str, str, dict[str, Any]]:
    """Return level, name and values of the log line of an event."""
    match event:
        case events.DaemonStarted():
            return "info", "daemon_started", _fields(event)
        case events.DaemonStopping() | events.DaemonStopped():
            return "info", _snake(event), _fields(event)
        case events.Swept():
            values = _fields(event) | {"seconds": round(event.seconds, 4)}
            return "info", "swept", values
        case events.Answered(job=job, answer=answer):
            good = answer.outcome in {Outcome.DELETED, Outcome.ABSENT, Outcome.UNSENT}
            values = _asset(job) | {
                "outcome": answer.outcome.value,
                "seconds": round(event.seconds, 4),
            }
            values |= {"detail": answer.detail} if answer.detail else {}
            return "debug" if good else "warning", "answered", values
        case events.Recorded(job=job, answer=answer):
            gone_after_s = round(event.gone_after.total_seconds(), 4)
            values = _asset(job) | {"outcome": answer.outcome.value, "gone_after_s": gone_after_s}
            return "debug", "recorded", values
        case events.ClaimLost(job=job, answer=answer):
            return "warning", "claim_lost", _asset(job) | {"outcome": answer.outcome.value}
        case events.GateClosed(closing=closing):
            wait_s = closing.wait.total_seconds()
            return (
                "warning",
                "gate_closed",
                {"gate": closing.name, "reason": closing.reason, "wait_s": wait_s},
            )
        case events.Recalled():
            return "error", "recalled", _fields(event)
        case events.LookedAgain(found=found):
            return "error" if found else "info", "looked_again", _fields(event)
        case events.GuardFailed() | events.BrakeClosed():
            return "error", _snake(event), _fields(event)
        case events.WouldDelete(job=job):
            return "info", "would_delete", _asset(job)
        case events.Configured() | events.ShareChanged() | events.Rehearsed():
            return "info", _snake(event), _fields(event)
        case events.DatabaseBack():
            return "info", "database_back", {"after_s": round(event.after.total_seconds(), 3)}
        case events.ListenerUp() | events.GateOpened() | events.Released() | events.Pruned():
            return "info", _snake(event), _fields(event)
        case _:
            return "warning", _snake(event), _fields(event)


def _asset(job: Any) -> dict[str, Any]:  # noqa: ANN401  a Job; typed by the events
    return {
        "queue_id": str(job.id),
        "public_id": job.asset.public_id,
        "resource_type": job.asset.resource_type,
        "claim_no": job.claim_no,
    }


def _fields(event: events.Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__dataclass_fields__}


def _snake(event: events.Event) -> str:
    name = type(event).__name__
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def configure_logging(*, form: str, level: str) -> None:
    """Log to stderr, one JSON object a line or coloured text."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), repr_native_str=True)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # libraries log through the standard module; only what is wrong is of interest
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    # with a whole traceback for each attempt to connect; that the database is lost is said by us
    logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)
