"""What is told: each event becomes a log line, and moves the metrics (`metrics`). Logs and metrics
cannot disagree.

stdout is data, so the log goes to stderr. Names of log events are stable; values that come from
outside are escaped by the renderer.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, assert_never

import structlog

from mediasweep.rules import events
from mediasweep.rules.drift import Reconciled, ReconcileInterrupted, ReconcileWaits
from mediasweep.rules.outcome import Outcome
from mediasweep.rules.webhook import (
    NotificationApplied,
    NotificationFailed,
    NotificationReceived,
    WebhookResult,
)

if TYPE_CHECKING:
    from mediasweep.metrics import Metrics

ID_MOST = 300  # characters; Cloudinary's public ids have 255 at the most
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Report:
    """Takes every event; `emit` is what loops are given."""

    def __init__(self, metrics: Metrics) -> None:
        """Log by structlog as `configure_logging` left it."""
        self.metrics = metrics
        self._log = structlog.get_logger("mediasweep")

    def emit(self, event: events.Event) -> None:
        """Log and count one event."""
        self.metrics.happened.count(event)
        level, name, values = line(event)
        self._log.log(LEVELS[level], name, **values)


def line(event: events.Event) -> tuple[str, str, dict[str, Any]]:
    """Return level, name and values of the log line of an event."""
    match event:
        case events.DaemonStarted() | events.DaemonStopping() | events.DaemonStopped():
            return "info", _snake(event), _fields(event)
        case events.Swept():
            return "info", "swept", _swept(event)
        case events.ClaimedNothing():
            values = _fields(event) | {"seconds": round(event.seconds, 4)}
            return "debug", "claimed_nothing", values
        case events.CloudinaryCalled(quota=quota):
            values = {"api": event.api, "status": event.status, "seconds": round(event.seconds, 4)}
            values |= {"quota_remaining": quota.remaining} if quota else {}
            return "debug", "cloudinary_called", values
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
        case Reconciled(state=state):
            return "info" if state == "done" else "error", "reconciled", _fields(event)
        case ReconcileWaits(until=until):
            values = {"until": until.isoformat(), "reason": event.reason}
            return "info", "reconcile_waits", values
        case events.LookedAgain(found=found):
            return "error" if found else "info", "looked_again", _fields(event)
        case events.GuardFailed() | events.BrakeClosed() | events.Recalled():
            return "error", _snake(event), _fields(event)
        case NotificationReceived(result=result):
            taken = result in {WebhookResult.ACCEPTED, WebhookResult.DUPLICATE}
            return "debug" if taken else "warning", "notification_received", _fields(event)
        case NotificationApplied():
            return "debug", "notification_applied", _fields(event)
        case events.WouldDelete(job=job):
            return "info", "would_delete", _asset(job)
        case events.Configured() | events.ShareChanged() | events.Rehearsed():
            return "info", _snake(event), _fields(event)
        case events.DatabaseBack():
            return "info", "database_back", {"after_s": round(event.after.total_seconds(), 3)}
        case events.ListenerUp() | events.GateOpened() | events.Released() | events.Pruned():
            return "info", _snake(event), _fields(event)
        case events.ListenerDown() | events.DatabaseLost() | events.AccountUnchecked():
            return "warning", _snake(event), _fields(event)
        case events.Held() | events.FallbackRefilled() | events.QueueUnhealthy():
            return "warning", _snake(event), _fields(event)
        case NotificationFailed() | ReconcileInterrupted():
            return "warning", _snake(event), _fields(event)
        case _:
            assert_never(event)


def _swept(event: events.Swept) -> dict[str, Any]:
    """Return what a claim brought; what nothing is known of is left out."""
    values = _fields(event) | {"seconds": round(event.seconds, 4)}
    if event.since_notified is not None:
        values["since_notified"] = round(event.since_notified, 4)
    return {name: value for name, value in values.items() if value not in (None, {})}


def _asset(job: Any) -> dict[str, Any]:  # noqa: ANN401  a Job; typed by the events
    return {
        "queue_id": str(job.id),
        "public_id": job.asset.public_id[:ID_MOST],
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
