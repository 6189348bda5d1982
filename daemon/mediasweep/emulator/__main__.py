"""`python -m mediasweep.emulator`: one process, as many clouds as are made in it.

Prints one line of JSON with its address when ready; a signal to stop ends it with 0.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import signal
import sys

from mediasweep.emulator.cloud import Cloud
from mediasweep.emulator.control import NAME
from mediasweep.emulator.server import serve

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m mediasweep.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one, printed as JSON")
    parser.add_argument("--cloud", help="make a cloud of this name", metavar="NAME")
    parser.add_argument("--key", help="its API key", default="key")
    parser.add_argument("--secret", help="its API secret", default="secret")
    parser.add_argument(
        "--die-with-parent",
        action="store_true",
        help="stop when the thread that started this process ends (Linux)",
    )
    given = parser.parse_args()
    if given.cloud and not NAME.fullmatch(given.cloud):
        parser.error(f"a cloud name is {NAME.pattern}")
    if given.die_with_parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    clouds = {given.cloud: Cloud(given.cloud, given.key, given.secret)} if given.cloud else {}
    try:
        asyncio.run(serve(given.host, given.port, clouds, _announce))
    except OSError as error:  # of binding: what comes later is the server's
        parser.exit(1, f"cannot listen on {given.host}:{given.port}: {error.strerror}\n")


def _announce(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
