"""One of each event, with the log line that it makes: the log's contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mediasweep.rules import events
from mediasweep.rules.asset import Asset
from mediasweep.rules.drift import Reconciled, ReconcileInterrupted, ReconcileWaits
from mediasweep.rules.gate import Closing
from mediasweep.rules.job import Job
from mediasweep.rules.outcome import Answer, Outcome
from mediasweep.rules.quota import Quota
from mediasweep.rules.webhook import (
    NotificationApplied,
    NotificationFailed,
    NotificationReceived,
    WebhookResult,
)

ID = UUID(int=1)
SECOND = timedelta(seconds=1)
JOB = Job(ID, 7, Asset("folder/p", "image", None), 1, 3, in_doubt=False, waited=SECOND)
ROW = {"queue_id": str(ID), "public_id": "folder/p", "resource_type": "image", "claim_no": 7}
OK = Answer(Outcome.DELETED, status=200)
BUSY = Answer(Outcome.THROTTLED, "limit", status=420)
SWEPT = {
    "claimed": 3,
    "skipped": 2,
    "failed": 1,
    "in_doubt": 1,
    "woken_by": "notify",
    "handed_over": 0,
}
WORKS: dict[str, object] = {"enabled": True, "dry_run": False}
DELETED = {"outcome": "deleted"}
BRAKED = {"source": "files", "rows": 5, "limit": 3, "reason": "x"}
CLOSING = Closing("auth", "Invalid Signature", 15 * SECOND, 15 * SECOND)
QUOTA = Quota(500, 7, datetime.fromtimestamp(60, UTC))
SILENT = Answer(Outcome.UNCLEAR, "no whole answer in time")
DONE: dict[str, Any] = {"run": 1, "state": "done", "asked_by": "me", "counts": {}, "reason": None}
REFUSED: dict[str, Any] = {"state": "refused", "reason": "x"}

# the log's contract: event, level, name, values
LINES: list[tuple[events.Event, str, str, dict[str, object]]] = [
    (
        events.DaemonStarted("d1", "1.0", "demo", ":80", enabled=True, dry_run=False),
        "info",
        "daemon_started",
        WORKS | {"daemon": "d1", "version": "1.0", "cloud_name": "demo", "http": ":80"},
    ),
    (events.AccountUnchecked("x"), "warning", "account_unchecked", {"detail": "x"}),
    (events.DaemonStopping("SIGTERM"), "info", "daemon_stopping", {"reason": "SIGTERM"}),
    (events.DaemonStopped(0), "info", "daemon_stopped", {"in_flight_left": 0}),
    (events.Swept(3, 2, 1, 1, 0.123456, "notify"), "info", "swept", SWEPT | {"seconds": 0.1235}),
    (
        events.Swept(3, 2, 1, 1, 0.1, "notify", 2, 0.01234, {"in_use": 2}),
        "info",
        "swept",
        SWEPT | {"seconds": 0.1, "handed_over": 2, "since_notified": 0.0123, "kept": {"in_use": 2}},
    ),
    (
        events.ClaimedNothing("held", 0.123456, "tick"),
        "debug",
        "claimed_nothing",
        {"result": "held", "seconds": 0.1235, "woken_by": "tick"},
    ),
    (
        events.CloudinaryCalled("upload", None, 0.123456, None),
        "debug",
        "cloudinary_called",
        {"api": "upload", "status": None, "seconds": 0.1235},
    ),
    (
        events.CloudinaryCalled("admin", 200, 0.1, QUOTA),
        "debug",
        "cloudinary_called",
        {"api": "admin", "status": 200, "seconds": 0.1, "quota_remaining": 7},
    ),
    (events.Answered(JOB, OK, 0.5), "debug", "answered", ROW | DELETED | {"seconds": 0.5}),
    (
        events.Answered(JOB, BUSY, 0.5),
        "warning",
        "answered",
        ROW | {"outcome": "throttled", "seconds": 0.5, "detail": "limit"},
    ),
    (
        events.Recorded(JOB, OK, 2 * SECOND),
        "debug",
        "recorded",
        ROW | {"outcome": "deleted", "gone_after_s": 2.0},
    ),
    (events.ClaimLost(JOB, OK), "warning", "claim_lost", ROW | {"outcome": "deleted"}),
    (events.GuardFailed("no such column"), "error", "guard_failed", {"error": "no such column"}),
    (
        events.GateClosed(CLOSING),
        "warning",
        "gate_closed",
        {"gate": "auth", "reason": "Invalid Signature", "wait_s": 15.0},
    ),
    (events.BrakeClosed("files", 5, 3, "x"), "error", "brake_closed", BRAKED),
    (events.GateOpened(("auth",)), "info", "gate_opened", {"names": ("auth",)}),
    (events.Recalled(2), "error", "recalled", {"deletions": 2}),
    (
        events.LookedAgain(9, 1, ("a",)),
        "error",
        "looked_again",
        {"looked": 9, "found": 1, "assets": ("a",)},
    ),
    (
        events.LookedAgain(9, 0, ()),
        "info",
        "looked_again",
        {"looked": 9, "found": 0, "assets": ()},
    ),
    (events.Held("pause: x"), "warning", "held", {"reason": "pause: x"}),
    (events.Released(), "info", "released", {}),
    (events.Configured({"batch_size": 5}), "info", "configured", {"config": {"batch_size": 5}}),
    (events.ShareChanged(3), "info", "share_changed", {"calls": 3}),
    (
        events.Pruned(4, 5, 6),
        "info",
        "pruned",
        {"queue_rows": 4, "journal_rows": 5, "notifications": 6},
    ),
    (events.WouldDelete(JOB), "info", "would_delete", ROW),
    (
        events.Rehearsed(3, 1, 99),
        "info",
        "rehearsed",
        {"would_delete": 3, "would_keep": 1, "size": 99},
    ),
    (events.ListenerUp(), "info", "listener_up", {}),
    (events.ListenerDown("reset"), "warning", "listener_down", {"reason": "reset"}),
    (
        events.DatabaseLost("claim", "reset"),
        "warning",
        "database_lost",
        {"doing": "claim", "error": "reset"},
    ),
    (events.DatabaseBack(SECOND), "info", "database_back", {"after_s": 1.0}),
    (events.FallbackRefilled(2), "warning", "fallback_refilled", {"rows": 2}),
    (
        events.QueueUnhealthy(("many due",)),
        "warning",
        "queue_unhealthy",
        {"problems": ("many due",)},
    ),
    (
        NotificationReceived(WebhookResult.DUPLICATE, "upload"),
        "debug",
        "notification_received",
        {"result": "duplicate", "notification_type": "upload", "detail": None},
    ),
    (
        NotificationReceived(WebhookResult.STALE, None, "old"),
        "warning",
        "notification_received",
        {"result": "stale", "notification_type": None, "detail": "old"},
    ),
    (
        NotificationApplied("delete", "applied", 2),
        "debug",
        "notification_applied",
        {"notification_type": "delete", "outcome": "applied", "assets": 2},
    ),
    (
        NotificationFailed("upload", "ab", "no such column"),
        "warning",
        "notification_failed",
        {"notification_type": "upload", "digest": "ab", "error": "no such column"},
    ),
    (Reconciled(**DONE), "info", "reconciled", DONE),
    (Reconciled(**DONE | REFUSED), "error", "reconciled", DONE | REFUSED),
    (ReconcileInterrupted("x"), "warning", "reconcile_interrupted", {"reason": "x"}),
    (
        ReconcileWaits(datetime(2026, 1, 5, 12, tzinfo=UTC), "x"),
        "info",
        "reconcile_waits",
        {"until": "2026-01-05T12:00:00+00:00", "reason": "x"},
    ),
]
EVENTS = [event for event, *_ in LINES]
