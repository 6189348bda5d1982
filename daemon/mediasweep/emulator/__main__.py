"""`python -m mediasweep.emulator`: one process, as many clouds as are made in it."""

from __future__ import annotations

import argparse
import ctypes
import signal
import sys

from mediasweep.emulator.assets import Cloud
from mediasweep.emulator.server import run

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m mediasweep.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one, printed as JSON")
    parser.add_argument("--cloud", nargs=3, metavar=("NAME", "KEY", "SECRET"), action="append")
    parser.add_argument("--die-with-parent", action="store_true")
    given = parser.parse_args()
    if given.die_with_parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    clouds = {name: Cloud(name, key, secret) for name, key, secret in given.cloud or []}
    run(given.host, given.port, clouds)


if __name__ == "__main__":
    main()
