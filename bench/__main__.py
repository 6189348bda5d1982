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

from bench.drain import drain
from bench.latency import latency
from mediasweep.demo.cluster import Cluster
from mediasweep.emulator.client import Emulator


def main() -> None:
    """Run the measurements that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--samples", type=int, default=300, help="of the latency, each kind")
    parser.add_argument("--rows", type=int, default=5000, help="of the drain")
    given = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {sys.platform}")
    with Cluster() as cluster, Emulator() as emulator:
        asyncio.run(latency(cluster, emulator.cloud(), given.samples))
        asyncio.run(drain(cluster, emulator.cloud(), given.rows))


if __name__ == "__main__":
    main()
