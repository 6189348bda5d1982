"""Panels about what the fleet depends on: Cloudinary, notifications, database and process."""

from __future__ import annotations

from deploy.grafana.panel import OVER, Panel, Query, fleet, own, quantiles, rate, share

QUOTA = "mediasweep_cloudinary_quota"
CLOUDINARY = (
    Panel(
        "Calls",
        "Calls to Cloudinary by HTTP status. none: no whole answer came.",
        "ops",
        (Query(f"{rate('cloudinary_requests_total', 'api, code')} > 0", "{{api}} {{code}}"),),
        "stack",
        runbooks=("MediasweepBreakerOpen", "MediasweepAuthRefused", "MediasweepRateLimited"),
    ),
    Panel(
        "Duration of a call",
        "From sending to the whole answer.",
        "s",
        quantiles("cloudinary_request_seconds", "api"),
    ),
    Panel(
        "Calls at work",
        "Calls that have no answer yet, and how many there may be at a time: the fleet shares its"
        " limit, and lowers it when Cloudinary refuses.",
        "short",
        (
            Query(f"sum({own('mediasweep_in_flight')})", "at work"),
            Query(f"sum({own('mediasweep_concurrency_limit')})", "at most"),
        ),
    ),
    Panel(
        "Shares",
        "Which part of the answers deleted nothing, and which part says that there was no such"
        " asset.",
        "percentunit",
        (
            Query(share('outcome!~"deleted|absent|unsent"'), "{{job}}: not deleted"),
            Query(share('outcome="absent"'), "{{job}}: absent"),
        ),
        width=12,
        runbooks=("MediasweepFailureRate", "MediasweepAbsentShare"),
    ),
    Panel(
        "Quota",
        "Calls left until the next reset, as the last answer told: of several daemons, the fewest.",
        "short",
        (
            # each daemon only knows its own last answer: the greatest is out of date
            Query(f"min by (job, api) ({own(f'{QUOTA}_remaining')})", "{{job}} {{api}}: left"),
            Query(f"min by (job, api) ({own(f'{QUOTA}_limit')})", "{{job}} {{api}}: of"),
        ),
        width=12,
        runbooks=("MediasweepQuotaLow",),
    ),
)

LISTENER = (
    Panel(
        "Listener",
        "Whether notifications are proven to arrive. Where they are not, a daemon looks every two"
        " seconds.",
        "short",
        (Query(own("mediasweep_listener_up"), "{{instance}}"),),
        "states",
        states=((0, "not proven"), (1, "hears")),
        runbooks=("MediasweepListenerLost", "MediasweepPollingOnly"),
    ),
    Panel(
        "Since a notification was heard",
        "The age of the last canary, which each daemon sends itself every five seconds.",
        "s",
        (Query(own("mediasweep_listener_canary_age_seconds"), "{{instance}}"),),
    ),
    Panel(
        "Listener lost",
        "How often it went down.",
        "short",
        (Query(f"increase({own('mediasweep_listener_losses_total')}{OVER})", "{{instance}}"),),
        runbooks=("MediasweepListenerLost",),
    ),
)

PROCESS = (
    Panel(
        "Database",
        "Whether the last call of each daemon worked.",
        "short",
        (Query(own("mediasweep_database_up"), "{{instance}}"),),
        "states",
        states=((0, "lost"), (1, "answers")),
        runbooks=("MediasweepDatabaseLost",),
    ),
    Panel(
        "Age of the fleet's figures",
        "How old the figures of queue and gates are that a daemon tells.",
        "s",
        (Query(own("mediasweep_fleet_state_age_seconds"), "{{instance}}"),),
        runbooks=("MediasweepDatabaseLost",),
    ),
    Panel(
        "Journal",
        "Entries, as the planner estimates them. Pruned by MEDIASWEEP_RETENTION.",
        "short",
        (Query(fleet("journal_rows"), "{{job}}"),),
    ),
    Panel(
        "Processor",
        "Seconds of processor time a second.",
        "short",
        (Query(f"rate({own('process_cpu_seconds_total')}{OVER})", "{{instance}}"),),
    ),
    Panel(
        "Memory",
        "Resident memory.",
        "bytes",
        (Query(own("process_resident_memory_bytes"), "{{instance}}"),),
    ),
    Panel(
        "Open files",
        "Files and connections that the process has open.",
        "short",
        (Query(own("process_open_fds"), "{{instance}}"),),
    ),
)
