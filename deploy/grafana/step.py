"""Panels about the other direction: does the library keep in step with Cloudinary?"""

from __future__ import annotations

from deploy.grafana.panel import Panel, Query, fleet, rate

STEP = (
    Panel(
        "Drift",
        "What the last complete comparison found: rows without their asset, assets that no row"
        " uses, rows that say something else.",
        "short",
        (
            Query(fleet("reconcile_ghosts"), "{{job}}: ghosts"),
            Query(fleet("reconcile_orphans"), "{{job}}: orphans"),
            Query(fleet("reconcile_mismatches"), "{{job}}: mismatches"),
        ),
        runbooks=("MediasweepDrift",),
    ),
    Panel(
        "Age of the last comparison",
        "Since the last complete one. Nothing is drawn where there never was one.",
        "s",
        (Query(f"{fleet('reconcile_age_seconds')} < +Inf", "{{job}}"),),
        runbooks=("MediasweepReconcileLate",),
    ),
    Panel(
        "Notifications",
        "What became of what Cloudinary told. failed: it is tried again.",
        "ops",
        (Query(rate("notifications_total", "outcome"), "{{outcome}}"),),
        "stack",
        runbooks=("MediasweepInboxLate",),
    ),
    Panel(
        "Webhook",
        "Requests to the webhook, by what came of them. unsigned, stale and forged are refused.",
        "ops",
        (Query(rate("webhooks_total", "result"), "{{result}}"),),
        "stack",
    ),
    Panel(
        "Inbox",
        "Notifications that came and are not applied yet, and those of them that could not be.",
        "short",
        (
            Query(fleet("inbox_rows", by=""), "waiting"),
            Query(fleet("inbox_failing_rows", by=""), "failing"),
        ),
        runbooks=("MediasweepInboxLate",),
    ),
    Panel(
        "Oldest in the inbox",
        "How long ago the oldest of them came. An upload rests for five seconds.",
        "s",
        (Query(fleet("inbox_oldest_seconds"), "{{job}}"),),
        runbooks=("MediasweepInboxLate",),
    ),
)
