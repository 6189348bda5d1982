"""Every metric of the daemon, in one registry of its own. Label sets are closed: no name of an
asset and no text of an error becomes a label.

Three kinds: what has happened here, moved by events; how this daemon stands, and how the fleet
stands, both set when somebody scrapes. The second and the third come from what the loops know and
from one count for all replicas.
"""

from __future__ import annotations

import math
import platform
from functools import partial
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from mediasweep.rules import events, webhook
from mediasweep.rules.gate import OPENED_BY
from mediasweep.rules.job import Move, Status
from mediasweep.rules.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mediasweep.operations.health import Standing

GATES = tuple(OPENED_BY)
WOKEN_BY = ("start", "notify", "tick", "arming", "backlog")
BROUGHT = ("rows", "empty", "held", "failed")
KEPT = ("in_use", "protected", "newer", "other")  # other: what a later release tells
APIS = ("upload", "admin")
CODES = ("none", "200", "400", "401", "403", "404", "409", "420", "423", "429", "500", "other")
NOTIFICATIONS = ("applied", "ignored", "no_library", "failed")
GONE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400)
WAKE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CALL_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)


class EventCounters:
    """What events move. All series are there from the start, at zero."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the series."""
        counter = partial(Counter, namespace="mediasweep", registry=registry)
        gauge = partial(Gauge, namespace="mediasweep", registry=registry)
        histogram = partial(Histogram, namespace="mediasweep", registry=registry)
        self.listener_up = gauge(
            "listener_up", "1 while notifications from PostgreSQL are proven to arrive"
        )
        self.listener_losses = counter(
            "listener_losses", "Times that notifications, having arrived, arrived no more"
        )
        self.wake_to_claim = histogram(
            "wake_to_claim_seconds",
            "From a notification to the commit of the claim that it led to, where that had rows",
            buckets=WAKE_BUCKETS,
        )
        self.gone = histogram(
            "commit_to_gone_seconds",
            "From the capture in the user's transaction to the recorded deletion",
            buckets=GONE_BUCKETS,
        )
        self.claims = counter(
            "claims",
            "Claim calls to the database by what they brought: rows; nothing (empty); nothing, for "
            "rows wait for a gate or an open transaction (held); the call or its guard failed",
            ["result"],
        )
        self.sweeps = counter("sweeps", "Claims that brought rows, by what led to it", ["woken_by"])
        self.deletions = counter(
            "deletions",
            "Answers to deletions by outcome; deleted and absent complete a row",
            ["outcome"],
        )
        self.skipped = counter("skipped", "Rows kept, by why", ["reason"])
        self.lost_claims = counter(
            "claims_lost", "Answers that came after another claim had taken the row over"
        )
        self.guard_failures = counter("guard_failures", "Claims whose guard could not answer")
        self.handovers = counter(
            "handovers", "Rows taken over because who claimed them never said what came of it"
        )
        self.refunds = counter(
            "attempts_refunded", "Deletions sent that are known to have done nothing: not counted"
        )
        self.requests = counter(
            "cloudinary_requests",
            "Calls to Cloudinary by API and HTTP status; code none: no whole answer came",
            ["api", "code"],
        )
        self.request_seconds = histogram(
            "cloudinary_request_seconds", "Calls to Cloudinary", ["api"], buckets=CALL_BUCKETS
        )
        absent = "as its last answer told; absent until one did"
        self.quota_limit = gauge(
            "cloudinary_quota_limit", f"Calls that an API allows in an hour, {absent}", ["api"]
        )
        self.quota_remaining = gauge(
            "cloudinary_quota_remaining", f"Calls that an API still allows, {absent}", ["api"]
        )
        self.quota_reset = gauge(
            "cloudinary_quota_reset_timestamp_seconds",
            f"When an API allows all its calls again, {absent}",
            ["api"],
        )
        self.webhooks = counter("webhooks", "Requests to the webhook by result", ["result"])
        self.notifications = counter(
            "notifications", "Notifications by what came of them; failed: each try", ["outcome"]
        )
        self._up = False
        self._start_at_zero()

    def _start_at_zero(self) -> None:
        for series, values in (
            (self.deletions, tuple(Outcome)),
            (self.sweeps, WOKEN_BY),
            (self.claims, BROUGHT),
            (self.skipped, KEPT),
            (self.webhooks, tuple(webhook.WebhookResult)),
            (self.notifications, NOTIFICATIONS),
        ):
            for value in values:
                series.labels(value)
        for api in APIS:
            self.request_seconds.labels(api)
            for code in CODES:
                self.requests.labels(api, code)

    def count(self, event: events.Event) -> None:
        """Move the series that an event is about."""
        match event:
            case events.Swept():
                self._swept(event)
            case events.ClaimedNothing():
                self.claims.labels(event.result).inc()
            case events.Answered(answer=answer):
                self.deletions.labels(answer.outcome).inc()
            case events.CloudinaryCalled():
                self._called(event)
            case events.Recorded():
                self._recorded(event)
            case events.ClaimLost():
                self.lost_claims.inc()
            case events.GuardFailed():
                self.guard_failures.inc()
            case events.ListenerUp():
                self._listens(up=True)
            case events.ListenerDown():
                self._listens(up=False)
            case _:
                self._notified(event)

    def _notified(self, event: events.Event) -> None:
        match event:
            case webhook.NotificationReceived():
                self.webhooks.labels(event.result).inc()
            case webhook.NotificationApplied():
                self.notifications.labels(event.outcome).inc()
            case webhook.NotificationFailed():
                self.notifications.labels("failed").inc()

    def _swept(self, event: events.Swept) -> None:
        self.claims.labels("rows").inc()
        self.sweeps.labels(event.woken_by).inc()
        for reason, rows in event.kept.items():
            self.skipped.labels(reason if reason in KEPT else "other").inc(rows)
        self.skipped.labels("other").inc(event.skipped - sum(event.kept.values()))  # not told why
        self.handovers.inc(event.handed_over)
        if event.since_notified is not None:
            self.wake_to_claim.observe(event.since_notified)

    def _called(self, event: events.CloudinaryCalled) -> None:
        code = str(event.status or "none")
        self.requests.labels(event.api, code if code in CODES else "other").inc()
        self.request_seconds.labels(event.api).observe(event.seconds)
        if event.quota is not None:
            self.quota_limit.labels(event.api).set(event.quota.limit)
            self.quota_remaining.labels(event.api).set(event.quota.remaining)
            self.quota_reset.labels(event.api).set(event.quota.reset_at.timestamp())

    def _recorded(self, event: events.Recorded) -> None:
        outcome = event.answer.outcome
        if outcome.move is Move.COMPLETED:
            self.gone.observe(event.gone_after.total_seconds())
        elif outcome.move is Move.REFUSED and outcome is not Outcome.UNSENT:
            self.refunds.inc()

    def _listens(self, *, up: bool) -> None:
        if self._up and not up:  # else it has only failed once more to begin
            self.listener_losses.inc()
        self._up = up
        self.listener_up.set(up)


OWN = {
    "canary_age_s": (
        "listener_canary_age_seconds",
        "Since the listener last heard what each beat sends to prove it; +Inf: never yet",
    ),
    "in_flight": ("in_flight", "Deletions at Cloudinary under way in this daemon"),
    "limit": ("concurrency_limit", "Its share of the deletions that the fleet may have under way"),
    "database_up": ("database_up", "1 while its last beat and its last claim or record arrived"),
    "capture_broken": (
        "capture_broken",
        "1 while not all deletions are captured, or cannot be queued; /readyz tells why; use max",
    ),
    "reconcile_every_s": ("reconcile_interval_seconds", "How often it compares; 0: if asked only"),
}


class DaemonGauges:
    """How this daemon stands."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the series."""
        gauge = partial(Gauge, namespace="mediasweep", registry=registry)
        self._gauges = {key: gauge(name, told) for key, (name, told) in OWN.items()}
        self._gauges["canary_age_s"].set(math.inf)

    def show(self, standing: Standing) -> None:
        """Set the series."""
        for key, gauge in self._gauges.items():
            gauge.set(getattr(standing, key))


SAME = "; the same for every replica, so use max"
FLEET = {
    "due": ("queue_due_rows", "Rows that a claim could take if every gate were open"),
    "oldest_due_s": ("queue_oldest_due_seconds", "How long the oldest of the due rows has been so"),
    "in_doubt": ("queue_in_doubt_rows", "Unfinished rows whose asset may be gone already"),
    "fallback": ("fallback_rows", "Captures that could not be queued yet; above zero, look why"),
    "journal": ("journal_rows", "Rows of the journal, as the planner of the database estimates"),
    "alive": ("daemons_alive", "Daemons whose last beat is less than twenty seconds ago"),
    "held_s": ("horizon_held_seconds", "Wait of the oldest due row for an open writer; 0: none"),
    "reconciled_s": ("reconcile_age_seconds", "Since a comparison was complete; +Inf: none began"),
    "orphans": ("reconcile_orphans", "Assets that no row uses, by the last comparison"),
    "ghosts": ("reconcile_ghosts", "Rows without their asset, by the last comparison"),
    "mismatches": ("reconcile_mismatches", "Rows that say something else of their asset"),
    "inbox": ("inbox_rows", "Notifications that came and are not applied yet"),
    "inbox_failing": ("inbox_failing_rows", "Those of them that could not be applied so far"),
    "inbox_s": ("inbox_oldest_seconds", "How long ago the oldest of them came; 0: there is none"),
    "age_s": ("fleet_state_age_seconds", "How old this answer's figures of the fleet are"),
}
NEVER = {"age_s": math.inf, "reconciled_s": math.inf}


class FleetGauges:
    """How the fleet stands: what is the same for every replica."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the series; as long as nothing is known, they are 0, of an infinite age."""
        gauge = partial(Gauge, namespace="mediasweep", registry=registry)
        self._rows = gauge(
            "queue_rows",
            "Rows of the queue by status; completed and skipped are estimated once there are many"
            + SAME,
            ["status"],
        )
        self._closed = gauge(
            "gate_closed", "1 while this gate is closed or being tested" + SAME, ["gate"]
        )
        self._single = {key: gauge(name, told + SAME) for key, (name, told) in FLEET.items()}
        self.show(dict.fromkeys((*FLEET, *Status), 0) | {"gates": ()} | NEVER)

    def show(self, state: Mapping[str, Any]) -> None:
        """Set the series to a state of the fleet."""
        for status in Status:
            self._rows.labels(status).set(state[status])
        for gate in GATES:
            self._closed.labels(gate).set(gate in state["gates"])
        for key, gauge in self._single.items():
            gauge.set(state.get(key, NEVER.get(key, 0)))


class Metrics:
    """The registry, and who sets its series."""

    def __init__(self, version: str) -> None:
        """Make all series, so that a rate is right from the first event on."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series beside each counter, which nobody asked for
        self.registry = CollectorRegistry()
        Info("mediasweep_build", "Version of the running daemon", registry=self.registry).info(
            {"version": version, "python": platform.python_version()}
        )
        ProcessCollector(registry=self.registry)
        self.happened = EventCounters(self.registry)
        self.own = DaemonGauges(self.registry)
        self.fleet = FleetGauges(self.registry)
