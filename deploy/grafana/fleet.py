"""Panels about the fleet: is it well, and how fast is it?"""

from __future__ import annotations

from deploy.grafana.panel import DAEMON, OVER, Panel, Query, fleet, own, quantiles, rate

WELL = (
    Panel(
        "Due",
        "Rows that a claim could take if every gate were open. They should be gone within seconds.",
        "short",
        (Query(fleet("queue_due_rows"), "{{job}}"),),
        "stat",
        4,
        ((21, "orange"),),
        runbooks=("MediasweepManyDue",),
    ),
    Panel(
        "Oldest due",
        "How late the fleet is. The one figure to look at.",
        "s",
        (Query(fleet("queue_oldest_due_seconds"), "{{job}}"),),
        "stat",
        4,
        ((60, "orange"), (900, "red")),
        runbooks=("MediasweepOldestDue",),
    ),
    Panel(
        "Failed",
        "Rows that were given up. Each is an asset that may still be there.",
        "short",
        (Query(fleet("queue_rows", 'status="failed"'), "{{job}}"),),
        "stat",
        4,
        ((1, "orange"), (11, "red")),
        runbooks=("MediasweepManyFailed",),
    ),
    Panel(
        "Not captured yet",
        "Captures that fell back and are not in the queue yet. Above 0, capture is broken.",
        "short",
        (Query(fleet("fallback_rows"), "{{job}}"),),
        "stat",
        4,
        ((1, "red"),),
        runbooks=("MediasweepCaptureBroken",),
    ),
    Panel(
        "Daemons alive",
        "Daemons with a fresh beat. 0: nothing is deleted.",
        "short",
        (Query(fleet("daemons_alive"), "{{job}}"),),
        "stat",
        4,
        ((0, "red"), (1, "green")),
        runbooks=("MediasweepDown", "MediasweepSchedulerDown"),
    ),
    Panel(
        "Versions",
        "How many daemons of each release answer. Two at a time are a rolling update.",
        "short",
        (Query(f"count by (version) ({own('mediasweep_build_info')})", "{{version}}"),),
        "stat",
        4,
    ),
    Panel(
        "Queue",
        "Rows that are not done, those due among them, and those of which nobody knows whether"
        " they were deleted (in doubt).",
        "short",
        (
            Query(
                fleet("queue_rows", 'status=~"pending|processing|failed"', "status"), "{{status}}"
            ),
            Query(fleet("queue_due_rows", by=""), "due"),
            Query(fleet("queue_in_doubt_rows", by=""), "in doubt"),
        ),
        width=12,
        runbooks=("MediasweepManyDue", "MediasweepManyFailed"),
    ),
    Panel(
        "Gates",
        "Why nothing is sent, or nothing of one table. A closed gate moves no row.",
        "short",
        (Query(fleet("gate_closed", by="gate"), "{{gate}}"),),
        "states",
        12,
        states=((1, "closed"), (0, "open")),
        runbooks=(
            "MediasweepBrakeClosed",
            "MediasweepBreakerOpen",
            "MediasweepAuthRefused",
            "MediasweepRateLimited",
            "MediasweepEnvironmentChanged",
            "MediasweepFailoverHeld",
        ),
    ),
)

LATENCY = (
    Panel(
        "Answers",
        "Answers to deletions, by outcome. deleted and absent complete a row.",
        "ops",
        (Query(f"{rate('deletions_total', 'outcome')} > 0", "{{outcome}}"),),
        "stack",
        runbooks=("MediasweepFailureRate", "MediasweepAbsentShare"),
    ),
    Panel(
        "From commit to gone",
        "From the capture in the user's transaction to the recorded deletion.",
        "s",
        quantiles("commit_to_gone_seconds"),
        runbooks=("MediasweepOldestDue",),
    ),
    Panel(
        "From commit to gone, all of them",
        "The same, with the number of deletions in each cell.",
        "s",
        (
            Query(
                "sum by (le) (increase(mediasweep_commit_to_gone_seconds_bucket"
                f"{{{DAEMON}}}{OVER}))",
                "{{le}}",
            ),
        ),
        "heatmap",
    ),
    Panel(
        "From notification to claim",
        "From the notification heard to the claim committed. Notifications that are not heard are"
        " not in it.",
        "s",
        quantiles("wake_to_claim_seconds"),
        runbooks=("MediasweepPollingOnly",),
    ),
    Panel(
        "Claims",
        "Calls for work to the database, by what they brought.",
        "ops",
        (Query(rate("claims_total", "result"), "{{result}}"),),
        "stack",
    ),
    Panel(
        "Sweeps",
        "Claims that brought rows, by what woke them. Only tick: notifications do not arrive.",
        "ops",
        (Query(rate("sweeps_total", "woken_by"), "{{woken_by}}"),),
        "stack",
        runbooks=("MediasweepPollingOnly",),
    ),
    Panel(
        "Late",
        "How long the oldest row has been due, and how long the oldest capture has waited for a"
        " transaction of somebody else's.",
        "s",
        (
            Query(fleet("queue_oldest_due_seconds", by=""), "due"),
            Query(fleet("horizon_held_seconds", by=""), "held by a transaction"),
        ),
        runbooks=("MediasweepOldestDue", "MediasweepHorizonHeld"),
    ),
    Panel(
        "Kept and given back",
        "Rows kept, by why, and attempts given back after a refusal.",
        "ops",
        (
            Query(rate("skipped_total", "reason"), "kept: {{reason}}"),
            Query(rate("attempts_refunded_total", ""), "given back"),
        ),
    ),
    Panel(
        "Should be rare",
        "Rows taken over from a daemon that fell silent, answers that came too late, guards that"
        " could not answer.",
        "ops",
        (
            Query(rate("handovers_total", ""), "taken over"),
            Query(rate("claims_lost_total", ""), "too late"),
            Query(rate("guard_failures_total", ""), "guard failed"),
        ),
        runbooks=("MediasweepGuardFails",),
    ),
)
