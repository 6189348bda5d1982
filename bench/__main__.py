"""`make bench`: prints the figures that the documentation quotes.

Every measurement runs on a throw-away PostgreSQL with its defaults (durable), the emulator and the
daemon in processes of their own, on this machine; what is compared runs in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys

from bench.capture import capture
from bench.drain import drain
from bench.idle import idle
from bench.latency import latency
from bench.memory import memory
from bench.pages import pages
from bench.reconcile import reconcile
from bench.snapshot import snapshot
from bench.wake import wake
from bench.webhooks import webhooks
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Emulator

MEASURES = (
    *("latency", "drain", "snapshot", "memory", "wake", "capture", "idle", "reconcile"),
    *("webhooks", "pages"),
)


def main() -> None:
    """Run the measurements that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--samples", type=int, default=300, help="of the latency, each kind")
    parser.add_argument("--rows", type=int, default=5000, help="of the drain")
    parser.add_argument("--backlog", type=int, default=1_000_000, help="rows behind, for memory")
    parser.add_argument("--snapshot", type=int, default=200_000, help="rows, under a snapshot")
    parser.add_argument("--deletions", type=int, default=20_000, help="that wake")
    parser.add_argument("--captured", type=int, default=100_000, help="rows, in one statement")
    parser.add_argument("--minutes", type=float, default=10, help="of doing nothing")
    parser.add_argument("--assets", type=int, default=1_000_000, help="to reconcile, and rows")
    parser.add_argument("--media", type=int, default=100_000, help="rows of the library")
    parser.add_argument("--queue", type=int, default=1_000_000, help="rows of the queue, for pages")
    parser.add_argument("--told", type=int, default=10_000, help="notifications, at least")
    parser.add_argument("--only", choices=MEASURES, nargs="*", default=MEASURES)
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {sys.platform}")
    with Cluster() as cluster, Emulator() as emulator:
        measures = {
            "latency": lambda: latency(cluster, emulator.cloud(), given.samples),
            "drain": lambda: drain(cluster, emulator.cloud(), given.rows),
            "snapshot": lambda: snapshot(cluster, given.snapshot),
            "memory": lambda: memory(cluster, emulator.cloud(), given.backlog),
            "wake": lambda: wake(cluster, emulator.cloud(), given.deletions),
            "capture": lambda: capture(cluster, given.captured),
            "idle": lambda: idle(emulator.cloud(), given.minutes),
            "reconcile": lambda: reconcile(cluster, emulator.cloud(), given.assets),
            "pages": lambda: pages(cluster, emulator.cloud(), given.media, given.queue),
            "webhooks": lambda: webhooks(cluster, emulator.cloud(), given.told),
        }
        for name in given.only:
            asyncio.run(measures[name]())


if __name__ == "__main__":
    main()
