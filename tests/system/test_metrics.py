"""What a daemon shows to Prometheus is what Prometheus calls good."""

from __future__ import annotations

import subprocess

from prometheus_client import generate_latest

from mediasweep.metrics import Metrics
from tests.report.samples import EVENTS


def test_promtool_accepts_every_metric() -> None:
    """Names, types, units and help are as its linter wants them, once all has happened."""
    metrics = Metrics("1.0")
    for event in EVENTS:
        metrics.happened.count(event)
    shown = generate_latest(metrics.registry)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=shown, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
