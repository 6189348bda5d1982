"""What each daemon has a setting for and may be set for all of them at once, by the scheduler."""

from __future__ import annotations

# each number with its kind, its least and its greatest value
LIMITS: dict[str, tuple[type, float, float]] = {
    "interval_minutes": (float, 0.1, 43_200),
    "batch_size": (int, 1, 100),
    "max_retries": (int, 1, 100),
    "health_check_interval": (float, 0.1, 2_592_000),
    "concurrency": (int, 1, 20),
}
SETTABLE = (*LIMITS, "auto_start")
